/**
 * Similarity in headless Chromium: what `VectorIndex` takes for 100,000 and 1,000,000 × 384 int8, k = 10, on seeded clustered
 * vectors, beside a plain simd128 read of the same bytes and plain JavaScript on float32, all in one run; and the same index on
 * WebGPU, whatever adapter there is. Medians with the least and the most.
 *
 * It does not measure quality beyond recall@10 of int8, or browsers other than Chromium. Run: `npm run bench -- similarity`
 * (after a build also `node benches/similarity/run.mjs`). `HOMEBODY_BENCH_JSON=FILE` keeps the raw results.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import binaryen from "binaryen";
import { launch, open, visit } from "../../tests/browser/harness.mjs";

/** Four sums of 16 bytes each, so that additions do not wait for each other. */
const READ = `(module
  (memory (import "env" "memory") 1)
  (func (export "read") (param $bytes i32) (result i32)
    (local $at i32) (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (loop $next
      (local.set $a (i32x4.add (local.get $a) (v128.load (local.get $at))))
      (local.set $b (i32x4.add (local.get $b) (v128.load offset=16 (local.get $at))))
      (local.set $c (i32x4.add (local.get $c) (v128.load offset=32 (local.get $at))))
      (local.set $d (i32x4.add (local.get $d) (v128.load offset=48 (local.get $at))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 64))) (local.get $bytes))))
    (i32x4.extract_lane 0 (i32x4.add (i32x4.add (local.get $a) (local.get $b)) (i32x4.add (local.get $c) (local.get $d))))))`;

const PAGE = `
  window.DIMS = 384;
  window.random = (seed) => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const shared = random(1);
  const centres = Array.from({ length: 200 }, () => Float32Array.from({ length: DIMS }, () => shared() - 0.5));
  window.clustered = (count, seed) => {
    const next = random(seed);
    const all = new Float32Array(count * DIMS);
    for (let row = 0; row < count; row++) {
      const centre = centres[Math.floor(next() * centres.length)];
      for (let i = 0; i < DIMS; i++) all[row * DIMS + i] = centre[i] + (next() - 0.5) * 0.7;
    }
    return all;
  };
  window.timed = async (rounds, work) => {
    const times = [];
    for (let round = 0; round <= rounds; round++) {
      const started = performance.now();
      const ms = await work(round);
      if (round > 0) times.push(ms ?? performance.now() - started);
    }
    return times;
  };
  // Cosines of one query with every row, as straightforward JavaScript has it: lengths known, the best ten kept sorted.
  window.plain = (all, lengths, query) => {
    const best = [];
    let length = 0;
    for (let i = 0; i < DIMS; i++) length += query[i] * query[i];
    length = Math.sqrt(length);
    for (let row = 0, at = 0; row < lengths.length; row++) {
      let dot = 0;
      for (let i = 0; i < DIMS; i++) dot += all[at++] * query[i];
      const score = dot / (lengths[row] * length);
      if (best.length < 10 || score > best[9].score) {
        best.push({ id: String(row), score });
        best.sort((a, b) => b.score - a.score);
        best.length = Math.min(best.length, 10);
      }
    }
    return best;
  };
`;

const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1];
const spread = (times) => `${median(times).toFixed(2)} ms (${Math.min(...times).toFixed(2)} to ${Math.max(...times).toFixed(2)})`;
const results = {};
const rows = [];
const row = (what, value, goal, met) => rows.push([what, value, goal, met === undefined ? "" : met ? "met" : "MISSED"]);

const text = binaryen.parseText(READ);
text.setFeatures(binaryen.Features.SIMD128 | binaryen.Features.BulkMemory);
assert.ok(text.validate(), "the module of the plain read is invalid");
const readModule = [...text.emitBinary()];

