/**
 * Embedding in headless Chromium beside onnxruntime-web and transformers.js, all on one thread and in one run: latency by
 * tokens, whole texts, fidelity, starting from cached bytes, memory and size. Rounds alternate between the contestants, so that
 * a busy machine is busy for all.
 *
 * Ours is the public API from the page (tokenizing, the way to the worker and back, pooling included); onnxruntime-web gets
 * token ids and runs in the page itself. Not measured: other browsers, WebGPU, several threads. Run: `npm run bench -- embed`;
 * `HOMEBODY_BENCH_JSON=FILE` keeps the raw results. The native half is `main.rs`.
 */
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { launch, open, root, visit } from "../../tests/browser/harness.mjs";
import { needs } from "./needs.mjs";

const LENGTHS = [8, 16, 32, 64, 128];
const ROUNDS = 25;
const MODEL = "/models/all-MiniLM-L6-v2/";

const { npm, site, models } = await needs();
const golden = JSON.parse(readFileSync(join(root, "tests/golden/all-MiniLM-L6-v2.json"), "utf8")).rows;

const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1];
const spread = (times, digits = 1) => `${median(times).toFixed(digits)} ms (${Math.min(...times).toFixed(digits)} to ${Math.max(...times).toFixed(digits)})`;
const results = {};
const rows = [];
const row = (what, value, baseline, ratio, goal, met) => rows.push([what, value, baseline, ratio, goal, met === undefined ? "" : met ? "met" : "MISSED"]);
const compare = (what, ours, theirs, goal) => {
  const ratio = median(ours) / median(theirs);
  row(what, spread(ours), spread(theirs), `${ratio.toFixed(2)} ×`, `≤ ${goal} ×`, ratio <= goal);
};
const cosine = (a, b) => {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) [dot, aa, bb] = [dot + a[i] * b[i], aa + a[i] ** 2, bb + b[i] ** 2];
  return dot / Math.sqrt(aa * bb);
};

