/** Bring your own vectors: exact answers, whoever owns which buffer, and what is refused. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, open, visit } from "./harness.mjs";

after(closeBrowser);

/** Seeded vectors around a few centres, in the page: `random(seed)`, `clustered(count, dims, seed)`, `exact(...)`. */
const HELPERS = `
  window.random = (seed) => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  window.clustered = (count, dims, seed) => {
    const next = random(seed);
    const centres = Array.from({ length: 20 }, () => Float32Array.from({ length: dims }, () => next() - 0.5));
    const all = new Float32Array(count * dims);
    for (let row = 0; row < count; row++) {
      const centre = centres[Math.floor(next() * centres.length)];
      for (let i = 0; i < dims; i++) all[row * dims + i] = centre[i] + (next() - 0.5) * 0.7;
    }
    return all;
  };
  // Plain JavaScript in doubles: the oracle.
  window.exact = (all, dims, query, metric) => {
    const scores = [];
    for (let row = 0; row < all.length / dims; row++) {
      let dot = 0, a = 0, b = 0, far = 0;
      for (let i = 0; i < dims; i++) {
        const [x, q] = [all[row * dims + i], query[i]];
        dot += x * q; a += x * x; b += q * q; far += (x - q) ** 2;
      }
      scores.push({ id: String(row), score: metric === "dot" ? dot : metric === "l2" ? -Math.sqrt(far) : a * b === 0 ? 0 : dot / Math.sqrt(a * b) });
    }
    return scores.sort((x, y) => y.score - x.score || (x.id < y.id ? -1 : 1));
  };
`;

const withPage = (work) =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await page.evaluate(HELPERS);
    await work(page, server);
  });

test("float32 gives the order of plain JavaScript under every metric; int8 keeps nearly all of its best ten", () =>
  withPage(async (page) => {
    const results = await page.evaluate(async () => {
      const dims = 37;
      const all = clustered(3000, dims, 1);
      const query = clustered(1, dims, 2);
      const results = [];
      for (const metric of ["cosine", "dot"]) {
        const oracle = exact(all, dims, query, metric).slice(0, 50);
        for (const precision of ["float32", "int8"]) {
          const index = await homebody.VectorIndex.create({ dims, vectors: all, copy: true, precision, metric });
          const hits = await index.search(query, { limit: 50 });
          results.push({ metric, precision, hits, oracle, status: index.status });
          await index.close();
        }
      }
      return results;
    });
    for (const { metric, precision, hits, oracle, status } of results) {
      const what = `${metric}, ${precision}`;
      assert.equal(hits.length, 50, what);
      assert.deepEqual([status.vectors, status.dims, status.precision, status.device, status.simd], [3000, 37, precision, "cpu", true]);
      const bound = precision === "float32" ? 1e-5 : 2e-2;
      for (const [i, { score }] of hits.entries()) assert.ok(Math.abs(score - oracle[i].score) < bound, `${what}: place ${i + 1} scores ${score}, exactly ${oracle[i].score}`);
      if (precision === "float32") assert.deepEqual(hits.map(({ id }) => id), oracle.map(({ id }) => id), what);
      const best = new Set(oracle.slice(0, 10).map(({ id }) => id));
      assert.ok(hits.slice(0, 10).filter(({ id }) => best.has(id)).length >= 9, what);
    }
  }));

test("distance is a similarity: the nearest comes first", () =>
  withPage(async (page) => {
    const { hits, oracle } = await page.evaluate(async () => {
      const all = clustered(500, 8, 3);
      const query = clustered(1, 8, 4);
      const index = await homebody.VectorIndex.create({ dims: 8, vectors: all, copy: true, precision: "float32", metric: "l2" });
      return { hits: await index.search(query, { limit: 20 }), oracle: exact(all, 8, query, "l2").slice(0, 20) };
    });
    assert.deepEqual(hits.map(({ id }) => id), oracle.map(({ id }) => id));
    for (let i = 1; i < hits.length; i++) assert.ok(hits[i - 1].score >= hits[i].score);
  }));

