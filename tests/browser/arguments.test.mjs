/** Arguments of the wrong kind, for every call: an error of ours that tells what came, and an object that goes on working. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { FILMS, closeBrowser, open, visit } from "./harness.mjs";

after(closeBrowser);

/** What is no text and no list, each of which the engine would take for an address in its memory or go through. */
const NO_TEXTS = "[undefined, null, 5, true, 7n, {}, ['a'], { length: 3 }]";
const NO_LISTS = "[undefined, null, 5, true, {}, 'abc', new Set(['a']), [5], [undefined], [{}], [['a']], [, 'a']]";

/** Calls `work(value)` in the page for each value; gives what came of those that were no proper error. */
async function refused(page, setUp, calls) {
  return page.evaluate(`(async () => {
    const { Recommender, VectorIndex, Embedder, HomebodyError } = homebody;
    ${setUp}
    const wrong = [];
    for (const [name, values, code, work] of [${calls.map(([name, values, code]) => `[${JSON.stringify(name)}, ${values}, ${code}, async (value) => ${name}]`)}]) {
      for (const value of values) {
        const came = await Promise.race([work(value), new Promise((resolve) => setTimeout(resolve, 10_000))]).then(() => "nothing was refused", (error) => error);
        const told = typeof value === "bigint" ? String(value) : value;
        if (!(came instanceof HomebodyError) || !code.test(came.code) || !/expect/i.test(came.message) || !/got/.test(came.message)) {
          wrong.push(name + " of " + JSON.stringify(told) + ": " + came.code + " " + (came.message ?? came));
        }
      }
    }
    return wrong;
  })()`);
}

const ARGUMENT = "/^(invalid-argument|option)$/";