const launched = await launch(["--js-flags=--max-old-space-size=4096"]);
const mounts = { "/npm/": npm, "/site/": site };
// transformers.js looks whether files are there before it takes them; a missing one is no error.
const expected = [/Failed to load resource/, /Content.Security.Policy/];
const PREPARE = async () => {
  window.ort = await import("/npm/onnxruntime-web/dist/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/npm/onnxruntime-web/dist/";
  window.bytesOf = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
  window.feeds = (ids) => {
    const tensor = (values) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
    return { input_ids: tensor(ids), attention_mask: tensor(ids.map(() => 1)), token_type_ids: tensor(ids.map(() => 0)) };
  };
  window.run = (session, ids) => {
    const all = feeds(ids);
    return session.run(Object.fromEntries(session.inputNames.map((name) => [name, all[name]])), ["last_hidden_state"]);
  };
  window.timed = async (work) => {
    const started = performance.now();
    await work();
    return performance.now() - started;
  };
};
const WEIGHTS = "/site/hf/minilm/onnx/model.onnx";
const DYNAMIC = "/site/hf/minilm/onnx/model_quantized.onnx";

try {
  // A visit that leaves the model in the browser's cache; then, in a fresh page each time, from cached bytes to a vector.
  await visit({ launched, mounts, expected }, async ({ page, server }) => {
    page.setDefaultTimeout(600_000);
    await open(page, server);
    await page.evaluate(async (model) => {
      const em = await homebody.Embedder.create({ model });
      await em.embed("a text");
      await em.close();
    }, MODEL);
    const start = { ours: [], weights: [], dynamic: [], weightsAgain: [] };
    for (let round = 0; round < 20; round++) {
      await open(page, server);
      await page.evaluate(PREPARE);
      start.ours.push(await page.evaluate((model) => timed(async () => {
        const em = await homebody.Embedder.create({ model });
        await em.embed("a text");
      }), MODEL));
      for (const [name, url] of [["weights", WEIGHTS], ["dynamic", DYNAMIC]]) {
        // Each in a page of its own, so that each loads its own module.
        await open(page, server);
        await page.evaluate(PREPARE);
        const times = await page.evaluate(async (url) => {
          const bytes = await bytesOf(url);
          const start = () => timed(async () => run(await ort.InferenceSession.create(bytes), [101, 1037, 3793, 102]));
          return [await start(), await start()];
        }, url);
        start[name].push(times[0]);
        if (name === "weights") start.weightsAgain.push(times[1]);
      }
    }
    results.start = start;
  });
  compare("cached bytes to first vector / session and first run, weight-only", results.start.ours, results.start.weights, 0.5);
  row("the same, onnxruntime's module loaded before", spread(results.start.ours), spread(results.start.weightsAgain), `${(median(results.start.ours) / median(results.start.weightsAgain)).toFixed(2)} ×`, "");
  row("the same / dynamic", spread(results.start.ours), spread(results.start.dynamic), `${(median(results.start.ours) / median(results.start.dynamic)).toFixed(2)} ×`, "");

  await visit({ launched, mounts, expected }, async ({ page, server }) => {
    page.setDefaultTimeout(600_000);
    results.browser = launched.browser.version();
    await open(page, server);
    await page.evaluate(PREPARE);
    await page.evaluate(async ([model, weights, dynamic]) => {
      window.em = await homebody.Embedder.create({ model });
      window.sessions = { weights: await ort.InferenceSession.create(await bytesOf(weights)), dynamic: await ort.InferenceSession.create(await bytesOf(dynamic)) };
    }, [MODEL, WEIGHTS, DYNAMIC]);
    results.runner = await page.evaluate(() => em.status.runner);

    results.latency = {};
    for (const tokens of LENGTHS) {
      results.latency[tokens] = await page.evaluate(async ([tokens, rounds]) => {
        const text = Array(tokens - 2).fill("word").join(" ");
        const ids = [101, ...Array(tokens - 2).fill(2773), 102];
        const contestants = { ours: () => em.embed(text), weights: () => run(sessions.weights, ids), dynamic: () => run(sessions.dynamic, ids) };
        const times = { ours: [], weights: [], dynamic: [] };
        for (let round = -3; round < rounds; round++) {
          for (const [name, work] of Object.entries(contestants)) {
            const ms = await timed(work);
            if (round >= 0) times[name].push(ms);
          }
        }
        return times;
      }, [tokens, ROUNDS]);
      const { ours, weights, dynamic } = results.latency[tokens];
      compare(`${tokens} tokens / onnxruntime-web, weight-only`, ours, weights, 0.4);
      compare(`${tokens} tokens / onnxruntime-web, dynamic`, ours, dynamic, 0.75);
    }

    const { vectors, theirs } = await page.evaluate(async (rows) => {
      const pooled = async (session, ids) => {
        const { data, dims } = (await run(session, ids)).last_hidden_state;
        return Array.from({ length: dims[2] }, (_, i) => ids.reduce((sum, _id, row) => sum + data[row * dims[2] + i], 0));
      };
      const theirs = [];
      for (const { token_ids: ids } of rows) theirs.push(await pooled(sessions.weights, ids));
      return { vectors: (await em.embed(rows.map(({ text }) => text))).map((vector) => [...vector]), theirs };
    }, golden);
    const fidelity = (expected) => golden.map((_, i) => cosine(vectors[i], expected[i]));
    const mean = (numbers) => numbers.reduce((a, b) => a + b) / numbers.length;
    const same = fidelity(theirs);
    const original = fidelity(golden.map(({ embedding }) => embedding));
    results.fidelity = { same, original };
    row("cosine with onnxruntime-web on the same file, worst", Math.min(...same).toFixed(6), "", "", "≥ 0.9995", Math.min(...same) >= 0.9995);
    row("cosine with the original model, worst / mean", `${Math.min(...original).toFixed(5)} / ${mean(original).toFixed(5)}`, "", "", "≥ 0.9945 / 0.9992", Math.min(...original) >= 0.9945 && mean(original) >= 0.9992);

    results.memory = await page.evaluate(async () => {
      const text = Array(126).fill("word").join(" ");
      const after = [];
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 100; i++) await em.embed(`${text} ${i}`);
        after.push(em.status.memoryBytes);
      }
      return after;
    });
    const [first, , last] = results.memory;
    row("memory after 100 / 300 texts of 128 tokens", `${(first / 1e6).toFixed(1)} / ${(last / 1e6).toFixed(1)} MB`, "", "", "≤ 90 MB, level", first <= 90e6 && first === last);
  });

  await visit({ launched, mounts, expected }, async ({ page, server }) => {
    page.setDefaultTimeout(600_000);
    await open(page, server);
    await page.evaluate(PREPARE);
    results.texts = await page.evaluate(async ([model, texts, rounds]) => {
      const { env, pipeline } = await import("/site/transformers.js");
      Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: "/site/hf/", useBrowserCache: false });
      Object.assign(env.backends.onnx.wasm, { numThreads: 1, wasmPaths: "/npm/onnxruntime-web/dist/" });
      const em = await homebody.Embedder.create({ model });
      const weights = await pipeline("feature-extraction", "minilm", { dtype: "fp32", device: "wasm" });
      const dynamic = await pipeline("feature-extraction", "minilm", { dtype: "q8", device: "wasm" });
      const options = { pooling: "mean", normalize: true };
      const contestants = { ours: (text) => em.embed(text), weights: (text) => weights(text, options), dynamic: (text) => dynamic(text, options) };
      const times = texts.map(() => ({ ours: [], weights: [], dynamic: [] }));
      for (let round = -2; round < rounds; round++) {
        for (const [i, text] of texts.entries()) {
          for (const [name, work] of Object.entries(contestants)) {
            const ms = await timed(() => work(text));
            if (round >= 0) times[i][name].push(ms);
          }
        }
      }
      return times;
    }, [MODEL, golden.map(({ text }) => text), ROUNDS]);
    const of = (name) => results.texts.map((times) => median(times[name]));
    compare("whole texts, median of 24 / transformers.js, weight-only", of("ours"), of("weights"), 0.4);
    compare("whole texts, median of 24 / transformers.js, dynamic", of("ours"), of("dynamic"), 0.65);
  });
} finally {
  await launched.close();
}

const size = ["embed/embed_bg.wasm", "embed/embed.js"].map((name) => readFileSync(join(root, "dist", name))).map((bytes) => brotliCompressSync(bytes).length);
const bytes = size[0] + size[1];
results.bytes = bytes;
row("embed module and glue, brotli", `${(bytes / 1e6).toFixed(3)} MB`, "", "", "≤ 1.5 MB", bytes <= 1.5e6);
assert.ok(statSync(join(models, "dynamic.onnx")).size > 1e6);

console.log(`Chromium ${results.browser}, ${cpus()[0].model}, ${cpus().length} cores; ${results.runner}; medians of ${ROUNDS} (least to most)`);
const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
for (const cells of [["", "ours", "baseline", "ratio", "goal", ""], ...rows]) console.log(cells.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd());
if (process.env.HOMEBODY_BENCH_JSON) writeFileSync(process.env.HOMEBODY_BENCH_JSON, JSON.stringify(results, undefined, 1));
