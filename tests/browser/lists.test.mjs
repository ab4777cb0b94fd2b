/** What a list knows of itself and of the person, through the public API: pages, strength, comparison, what-if. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { FILMS, closeBrowser, open, visit } from "./harness.mjs";

after(closeBrowser);

test("a list goes on by its cursor, without an item twice though a like came in between", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const { first, next, plain, last, none, refused } = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      const ids = (list) => list.map(({ id }) => id);
      const list = await hb.recommend({ limit: 20 });
      const { eligible } = list;
      await hb.record({ item: list[3].id, type: "like" });
      const next = await hb.recommend({ limit: 20, cursor: list.cursor });
      const narrow = await hb.recommend({ where: { year: 1982 }, limit: 500 });
      const none = await hb.recommend({ where: { year: { gt: 3000 } } });
      const refused = await hb.recommend({ cursor: "h1.000000000000.1" }).catch(({ code, name }) => ({ code, name }));
      return {
        first: { ids: ids(list), eligible },
        next: { ids: ids(next), eligible: next.eligible },
        plain: { keys: Object.keys(list), isArray: Array.isArray(list), mapped: list.map(({ id }) => id).length },
        last: { cursor: narrow.cursor ?? null, length: narrow.length, eligible: narrow.eligible },
        none: { length: none.length, note: none.note },
        refused,
      };
    }, FILMS);
    assert.equal(first.eligible, 3201);
    assert.equal(next.eligible, 3200, "the liked film is seen");
    assert.equal(new Set([...first.ids, ...next.ids]).size, 40);
    assert.deepEqual(plain, { keys: first.ids.map((_, index) => String(index)), isArray: true, mapped: 20 });
    assert.equal(last.cursor, null);
    assert.ok(last.length > 10 && last.length === last.eligible, JSON.stringify(last));
    assert.equal(none.length, 0);
    assert.match(none.note, /filter/);
    assert.equal(refused.code, "cursor");
  }));

test("strength 0 is a stranger's list; a comparison tells both places; what-if leaves the profile alone", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const { scenarios, stranger, zero, compared, baseline, whatIf, one, events } = await page.evaluate(async (films) => {
      const ids = (list) => list.map(({ id }) => id);
      const hb = await homebody.Recommender.create(films);
      const candidates = ids(await hb.recommend({ limit: 200 })).slice(50);
      const stranger = ids(await hb.recommend({ candidates, limit: 20 }));
      await hb.record({ item: "alien-1979", type: "like" });
      const one = ids(await hb.recommend({ limit: 20 }));
      const second = await hb.record({ item: "toy-story-1995", type: "like" });
      const zero = ids(await hb.recommend({ candidates, limit: 20, strength: 0 }));
      const compared = (await hb.recommend({ limit: 5, compare: "baseline" })).map(({ id, baseline }) => ({ id, ...baseline }));
      const baseline = ids(await hb.recommend({ limit: 3201, strength: 0 }));
      const whatIf = ids(await hb.profile.without(second.id, { limit: 20 }));
      return { scenarios: hb.scenarios(), stranger, zero, compared, baseline, whatIf, one, events: (await hb.profile.events()).length };
    }, FILMS);
    assert.deepEqual(scenarios, []);
    assert.deepEqual(zero, stranger);
    for (const [index, { id, rank, rise }] of compared.entries()) {
      assert.equal(baseline[rank - 1], id);
      assert.equal(rise, rank - (index + 1));
    }
    assert.deepEqual(whatIf, one);
    assert.equal(events, 2);
  }));
