/**
 * `npm run bench`: builds everything and runs the benches, each of which prints its own table; `npm run bench -- NAME` runs
 * one. A bench is a folder in `benches/` with `run.mjs` (run by Node, which may start Chromium), `main.rs` (run by
 * cargo as the bench of that name), or both; `needs.mjs` brings what it compares with.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildAll } from "./build.mjs";
import { Failure, main, root, run, say } from "./lib.mjs";
import { needChromium } from "./setup.mjs";

const folder = join(root, "benches");
const has = (name, file) => existsSync(join(folder, name, file));

await main(async () => {
  const known = readdirSync(folder).filter((name) => has(name, "run.mjs") || has(name, "main.rs")).sort();
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Failure(`unknown bench ${unknown}; known are ${known.join(", ") || "none"}`);
  await buildAll();
  for (const name of wanted.length > 0 ? wanted : known) {
    say(`bench: ${name}`);
    if (has(name, "needs.mjs")) await (await import(pathToFileURL(join(folder, name, "needs.mjs")))).needs();
    if (has(name, "main.rs")) await run("cargo", ["bench", "--profile", "release", "--bench", name]);
    if (has(name, "run.mjs")) {
      await needChromium();
      await run(process.execPath, [join(folder, name, "run.mjs")]);
    }
  }
});