test("several queries at once give what each gives alone; filters by ids and by bits agree", () =>
  withPage(async (page) => {
    const result = await page.evaluate(async () => {
      const dims = 16;
      const index = await homebody.VectorIndex.create({ dims, vectors: clustered(1000, dims, 5) });
      const queries = Array.from({ length: 11 }, (_, i) => clustered(1, dims, 100 + i));
      const together = await index.search(queries, { limit: 7 });
      const alone = [];
      for (const query of queries) alone.push(await index.search(query, { limit: 7 }));
      const wanted = [3, 64, 65, 500, 999];
      const bits = new Uint8Array(125);
      for (const row of wanted) bits[row >> 3] |= 1 << row % 8;
      const options = { limit: 100 };
      return {
        together, alone,
        ids: await index.search(queries[0], { ...options, filter: wanted.map(String) }),
        bits: await index.search(queries[0], { ...options, filter: bits }),
        none: await index.search(queries[0], { filter: [] }),
        zero: await index.search(queries[0], { limit: 0 }),
        all: (await index.search(queries[0], { limit: 5000 })).length,
        noQueries: await index.search([]),
      };
    });
    assert.deepEqual(result.together, result.alone);
    assert.deepEqual(result.ids.map(({ id }) => id).sort(), ["3", "500", "64", "65", "999"]);
    assert.deepEqual(result.bits, result.ids);
    assert.deepEqual([result.none, result.zero, result.noQueries, result.all], [[], [], [], 1000]);
  }));

test("equal vectors come in the order of their ids, zero vectors last", () =>
  withPage(async (page) => {
    const hits = await page.evaluate(async () => {
      const vectors = new Float32Array([1, 1, 2, 2, 0, 0, 3, 3]);
      const index = await homebody.VectorIndex.create({ dims: 2, vectors, ids: ["c", "a", "zero", "b"] });
      return (await index.search(new Float32Array([5, 5]))).map(({ id }) => id);
    });
    assert.deepEqual(hits, ["a", "b", "c", "zero"]);
  }));

test("the caller's buffer goes to the worker, or stays when a copy is asked for or a view is given", () =>
  withPage(async (page) => {
    const lengths = await page.evaluate(async () => {
      const { VectorIndex } = homebody;
      const given = new Float32Array([1, 0, 0, 1]);
      await VectorIndex.create({ dims: 2, vectors: given });
      const copied = new Float32Array([1, 0, 0, 1]);
      await VectorIndex.create({ dims: 2, vectors: copied, copy: true });
      const whole = new Float32Array([9, 9, 1, 0, 0, 1]);
      const index = await VectorIndex.create({ dims: 2, vectors: whole.subarray(2) });
      const query = new Float32Array([1, 0]);
      await index.search(query);
      return [given.length, copied.length, whole.length, query.length];
    });
    assert.deepEqual(lengths, [0, 4, 6, 2]);
  }));

test("vectors whose adding is refused are not lost: they stay, or the error has them", () =>
  withPage(async (page) => {
    const result = await page.evaluate(async () => {
      const index = await homebody.VectorIndex.create({ dims: 2, vectors: new Float32Array([1, 0, 0, 1]), ids: ["a", "b"] });
      const add = async (ids, values, options) => {
        const vectors = new Float32Array(values);
        const error = await index.add(ids, vectors, options).catch((error) => error);
        return { code: error.code, ours: error instanceof homebody.HomebodyError, kept: Array.from({ length: vectors.length }, (_, at) => vectors[at]), back: error.vectors && [...error.vectors] };
      };
      const refused = {
        ids: await add(["c"], [1, 2, 3, 4]),
        partial: await add(["c"], [1, 2, 3]),
        known: await add(["c", "a"], [1, 2, 3, 4]),
        nan: await add(["c"], [1, Number.NaN]),
        copied: await add(["a"], [1, 2], { copy: true }),
      };
      // What came back can be handed over again.
      const vectors = new Float32Array([5, 6]);
      const error = await index.add(["a"], vectors).catch((error) => error);
      await index.add(["c"], error.vectors);
      return { refused, again: [vectors.length, error.vectors.length, index.status.vectors] };
    });
    const refused = (code, kept, back) => ({ code, ours: true, kept, back });
    assert.deepEqual(result.refused, {
      ids: refused("vector-ids", [1, 2, 3, 4], undefined),
      partial: refused("vector-partial-row", [1, 2, 3], undefined),
      known: refused("vector-duplicate-id", [], [1, 2, 3, 4]),
      nan: refused("vector-not-finite", [], [1, NaN]),
      copied: refused("vector-duplicate-id", [1, 2], undefined),
    });
    assert.deepEqual(result.again, [0, 0, 3]);
  }));

