/** What a catalog's owner prepares and a caller asks for: scenarios, segments, variants, caps, rotation, pages; and odd profiles. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { FILMS, closeBrowser, open, root, until, visit } from "./harness.mjs";

const folder = mkdtempSync(join(tmpdir(), "homebody-shop-"));
const mounts = { "/shop/": join(folder, "shop"), "/other/": join(folder, "other") };

/** Sixty shirts in twenty groups of three colours, of four kinds; and the same shop a day later, with one price changed. */
before(() => {
  const rows = (price) => Array.from({ length: 60 }, (_, at) => {
    const group = Math.floor(at / 3);
    const id = `shirt-${String(group).padStart(2, "0")}${["", "-red", "-blue"][at % 3]}`;
    return [id, at % 3 === 0 ? "" : `shirt-${String(group).padStart(2, "0")}`, `kind ${group % 4}`, at === 0 ? price : 10 + at, 5 - group / 10, 100 + at].join(",");
  });
  const schema = `
name = "shop"
id = "id"
variant_of = "edition"
[columns.edition]
[columns.kind]
type = "tags"
[columns.price]
type = "number"
[columns.rating]
type = "number"
[columns.ratings]
type = "integer"
[[space]]
name = "kind"
kind = "category"
column = "kind"
[[space]]
name = "price"
kind = "number"
column = "price"
prefer = "low"
weight = 0.1
[prior]
rating = "rating"
count = "ratings"
smoothing = 10
[scenario.cheap]
weights = { price = 5.0 }
where = { price = { lt = 40 } }
[segment.third]
label = "The third kind"
where = { kind = "kind 3" }
`;
  writeFileSync(join(folder, "catalog.toml"), schema);
  for (const [name, price] of [["shop", 10], ["other", 11]]) {
    writeFileSync(join(folder, `${name}.csv`), `id,edition,kind,price,rating,ratings\n${rows(price).join("\n")}\n`);
    execFileSync(join(root, "build/bin/homebody"), ["build", `${name}.csv`, "--schema", "catalog.toml", "-o", name], { cwd: folder, stdio: "pipe" });
  }
});

after(async () => {
  await closeBrowser();
  rmSync(folder, { recursive: true });
});

test("a scenario is the owner's preset, and an unknown one is told the known", () =>
  visit({ mounts }, async ({ page, server }) => {
    await open(page, server);
    const { scenarios, cheap, own, unknown } = await page.evaluate(async () => {
      const hb = await homebody.Recommender.create({ catalog: "/shop/" });
      return {
        scenarios: hb.scenarios(),
        cheap: await hb.recommend({ scenario: "cheap", limit: 60 }),
        own: await hb.recommend({ scenario: "cheap", where: { price: { gte: 40 } }, limit: 60 }),
        unknown: await thrown(hb.recommend({ scenario: "winter" })),
      };
    });
    assert.deepEqual(scenarios, ["cheap"]);
    assert.ok(cheap.length > 3 && cheap.every(({ item }) => item.price < 40));
    const prices = cheap.map(({ item }) => item.price);
    assert.deepEqual(prices, [...prices].sort((a, b) => a - b), "the price decides");
    assert.ok(own.length > 3 && own.every(({ item }) => item.price >= 40), "what the call says wins");
    assert.ok(unknown.ours && /`winter`.*`cheap`/.test(unknown.message), JSON.stringify(unknown));
  }));

test("a segment is a beginning", () =>
  visit({ mounts }, async ({ page, server }) => {
    await open(page, server);
    const { segments, events, list, unknown } = await page.evaluate(async () => {
      const hb = await homebody.Recommender.create({ catalog: "/shop/", persist: false });
      const segments = await hb.segments();
      const events = await hb.chooseSegment("third");
      return { segments, events, list: await hb.recommend({ limit: 5 }), unknown: await thrown(hb.chooseSegment("fourth")) };
    });
    assert.deepEqual(segments, [{ name: "third", label: "The third kind", items: 15 }]);
    assert.deepEqual([events.length, events[0].type], [5, "describe"], "one of each group of three");
    assert.ok(list.every(({ item }) => item.kind.includes("kind 3")), JSON.stringify(list.map(({ item }) => item.kind)));
    assert.ok(unknown.ours && /`third`/.test(unknown.message), JSON.stringify(unknown));
  }));

