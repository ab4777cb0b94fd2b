/** The codes of errors: those that Rust and TypeScript make, those of the type `ErrorCode`, and those of the documentation are the same. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../scripts/lib.mjs";

const read = (path) => readFileSync(join(root, path), "utf8");
const all = (text, pattern) => [...text.matchAll(pattern)].map(([, code]) => code);

/** Every error type that crosses to JavaScript, as `src/wasm/error.rs` lists them. */
const RUST = ["catalog/error.rs", "embed/error.rs", "profile/error.rs", "rank/error.rs", "ranker/error.rs", "store/mod.rs", "vector/error.rs"];

function made() {
  const codes = new Set();
  assert.equal(all(read("src/wasm/error.rs"), /crate::(\w+Error)\b/g).length, RUST.length, "an error type more: its codes belong here");
  for (const path of RUST) {
    const body = read(`src/${path}`).split("pub fn code(&self)")[1].split("\n    }\n")[0];
    const found = all(body, /=> "([a-z-]+)"/g);
    assert.ok(found.length > 3, path);
    for (const code of found) codes.add(code);
  }
  const border = readdirSync(join(root, "src/wasm"), { recursive: true }).filter((name) => name.endsWith(".rs")).map((name) => read(`src/wasm/${name}`)).join("\n");
  for (const code of all(border, /coded_error\(\s*"([a-z-]+)"/g)) codes.add(code);
  const scripts = readdirSync(join(root, "js")).filter((name) => name.endsWith(".ts")).map((name) => read(`js/${name}`)).join("\n");
  for (const code of all(scripts, /new HomebodyError\(\s*"([a-z-]+)"/g)) codes.add(code);
  for (const code of all(scripts, /(?:number|depth): "([a-z-]+)"/g)) codes.add(code);
  codes.add(all(scripts, /UNFORESEEN = "([a-z-]+)"/g)[0]);
  // Network puts them together: what it was to fetch, and how that went wrong.
  const kinds = new Set([...all(scripts, /\$\{this\.#what\}-([a-z-]+)`/g), "not-found", "http-status"]);
  for (const what of all(scripts, /new Network\("(\w+)"/g)) for (const kind of kinds) codes.add(`${what}-${kind}`);
  return [...codes].sort();
}

test("every code has its place in the type and in the table, and no other has", () => {
  const codes = made();
  assert.ok(codes.includes("model-unreachable") && codes.includes("closed") && codes.includes("profile-damaged"), codes.join());
  const listed = all(read("js/error-codes.ts"), /\| "([a-z-]+)"/g);
  assert.deepEqual([...listed].sort(), codes, "js/error-codes.ts");
  assert.deepEqual(all(read("docs/errors.md"), /^\| `([a-z-]+)` \|/gm).sort(), codes, "docs/errors.md");
});
