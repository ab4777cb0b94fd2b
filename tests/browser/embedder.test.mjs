/** Text to vectors in the browser: the same as the native program's, and as the model's own. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FILMS, answers, closeBrowser, open, root, until, visit } from "./harness.mjs";

after(closeBrowser);

const MODEL = "build/models/all-MiniLM-L6-v2";
const { rows } = JSON.parse(readFileSync(join(root, "tests/golden/all-MiniLM-L6-v2.json"), "utf8"));
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const cosine = (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

/** The vectors of the golden texts, from the page. */
const golden = async (page) => {
  const texts = rows.map(({ text }) => text);
  const vectors = await page.evaluate(async ([model, texts]) => {
    const em = await homebody.Embedder.create({ model });
    const vectors = await em.embed(texts);
    await em.close();
    return vectors.map((vector) => [...vector]);
  }, [FILMS.model, texts]);
  return { texts, vectors };
};

test("every golden text has the model's own vector, and the native program's", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const { texts, vectors } = await golden(page);
    const cosines = rows.map(({ embedding }, i) => cosine(embedding, vectors[i]));
    const [least, mean] = [Math.min(...cosines), cosines.reduce((a, b) => a + b) / cosines.length];
    console.log(`golden cosines in the browser: minimum ${least.toFixed(5)}, mean ${mean.toFixed(5)}`);
    // The bounds of the int8 weights of this file; onnxruntime gets 0.9951 and 0.9993 from it.
    assert.ok(least >= 0.994, `${least} for ${JSON.stringify(texts[cosines.indexOf(least)])}`);
    assert.ok(mean >= 0.999, `${mean}`);

    const input = texts.map((text, id) => JSON.stringify({ id: String(id), text })).join("\n");
    const { status, stdout, stderr } = spawnSync(join(root, "build/bin/homebody"), ["embed", "--model", join(root, MODEL)], { input, encoding: "utf8", maxBuffer: 1 << 26 });
    assert.equal(status, 0, stderr);
    const native = stdout.trim().split("\n").map((line) => JSON.parse(line).vector);
    assert.equal(native.length, texts.length);
    for (const [i, vector] of vectors.entries()) {
      assert.ok(Math.abs(dot(vector, vector) - 1) < 1e-5, "unit length");
      const same = cosine(native[i], vector);
      assert.ok(same >= 0.9999, `${same} for ${JSON.stringify(texts[i])}`);
    }
  }));

test("one text or many, the vector is the same; empty text and other things are refused", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const result = await page.evaluate(async (model) => {
      const progress = [];
      const em = await homebody.Embedder.create({ model, onProgress: (step) => progress.push(step.phase) });
      const texts = Array.from({ length: 40 }, (_, i) => `text number ${i}`);
      const [many, [one]] = [await em.embed(texts), await em.embed(texts[33])];
      const controller = new AbortController();
      const given = thrown(em.embed(texts, { signal: controller.signal }));
      controller.abort();
      const result = {
        count: many.length,
        same: one.every((value, i) => value === many[33][i]),
        dims: [em.dims, one.length],
        status: em.status,
        phases: [...new Set(progress)],
        none: await em.embed([]),
        empty: await thrown(em.embed("")),
        blank: await thrown(em.embed(["fine", "   "])),
        number: await thrown(em.embed([7])),
        kind: await thrown(em.embed("a", { kind: "title" })),
        option: await thrown(em.embed("a", { sort: "query" })),
        given: await given,
      };
      await em.close();
      await em.close();
      result.closed = await thrown(em.embed("a"));
      return result;
    }, FILMS.model);
    assert.deepEqual([result.count, result.same, result.dims, result.none], [40, true, [384, 384], []]);
    assert.deepEqual(result.phases.sort(), ["compile", "model", "ready"]);
    assert.equal(result.status.model.name, "all-MiniLM-L6-v2");
    assert.equal(result.status.model.maxTokens, 256);
    assert.equal(result.status.simd, true);
    assert.equal(result.status.requests, 4);
    const codes = Object.fromEntries(["empty", "blank", "number", "kind", "option", "closed"].map((name) => [name, result[name].code]));
    assert.deepEqual(codes, { empty: "text-empty", blank: "text-empty", number: "invalid-argument", kind: "option", option: "unknown-option", closed: "closed" });
    assert.equal(result.given.name, "AbortError");
  }));

