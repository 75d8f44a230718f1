#!/usr/bin/env bash
# Runs every fuzz target of fuzz/targets for some seconds each, from the committed corpus (fuzz/corpus/TARGET).
#   fuzz.sh [SECONDS] [TARGET ...]   10 s and all targets unless told otherwise
# What a target finds new is kept in target/fuzz/TARGET for the next run; an input that breaks one is left in
# target/fuzz/found and printed. Add such an input to the corpus together with the fix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-10}
shift || true
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
    for file in fuzz/targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi

export RUSTC_WORKSPACE_WRAPPER=$PWD/scripts/coverage-rustc.sh
cargo build --locked -p mv-fuzz --bins
programs=${CARGO_TARGET_DIR:-target}/debug

run() {
    local target=$1 seconds=$2 programs=$3
    mkdir -p "target/fuzz/$target" target/fuzz/found
    if ! "$programs/fuzz-$target" -max_total_time="$seconds" -max_len=8192 -timeout=5 -rss_limit_mb=512 \
        -artifact_prefix="target/fuzz/found/$target-" "target/fuzz/$target" "fuzz/corpus/$target" \
        >"target/fuzz/$target.log" 2>&1; then
        tail -n 40 "target/fuzz/$target.log" >&2
        echo "fuzz: $target found something; see target/fuzz/found" >&2
        return 1
    fi
    echo "fuzz: $target: $(grep -o 'Done [0-9]* runs' "target/fuzz/$target.log") in ${seconds} s, nothing found"
}
export -f run
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I '{}' bash -c 'run "$@"' run '{}' "$seconds" "$programs"
