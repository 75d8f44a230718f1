// Thumbnails by sharp in its best form: one decode to 1024, then 512 and 256 from it, JPEG of quality 80.
// node sharp.mjs REPEAT FILE [FOLDER]; prints CPU milliseconds an image.
import { writeFileSync } from "node:fs";
import sharp from "sharp";

sharp.concurrency(1);
sharp.cache(false);
const [repeat, file, folder] = process.argv.slice(2);

async function thumbnails() {
  const fit = (size) => ({ width: size, height: size, fit: "inside", withoutEnlargement: true });
  const first = await sharp(file).rotate().resize(fit(1024)).toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });
  const made = [];
  let { data, info } = first;
  for (const size of [1024, 512, 256]) {
    const raw = { raw: { width: info.width, height: info.height, channels: info.channels } };
    const next = size === 1024 ? { data, info } : await sharp(data, raw).resize(fit(size)).raw().toBuffer({ resolveWithObject: true });
    ({ data, info } = next);
    const now = { raw: { width: info.width, height: info.height, channels: info.channels } };
    made.push([size, await sharp(data, now).jpeg({ quality: 80 }).toBuffer()]);
  }
  return made;
}

let made = await thumbnails();
const begun = process.cpuUsage();
for (let run = 0; run < Number(repeat); run += 1) made = await thumbnails();
const { user, system } = process.cpuUsage(begun);
if (Number(repeat) > 0) console.log(((user + system) / 1000 / Number(repeat)).toFixed(1));
if (folder) for (const [size, bytes] of made) writeFileSync(`${folder}/${size}.jpeg`, bytes);
