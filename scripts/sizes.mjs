/**
 * What the package weighs on the wire, against its budget (`scripts/size-budget.json`, bytes after brotli): a module that
 * outgrows it fails the build, so that growth is a decision and not an accident.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { Failure, root, say } from "./lib.mjs";

/** The parts that a page loads at different times. */
function parts() {
  const dist = join(root, "dist");
  const scripts = readdirSync(dist).filter((name) => name.endsWith(".js") && !isOnlyTypes(join(dist, name)));
  const glue = (module) => join(dist, module, `${module}.js`);
  return {
    "core.wasm": [join(dist, "core/core_bg.wasm")],
    "embed.wasm": [join(dist, "embed/embed_bg.wasm")],
    "graph.wasm": [join(dist, "graph/graph_bg.wasm")],
    "JavaScript": [...scripts.map((name) => join(dist, name)), glue("core"), glue("embed"), glue("graph")],
  };
}

export async function printSizes() {
  const budget = JSON.parse(readFileSync(join(root, "scripts/size-budget.json"), "utf8"));
  say("sizes of the package, in bytes");
  const row = (...cells) => console.log(cells.map((cell, i) => String(cell).padStart(i ? 12 : 0).padEnd(i ? 0 : 12)).join(""));
  row("", "raw", "gzip", "brotli", "budget");
  const over = [];
  for (const [name, files] of Object.entries(parts())) {
    const size = files.map(sizeOf).reduce((a, b) => ({ raw: a.raw + b.raw, gzip: a.gzip + b.gzip, brotli: a.brotli + b.brotli }));
    row(name, size.raw, size.gzip, size.brotli, budget[name]);
    if (size.brotli > budget[name]) over.push(`${name} has ${size.brotli} bytes after brotli, its budget is ${budget[name]}`);
  }
  if (over.length > 0) throw new Failure(`${over.join("; ")}. Find out what grew, or raise the budget in scripts/size-budget.json`);
}

/** What is left of a file of types, a comment: nothing imports it, so that no page loads it. */
function isOnlyTypes(file) {
  return readFileSync(file, "utf8").replaceAll(/\/\*[^]*?\*\//g, "").trim() === "export {};";
}

/** Compressing megabytes at the highest level takes seconds: remembered by content. */
function sizeOf(file) {
  const bytes = readFileSync(file);
  const memo = join(root, "build/stamps", `size-${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}`);
  if (existsSync(memo)) return JSON.parse(readFileSync(memo, "utf8"));
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
  const size = { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotli.length };
  mkdirSync(join(root, "build/stamps"), { recursive: true });
  writeFileSync(memo, JSON.stringify(size));
  return size;
}
