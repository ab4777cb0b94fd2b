/** Ranking through the public API: what comes out, and what is refused. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { FILMS, closeBrowser, open, visit } from "./harness.mjs";

after(closeBrowser);

const EMPIRE = "star-wars-ep-v-the-empire-strikes-back-1980";

test("what it runs on is told", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const { status, progress, weights } = await page.evaluate(async (films) => {
      const progress = [];
      const hb = await homebody.Recommender.create({ ...films, onProgress: (step) => progress.push(step) });
      return { status: hb.status, progress, weights: hb.weights() };
    }, FILMS);
    assert.deepEqual({ ...status, timings: null, catalog: { ...status.catalog, version: null } }, {
      device: "cpu",
      simd: true,
      storage: "indexeddb",
      catalog: { name: "films", version: null, items: 3201, source: "network" },
      model: "absent",
      notes: [],
      // The module, the manifest and its files; the embedding module and the model are not touched.
      requests: 4,
      timings: null,
    });
    assert.match(status.catalog.version, /^[0-9a-f]{64}$/);
    assert.ok(status.timings.openMs > 0);
    const phases = new Set(progress.map(({ phase }) => phase));
    assert.deepEqual([...phases].sort(), ["compile", "download", "ready"]);
    assert.deepEqual(progress.at(-1), { phase: "ready", device: "cpu" });
    for (const { file, loaded, total } of progress.filter(({ phase }) => phase === "download")) assert.ok(loaded <= total, file);
    assert.ok(["query", "dislike", "prior", "genres", "rating"].every((name) => typeof weights[name] === "number"), JSON.stringify(weights));
    assert.ok(!server.paths().some((path) => /embed-worker|embed\/|models\//.test(path)), "text was not used");
  }));

test("a like moves what is like it up, and the parts of every score add up to it", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const { before, after, near } = await page.evaluate(async ([films, id]) => {
      const hb = await homebody.Recommender.create(films);
      const all = { limit: hb.status.catalog.items };
      const before = await hb.recommend(all);
      await hb.record({ item: id, type: "like" });
      const slim = ({ id, score, parts }) => ({ id, score, parts });
      const after = (await hb.recommend({ ...all, explain: true })).map(slim);
      const near = await hb.similar(id, { limit: 5 });
      return { before, after, near };
    }, [FILMS, EMPIRE]);
    assert.equal(before.length, 3201);
    assert.equal(after.length, 3200, "what was liked is seen, and left out");
    assert.ok(!after.some(({ id }) => id === EMPIRE));
    for (const hit of after) {
      const sum = hit.parts.reduce((total, { contribution }) => total + contribution, 0);
      assert.ok(Math.abs(sum - hit.score) <= 1e-9, `${hit.id}: ${sum} is not ${hit.score}`);
      for (const { name, affinity, weight, contribution } of hit.parts) assert.ok(Math.abs(affinity * weight - contribution) <= 1e-12, name);
    }
    const order = after.map(({ score, id }) => ({ score, id }));
    const sorted = [...order].sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
    assert.deepEqual(order, sorted, "higher scores first, equal ones by id");
    const rank = (list, id) => list.findIndex((hit) => hit.id === id);
    const others = before.filter(({ item, id }) => /^Star Wars Ep\./.test(item.title) && id !== EMPIRE).map(({ id }) => id);
    assert.ok(others.length >= 4, `the catalog has the other Star Wars films: ${others}`);
    for (const id of others) assert.ok(rank(after, id) < rank(before, id), `${id} rose from ${rank(before, id)} to ${rank(after, id)}`);
    assert.equal(near.length, 5);
    assert.ok(near.filter(({ item }) => /Star Wars/.test(item.title)).length >= 2, near.map(({ item }) => item.title).join(", "));
  }));

test("a filter is applied before ranking, and paging goes on where it stopped", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const { eighties, pages, all, none, tags } = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      const where = { year: { gte: 1980, lt: 1990 } };
      return {
        eighties: await hb.recommend({ where, limit: 1000 }),
        pages: [...(await hb.recommend({ where, limit: 10 })), ...(await hb.recommend({ where, limit: 10, offset: 10 }))],
        all: await hb.recommend({ where, limit: 20 }),
        none: await hb.recommend({ where: { year: { gt: 3000 } } }),
        tags: await hb.recommend({ where: { and: [{ genres: { any: ["Western"] } }, { not: { year: { lt: 1990 } } }] }, limit: 50 }),
      };
    }, FILMS);
    assert.ok(eighties.length > 50 && eighties.every(({ item }) => item.year >= 1980 && item.year < 1990));
    assert.deepEqual(pages, all);
    assert.deepEqual(none, []);
    assert.ok(tags.length > 0 && tags.every(({ item }) => item.genres.includes("Western") && !(item.year < 1990)));
  }));

test("items, columns and a choice for a new person", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const { got, columns, picks } = await page.evaluate(async ([films, id]) => {
      const hb = await homebody.Recommender.create(films);
      const got = await hb.get([id, "no-such-film", id]);
      return { got: got.map((hit) => (hit === undefined ? "undefined" : hit)), columns: await hb.columns(), picks: await hb.onboarding({ n: 12 }) };
    }, [FILMS, EMPIRE]);
    assert.deepEqual(got.map((hit) => hit.id ?? hit), [EMPIRE, "undefined", EMPIRE]);
    assert.equal(got[0].item.year, 1980);
    const column = (name) => columns.find((column) => column.name === name);
    assert.equal(column("year").type, "integer");
    assert.ok(column("year").min < 1930 && column("year").max >= 2010, JSON.stringify(column("year")));
    assert.ok(column("genres").values.some(({ value, count }) => value === "Drama" && count > 100));
    assert.equal(picks.length, 12);
    assert.equal(new Set(picks.map(({ id }) => id)).size, 12);
  }));

test("recommend() with a text or an item gives the list of search() or similar()", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const { pairs, codes } = await page.evaluate(async ([films, id]) => {
      const hb = await homebody.Recommender.create(films);
      await hb.record({ item: "alien-1979", type: "like" });
      const options = { limit: 20, where: { year: { gt: 1970 } }, explain: true };
      const plain = async (list) => JSON.stringify(await list);
      const pairs = [
        [await plain(hb.recommend({ text: "a ship at sea", personalize: 0.2, ...options })), await plain(hb.search("a ship at sea", { personalize: 0.2, ...options }))],
        [await plain(hb.recommend({ similarTo: id, ...options })), await plain(hb.similar(id, options))],
      ];
      const wrong = [{ text: "a", similarTo: id }, { similarTo: "no-such-film" }, { similarTo: 5 }, { text: "" }, { personalize: 1 }, { similarTo: id, personalize: 1 }];
      const codes = [];
      for (const one of wrong) codes.push((await thrown(hb.recommend(one))).code);
      return { pairs, codes };
    }, [FILMS, EMPIRE]);
    for (const [one, other] of pairs) assert.equal(one, other);
    assert.notEqual(pairs[0][0], pairs[1][0]);
    assert.deepEqual(codes, ["option", "unknown-item", "invalid-argument", "text-empty", "unknown-option", "unknown-option"]);
  }));

test("what nobody knows is refused with what is known", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const errors = await page.evaluate(async ([films, id]) => {
      const { Recommender } = homebody;
      const hb = await Recommender.create(films);
      const cases = {
        option: () => hb.recommend({ limits: 3 }),
        weight: () => hb.recommend({ weights: { ratings: 1 } }),
        column: () => hb.recommend({ where: { yeer: 1980 } }),
        event: () => hb.record({ item: id, type: "love" }),
        field: () => hb.record({ item: id, type: "like", note: "x" }),
        item: () => hb.record({ item: "no-such-film", type: "like" }),
        undo: () => hb.profile.undo("no-such-event"),
        type: () => hb.recommend({ where: { year: "nineteen" } }),
        number: () => hb.recommend({ weights: { rating: Number.NaN } }),
        rating: () => hb.record({ item: id, type: "rate" }),
        similar: () => hb.similar("no-such-film"),
        create: () => Recommender.create({ ...films, catalogue: "x" }),
        device: () => Recommender.create({ ...films, device: "tpu" }),
        listener: () => hb.on("chance", () => undefined),
        clone: () => hb.recommend({ where: () => undefined }),
      };
      const errors = {};
      for (const [name, work] of Object.entries(cases)) errors[name] = await thrown(async () => work());
      return errors;
    }, [FILMS, EMPIRE]);
    const expected = {
      option: ["unknown-option", /`limits`.*`limit`.*`where`.*`weights`/],
      weight: ["unknown-weight", /`ratings`.*`rating`/],
      column: ["unknown-column", /`yeer`.*`year`/],
      event: ["unknown-event-type", /`love`.*hide.*like/],
      field: ["invalid-argument", /`note`.*`item`.*`type`/],
      item: ["unknown-item", /no-such-film/],
      undo: ["unknown-event", /no-such-event/],
      type: ["filter-type", /year.*whole number.*nineteen/],
      number: ["weight", /rating/],
      rating: ["event-value", /rate/],
      similar: ["unknown-item", /no-such-film/],
      create: ["unknown-option", /`catalogue`.*`catalog`.*`model`/],
      device: ["option", /"auto", "cpu", "gpu".*"tpu"/],
      listener: ["option", /"change".*"chance"/],
      clone: ["invalid-argument", /recommend/],
    };
    for (const [name, [code, message]] of Object.entries(expected)) {
      const error = errors[name];
      assert.equal(error.code, code, `${name}: ${error.message}`);
      assert.match(error.message, message, name);
      assert.equal(error.name, "HomebodyError", name);
      assert.ok(error.ours, `${name} is an instance of HomebodyError`);
    }
  }));

test("every reason can be said from its data, and then it is its text", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const said = await page.evaluate(async ([films, id]) => {
      const hb = await homebody.Recommender.create(films);
      const all = { limit: 200, explain: true, includeSeen: true };
      const lists = [await hb.recommend(all), await hb.similar(id, all), await hb.search("a heist in the desert", { ...all, personalize: 0 })];
      const past = Date.now() - 40 * 60_000;
      const types = ["like", "rate", "buy", "cart", "share", "view", "like", "describe", "dwell", "like", "click", "like"];
      const items = (await hb.onboarding({ n: types.length })).map((hit) => hit.id);
      const value = { rate: 4.5, dwell: 60_000, describe: 1 };
      await hb.recordAll(types.map((type, at) => ({ item: items[at], type, time: past + at, ...(type in value ? { value: value[type] } : {}) })));
      const none = Object.fromEntries(Object.keys(hb.weights()).map((name) => [name, 0]));
      for (const name of Object.keys(none)) lists.push(await hb.recommend({ ...all, weights: { ...none, [name]: name === "dislike" || name === "rotation" ? 0 : 1 } }));
      return lists.flat().flatMap(({ reason }) => (reason === undefined ? [] : [[reason.kind, reason.text, homebody.phrase(reason), reason]]));
    }, [FILMS, EMPIRE]);
    for (const [, text, phrased, reason] of said) assert.equal(phrased, text, JSON.stringify(reason));
    assert.deepEqual([...new Set(said.map(([kind]) => kind))].sort(), ["category", "interest", "momentum", "number", "prior", "query", "recency", "similar"]);
    const texts = said.map(([, text]) => text).join("\n");
    for (const verb of ["liked", "rated", "bought", "put", "shared", "looked at", "described something like"]) assert.match(texts, new RegExp(`you ${verb} |and ${verb} `));
  }));
