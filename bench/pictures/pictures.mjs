// The measurements of run.sh: node pictures.mjs SERVER EXAMINE FOLDER ROUNDS. Prints one line a figure, medians of the rounds.
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { thumbnails } from "./thumbnails.mjs";

const [server, examine, folder, roundsText] = process.argv.slice(2);
const rounds = Number(roundsText);
sharp.concurrency(1);
sharp.cache(false);

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const say = (what, value, unit, note = "") => console.log(`${what.padEnd(58)} ${value.toFixed(value < 10 ? 2 : 1).padStart(8)} ${unit} ${note}`);

/// CPU milliseconds of a program and its children.
function cpu(command, args, divide) {
  const script = 'TIMEFORMAT="%U %S"; { time "$@" >/dev/null 2>&1; } 2>&1';
  const out = execFileSync("bash", ["-c", script, "-", command, ...args], { encoding: "utf8" });
  const [user, system] = out.trim().split(" ").map(Number);
  return ((user + system) * 1000) / divide;
}
async function cpuOfSharp(file, times) {
  await thumbnails(file);
  const begun = process.cpuUsage();
  for (let run = 0; run < times; run += 1) await thumbnails(file);
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1000 / times;
}

// One core: three thumbnails (of ours with metadata and thumbhash).
const one = {};
for (const name of ["12mp", "24mp"]) {
  const file = join(folder, `${name}.jpg`);
  const ours = [], theirs = [], vips = [];
  for (let round = 0; round < rounds; round += 1) {
    ours.push(cpu(examine, ["--repeat", "10", file], 10));
    theirs.push(await cpuOfSharp(file, 10));
    let sum = 0;
    for (const size of [1024, 512, 256]) sum += cpu("env", ["VIPS_CONCURRENCY=1", "vipsthumbnail", file, "--size", `${size}x${size}`, "-o", join(tmpdir(), "tn_%s.jpg[Q=80]")], 1);
    vips.push(sum);
  }
  one[name] = { ours: median(ours), sharp: median(theirs) };
  say(`${name}: CPU a photograph, ours`, median(ours), "ms");
  say(`${name}: CPU a photograph, sharp, one decode`, median(theirs), "ms", `${(median(theirs) / median(ours)).toFixed(2)} x ours`);
  say(`${name}: CPU a photograph, vipsthumbnail`, median(vips), "ms", `${(median(vips) / median(ours)).toFixed(2)} x ours`);
}

// A server.
const data = mkdtempSync(join(tmpdir(), "pictures-"));
const raised = ["anonymous", "authenticated", "api_key", "delivery"].flatMap((name) => ["--set", `limits.${name}_per_minute=1000000`]);
const child = spawn(server, ["serve", "--listen", "127.0.0.1:0", "--data-dir", data, ...raised], { stdio: ["ignore", "pipe", "pipe"] });
let log = "";
child.stdout.on("data", (part) => (log += part));
child.stderr.on("data", (part) => (log += part));
let origin;
while (!origin) {
  await sleep(20);
  origin = log.match(/http:\/\/127\.0\.0\.1:\d+/)?.[0];
}
const api = `${origin}/api/v1`;
const json = { "content-type": "application/json" };
const post = async (path, body) => (await fetch(api + path, { method: "POST", headers: json, body: JSON.stringify(body) })).json();
await post("/auth/register", { email: "bench@example.com", password: "otters-ferry-9-maps-north" });
const { token } = await post("/auth/login", { username: "bench@example.com", password: "otters-ferry-9-maps-north" });
const headers = { authorization: `Bearer ${token}` };
const get = (path) => fetch(api + path, { headers });

/// The file with other bytes behind its end, so that none is like another.
const photo = (name) => Buffer.concat([readFileSync(join(folder, `${name}.jpg`)), randomBytes(16)]);
// By node:http: fetch takes four times as much of the processor that client and server share here.
const agent = new Agent({ keepAlive: true });
function upload(bytes) {
  const type = { "content-type": "image/jpeg", "content-disposition": "attachment; filename*=UTF-8''a.jpg", "content-length": bytes.length };
  return new Promise((done, failed) => {
    const sent = request(`${api}/media/upload`, { method: "POST", agent, headers: { ...headers, ...type } }, (answer) => {
      let body = "";
      answer.on("data", (part) => (body += part));
      answer.on("end", () => (answer.statusCode === 201 ? done(JSON.parse(body).data.id) : failed(new Error(body))));
    });
    sent.on("error", failed);
    sent.end(bytes);
  });
}
async function ready(id, pause) {
  for (;;) {
    const { data: item } = await (await get(`/media/${id}`)).json();
    if (item.status !== "processing") return item;
    await sleep(pause);
  }
}
await ready(await upload(photo("12mp")), 20);

