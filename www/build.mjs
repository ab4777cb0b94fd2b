/**
 * Builds the demo into `build/www/`, a folder that any file server can serve: the bundled page, its own copies of the
 * package (`dist/`), the model and the films catalog, and a service worker that knows every file by its hash.
 *
 * Run by `npm run build` after the package, the model and the catalog are there. `node www/build.mjs [--dist DIR]
 * [--models DIR] [--catalogs DIR] [--out DIR]` builds from elsewhere.
 */
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const { values: options } = parseArgs({
  options: {
    dist: { type: "string", default: join(root, "dist") },
    models: { type: "string", default: join(root, "build/models") },
    catalogs: { type: "string", default: join(root, "build/catalogs") },
    out: { type: "string", default: join(root, "build/www") },
  },
});
const { out } = options;

const PAGE = ["index.html", "icon.svg", "manifest.webmanifest"];

/** Files of the package that a browser never asks for here: the demo's model needs no module for other graphs. */
const UNUSED = /\.(d\.ts|map|tsbuildinfo|md)$|graph_bg\.wasm$/;

/** Catalog and model: the package itself keeps copies of these, by the hashes in their manifests. */
const isKeptByPackage = (path) => /^(catalogs|models)\//.test(path);

/** The part of the package that is only needed once text is searched: the module that runs the model. */
const isForSearch = (path) => /^homebody\/(embed|graph)[^/]*(\/|\.wasm$|-worker\.js$)/.test(path);

await copyInputs();
const model = await bytesOf(join(out, "models"));
const runtime = (await list()).filter((file) => file.group === "search").reduce((total, file) => total + file.bytes, 0);
await bundle({ "app": join(here, "src/main.ts") }, { __MODEL_BYTES__: String(model), __SEARCH_BYTES__: String(model + runtime) }, "esm");
await bundle({ "styles": join(here, "styles/main.css") }, {}, "esm");
await bundle({ "theme": join(here, "src/theme.ts") }, {}, "iife");
const files = await list();
const version = createHash("sha256").update(JSON.stringify(files)).digest("hex").slice(0, 16);
await bundle({ "sw": join(here, "src/sw.ts") }, { __FILES__: JSON.stringify(files), __VERSION__: JSON.stringify(version) }, "iife");

const sum = (group) => files.filter((file) => file.group === group).reduce((total, file) => total + file.bytes, 0);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
const catalog = await bytesOf(join(out, "catalogs"));
console.log(`demo: ${relative(process.cwd(), out)}, ${megabytes(sum("shell") + catalog)} at the first visit, ${megabytes(sum("search") + model)} when text is first searched`);

async function copyInputs() {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  for (const file of PAGE) await cp(join(here, file), join(out, file));
  const inputs = [
    [options.dist, "homebody", "the package (npm run build makes it)"],
    [join(options.models, "all-MiniLM-L6-v2"), "models/all-MiniLM-L6-v2", "the text model"],
    [join(options.catalogs, "films"), "catalogs/films", "the films catalog"],
  ];
  for (const [from, to, what] of inputs) {
    const found = await stat(from).catch(() => null);
    if (!found?.isDirectory()) throw new Error(`${what} is not at ${from}; run "npm run build", which makes everything in order`);
    await cp(from, join(out, to), { recursive: true, filter: (path) => !UNUSED.test(path) });
  }
}

async function bundle(entryPoints, define, format) {
  await build({
    entryPoints,
    outdir: out,
    bundle: true,
    format,
    target: "es2022",
    minify: true,
    legalComments: "none",
    charset: "utf8",
    define,
    logLevel: "warning",
    plugins: [
      {
        // The package stays as published, beside the page: its workers and modules are found relative to its own files.
        name: "package-beside",
        setup: ({ onResolve }) => onResolve({ filter: /^homebody$/ }, () => ({ path: "./homebody/index.js", external: true })),
      },
    ],
  });
}

/** Every file with its hash, in the order of the paths, so that the same inputs give the same service worker. */
async function list() {
  const entries = await readdir(out, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => relative(out, join(entry.parentPath, entry.name)).split(sep).join("/"));
  const listed = [];
  for (const path of paths.filter((path) => !isKeptByPackage(path)).sort()) {
    const content = await readFile(join(out, path));
    listed.push({ path, sha256: createHash("sha256").update(content).digest("hex"), bytes: content.length, group: isForSearch(path) ? "search" : "shell" });
  }
  return listed;
}

async function bytesOf(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  let bytes = 0;
  for (const entry of entries) if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return bytes;
}
