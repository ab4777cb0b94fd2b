/** How a person begins, what they see of themselves, and whose profile it is: through the public API. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { FILMS, closeBrowser, open, visit } from "./harness.mjs";

after(closeBrowser);

test("a choice for a new person is well liked and of many kinds", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const { picks, filtered, none, refused } = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      return {
        picks: await hb.onboarding({ n: 8 }),
        filtered: await hb.onboarding({ n: 4, where: { genres: "Horror" } }),
        none: await hb.onboarding({ where: { year: { gt: 3000 } } }).then((list) => ({ length: list.length, note: list.note })),
        refused: await thrown(hb.onboarding({ n: -1 })),
      };
    }, FILMS);
    assert.equal(picks.length, 8);
    assert.ok(new Set(picks.flatMap(({ item }) => item.genres)).size >= 4, JSON.stringify(picks.map(({ item }) => item.genres)));
    assert.ok(picks.every(({ item }) => item.rating === null || item.rating >= 7), JSON.stringify(picks.map(({ item }) => item.rating)));
    assert.ok(filtered.length === 4 && filtered.every(({ item }) => item.genres.includes("Horror")));
    assert.equal(none.length, 0);
    assert.match(none.note, /filter/);
    assert.ok(refused.ours, JSON.stringify(refused));
  }));

test("a history from elsewhere counts as likes, and what the catalog does not have is counted", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const { report, again, events, list, near } = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      const ids = ["alien-1979", "no-such-film-1900", "aliens-1986", "alien-1979"];
      const report = await hb.profile.fromItems(ids);
      const again = await hb.profile.fromItems(ids);
      const events = await hb.profile.events();
      const list = await hb.recommend({ limit: 50, explain: true });
      return { report, again, events, list, near: Date.now() - Math.max(...events.map(({ time }) => time)) };
    }, FILMS);
    assert.deepEqual([report.added, report.skipped, report.unknownItems], [2, 1, 1]);
    assert.equal(again.added, 0);
    assert.deepEqual(events.map(({ item, type }) => `${type} ${item}`), ["like alien-1979", "like aliens-1986"]);
    assert.ok(near >= 3_600_000, "it is no session");
    assert.ok(!list.some(({ id }) => id === "alien-1979"), "what was liked is seen");
    assert.ok(list.some(({ reason }) => /you liked “Aliens?”/.test(reason?.text)), list.map(({ reason }) => reason?.text).join("\n"));
  }));

test("a description is an interest, for which the model is loaded once", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const { before, events, list, interests, refused, model } = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      const before = hb.status.model;
      const events = await hb.profile.describe("I like films about space ships and aliens");
      return {
        before,
        events,
        list: await hb.recommend({ limit: 10, explain: true }),
        interests: await hb.profile.interests(),
        refused: await thrown(hb.profile.describe("  ")),
        model: hb.status.model,
      };
    }, FILMS);
    assert.deepEqual([before, model], ["absent", "ready"]);
    assert.ok(events.length > 0 && events.every(({ type }) => type === "describe"));
    assert.ok(list.filter(({ item }) => item.genres?.includes("Science Fiction")).length >= 5, JSON.stringify(list.map(({ item }) => item.genres)));
    assert.ok(list.some(({ reason }) => /described something like/.test(reason?.text)));
    assert.ok(interests.length > 0);
    assert.equal(refused.code, "option");
  }));

test("interests have their evidence; muting one silences it until it is taken back, removing one undoes its events", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const run = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      const titles = (list) => list.map(({ id }) => id);
      const best = async () => titles(await hb.recommend({ limit: 20 }));
      const none = await hb.profile.interests();
      const stranger = await best();
      for (const item of ["alien-1979", "aliens-1986", "toy-story-1995", "toy-story-2-1999"]) await hb.record({ item, type: "like" });
      const before = await best();
      const interests = await hb.profile.interests();
      const space = interests.find(({ items }) => items.some(({ id }) => id === "alien-1979"));
      await hb.profile.mute(space);
      const muted = await hb.profile.interests();
      const whileMuted = await hb.recommend({ limit: 20, explain: true });
      await hb.profile.unmute(space);
      const unmuted = await best();
      await hb.profile.remove(space);
      const events = (await hb.profile.events()).map(({ item }) => item);
      const removed = await hb.profile.interests();
      const gone = await thrown(hb.profile.remove(space));
      return { none, stranger, before, interests, muted, whileMuted, unmuted, events, removed, gone };
    }, FILMS);
    assert.deepEqual(run.none, []);
    assert.ok(run.interests.length >= 2, JSON.stringify(run.interests.map(({ label }) => label)));
    assert.ok(Math.abs(run.interests.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
    for (const { events, items, nearest, label, since } of run.interests) {
      assert.ok(events.length >= 1 && items.length >= 1 && nearest.length > 0 && label !== "" && since > 0);
    }
    const last = run.muted.at(-1);
    assert.deepEqual([last.muted, last.share], [true, 0]);
    assert.ok(!run.whileMuted.some(({ reason }) => /Alien/.test(reason?.text)), "what is muted is no reason");
    assert.deepEqual(run.unmuted, run.before);
    assert.deepEqual(run.events, ["toy-story-1995", "toy-story-2-1999"]);
    assert.ok(run.removed.every(({ items }) => items.every(({ id }) => id.startsWith("toy-story"))));
    assert.ok(run.gone.ours, "what is gone cannot be removed again");
  }));

test("several people on one device: each has their own list, a guest leaves nothing", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const run = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create({ ...films, profile: "ann" });
      const changes = [];
      hb.on("change", ({ source }) => changes.push(source));
      const items = async () => (await hb.profile.events()).map(({ item }) => item);
      await hb.record({ item: "alien-1979", type: "like" });
      await hb.profile.switch("bob");
      const bobs = await items();
      await hb.record({ item: "toy-story-1995", type: "like" });
      const kept = await hb.profile.list();
      await hb.profile.switch("guest", { persist: false });
      await hb.record({ item: "fargo-1996", type: "like" });
      const guest = { items: await items(), storage: hb.status.storage, name: hb.profile.name };
      await hb.profile.switch("ann");
      return {
        bobs, kept, guest, anns: await items(), after: await hb.profile.list(), refused: await thrown(hb.profile.switch("")), changes: changes.length,
        databases: (await indexedDB.databases()).map(({ name }) => name).sort(),
      };
    }, FILMS);
    assert.deepEqual(run.bobs, []);
    assert.deepEqual(run.kept, ["ann", "bob"]);
    assert.deepEqual(run.guest, { items: ["fargo-1996"], storage: "memory", name: "guest" });
    assert.deepEqual(run.anns, ["alien-1979"]);
    assert.deepEqual(run.after, ["ann", "bob"]);
    assert.deepEqual(run.databases, ["homebody/ann", "homebody/bob"]);
    assert.equal(run.refused.code, "option");
    assert.ok(run.changes >= 6, `${run.changes} changes`);
  }));

test("figures: places, coverage, and drifts with their thresholds", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const { empty, metrics } = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      const empty = await hb.profile.metrics();
      const all = (await hb.recommend({ limit: 200 })).map(({ id }) => id);
      const time = Date.now() - 30 * 86_400_000;
      // Two hundred impressions in places 1 to 10; the first place is taken up in the older half and never afterwards.
      const events = all.flatMap((item, at) => {
        const shown = { item, type: "impression", value: (at % 10) + 1, time: time + at * 60_000 };
        return at < 100 && at % 10 === 0 ? [shown, { item, type: "like", time: shown.time + 1000 }] : [shown];
      });
      await hb.recordAll(events);
      return { empty, metrics: await hb.profile.metrics() };
    }, FILMS);
    assert.deepEqual([empty.events, empty.coverage, empty.hitShares, empty.hitShareDrift], [0, 0, [], undefined]);
    assert.deepEqual([metrics.events, metrics.impressions, metrics.liked, metrics.byType.impression], [210, 200, 10, 200]);
    assert.deepEqual(metrics.hitShares.map(({ position, impressions, hits }) => [position, impressions, hits]), [
      [1, 20, 10], ...Array.from({ length: 9 }, (_, at) => [at + 2, 20, 0]),
    ]);
    assert.ok(Math.abs(metrics.coverage - 200 / 3201) < 1e-9);
    assert.ok(Math.abs(metrics.hitShareDrift.value + 0.1) < 1e-9 && metrics.hitShareDrift.exceeded, JSON.stringify(metrics.hitShareDrift));
    assert.ok(metrics.interestsDrift.threshold > 0 && typeof metrics.interestsDrift.exceeded === "boolean");
  }));
