#!/bin/sh
# Builds the server and the benchmark, installs the peers that can be had, and measures product, peers and limits in
# turns. Needs cargo and python3; npm for the Node peers. Writes target/bench/report.md and target/bench/results.jsonl.
# Arguments go to `mv-bench all`: `bench/run.sh --rounds 1 --only upload`, for example. A full run takes about half an hour.
set -eu
cd "$(dirname "$0")/.."
cargo build --release --locked -p mediavault -p mv-bench
for peer in pocketbase seaweedfs nginx node; do
    "bench/peers/$peer.sh" install "$PWD/target/bench/peers/$peer" || echo "bench: $peer cannot be installed here" >&2
done
if [ "$#" -eq 0 ]; then
    set -- --rounds 3
fi
exec target/release/mv-bench all "$@"
