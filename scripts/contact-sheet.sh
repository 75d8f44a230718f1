#!/usr/bin/env bash
# Makes a sheet of thumbnails to look at, as a server makes them of uploads: orientations 1 to 8, colours, transparency, raws,
# drawings, pages, HEIC, AVIF, posters of films. scripts/contact-sheet.sh [OUT.png]
# Needs ImageMagick, exiftool, curl and jq; shows more with cjxl, ffmpeg and heif-thumbnailer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=$(realpath -m "${1:-target/contact-sheet.png}")
missing=()
for tool in convert montage exiftool curl jq; do command -v "$tool" >/dev/null || missing+=("$tool"); done
if [ ${#missing[@]} -gt 0 ]; then
    echo "contact-sheet: ${missing[*]} missing: apt-get install imagemagick libimage-exiftool-perl curl jq" >&2
    exit 1
fi
cargo build --quiet --locked -p mediavault
binary=$(realpath "${CARGO_TARGET_DIR:-target}/debug/mediavault")
samples="$PWD/tests/media"
work=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" || true; fi
    rm -rf "$work"
}
trap finish EXIT
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
if command -v cjxl >/dev/null; then
    cjxl --quiet base.png 18-jpeg-xl.jxl
    # The same numbers in wider primaries: stronger colours than all others here. Once as JPEG XL, once as PNG with a profile.
    convert base.png base.ppm
    cjxl --quiet -d 0 -x color_space=RGB_D65_DCI_Per_SRG base.ppm 19-display-p3.jxl
    djxl --quiet 19-display-p3.jxl 19-display-p3.png
    rm base.ppm
fi
for sample in sample.arw sample.cr2 16x16-rle-partially-opaque.psd mushroom.jpg; do
    cp "$samples/$sample" "20-$sample"
done
if command -v heif-thumbnailer >/dev/null; then
    cp "$samples/test8.heic" 30-test8.heic
    cp "$samples/kamadak-exif.heic" 31-phone.heic
    cp "$samples/sunrise.avif" 32-sunrise.avif
fi
if command -v ffmpeg >/dev/null; then
    films=(-hide_banner -loglevel error -f lavfi -i "color=black:s=320x180:d=2:r=25" -f lavfi -i "testsrc=s=320x180:d=4:r=25"
        -filter_complex "[0:v][1:v]concat=n=2:v=1[v]" -map "[v]")
    ffmpeg "${films[@]}" -c:v libx264 -pix_fmt yuv420p 40-film.mp4
    ffmpeg "${films[@]}" -c:v mpeg4 41-film.avi
    ffmpeg "${films[@]}" -c:v libvpx-vp9 -deadline realtime 42-film.webm
    ffmpeg -hide_banner -loglevel error -i 40-film.mp4 -c copy -metadata:s:v:0 rotate=90 43-turned.mp4
fi
rm base.png

"$binary" serve --listen 127.0.0.1:0 --data-dir data >server.log 2>&1 &
server=$!
for _ in $(seq 100); do
    origin=$(grep -o 'http://127.0.0.1:[0-9]*' server.log | head -1) || true
    [ -n "$origin" ] && curl -fs "$origin/health/ready" >/dev/null && break
    sleep 0.1
done
api="${origin:?the server did not start: $(tail -1 server.log)}/api/v1"
json=(-H 'Content-Type: application/json')
curl -fsS "$api/auth/register" "${json[@]}" -d '{"email": "sheet@example.com", "password": "correct horse battery"}' >/dev/null
token=$(curl -fsS "$api/auth/login" "${json[@]}" -d '{"username": "sheet@example.com", "password": "correct horse battery"}' | jq -r .token)
auth=(-H "Authorization: Bearer $token")
mkdir shown
for file in [0-9]*; do
    id=$(curl -fsS "$api/media/upload" "${auth[@]}" -F "file=@$file" | jq -r .data.id)
    for _ in $(seq 300); do
        status=$(curl -fsS "$api/media/$id" "${auth[@]}" | jq -r .data.status)
        [ "$status" = processing ] || break
        sleep 0.1
    done
    curl -fsS "$api/media/$id/render?w=180&h=180&format=png" "${auth[@]}" -o "shown/$file.png" ||
        { echo "contact-sheet: no picture of $file ($status)" >&2; exit 1; }
done
mkdir -p "$(dirname "$out")"
montage shown/*.png -background lightgray -geometry 180x180+4+4 -tile 8x "$out"
echo "contact-sheet: $out"