test("a recommender refuses what is no text, list, event, interest or object of options, and goes on", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const setUp = `const hb = await Recommender.create({ ...${JSON.stringify(FILMS)}, persist: false }); window.hb = hb;`;
    const noOptions = "[null, 5, 'x', [], [1], true]";
    const wrong = await refused(page, setUp, [
      ["hb.similar(value)", NO_TEXTS, ARGUMENT],
      ["hb.search(value)", NO_TEXTS, ARGUMENT],
      ["hb.chooseSegment(value)", NO_TEXTS, ARGUMENT],
      ["hb.profile.undo(value)", NO_TEXTS, ARGUMENT],
      ["hb.profile.without(value)", NO_TEXTS, ARGUMENT],
      ["hb.profile.switch(value)", NO_TEXTS, ARGUMENT],
      ["hb.profile.describe(value)", NO_TEXTS, ARGUMENT],
      ["hb.get(value)", NO_LISTS, ARGUMENT],
      ["hb.profile.fromItems(value)", NO_LISTS, ARGUMENT],
      ["hb.profile.remove({ events: value })", NO_LISTS, ARGUMENT],
      ["hb.profile.mute({ items: value })", "[undefined, null, 5, 'abc', [null], [{}], [{ id: 5 }]]", ARGUMENT],
      ["hb.profile.unmute({ items: value })", "[undefined, null, 5, 'abc', [null], [{}], [{ id: 5 }]]", ARGUMENT],
      ["hb.profile.mute(value)", "[undefined, null, 5, 'x', {}]", ARGUMENT],
      ["hb.profile.unmute(value)", "[undefined, null, 5, 'x', {}]", ARGUMENT],
      ["hb.profile.remove(value)", "[undefined, null, 5, 'x', {}]", ARGUMENT],
      ["hb.profile.import(value)", "[undefined, null, 5, '{}', {}]", ARGUMENT],
      ["hb.record(value)", "[undefined, null, 5, 'x', [], ['blade-runner-1982', 'like'], {}, { item: 5, type: 'like' }, { item: 'blade-runner-1982' }]", ARGUMENT],
      ["hb.record({ item: 'blade-runner-1982', type: 'like', value })", "[NaN, Infinity, '5', {}]", "/^event-value$/"],
      ["hb.record({ item: 'blade-runner-1982', type: 'impression', value })", "[0, -3, 1.5, 1e18, NaN]", "/^event-value$/"],
      ["hb.record({ item: 'blade-runner-1982', type: 'like', time: value })", "[NaN, 1.5, performance.timeOrigin + 0.25, 'now', new Date(), 1e300]", "/^event-time$/"],
      ["hb.recordAll(value)", "[undefined, null, 5, 'abc', {}, [null], [5], [,]]", ARGUMENT],
      ["hb.recommend(value)", noOptions, ARGUMENT],
      ["hb.search('x', value)", noOptions, ARGUMENT],
      ["hb.similar('blade-runner-1982', value)", noOptions, ARGUMENT],
      ["hb.onboarding(value)", noOptions, ARGUMENT],
      ["hb.features(value)", noOptions, ARGUMENT],
      ["hb.profile.without('x', value)", noOptions, ARGUMENT],
      ["hb.profile.switch('x', value)", noOptions, ARGUMENT],
      ["hb.profile.describe('x', value)", noOptions, ARGUMENT],
      ["hb.profile.switch('x', { persist: value })", "[null, 0, 'no']", ARGUMENT],
      ["hb.recommend({ signal: value })", "[5, {}, 'x']", ARGUMENT],
      ["hb.recommend({ diversity: value })", "[NaN, Infinity, new Map()]", ARGUMENT],
      ["hb.recommend({ weights: { rating: value } })", "[NaN, -Infinity]", "/^weight$/"],
      ["hb.recommend({ weights: value })", "[new Map([['rating', 1]]), new Set()]", ARGUMENT],
      ["hb.recommend({ where: { and: [{ rating: { gt: value } }] } })", "[NaN, -Infinity]", "/^filter-type$/"],
      ["hb.on('change', value)", "[undefined, null, 5, {}]", ARGUMENT],
      ["Recommender.create({ catalog: value })", "[undefined, null, 5, {}, 'http://[', 'data:text/plain,x']", ARGUMENT],
      ["Recommender.create({ catalog: '/catalogs/films/', model: value })", "[null, 5, {}, 'http://[']", ARGUMENT],
      ["Recommender.create({ catalog: '/catalogs/films/', ranker: value })", "[null, 5, {}, 'http://[']", ARGUMENT],
      ["Recommender.create({ catalog: '/catalogs/films/', profile: value })", "[null, 5, {}, '']", ARGUMENT],
      ["Recommender.create({ catalog: '/catalogs/films/', persist: value })", "[null, 0, 'no']", ARGUMENT],
      ["Recommender.create({ catalog: '/catalogs/films/', onProgress: value })", "[null, 5, {}]", ARGUMENT],
      ["Recommender.create({ catalog: '/catalogs/films/', signal: value })", "[5, {}, 'x']", ARGUMENT],
    ]);
    assert.deepEqual(wrong, []);
    const after = await page.evaluate(async () => {
      const all = [await hb.recommend({ limit: 2 ** 53 }), await hb.recommend({ limit: Infinity }), await hb.onboarding({ n: 2 ** 40 })].map(({ length }) => length);
      const events = await hb.profile.events();
      let deep = { rating: 1 };
      for (let at = 0; at < 200; at++) deep = { not: deep };
      const told = [(await thrown(hb.recommend({ where: deep }))).message, (await thrown(hb.recommend({ where: { rating: { gt: NaN } } }))).message];
      const same = hb.status === hb.status;
      const before = hb.status;
      await hb.recommend();
      const renewed = hb.status !== before;
      await hb.close();
      return { all, events, told, status: [same, renewed], closed: [(await thrown((async () => hb.on("change", () => undefined))())).code, (await thrown(hb.prepareSearch())).code, (await thrown(hb.search("x"))).code, (await thrown(hb.record(5))).code] };
    });
    assert.deepEqual(after, {
      all: [3201, 3201, 3201],
      events: [],
      told: [after.told[0], "recommend(): where: rating: gt: expected a finite number, got NaN."],
      status: [true, true],
      closed: ["closed", "closed", "closed", "invalid-argument"],
    });
    assert.match(after.told[0], /: expected options at most 100 levels deep\.$/);
  }));

