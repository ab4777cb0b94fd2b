/** What is kept, where, for how long; and that erasing leaves nothing. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { closeBrowser, films, listed, open, pick, ranked, search, settled, storage, visit } from "./support.mjs";

after(closeBrowser);

test("a reload keeps everything and goes straight to the same list", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien", "Fargo"]);
    await ranked(page, () => page.locator(".card .act-hide").first().click());
    await ranked(page, () => page.locator("input[data-weight]").first().fill("0.3"));
    const before = (await films(page)).map(({ id }) => id);
    await page.reload();
    await page.waitForSelector('html[data-stage="ready"]');
    assert.ok(await page.isHidden("#welcome"), "no question is asked twice");
    assert.deepEqual((await films(page)).map(({ id }) => id), before);
    assert.match(await page.textContent(".results-text"), /From 2 likes and 1 dismissal/);
    await page.click("#profile");
    await page.waitForFunction(() => document.querySelectorAll(".event").length === 3);
  }));

test("two tabs stay in step and lose nothing when both write", () =>
  visit({}, async ({ page, context, server }) => {
    await open(page, server);
    await pick(page, ["Alien"]);
    const other = await context.newPage();
    await open(other, server);
    assert.deepEqual((await films(other)).map(({ id }) => id), (await films(page)).map(({ id }) => id));

    await Promise.all([page.locator(".card .act-like").nth(1).click(), other.locator(".card .act-like").nth(5).click()]);
    for (const tab of [page, other]) await tab.waitForFunction(() => /3/.test(document.querySelector("#profile .count").textContent));
    // Each tab ranks when it hears of the other, so the two lists become one, whichever was later.
    const list = async (tab) => (await films(tab)).map(({ id }) => id).join();
    for (const deadline = Date.now() + 30_000; (await list(page)) !== (await list(other)); ) {
      assert.ok(Date.now() < deadline, "both tabs come to show the same list");
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
    }

    // Erased in one, erased in the other.
    await page.click("#profile");
    await page.click("#erase");
    await page.click("#erase-yes");
    await other.waitForSelector("#welcome:not([hidden])");
  }));

test("what was said can be taken back one by one", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien", "Fargo"]);
    await page.click("#profile");
    await page.locator(".event", { hasText: "Fargo" }).locator("button").click();
    await page.waitForFunction(() => document.querySelectorAll(".event").length === 1);
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => /From 1 like,/.test(document.querySelector(".results-text").textContent));
  }));

test("a profile goes to a file and comes back; a damaged file changes nothing", () =>
  visit({ acceptDownloads: true }, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien", "Fargo"]);
    const before = (await films(page)).map(({ id }) => id);
    await page.click("#profile");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#export")]);
    const bytes = await readFile(await download.path());
    assert.ok(bytes.length > 50);

    await page.click("#erase");
    await page.click("#erase-yes");
    await page.waitForSelector("#welcome:not([hidden])");
    await page.click("#profile");
    await page.setInputFiles("#import-file", { name: "damaged.json", mimeType: "application/json", buffer: bytes.subarray(0, bytes.length >> 1) });
    await page.waitForFunction(() => /Nothing was changed/.test(document.querySelector(".panel-message").textContent));
    assert.equal(await page.locator(".event").count(), 0);

    await page.setInputFiles("#import-file", { name: "profile.json", mimeType: "application/json", buffer: bytes });
    await page.waitForFunction(() => document.querySelectorAll(".event").length === 2);
    assert.match(await page.textContent(".panel-message"), /2 events read in/);
    await page.setInputFiles("#import-file", { name: "profile.json", mimeType: "application/json", buffer: bytes });
    await page.waitForFunction(() => /2 already known/.test(document.querySelector(".panel-message").textContent));
    await page.keyboard.press("Escape");
    await page.reload();
    await listed(page);
    assert.deepEqual((await films(page)).map(({ id }) => id), before);
  }));

test("after erasing, Back and Forward bring back nothing of what was typed or opened", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien", "Fargo"]);
    await search(page, "a lonely lighthouse keeper");
    await ranked(page, () => page.locator(".card .act-alike").first().click());
    await page.click("#profile");
    await page.click("#erase");
    await page.click("#erase-yes");
    await page.waitForSelector("#welcome:not([hidden])");
    for (const way of ["goBack", "goBack", "goForward", "goForward"]) {
      await ranked(page, () => page[way]());
      assert.equal(await page.inputValue("#query"), "", way);
      assert.equal(await page.textContent("#results-title"), "Good to begin with", way);
    }
  }));

test("what is picked at the start is written at once", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await page.evaluate(() => {
      // One message to other tabs for each write.
      globalThis.writes = 0;
      new BroadcastChannel("homebody/default").onmessage = () => globalThis.writes++;
    });
    await pick(page, ["Alien", "Fargo", "Heat"]);
    await page.waitForFunction(() => globalThis.writes > 0);
    assert.equal(await page.evaluate(() => globalThis.writes), 1);
    assert.match(await page.textContent(".results-text"), /From 3 likes/);
  }));

test("erasing leaves nothing personal in any storage of the browser", () =>
  visit({}, async ({ page, context, server }) => {
    await open(page, server);
    await settled(page);
    const fresh = await storage(page);
    await pick(page, ["Alien", "Fargo"]);
    await ranked(page, () => page.locator(".card .act-hide").first().click());
    await ranked(page, () => page.locator("input[data-weight]").first().fill("0.3"));
    await page.click("#theme");
    await search(page, "a lonely lighthouse keeper");
    const ids = await page.$$eval(".card", (cards) => cards.map((card) => card.dataset.id));

    const used = JSON.stringify(await storage(page));
    assert.match(used, /"like"/, "the test would see what is kept");

    await page.click("#profile");
    await page.click("#erase");
    assert.match(await page.textContent(".confirm"), /cannot be undone/);
    await page.click("#erase-yes");
    await page.waitForSelector("#welcome:not([hidden])");

    const left = await storage(page);
    assert.deepEqual(left.localStorage, {});
    assert.deepEqual(left.sessionStorage, {});
    assert.equal(left.cookies, "");
    assert.deepEqual(await context.cookies(), []);
    const records = JSON.stringify(left.databases);
    assert.doesNotMatch(records, /like|hide|lighthouse|alien|fargo/i);
    for (const id of ids) assert.ok(!records.includes(id), `${id} is still stored`);
    // The caches hold files of the site: the same addresses as for anybody else, plus the text model's.
    const more = left.cached.filter((path) => !fresh.cached.includes(path));
    for (const path of more) assert.match(path, /^\/(homebody|\.homebody)\//, "only the text model and what runs it came to the cache");
    assert.doesNotMatch(left.cached.join("\n"), /lighthouse/);
    assert.equal(await page.evaluate(() => JSON.stringify(history.state) ?? "").then((state) => /alien|fargo|lighthouse/i.test(state)), false);

    await page.reload();
    await page.waitForSelector('html[data-stage="ready"]');
    assert.ok(await page.isVisible("#welcome"), "the next visit is a first visit");
  }));
