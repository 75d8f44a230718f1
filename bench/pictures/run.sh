#!/usr/bin/env bash
# Measures what becomes of photographs beside sharp and vipsthumbnail, on one machine in one run: bench/pictures/run.sh [ROUNDS]
# Needs node 20 (sharp is installed by npm into target/), ImageMagick and vipsthumbnail (apt-get install imagemagick libvips-tools).
# Quality is scored apart, on real photographs: bench/pictures/score.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
for tool in node npm convert vips vipsthumbnail exiftool; do
    command -v "$tool" >/dev/null || { echo "pictures: $tool is missing: apt-get install imagemagick libvips-tools libimage-exiftool-perl" >&2; exit 1; }
done
cargo build --quiet --release --locked -p mediavault
cargo build --quiet --release --locked -p mv-media --example examine
target=$(realpath "${CARGO_TARGET_DIR:-target}")
work="$target/bench/pictures"
mkdir -p "$work"
[ -d "$work/node_modules/sharp" ] || npm install --silent --prefix "$work" sharp
# Like photographs to a decoder: detail everywhere, baseline, 4:2:0, with a camera's EXIF.
photo() {
    [ -f "$work/$1.jpg" ] && return
    convert -size "$2" plasma:fractal -attenuate 0.15 +noise Gaussian -sampling-factor 4:2:0 -quality 90 "$work/$1.jpg"
    exiftool -q -overwrite_original -Make=Camera -Model=One -DateTimeOriginal="2024:05:01 10:00:00" -n -Orientation=6 "$work/$1.jpg"
}
photo 12mp 4032x3024
photo 24mp 6000x4000
cp bench/pictures/*.mjs "$work/"
# Plasma of this size takes ten minutes; the decoder cannot tell.
[ -f "$work/100mp.jpg" ] || vips resize "$work/24mp.jpg" "$work/100mp.jpg[Q=90,strip]" 1.9334 --kernel linear
exec node "$work/pictures.mjs" "$target/release/mediavault" "$target/release/examples/examine" "$work" "${1:-3}"
