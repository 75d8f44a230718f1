#!/usr/bin/env bash
# Makes a sheet of thumbnails to look at: orientations 1 to 8, colours, transparency, raws, drawings, pages, HEIC and AVIF.
# scripts/contact-sheet.sh [OUT.png]; needs ImageMagick and exiftool, and shows more with cjxl and heif-thumbnailer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=$(realpath "${1:-target/contact-sheet.png}")
for tool in convert montage exiftool; do
    command -v "$tool" >/dev/null || { echo "contact-sheet: $tool is missing: apt-get install imagemagick libimage-exiftool-perl" >&2; exit 1; }
done
cargo build --quiet --locked -p mv-media --example examine
examine="$PWD/${CARGO_TARGET_DIR:-target}/debug/examples/examine"
case "${CARGO_TARGET_DIR:-}" in /*) examine="$CARGO_TARGET_DIR/debug/examples/examine" ;; esac
samples="$PWD/tests/media"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# An F, which no turn and no mirror leaves as it is.
convert -size 600x400 gradient:orange-navy -fill white -draw "rectangle 60,60 110,340" -draw "rectangle 60,60 300,110" \
    -draw "rectangle 60,180 240,230" base.png
turns=("" "-flop" "-rotate 180" "-flip" "-transpose" "-rotate 270" "-transverse" "-rotate 90")
for number in 1 2 3 4 5 6 7 8; do
    # shellcheck disable=SC2086 # several words on purpose
    convert base.png ${turns[number - 1]} -quality 92 "0$number-orientation.jpg"
    exiftool -q -overwrite_original -n -Orientation="$number" "0$number-orientation.jpg"
done
convert base.png -colorspace CMYK 10-cmyk.jpg
convert base.png -colorspace Gray 11-gray.jpg
convert base.png -alpha set -channel A -evaluate multiply 0.5 12-transparent.png
convert base.png -depth 16 13-sixteen-bits.tif
convert base.png -colors 16 14-palette.gif
convert base.png 15-plain.webp
convert base.png 16-plain.bmp
printf '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 60"><rect width="90" height="60" fill="gold"/><circle cx="45" cy="30" r="25" fill="teal"/></svg>' >17-drawing.svg
if command -v cjxl >/dev/null; then cjxl --quiet base.png 18-jpeg-xl.jxl; fi
for sample in sample.arw sample.cr2 16x16-rle-partially-opaque.psd mushroom.jpg; do cp "$samples/$sample" "20-$sample"; done
if command -v heif-thumbnailer >/dev/null; then
    # As the server has it done: the program gives a PNG, which is made small like any other.
    heif-thumbnailer -p -s 4096 "$samples/test8.heic" 30-heic.png
fi

rm base.png
for file in *.*; do
    mkdir "$file.out"
    "$examine" "$file" "$file.out" >/dev/null
    [ -n "$(ls "$file.out")" ] || { echo "contact-sheet: no picture of $file" >&2; exit 1; }
done
echo "contact-sheet: $(printf '%s ' *.*.out | sed 's/\.out//g')"
mkdir -p "$(dirname "$out")"
montage ./*.out/512.* -background lightgray -geometry 180x180+4+4 -tile 7x "$out"
echo "contact-sheet: $out"
