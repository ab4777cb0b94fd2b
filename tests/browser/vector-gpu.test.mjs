/**
 * `VectorIndex` on WebGPU: the answers of the CPU to the bit, one submit and one small read-back a search, and the CPU when
 * the device goes. Chromium computes WebGPU on the CPU here (SwiftShader); no adapter is a failure, not a skip.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { before, closeGpu, forgetReal, losing, visitWithGpu } from "./gpu.mjs";
import { until } from "./harness.mjs";

after(closeGpu);

const HELPERS = `
  window.noise = (seed, count) => {
    let state = (Math.imul(seed, 2654435761) + 1) >>> 0;
    return Float32Array.from({ length: count }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 8) / 8388608 - 1;
    });
  };
  // An index on each device, of the same vectors.
  window.both = async (vectors, options) => {
    const make = (device) => homebody.VectorIndex.create({ ...options, vectors, copy: true, device });
    return { cpu: await make("cpu"), gpu: await make("gpu") };
  };
  window.closeBoth = async ({ cpu, gpu }) => { await cpu.close(); await gpu.close(); };
`;

const withGpu = (work, setUp) =>
  visitWithGpu(async (page, server, context) => {
    await page.evaluate(HELPERS);
    await work(page, server, context);
  }, setUp);

test("a GPU answers as the CPU does: dims around word borders, every metric and precision, filters, many queries", () =>
  withGpu(async (page) => {
    const seen = await page.evaluate(async () => {
      const seen = { compared: 0, differing: [], rescans: 0, searches: 0 };
      for (const [dims, rows] of [[2, 1], [3, 65], [5, 63], [33, 300], [385, 129], [8, 100_003]]) {
        const vectors = noise(dims, dims * rows);
        const queries = Array.from({ length: 9 }, (_, i) => noise(100 + i, dims));
        const some = new Uint8Array(Math.ceil(rows / 8)).map((_, i) => (i * 37) & 0x5b);
        const filters = [undefined, [], [String(rows >> 1)], some, new Uint8Array(some.length).fill(0xff)];
        for (const precision of ["int8", "float32"]) {
          for (const metric of dims === 33 ? ["cosine", "dot", "l2"] : [dims === 8 ? "l2" : "cosine"]) {
            const pair = await both(vectors, { dims, precision, metric });
            for (const filter of rows > 1000 ? filters.slice(2) : filters) {
              for (const [query, limit] of [[queries[0], 10], [queries, 3], [queries.slice(0, 3), rows > 1000 ? 50 : rows + 5], [queries[1], 1]]) {
                const [cpu, gpu] = await Promise.all([pair.cpu.search(query, { limit, filter }), pair.gpu.search(query, { limit, filter })]);
                seen.compared += 1;
                if (JSON.stringify(cpu) !== JSON.stringify(gpu)) seen.differing.push({ dims, rows, precision, metric, limit, cpu: cpu.slice(0, 3), gpu: gpu.slice(0, 3) });
              }
            }
            const { device, notes, gpu } = pair.gpu.status;
            if (device !== "gpu" || notes.length > 0) seen.differing.push({ dims, rows, precision, metric, device, notes });
            seen.rescans += gpu.rescans;
            seen.searches += gpu.searches;
            await closeBoth(pair);
          }
        }
      }
      return seen;
    });
    assert.deepEqual(seen.differing.slice(0, 3), []);
    assert.ok(seen.compared > 200 && seen.searches > seen.compared, JSON.stringify(seen));
    assert.equal(seen.rescans, 0, `the CPU looked after ${seen.rescans} of ${seen.searches} searches`);
  }));

test("equal and zero vectors come in the order of their ids", () =>
  withGpu(async (page) => {
    const found = await page.evaluate(async () => {
      const found = [];
      for (const value of [0.5, 0]) {
        for (const precision of ["int8", "float32"]) {
          const pair = await both(new Float32Array(4 * 500).fill(value), { dims: 4, precision });
          const query = new Float32Array([1, 2, 3, 4]);
          found.push([await pair.cpu.search(query, { limit: 4 }), await pair.gpu.search(query, { limit: 4 })]);
          await closeBoth(pair);
        }
      }
      return found;
    });
    for (const [cpu, gpu] of found) {
      assert.deepEqual(gpu, cpu);
      assert.deepEqual(gpu.map(({ id }) => id), ["0", "1", "10", "100"]);
    }
  }));

test("vectors are sent once; a search is one submit and one read-back of some hundred bytes", () =>
  withGpu(async (page) => {
    const { before, after, changed } = await page.evaluate(async () => {
      const index = await homebody.VectorIndex.create({ dims: 64, vectors: noise(1, 64 * 3000), device: "gpu" });
      const query = noise(2, 64);
      await index.search(query);
      const before = index.status.gpu;
      await index.search(query);
      const after = index.status.gpu;
      await index.replace("7", query);
      const [nearest] = await index.search(query, { limit: 1 });
      return { before, after, changed: { nearest: nearest.id, bytes: index.status.gpu.itemBytes - after.itemBytes } };
    });
    const spent = (name) => after[name] - before[name];
    assert.deepEqual([spent("searches"), spent("submits"), spent("readBacks"), spent("rescans")], [1, 1, 1, 0]);
    assert.equal(spent("passes"), 8);
    assert.equal(before.itemBytes, 3008 * (64 + 8));
    assert.equal(spent("itemBytes"), 0);
    assert.ok(spent("answerBytes") <= 1024 && spent("answerBytes") > 0, `${spent("answerBytes")} bytes came back`);
    assert.deepEqual(changed, { nearest: "7", bytes: 64 * (64 + 8) });
  }));

test("a device that is lost in the middle of a search: the right answer comes from the CPU, and a note", () =>
  withGpu(async (page, server) => {
    await page.evaluate(async () => {
      window.pair = await both(noise(3, 32 * 2000), { dims: 32 });
    });
    assert.equal(await page.evaluate(() => pair.gpu.status.device), "gpu");
    for (const worker of page.workers()) await worker.evaluate(() => void (self.homebodyLose = true));
    const { cpu, gpu, status, again } = await page.evaluate(async () => {
      const query = noise(4, 32);
      const [cpu, gpu] = [await pair.cpu.search(query), await pair.gpu.search(query)];
      return { cpu, gpu, status: pair.gpu.status, again: await pair.gpu.search(query) };
    });
    assert.deepEqual(gpu, cpu);
    assert.deepEqual(again, cpu);
    assert.equal(status.device, "cpu");
    assert.equal(status.notes.length, 1);
    assert.match(status.notes[0], /put aside/);
    forgetReal(server);
  }, losing));

test('device "auto" measures both, says so, and remembers', () =>
  withGpu(async (page) => {
    const make = (seed) =>
      page.evaluate((seed) => {
        window.index = undefined;
        return homebody.VectorIndex.create({ dims: 384, vectors: noise(seed, 384 * 23_000) }).then((index) => void (window.index = index));
      }, seed);
    await make(5);
    await until(page, () => index.status.notes.length > 0);
    const first = await page.evaluate(() => index.status);
    assert.match(first.notes[0], /^The (?:CPU|GPU) is used: a search takes [\d.]+ ms on the CPU and [\d.]+ ms on .+, as measured\.$/);
    assert.equal(first.notes[0].startsWith("The GPU"), first.device === "gpu");
    assert.ok(first.gpu.adapter.length > 0);
    await page.evaluate(() => index.close());
    await page.reload();
    await page.waitForFunction(() => window.homebody !== undefined);
    await page.evaluate(HELPERS);
    await make(5);
    await until(page, () => index.status.notes.length > 0);
    const second = await page.evaluate(() => index.status);
    assert.equal(second.notes[0], first.notes[0].replace(/as measured\.$/, "as measured before."));
    assert.equal(second.device, first.device);
    await page.evaluate(() => index.close());
    // As many vectors of the same length, but others.
    await make(6);
    await until(page, () => index.status.notes.length > 0);
    assert.match(await page.evaluate(() => index.status.notes[0]), /, as measured\.$/);
  }));

test('device "gpu" without a GPU is refused with a code; "auto" goes on without', () =>
  withGpu(async (page, server) => {
    const refused = await page.evaluate(async () => {
      const { VectorIndex } = homebody;
      const refused = await thrown(VectorIndex.create({ dims: 2, vectors: new Float32Array([1, 0]), device: "gpu" }));
      window.index = await VectorIndex.create({ dims: 384, vectors: noise(5, 384 * 23_000), device: "auto" });
      return refused;
    });
    assert.equal(refused.code, "vector-no-gpu");
    await until(page, () => index.status.notes.length > 0);
    const { device, notes, gpu } = await page.evaluate(() => index.status);
    assert.deepEqual([device, gpu], ["cpu", undefined]);
    assert.match(notes[0], /^The CPU is used/);
    forgetReal(server);
  }, before("GPU.prototype.requestAdapter = async () => null;")));