test("of each group one variant, of each kind no more than the cap, over all pages", () =>
  visit({ mounts }, async ({ page, server }) => {
    await open(page, server);
    const { whole, capped, pages, ends, refused } = await page.evaluate(async () => {
      const hb = await homebody.Recommender.create({ catalog: "/shop/", persist: false });
      const pages = [];
      let cursor;
      do {
        const list = await hb.recommend({ limit: 3, caps: { kind: 2 }, ...(cursor === undefined ? {} : { cursor }) });
        pages.push(list.map(({ id }) => id));
        cursor = list.cursor;
      } while (cursor !== undefined && pages.length < 30);
      return {
        whole: await hb.recommend({ limit: 60 }),
        capped: (await hb.recommend({ limit: 60, caps: { kind: 2 } })).map(({ id }) => id),
        pages,
        ends: cursor === undefined,
        refused: [await thrown(hb.recommend({ caps: { kind: 0 } })), await thrown(hb.recommend({ caps: { price: 1 } }))],
      };
    });
    const group = (id) => id.slice(0, 8);
    assert.equal(whole.length, 20, "one of each group of three");
    assert.equal(new Set(whole.map(({ id }) => group(id))).size, 20);
    const expected = [];
    for (const { id, item } of whole) if (expected.filter(([, kind]) => kind === item.kind[0]).length < 2) expected.push([id, item.kind[0]]);
    assert.deepEqual(capped, expected.map(([id]) => id));
    assert.ok(ends && pages.length <= 4, JSON.stringify(pages));
    assert.deepEqual(pages.flat(), capped);
    for (const error of refused) assert.ok(error.ours, JSON.stringify(error));
    assert.match(refused[1].message, /`edition`.*`kind`|`kind`/);
  }));

test("a cursor is of one version of the catalog", () =>
  visit({ mounts }, async ({ page, server }) => {
    await open(page, server);
    const { refused, damaged, both } = await page.evaluate(async () => {
      const [shop, other] = await Promise.all(["/shop/", "/other/"].map((catalog) => homebody.Recommender.create({ catalog, persist: false })));
      const { cursor } = await shop.recommend({ limit: 3 });
      return {
        refused: await thrown(other.recommend({ cursor })),
        damaged: await thrown(shop.recommend({ cursor: `${cursor}.zzzzzzzz` })),
        both: await thrown(shop.recommend({ cursor, offset: 3 })),
      };
    });
    for (const error of [refused, damaged]) assert.ok(error.ours && error.code === "cursor", JSON.stringify(error));
    assert.match(refused.message, /another/);
    assert.ok(both.ours, JSON.stringify(both));
  }));

test("what was shown and ignored sinks, and comes back when it is acted on", () =>
  visit({ mounts }, async ({ page, server }) => {
    await open(page, server);
    const { first, plain, rotated, clicked } = await page.evaluate(async () => {
      const hb = await homebody.Recommender.create({ catalog: "/shop/", persist: false });
      const ids = async (options) => (await hb.recommend({ limit: 20, ...options })).map(({ id }) => id);
      const [first] = await ids();
      await hb.recordAll([{ item: first, type: "impression", value: 1 }]);
      const plain = await ids();
      const rotated = await ids({ rotation: 1 });
      await hb.record({ item: first, type: "view" });
      return { first, plain, rotated, clicked: await ids({ rotation: 1 }) };
    });
    assert.equal(plain[0], first, "only when asked for");
    // Another colour of it may stand for the group.
    assert.ok(!rotated.includes(first), rotated.join());
    assert.ok(clicked.includes(first), "what was acted on was not ignored");
  }));

test("nothing that passes is an empty list with a note, never an error", () =>
  visit({ mounts }, async ({ page, server }) => {
    await open(page, server);
    const lists = await page.evaluate(async () => {
      const hb = await homebody.Recommender.create({ catalog: "/shop/", persist: false });
      const told = async (options) => {
        const list = await hb.recommend(options);
        return [list.length, list.note ?? "", list.cursor ?? null];
      };
      const filter = await told({ where: { price: { gt: 1e9 } } });
      const candidates = await told({ candidates: [] });
      const beyond = await told({ offset: 500 });
      await hb.recordAll(Array.from({ length: 60 }, (_, at) => ({ item: `shirt-${String(Math.floor(at / 3)).padStart(2, "0")}${["", "-red", "-blue"][at % 3]}`, type: "like" })));
      return { filter, candidates, beyond, seen: await told({}), compared: await told({ compare: "baseline", explain: true }) };
    });
    for (const [name, [length, note, cursor]] of Object.entries(lists)) {
      assert.deepEqual([length, cursor], [0, null], name);
      assert.ok(note.length > 10, name);
    }
  }));