test("what is added, replaced and removed is found, found elsewhere and not found", () =>
  withPage(async (page) => {
    const steps = await page.evaluate(async () => {
      const index = await homebody.VectorIndex.create({ dims: 2, vectors: new Float32Array([1, 0, 0, 1]), ids: ["east", "north"] });
      const nearest = async () => (await index.search(new Float32Array([1, 1]))).map(({ id }) => id);
      const steps = [await nearest()];
      await index.add(["northeast", "west"], new Float32Array([1, 1, -1, 0]));
      steps.push(await nearest());
      await index.replace("east", new Float32Array([-1, -1]));
      steps.push(await nearest());
      await index.remove(["northeast", "west"]);
      steps.push(await nearest(), [String(index.status.vectors)]);
      return steps;
    });
    assert.deepEqual(steps, [["east", "north"], ["northeast", "east", "north", "west"], ["northeast", "north", "west", "east"], ["north", "east"], ["2"]]);
  }));

test("of many vectors the one that cannot be is told by its number", () =>
  withPage(async (page) => {
    const result = await page.evaluate(async () => {
      const vectors = new Float32Array(384 * 2000).fill(1);
      vectors[384 * 1500 + 3] = Number.NaN;
      const one = await homebody.VectorIndex.create({ dims: 384, vectors: new Float32Array(384) });
      const messages = [await thrown(homebody.VectorIndex.create({ dims: 384, vectors, copy: true })), await thrown(one.add(Array.from({ length: 2000 }, (_, at) => `n${at}`), vectors))];
      return { messages: messages.map(({ code, message }) => `${code} ${message}`), left: one.status.vectors };
    });
    for (const message of result.messages) assert.match(message, /^vector-not-finite vector 1500 of/);
    assert.equal(result.left, 1);
  }));

test("what cannot be is refused with a code, and changes nothing", () =>
  withPage(async (page) => {
    const result = await page.evaluate(async () => {
      const { VectorIndex } = homebody;
      const two = () => new Float32Array([1, 0, 0, 1]);
      const index = await VectorIndex.create({ dims: 2, vectors: two(), ids: ["a", "b"] });
      const controller = new AbortController();
      const given = thrown(index.search(new Float32Array(2), { signal: controller.signal }));
      controller.abort();
      const cases = {
        dims: () => VectorIndex.create({ dims: 1, vectors: two() }),
        partial: () => VectorIndex.create({ dims: 3, vectors: two() }),
        nan: () => VectorIndex.create({ dims: 2, vectors: new Float32Array([1, Number.NaN]) }),
        ids: () => VectorIndex.create({ dims: 2, vectors: two(), ids: ["a"] }),
        twice: () => VectorIndex.create({ dims: 2, vectors: two(), ids: ["a", "a"] }),
        precision: () => VectorIndex.create({ dims: 2, vectors: two(), precision: "int4" }),
        option: () => VectorIndex.create({ dims: 2, vectors: two(), metrics: "dot" }),
        array: () => VectorIndex.create({ dims: 2, vectors: [1, 0] }),
        length: () => index.search(new Float32Array(3)),
        queryNan: () => index.search(new Float32Array([1, Number.POSITIVE_INFINITY])),
        limit: () => index.search(new Float32Array(2), { limit: -1 }),
        mask: () => index.search(new Float32Array(2), { filter: new Uint8Array(9) }),
        known: () => index.add(["c", "a"], two()),
        unknown: () => index.replace("c", new Float32Array(2)),
      };
      const codes = {};
      for (const [name, work] of Object.entries(cases)) codes[name] = (await thrown(work)).code;
      const left = (await index.search(new Float32Array([1, 0]))).map(({ id }) => id);
      await index.close();
      await index.close();
      codes.closed = (await thrown(index.search(new Float32Array(2)))).code;
      return { codes, left, given: (await given).name };
    });
    assert.deepEqual(result, {
      codes: {
        dims: "vector-dims",
        partial: "vector-partial-row",
        nan: "vector-not-finite",
        ids: "vector-ids",
        twice: "vector-duplicate-id",
        precision: "option",
        option: "unknown-option",
        array: "invalid-argument",
        length: "vector-length",
        queryNan: "vector-not-finite",
        limit: "option",
        mask: "vector-mask-length",
        known: "vector-duplicate-id",
        unknown: "vector-unknown-id",
        closed: "closed",
      },
      left: ["a", "b"],
      given: "AbortError",
    });
  }));