test("an index refuses what is no list of ids, no vectors and no filter, and goes on", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const setUp = `
      const v = (...values) => new Float32Array(values);
      const ix = await VectorIndex.create({ dims: 2, vectors: v(1, 0, 0, 1, 1, 1), ids: ["a", "b", "c"] });
      const gone = v(1, 0);
      structuredClone(gone, { transfer: [gone.buffer] });
      window.ix = ix;`;
    const noIds = NO_LISTS.replace("[undefined, null,", "[null,");
    const noVectors = "[undefined, null, 5, 'ab', {}, [1, 0], [[1, 0]], new Float64Array(2), Object.create(null), gone]";
    const wrong = await refused(page, setUp, [
      ["VectorIndex.create({ dims: 2, vectors: v(1, 0, 0, 1, 1, 1), ids: value })", noIds, ARGUMENT],
      ["VectorIndex.create({ dims: 2, vectors: value })", noVectors, ARGUMENT],
      ["VectorIndex.create({ dims: 2, vectors: v(1, 0), copy: value })", "[0, 'yes', {}]", ARGUMENT],
      ["VectorIndex.create({ dims: 2, vectors: v(1, 0), signal: value })", "[5, {}, 'x']", ARGUMENT],
      ["ix.search(value)", noVectors.replace(" [1, 0],", " [1, 0], [, v(1, 0)],"), ARGUMENT],
      ["ix.search(v(1, 0), { filter: value })", `[...${noIds}, new Int8Array(1), new ArrayBuffer(1), [true, false, true]]`, ARGUMENT],
      ["ix.search(v(1, 0), { signal: value })", "[5, {}, 'x']", ARGUMENT],
      ["ix.search(v(1, 0), value)", "[null, 5, 'x', []]", ARGUMENT],
      ["ix.add(value, v(1, 0))", NO_LISTS, ARGUMENT],
      ["ix.add(['d'], value)", noVectors, ARGUMENT],
      ["ix.replace(value, v(1, 0))", NO_TEXTS, ARGUMENT],
      ["ix.replace('a', value)", noVectors, ARGUMENT],
      ["ix.remove(value)", NO_LISTS, ARGUMENT],
    ]);
    assert.deepEqual(wrong, []);
    assert.deepEqual(await page.evaluate(async () => (await ix.search(new Float32Array([1, 0]), { limit: Infinity })).map(({ id }) => id)), ["a", "c", "b"]);
  }));

test("an embedder refuses what is no text, and goes on", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const wrong = await refused(page, `const em = (window.em = await Embedder.create(${JSON.stringify({ model: FILMS.model })}));`, [
      ["em.embed(value)", NO_LISTS.replace(" 'abc',", ""), ARGUMENT],
      ["em.embed(['a', value])", NO_TEXTS, ARGUMENT],
      ["em.embed('a', value)", "[null, 5, 'query', []]", ARGUMENT],
      ["em.embed('a', { onProgress: value })", "[null, 5, {}]", ARGUMENT],
      ["em.embed('a', { signal: value })", "[5, {}, 'x']", ARGUMENT],
      ["Embedder.create({ model: value })", "[undefined, null, 5, {}, 'http://[', { onnx: 'http://[', tokenizer: '/x' }, { onnx: 5, tokenizer: '/x' }]", ARGUMENT],
      ["Embedder.create({ model: { onnx: '/x', tokenizer: '/y', queryPrefix: value } })", "[null, 5, {}]", ARGUMENT],
      ["Embedder.create({ model: '/models/all-MiniLM-L6-v2/', onProgress: value })", "[null, 5, {}]", ARGUMENT],
      ["Embedder.create({ model: '/models/all-MiniLM-L6-v2/', signal: value })", "[5, {}, 'x']", ARGUMENT],
    ]);
    assert.deepEqual(wrong, []);
    const after = await page.evaluate(async () => {
      const [vector] = await em.embed("a text");
      await em.close();
      return [vector.length, (await thrown(em.embed([]))).code];
    });
    assert.deepEqual(after, [384, "closed"]);
  }));