test("events from the future and out of order count, and change nothing by the order they came in", () =>
  visit({ mounts }, async ({ page, server }) => {
    await open(page, server);
    const { one, other, future, refused } = await page.evaluate(async () => {
      const now = Date.now();
      const events = [
        { item: "shirt-03", type: "like", time: now + 12 * 3_600_000 },
        { item: "shirt-07-red", type: "dislike", time: now - 86_400_000 },
        { item: "shirt-11", type: "like", time: now - 9 * 86_400_000 },
        { item: "shirt-11", type: "impression", value: 3, time: now + 3_600_000 },
        { item: "shirt-03", type: "rate", value: 5, time: now - 20 * 365 * 86_400_000 },
      ];
      const list = async (events) => {
        const hb = await homebody.Recommender.create({ catalog: "/shop/", persist: false });
        for (const event of events) await hb.record(event);
        const hits = await hb.recommend({ limit: 60, rotation: 1, sessionRecency: true });
        return { hits: hits.map(({ id, score }) => [id, score]), times: (await hb.profile.events()).map(({ time }) => time) };
      };
      const hb = await homebody.Recommender.create({ catalog: "/shop/", persist: false });
      return {
        one: await list(events),
        other: await list([...events].reverse()),
        future: now,
        refused: [await thrown(hb.record({ item: "shirt-03", type: "like", time: "soon" })), await thrown(hb.record({ item: "shirt-03", type: "like", time: -5 })), await thrown(hb.record({ item: "shirt-03", type: "like", time: now + 40 * 86_400_000 }))],
      };
    });
    assert.deepEqual(one.hits.map(([id]) => id), other.hits.map(([id]) => id));
    one.hits.forEach(([id, score], at) => assert.ok(Number.isFinite(score) && Math.abs(score - other.hits[at][1]) < 1e-9, id));
    assert.deepEqual(one.times, [...one.times].sort((a, b) => a - b), "the log is in the order of time");
    assert.ok(one.times.at(-1) > future);
    for (const error of refused) assert.ok(error.ours, JSON.stringify(error));
  }));

for (const persist of [false, true]) {
  test(`a flood of 100,000 events in ${persist ? "the database" : "memory"} is kept, and the list still comes`, () =>
    visit({}, async ({ page, server }) => {
      await open(page, server);
      const run = await page.evaluate(async ([films, persist]) => {
        window.hb = await homebody.Recommender.create({ ...films, persist });
        const ids = (await hb.recommend({ limit: 3201 })).map(({ id }) => id);
        const types = ["view", "click", "impression", "like", "view", "dislike", "click", "impression", "view", "buy"];
        const past = Date.now() - 200_000 * 1000;
        const event = (at) => ({ item: ids[(at * 7919) % ids.length], type: types[at % types.length], time: past + at * 1000 });
        for (let from = 0; from < 100_000; from += 20_000) await hb.recordAll(Array.from({ length: 20_000 }, (_, at) => event(from + at)));
        const seen = new Set((await hb.profile.events()).filter(({ type }) => ["like", "dislike", "buy"].includes(type)).map(({ item }) => item));
        const list = await hb.recommend({ limit: 20, explain: true, compare: "baseline", diversity: 0.3, rotation: 0.5, includeSeen: true });
        return { events: (await hb.profile.metrics()).events, list: list.length, scores: list.map(({ score }) => score), seen: seen.size, storage: hb.status.storage, rankMs: hb.status.timings.lastRankMs };
      }, [FILMS, persist]);
      assert.deepEqual([run.events, run.list, run.storage], [100_000, 20, persist ? "indexeddb" : "memory"]);
      assert.ok(run.scores.every(Number.isFinite));
      assert.ok(run.rankMs < 5_000, `the list took ${run.rankMs} ms`);
      if (!persist) return;
      await open(page, server);
      await page.evaluate(async (films) => {
        window.hb = await homebody.Recommender.create(films);
      }, FILMS);
      await until(page, async () => (await hb.profile.metrics()).events === 100_000);
      await page.evaluate(() => hb.profile.erase());
    }));
}
