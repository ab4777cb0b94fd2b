/** The packed tarball, as a user gets it: installed into a fresh Vite project, built, and run in Chromium. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { filesOf, posix, root } from "../../scripts/lib.mjs";
import { FILMS, closeBrowser, visit } from "../browser/harness.mjs";

const npm = process.platform === "win32" ? "npm.cmd" : "npm";
let folder;
let tarball;

function run(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  assert.equal(status, 0, `${command} ${args.join(" ")}:\n${stdout}\n${stderr}`);
  return stdout;
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), "homebody-pack-"));
  [tarball] = JSON.parse(run(npm, ["pack", "--json", "--pack-destination", folder], root));
});
after(async () => {
  await closeBrowser();
  rmSync(folder, { recursive: true, force: true });
});

test("the tarball has what is needed and nothing else", () => {
  const paths = tarball.files.map(({ path }) => path);
  for (const path of ["package.json", "README.md", "LICENSE-MIT", "LICENSE-APACHE", "dist/index.js", "dist/index.d.ts"]) assert.ok(paths.includes(path), `${path} is packed`);
  const strange = paths.filter((path) => !/^(?:package\.json|README\.md|LICENSE-\w+|dist\/(?:(?:core|embed|graph)\/)?[\w-]+(?:\.js|\.d\.ts|\.wasm|\.wasm\.d\.ts))$/.test(path));
  assert.deepEqual(strange, []);
  assert.deepEqual(paths.filter((path) => path.endsWith(".wasm")).sort(), ["dist/core/core_bg.wasm", "dist/embed/embed_bg.wasm", "dist/graph/graph_bg.wasm"]);
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.equal(manifest.dependencies, undefined, "installing it installs nothing else");
});

test("a fresh Vite project builds with it, and runs", () => {
  const project = join(folder, "app");
  for (const part of ["src", "public"]) mkdirSync(join(project, part), { recursive: true });
  writeFileSync(join(project, "public/icon.svg"), '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>');
  const { version: vite } = JSON.parse(readFileSync(join(root, "node_modules/vite/package.json"), "utf8"));
  const manifest = { name: "app", private: true, type: "module", dependencies: { homebody: `file:../${tarball.filename}` }, devDependencies: { vite } };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest));
  writeFileSync(join(project, "index.html"), '<!doctype html><title>App</title><link rel="icon" href="/icon.svg" /><script type="module" src="/src/main.js"></script>');
  writeFileSync(
    join(project, "src/main.js"),
    `import { Embedder, Recommender, VectorIndex } from "homebody";
    const hb = await Recommender.create(${JSON.stringify(FILMS)});
    await hb.record({ item: "alien-1979", type: "like" });
    const hits = await hb.recommend({ limit: 3 });
    const found = await hb.search("a heist in a casino", { limit: 3, personalize: 0 });
    const em = await Embedder.create({ model: ${JSON.stringify(FILMS.model)} });
    const [vector] = await em.embed("a text");
    const index = await VectorIndex.create({ dims: 384, vectors: vector, copy: true, ids: ["itself"] });
    const [near] = await index.search(vector);
    window.result = { near: near.id, hits: hits.length, found: found.map(({ item }) => item.title), dims: em.dims, length: Math.hypot(...vector) };`,
  );
  run(npm, ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"], project);
  run(process.execPath, [join(project, "node_modules/vite/bin/vite.js"), "build"], project);
  const emitted = filesOf(join(project, "dist")).map(posix);
  const modules = emitted.filter((path) => path.endsWith(".wasm")).map((path) => path.split("/").at(-1).replace(/_bg.*/, ""));
  assert.deepEqual(modules.sort(), ["core", "embed", "graph"], "each module is emitted once");

  return visit({ mounts: { "/": join(project, "dist") } }, async ({ page, server }) => {
    await page.goto(server.url);
    await page.waitForFunction(() => window.result !== undefined, undefined, { timeout: 120_000 });
    const { hits, found, dims, length, near } = await page.evaluate(() => window.result);
    assert.deepEqual([hits, found.length, dims, near], [3, 3, 384, "itself"]);
    assert.ok(Math.abs(length - 1) < 1e-5);
    assert.ok(server.paths().every((path) => path.startsWith("/assets/") || !/\.(?:js|wasm)$/.test(path)), "everything comes from the build");
  });
});
