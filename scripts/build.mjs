/**
 * `npm run build`: everything that is shipped or served, in order, each step left out when nothing it reads has changed.
 *
 * Leaves dist/ (the npm package), build/bin/homebody (the program), build/models/, build/catalogs/films/ and build/www/
 * (the demo). `npm run build -- package` stops after dist/.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { main, root, run, runBin, say, step } from "./lib.mjs";
import { needPip, setup } from "./setup.mjs";
import { printSizes } from "./sizes.mjs";

const MODEL = "build/models/all-MiniLM-L6-v2";
const FILMS = "build/catalogs/films";
const exe = process.platform === "win32" ? ".exe" : "";
const program = `homebody${exe}`;

/**
 * Our programs: `homebody` and the build steps in xtask. Both in one go: built one by one, cargo would compile what they
 * share once for each, with the features that each asks for.
 */
export async function buildPrograms() {
  await setup();
  say("programs");
  await run("cargo", ["build", "--release", "--workspace", "--bins"]);
  const to = join(root, "build/bin", program);
  mkdirSync(join(root, "build/bin"), { recursive: true });
  // Beside and then in place: a program that is running cannot be written to.
  copyFileSync(join(process.env.CARGO_TARGET_DIR, "release", program), `${to}.new`);
  chmodSync(`${to}.new`, 0o755);
  renameSync(`${to}.new`, to);
}

const xtask = (...args) => run(join(process.env.CARGO_TARGET_DIR, "release", `xtask${exe}`), args);

/** The npm package: the WebAssembly modules and the TypeScript around them. */
export async function buildPackage() {
  say("WebAssembly modules");
  await xtask("wasm");
  await step("JavaScript of the package", {
    inputs: ["js", "build/wasm/core/core.d.ts", "build/wasm/embed/embed.d.ts", "build/wasm/graph/graph.d.ts", "node_modules/typescript/package.json"],
    outputs: ["dist/index.js", "dist/index.d.ts", "dist/worker.js", "dist/embed-worker.js"],
  }, () => runBin("typescript/bin/tsc", ["-p", "js"]));
}

export async function buildModel() {
  say("text model");
  if (!existsSync(join(root, MODEL, "model.json"))) await needPip();
  await xtask("model");
}

export async function buildCatalog() {
  const films = "node_modules/vega-datasets/data/movies.json";
  await step("film catalog", {
    inputs: [films, "data/films", `${MODEL}/model.json`, `build/bin/${program}`],
    outputs: [`${FILMS}/catalog.json`],
  }, () => run(join(root, "build/bin", program), ["build", films, "--schema", "data/films/catalog.toml", "--model", MODEL, "-o", FILMS]));
}

export async function buildDemo() {
  await step("demo", {
    inputs: ["www", "dist", MODEL, FILMS, "node_modules/esbuild/package.json"],
    outputs: ["build/www/index.html"],
  }, () => runBin("../www/build.mjs", []));
}

export async function buildAll() {
  await buildPrograms();
  await buildPackage();
  await buildModel();
  await buildCatalog();
  await buildDemo();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    if (process.argv[2] === "package") {
      await buildPrograms();
      await buildPackage();
    } else {
      await buildAll();
    }
    await printSizes();
  });
}