test("the model is fetched once, kept, checked, and fetched anew when the copy is broken", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const first = await page.evaluate(async (model) => {
      const em = await homebody.Embedder.create({ model });
      const [vector] = await em.embed("a text");
      await em.close();
      return [...vector];
    }, FILMS.model);
    const kept = () =>
      until(page, async () => (await (await caches.open("homebody-files-1")).keys()).some(({ url }) => url.includes("/manifest/")));
    await kept();
    const models = () => server.paths().filter((path) => path.startsWith("/models/") && !path.endsWith("model.json"));
    assert.equal(models().length, 2);

    server.requests.length = 0;
    await golden(page);
    assert.deepEqual(models(), []);

    await page.evaluate(async () => {
      const cache = await caches.open("homebody-files-1");
      for (const key of await cache.keys()) {
        if (!key.url.includes("/file/")) continue;
        const bytes = new Uint8Array(await (await cache.match(key)).arrayBuffer());
        bytes[bytes.length >> 1] ^= 8;
        await cache.put(key, new Response(bytes));
      }
    });
    const again = await page.evaluate(async (model) => {
      const em = await homebody.Embedder.create({ model });
      return [...(await em.embed("a text"))[0]];
    }, FILMS.model);
    assert.equal(models().length, 2);
    assert.deepEqual(again, first);
  }));

test("search loads the model when text is first used, once for all who ask, and tries again after a failure", () =>
  visit({ expected: [/Failed to load resource/] }, async ({ page, server }) => {
    await open(page, server);
    server.answers.set("/models/all-MiniLM-L6-v2/tokenizer.json", answers.status(404));
    const result = await page.evaluate(async (films) => {
      window.hb = await homebody.Recommender.create(films);
      const states = [hb.status.model];
      hb.on("status", ({ model }) => model !== states.at(-1) && states.push(model));
      const failed = await Promise.all([thrown(hb.search("space")), thrown(hb.prepareSearch())]);
      return { states, failed: failed.map(({ code }) => code) };
    }, FILMS);
    assert.deepEqual(result, { states: ["absent", "loading", "failed"], failed: ["model-not-found", "model-not-found"] });
    server.answers.clear();
    server.requests.length = 0;
    const { titles, again, status } = await page.evaluate(async () => {
      const [hits] = await Promise.all([hb.search("best 1980s sci-fi", { limit: 10, personalize: 0 }), hb.search("a heist"), hb.prepareSearch()]);
      const again = await hb.search("best 1980s sci-fi", { limit: 10, personalize: 0 });
      return { titles: hits.map(({ item }) => `${item.title} ${item.year}`), again: again.map(({ item }) => `${item.title} ${item.year}`), status: hb.status };
    });
    assert.deepEqual([status.model, titles.length], ["ready", 10]);
    assert.ok(status.timings.lastEmbedMs > 0);
    assert.deepEqual(again, titles);
    assert.equal(server.paths().filter((path) => path.endsWith(".onnx")).length, 1);
    assert.equal(server.paths().filter((path) => path.endsWith("embed_bg.wasm")).length, 1);
  }));

test("a model that the catalog was not built with is refused before its weights are fetched", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const own = readFileSync(join(root, MODEL, "model.json"), "utf8");
    const manifest = JSON.parse(own);
    // Another prefix makes it another model; its identity is told apart by the hash in the manifest.
    const { createHash } = await import("node:crypto");
    const parts = [manifest.files.model.sha256, manifest.files.tokenizer.sha256, manifest.pooling, "query: ", manifest.documentPrefix, manifest.maxTokens];
    const other = { ...manifest, queryPrefix: "query: ", sha256: createHash("sha256").update(JSON.stringify(parts)).digest("hex") };
    server.answers.set("/models/all-MiniLM-L6-v2/model.json", answers.bytes(Buffer.from(JSON.stringify(other)), "application/json"));
    const { error, none } = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      const error = await thrown(hb.search("space"));
      const bare = await homebody.Recommender.create({ catalog: films.catalog });
      return { error, none: { error: await thrown(bare.search("space")), model: bare.status.model, hits: (await bare.recommend()).length } };
    }, FILMS);
    assert.equal(error.code, "catalog-wrong-model", error.message);
    assert.match(error.message, new RegExp(`${manifest.sha256.slice(0, 12)}.*${other.sha256.slice(0, 12)}`));
    assert.ok(!server.paths().some((path) => path.endsWith(".onnx")));
    assert.deepEqual([none.error.code, none.model, none.hits], ["model-missing", "none", 10]);
  }));

test("memory that cannot be had is an error with a code before anything is fetched, and ranking goes on", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const manifest = JSON.parse(readFileSync(join(root, MODEL, "model.json"), "utf8"));
    // More than the 4 GB that a module of 32 bits can ever have.
    manifest.files.model.bytes = 3_900_000_000;
    server.answers.set("/models/all-MiniLM-L6-v2/model.json", answers.bytes(Buffer.from(JSON.stringify(manifest)), "application/json"));
    const { error, hits, model, again } = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      const error = await thrown(hb.search("space"));
      return { error, hits: (await hb.recommend()).length, model: hb.status.model, again: await thrown(hb.search("space")) };
    }, FILMS);
    assert.equal(error.code, "out-of-memory", error.message);
    assert.match(error.message, /7801 MB were asked for.*smaller model/);
    assert.ok(!server.paths().some((path) => path.endsWith(".onnx")));
    assert.deepEqual([hits, model, again.code], [10, "failed", "out-of-memory"], "the module lives, and says so again");
  }));

