// Thumbnails by sharp in its best form: one decode to 1024, then 512 and 256 from it, JPEG of quality 80.
import sharp from "sharp";

export async function thumbnails(file) {
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