const launched = await launch(["--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan", "--ignore-gpu-blocklist", "--js-flags=--max-old-space-size=4096"]);
try {
  const mounts = { "/bench/": dirname(fileURLToPath(import.meta.url)) };
  await visit({ launched, mounts }, async ({ page, server }) => {
    page.setDefaultTimeout(600_000);
    await open(page, server);
    await page.evaluate(PAGE);
    results.browser = launched.browser.version();

    await page.evaluate(() => {
      window.all = clustered(100_000, 2);
      window.queries = Array.from({ length: 100 }, (_, i) => clustered(1, 1000 + i));
    });
    const read = () =>
      page.evaluate(async (bytes) => {
        const worker = new Worker("/bench/read-worker.js");
        const module = await WebAssembly.compile(new Uint8Array(bytes));
        const times = await new Promise((resolve) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.postMessage({ module, bytes: 38_400_000, rounds: 40 });
        });
        worker.terminate();
        return times;
      }, readModule);
    const inWorker = () =>
      page.evaluate(() => timed(40, async (round) => {
        await index.search(queries[round % 100]);
        return index.status.timings.lastSearchMs;
      }));

    // Created five times, the last one stays.
    results.create = await page.evaluate(async () => {
      const times = [];
      for (let round = 0; round < 5; round++) {
        await window.index?.close();
        const vectors = all.slice();
        const started = performance.now();
        window.index = await homebody.VectorIndex.create({ dims: DIMS, vectors, device: "cpu" });
        times.push(performance.now() - started);
      }
      return times;
    });
    row("create from a Float32Array of 100,000 × 384", spread(results.create), "≤ 1 s", median(results.create) <= 1000);

    // Read and search in turns: whatever else the machine does meets both.
    results.read = [];
    results.worker = [];
    for (let turn = 0; turn < 3; turn++) {
      results.read.push(...(await read()));
      results.worker.push(...(await inWorker()));
    }
    const ratio = median(results.worker) / median(results.read);
    row("read of the same bytes once, simd128", spread(results.read));
    row("one query inside the worker", `${spread(results.worker)}, ${ratio.toFixed(2)} × the read`, "≤ 2.5 ×", ratio <= 2.5);

    Object.assign(results, await page.evaluate(async () => {
      const lengths = Float64Array.from({ length: 100_000 }, (_, row) => Math.hypot(...all.subarray(row * DIMS, (row + 1) * DIMS)));
      const api = await timed(40, async (round) => void (await index.search(queries[round % 100])));
      let wrong = 0;
      const javascript = await timed(11, async (round) => {
        const started = performance.now();
        const best = plain(all, lengths, queries[round]);
        const ms = performance.now() - started;
        const found = await index.search(queries[round]);
        wrong += best.filter(({ id }) => !found.some((hit) => hit.id === id)).length;
        return ms;
      });
      const eight = queries.slice(0, 8);
      const onePass = await timed(20, async () => {
        await index.search(eight);
        return index.status.timings.lastSearchMs;
      });
      const eightPasses = await timed(20, async () => {
        let sum = 0;
        for (const query of eight) {
          await index.search(query);
          sum += index.status.timings.lastSearchMs;
        }
        return sum;
      });
      return { api, javascript, onePass, eightPasses, wrong, memory: index.status.memoryBytes };
    }));
    const faster = median(results.javascript) / median(results.api);
    row("plain JavaScript, float32, in the page", spread(results.javascript));
    row("one query through the public API", `${spread(results.api)}, ${faster.toFixed(1)} × faster`, "≥ 12 ×", faster >= 12);
    const pass = median(results.onePass) / median(results.eightPasses);
    row("eight queries, eight passes", spread(results.eightPasses));
    row("eight queries, one pass", `${spread(results.onePass)}, ${pass.toFixed(2)} ×`, "≤ 0.5 ×", pass <= 0.5);
    const memory = results.memory / 38_400_000;
    row("memory of the worker over the raw int8 bytes", `${(results.memory / 1e6).toFixed(1)} MB, ${memory.toFixed(3)} ×`, "≤ 1.15 ×", memory <= 1.15);

    results.recall = await page.evaluate(async () => {
      const exact = await homebody.VectorIndex.create({ dims: DIMS, vectors: all, copy: true, precision: "float32", device: "cpu" });
      let shared = 0;
      for (const query of queries) {
        const [best, found] = [await exact.search(query), await index.search(query)];
        shared += found.filter(({ id }) => best.some((hit) => hit.id === id)).length;
      }
      await exact.close();
      return shared / 1000;
    });
    row("recall@10 of int8 against float32, 100 queries", results.recall.toFixed(3), "≥ 0.99", results.recall >= 0.99);

    results.gpu = await page.evaluate(async () => {
      const gpu = await homebody.VectorIndex.create({ dims: DIMS, vectors: all, copy: true, device: "gpu" }).catch((error) => ({ error: error.message }));
      if (gpu.error !== undefined) return gpu;
      let wrong = 0;
      for (const query of queries.slice(0, 10)) {
        const [a, b] = [await index.search(query), await gpu.search(query)];
        wrong += JSON.stringify(a) === JSON.stringify(b) ? 0 : 1;
      }
      const before = gpu.status.gpu;
      const one = await timed(15, async () => void (await gpu.search(queries[0])));
      const after = gpu.status.gpu;
      const eight = await timed(5, async () => void (await gpu.search(queries.slice(0, 8))));
      const each = Object.fromEntries(["passes", "submits", "readBacks", "questionBytes", "answerBytes"].map((name) => [name, (after[name] - before[name]) / 16]));
      const { openMs } = gpu.status.timings;
      await gpu.close();
      return { adapter: after.adapter, software: after.software, itemBytes: after.itemBytes, wrong, one, eight, each, openMs, passMs: after.passMs };
    });
    const { gpu } = results;
    if (gpu.error !== undefined) row("WebGPU", gpu.error, "right answers", false);
    else {
      row(`WebGPU on ${gpu.adapter}${gpu.software ? " (software)" : ""}`, `${10 - gpu.wrong} of 10 answers equal to the CPU's`, "right answers", gpu.wrong === 0);
      row("… one query", spread(gpu.one));
      const passes = gpu.passMs && Object.entries(gpu.passMs).map(([name, ms]) => `${name} ${ms.toFixed(2)} ms`).join(", ");
      row("… passes of the last of these, by the GPU's clock", passes ?? "this adapter has no timestamps");
      row("… eight queries, one pass", spread(gpu.eight));
      row("… for each search", `${gpu.each.passes} dispatches, ${gpu.each.submits} submit, ${gpu.each.readBacks} read-back, ${gpu.each.questionBytes} bytes sent, ${gpu.each.answerBytes} read`);
      row("… once", `${(gpu.itemBytes / 1e6).toFixed(1)} MB sent, ready after ${gpu.openMs.toFixed(0)} ms`);
    }

    results.million = await page.evaluate(async () => {
      for (let part = 1; part < 10; part++) {
        const ids = Array.from({ length: 100_000 }, (_, at) => String(part * 100_000 + at));
        await index.add(ids, clustered(100_000, 2 + part));
      }
      const times = await timed(20, async (round) => {
        await index.search(queries[round % 100]);
        return index.status.timings.lastSearchMs;
      });
      return { times, vectors: index.status.vectors, memory: index.status.memoryBytes };
    });
    const { million } = results;
    const growth = median(million.times) / median(results.worker);
    assert.equal(million.vectors, 1_000_000);
    row("1,000,000 × 384, one query inside the worker", `${spread(million.times)}, ${growth.toFixed(1)} × of 100,000`, "≤ 11 ×", growth <= 11);
    row("… memory over the raw int8 bytes", `${(million.memory / 1e6).toFixed(1)} MB, ${(million.memory / 384e6).toFixed(3)} ×`, "≤ 1.15 ×", million.memory / 384e6 <= 1.15);
  });
} finally {
  await launched.close();
}
console.log(`Chromium ${results.browser}, ${cpus()[0].model}, ${cpus().length} cores; medians (least to most)`);
const widths = [0, 1, 2].map((at) => Math.max(...rows.map((cells) => (cells[at] ?? "").length)));
for (const cells of rows) console.log(`| ${cells.map((cell, at) => (cell ?? "").padEnd(widths[at] ?? 6)).join(" | ")} |`);
if (process.env.HOMEBODY_BENCH_JSON !== undefined) writeFileSync(process.env.HOMEBODY_BENCH_JSON, JSON.stringify(results, null, 1));
