/** What listeners are told of a change: only what is one, of which types, and in whose profile. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, open, until, visit } from "./harness.mjs";
import { ALIEN, FARGO, create, databases, events, record } from "./person.mjs";

after(closeBrowser);

/** Writes down every change from now on, with the name that the profile has at that moment. */
const listen = (page) =>
  page.evaluate(() => {
    window.heard = [];
    hb.on("change", ({ source, profile, types }) => heard.push([source, profile, hb.profile.name, types.join()]));
  });
const heard = (page) => page.evaluate(() => heard.splice(0));

test("what adds or removes nothing makes no database and is no change", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await create(page);
    await listen(page);
    const none = await page.evaluate(async () => {
      const empty = await hb.profile.export();
      return [
        await hb.recordAll([]),
        (await hb.profile.fromItems([])).added,
        (await hb.profile.fromItems(["no-such-film"])).added,
        (await hb.profile.import(empty)).added,
        await hb.profile.remove({ events: [], items: [] }),
        await hb.profile.mute({ items: [] }),
        await hb.profile.unmute({ items: [{ id: "alien-1979", share: 1 }] }),
        await hb.profile.erase(),
      ];
    });
    assert.deepEqual(none, [[], 0, 0, 0, undefined, undefined, undefined, undefined]);
    assert.deepEqual(await databases(page), []);
    assert.deepEqual(await heard(page), []);
  }));

test("a change says the types of the events that came or went, and whose profile it is", () =>
  visit({}, async ({ page, context, server }) => {
    const other = await context.newPage();
    for (const tab of [page, other]) {
      await open(tab, server);
      await create(tab);
      await listen(tab);
    }
    const { id } = await record(page, ALIEN);
    const both = await page.evaluate((item) => hb.recordAll([{ item, type: "impression", value: 1 }, { item, type: "view" }, { item, type: "view" }]), FARGO);
    await page.evaluate((id) => hb.profile.undo(id), id);
    await page.evaluate((events) => hb.profile.remove({ events, items: [] }), both.slice(1).map(({ id }) => id));
    await page.evaluate(() => hb.profile.fromItems(["alien-1979"]));
    assert.deepEqual((await heard(page)).map(([source, profile, , types]) => `${source} ${profile} ${types}`), [
      "local default like",
      "local default impression,view",
      "local default like",
      "local default view",
      "local default like",
    ]);
    await until(other, async () => (await hb.profile.events()).map(({ type }) => type).sort().join() === "impression,like");
    const told = await heard(other);
    assert.deepEqual([...new Set(told.map(([source, profile]) => `${source} ${profile}`))], ["remote default"]);
    // In as many readings as it took; what came and went between two of them is not seen.
    const types = new Set(told.flatMap(([, , , types]) => types.split(",")));
    assert.ok(types.has("impression") && types.has("like"), [...types].join());

    await page.evaluate(() => hb.profile.switch("ben"));
    await record(page, FARGO, "hide");
    await page.evaluate(() => hb.profile.erase());
    await page.evaluate(() => hb.profile.switch("default"));
    assert.deepEqual(await heard(page), [
      ["local", "ben", "ben", "impression,like"],
      ["local", "ben", "ben", "hide"],
      ["local", "ben", "ben", "hide"],
      ["local", "default", "default", "impression,like"],
    ]);
  }));

test("two tabs that record the impressions of each list and rank anew on each change come to rest", () =>
  visit({}, async ({ page, context, server }) => {
    const other = await context.newPage();
    for (const tab of [page, other]) {
      await open(tab, server);
      await create(tab);
      await tab.evaluate(async () => {
        window.lists = 0;
        const show = async () => {
          const list = await hb.recommend({ limit: 3 });
          lists++;
          await hb.recordAll(list.map(({ id }, at) => ({ item: id, type: "impression", value: at + 1 })));
        };
        hb.on("change", ({ types }) => {
          if (types.some((type) => type !== "impression")) show();
        });
        await show();
      });
    }
    await record(page, ALIEN);
    const impressions = () => events(page).then((all) => all.filter((event) => event.startsWith("impression")).length);
    // A list each at the start, and one each after the like: four lists of three.
    for (const tab of [page, other]) await until(tab, async () => (await hb.profile.events()).filter(({ type }) => type === "impression").length === 12);
    // Whatever one tab tells the other has arrived and is answered by now, or else there would be more.
    for (let round = 0; round < 3; round++) for (const tab of [page, other]) await tab.evaluate(() => hb.recommend());
    assert.equal(await impressions(), 12);
    for (const tab of [page, other]) assert.equal(await tab.evaluate(() => lists), 2);
  }));