test("a list comes back in its order, with progress, each vector as if it were alone", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const { same, progress, error } = await page.evaluate(async (model) => {
      const em = await homebody.Embedder.create({ model });
      const texts = Array.from({ length: 40 }, (_, i) => Array((i * 7) % 23 + 1).fill("a longer text").join(" ") + ` ${i}`);
      const progress = [];
      const all = await em.embed(texts, { onProgress: (step) => progress.push(step) });
      const alone = [];
      for (const text of texts) alone.push(...(await em.embed(text)));
      const error = await thrown(em.embed([...texts.slice(0, 20), " ", ...texts.slice(20)]));
      return { same: all.every((vector, i) => vector.every((x, at) => x === alone[i][at])), progress, error };
    }, FILMS.model);
    assert.equal(same, true);
    assert.deepEqual(progress.at(-1), { done: 40, total: 40 });
    assert.ok(progress.length > 1 && progress.every(({ done }, i) => i === 0 || done > progress[i - 1].done));
    assert.equal(error.code, "text-empty");
    assert.match(error.message, /^text 20 of the batch/);
  }));

test("a standard ONNX file is loaded without a folder, by address or as bytes", () =>
  visit({ mounts: { "/plain/": join(root, MODEL) } }, async ({ page, server }) => {
    await open(page, server);
    const { same, status, errors } = await page.evaluate(async (model) => {
      const address = { onnx: "/plain/model.onnx", tokenizer: "/plain/tokenizer.json", maxTokens: 256 };
      const bytesOf = async (url) => (await fetch(url)).arrayBuffer();
      const bytes = { onnx: await bytesOf(address.onnx), tokenizer: new Uint8Array(await bytesOf(address.tokenizer)), maxTokens: 256 };
      const vectors = [];
      let status;
      for (const source of [model, address, bytes]) {
        const em = await homebody.Embedder.create({ model: source });
        vectors.push((await em.embed("a heist in a casino"))[0]);
        status = em.status;
        await em.close();
      }
      const refused = async (model) => (await thrown(homebody.Embedder.create({ model }))).code;
      const errors = [
        await refused({ ...bytes, onnx: new TextEncoder().encode("<html>") }),
        await refused({ ...bytes, tokenizer: new TextEncoder().encode("{}") }),
        await refused({ ...bytes, pooling: "max" }),
        await refused({ ...bytes, maxTokens: 0.5 }),
        await refused({ ...bytes, poolng: "mean" }),
        await refused({ onnx: bytes.onnx }),
      ];
      return { same: vectors.every((vector) => vector.every((x, i) => x === vectors[0][i])), status, errors };
    }, FILMS.model);
    assert.equal(same, true);
    assert.deepEqual([status.model.dims, status.model.maxTokens, status.runner], [384, 256, "wasm simd128"]);
    assert.ok(status.memoryBytes > 20e6 && status.memoryBytes < 120e6, `${status.memoryBytes}`);
    assert.deepEqual(errors, ["model-not-onnx", "model-tokenizer", "option", "option", "unknown-option", "invalid-argument"]);
  }));

test("a graph that is no usual encoder brings the larger module, and gives what onnxruntime gives", async () => {
  const made = process.env.HOMEBODY_TEST_MODELS;
  assert.ok(made, "HOMEBODY_TEST_MODELS is not set: run the tests with `npm test -- browser`");
  const folder = mkdtempSync(join(tmpdir(), "homebody-graph-"));
  const onnx = join(made, "headed-weights.onnx");
  const pack = ["model", "pack", "--onnx", onnx, "--tokenizer", join(root, MODEL, "tokenizer.json"), "--max-tokens", "256", "-o", join(folder, "headed")];
  const { status, stderr } = spawnSync(join(root, "build/bin/homebody"), pack, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const [expected] = JSON.parse(readFileSync(join(made, "references.json"), "utf8"))["headed-weights"];
  const [{ text }] = rows;
  await visit({ mounts: { "/models/headed/": join(folder, "headed"), "/made/": made } }, async ({ page, server }) => {
    await open(page, server);
    const { vectors, runners } = await page.evaluate(async (text) => {
      const vectors = [];
      const runners = [];
      for (const model of ["/models/headed/", { onnx: "/made/headed-weights.onnx", tokenizer: "/models/headed/tokenizer.json" }]) {
        const em = await homebody.Embedder.create({ model });
        vectors.push([...(await em.embed(text))[0]]);
        runners.push(em.status.runner);
        await em.close();
      }
      return { vectors, runners };
    }, text);
    for (const vector of vectors) {
      const same = cosine(expected, vector);
      assert.ok(same >= 0.9995, `cosine ${same}`);
    }
    for (const runner of runners) assert.match(runner, /^node by node/);
    assert.equal(server.paths().filter((path) => path.endsWith("graph_bg.wasm")).length, 2);
  });
  rmSync(folder, { recursive: true, force: true });
});