const alone = [];
for (let number = 0; number < 5 * rounds; number += 1) {
  const bytes = photo("12mp");
  await sleep(150);
  const begun = performance.now();
  const item = await ready(await upload(bytes), 2);
  alone.push(performance.now() - begun);
  if (item.status !== "ready") throw new Error(item.status);
}
say("one 12 MP photograph, request to ready, idle server", median(alone), "ms", "at most 250");

const cores = cpus().length;
const rates = [];
for (let round = 0; round < rounds; round += 1) {
  const many = 30;
  const files = Array.from({ length: many }, () => photo("12mp"));
  const begun = performance.now();
  const ids = [];
  const lane = async () => {
    for (let bytes = files.pop(); bytes; bytes = files.pop()) ids.push(await upload(bytes));
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  // The last one first, and rarely: asking costs what is measured.
  for (const id of ids.toReversed()) await ready(id, 60);
  rates.push((many * 1000) / (performance.now() - begun));
}
const wanted = (0.85 * cores * 1.3 * 1000) / one["12mp"].sharp;
say(`12 MP photographs a second to ready, ${cores} cores`, median(rates), "/s", `at least ${wanted.toFixed(1)} (0.85 x cores x 1.3 x sharp on one core)`);

// A rendition that is not there yet, asked for one after the other: from the request to its last byte.
const cold = [], theirs = [];
for (let number = 0; number < 5 * rounds; number += 1) {
  const id = await upload(photo("12mp"));
  await ready(id, 10);
  const begun = performance.now();
  await (await get(`/media/${id}/render?w=512&format=jpeg`)).arrayBuffer();
  cold.push(performance.now() - begun);
  const sharped = performance.now();
  await sharp(join(folder, "12mp.jpg")).rotate().resize({ width: 512 }).jpeg({ quality: 80 }).toBuffer();
  theirs.push(performance.now() - sharped);
}
say("rendition of 512 px, cold, ours over HTTP", median(cold), "ms");
say("rendition of 512 px, cold, sharp in its process", median(theirs), "ms", `${(median(theirs) / median(cold)).toFixed(2)} x ours`);
// The same from the original: wider than what thumbnails are good for.
const large = [], largeTheirs = [];
for (let number = 0; number < 3 * rounds; number += 1) {
  const id = await upload(photo("12mp"));
  await ready(id, 10);
  const begun = performance.now();
  await (await get(`/media/${id}/render?w=1600&format=jpeg`)).arrayBuffer();
  large.push(performance.now() - begun);
  const sharped = performance.now();
  await sharp(join(folder, "12mp.jpg")).rotate().resize({ width: 1600 }).jpeg({ quality: 80 }).toBuffer();
  largeTheirs.push(performance.now() - sharped);
}
say("rendition of 1600 px, cold, ours over HTTP", median(large), "ms");
say("rendition of 1600 px, cold, sharp in its process", median(largeTheirs), "ms", `${(median(largeTheirs) / median(large)).toFixed(2)} x ours`);

// The cost of a child a job: a picture of a few bytes through everything, less the same without a child (metadata of a text).
const tiny = await sharp({ create: { width: 8, height: 8, channels: 3, background: "#336699" } }).jpeg().toBuffer();
const small = [];
for (let number = 0; number < 20 * rounds; number += 1) {
  const bytes = Buffer.concat([tiny, randomBytes(16)]);
  await sleep(30);
  const begun = performance.now();
  await ready(await upload(bytes), 1);
  small.push(performance.now() - begun);
}
say("a picture of 8 x 8, request to ready", median(small), "ms", "upload, queue, child and settling together");

// Memory of a worker with the largest picture that is taken.
let peak = 0;
const id = await upload(photo("100mp"));
const watching = setInterval(() => {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (Number(status.match(/PPid:\s+(\d+)/)[1]) === child.pid) peak = Math.max(peak, Number(status.match(/VmHWM:\s+(\d+)/)?.[1] ?? 0));
    } catch {
      // It has ended meanwhile.
    }
  }
}, 5);
const item = await ready(id, 20);
clearInterval(watching);
say(`worker's peak, JPEG of ${((item.width * item.height) / 1e6).toFixed(0)} MP (${item.status})`, peak / 1024, "MiB", "at most 400");

child.kill("SIGTERM");
await new Promise((done) => child.on("exit", done));
rmSync(data, { recursive: true });
