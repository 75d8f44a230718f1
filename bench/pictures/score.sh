#!/usr/bin/env bash
# Scores and times our thumbnails beside sharp's on every JPEG of a folder: bench/pictures/score.sh FOLDER_OF_PHOTOS
# Needs node, python3 with numpy, Pillow and scikit-image, and `npm install sharp` in the folder that NODE_PATH_SHARP names.
set -euo pipefail
photos=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
cargo build --quiet --release -p mv-media --example examine
ours="${CARGO_TARGET_DIR:-target}/release/examples/examine"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/sharp.mjs" "$here/thumbnails.mjs" "${NODE_PATH_SHARP:?where sharp is installed}/"
echo "photo | megapixels | ours: ssim bytes x3 | sharp: ssim bytes x3 | CPU ms ours, sharp (medians of 3)"
for photo in "$photos"/*.jp*g; do
    mkdir -p "$work/ours" "$work/sharp"
    "$ours" "$photo" "$work/ours" > "$work/answer.json"
    (cd "$NODE_PATH_SHARP" && node sharp.mjs 0 "$photo" "$work/sharp")
    mine=() theirs=()
    for _ in 1 2 3; do
        begun=$( { TIMEFORMAT='%U %S'; time "$ours" --repeat 8 "$photo"; } 2>&1 | awk '{printf "%.1f", ($1 + $2) * 1000 / 8}')
        mine+=("$begun")
        theirs+=("$(cd "$NODE_PATH_SHARP" && node sharp.mjs 8 "$photo")")
    done
    median() { printf '%s\n' "$@" | sort -n | sed -n 2p; }
    size=$(jq '.found.width * .found.height / 100000 | round / 10' "$work/answer.json")
    echo "$(basename "$photo") | $size | $(python3 "$here/score.py" "$photo" "$work/ours") | $(python3 "$here/score.py" "$photo" "$work/sharp") | $(median "${mine[@]}") $(median "${theirs[@]}")"
    rm -rf "$work/ours" "$work/sharp"
done
