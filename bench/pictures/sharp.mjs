// node sharp.mjs REPEAT FILE [FOLDER]; prints CPU milliseconds an image.
import { writeFileSync } from "node:fs";
import sharp from "sharp";
import { thumbnails } from "./thumbnails.mjs";

sharp.concurrency(1);
sharp.cache(false);
const [repeat, file, folder] = process.argv.slice(2);

let made = await thumbnails(file);
const begun = process.cpuUsage();
for (let run = 0; run < Number(repeat); run += 1) made = await thumbnails(file);
const { user, system } = process.cpuUsage(begun);
if (Number(repeat) > 0) console.log(((user + system) / 1000 / Number(repeat)).toFixed(1));
if (folder) for (const [size, bytes] of made) writeFileSync(`${folder}/${size}.jpeg`, bytes);
