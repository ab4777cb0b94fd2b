/** After the first visit the page works without a network; what is missing then is said, not hidden. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, films, listed, open, pick, ranked, search, settled, shows, visit } from "./support.mjs";

after(closeBrowser);

/** The browser's own words about files that could not be had; provoked here. */
const OFFLINE = { expected: [/net::ERR|Failed to fetch|failed|offline/i] };

/** Copies are written beside the download, after the call for it was answered: waits until the cache stands still. */
const kept = (page) =>
  page.waitForFunction(
    async () => {
      const sizes = [];
      for (const name of await caches.keys()) sizes.push((await (await caches.open(name)).keys()).length);
      const now = sizes.join();
      const still = now === globalThis.keptBefore;
      globalThis.keptBefore = now;
      return still && sizes.length > 0;
    },
    null,
    { polling: 500 },
  );

test("opens and recommends with the network off", () =>
  visit(OFFLINE, async ({ page, context, server }) => {
    await open(page, server);
    await pick(page, ["Alien", "Fargo"]);
    await settled(page);
    const before = (await films(page)).map(({ id }) => id);
    await context.setOffline(true);
    await page.reload();
    await listed(page);
    assert.deepEqual((await films(page)).map(({ id }) => id), before);
    await ranked(page, () => page.locator(".card .act-like").nth(3).click());
    assert.match(await page.textContent(".status-rest"), /offline/);
  }));

test("opens and recommends with the server gone, in a new tab too", () =>
  visit(OFFLINE, async ({ page, context, server }) => {
    await open(page, server);
    await pick(page, ["Alien", "Fargo"]);
    await settled(page);
    await server.stop();
    await page.reload();
    await listed(page);
    const other = await context.newPage();
    await other.goto(server.url);
    await listed(other);
  }));

test("offline and without the model, search matches words and says so", () =>
  visit(OFFLINE, async ({ page, context, server }) => {
    await open(page, server);
    await pick(page, ["Alien"]);
    await settled(page);
    await context.setOffline(true);
    await page.reload();
    await listed(page);
    await page.fill("#query", "blade runner 1982");
    await page.waitForFunction(() => /Matching words instead/.test(document.querySelector(".notice")?.textContent ?? ""));
    await shows(page, "words: blade runner 1982");
    assert.equal((await films(page))[0].title, "Blade Runner");
    assert.match(await page.textContent(".results-text"), /words/);
    // Back online, one click later, meaning is searched.
    await context.setOffline(false);
    await page.click(".notice button");
    await shows(page, "meaning: blade runner 1982");
  }));

test("search can be made available offline beforehand", () =>
  visit(OFFLINE, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien"]);
    await settled(page);
    await page.click("#profile");
    assert.match(await page.textContent("#prepare"), /\d+(\.\d)? MB/);
    await page.click("#prepare");
    await page.waitForSelector(".panel-offline .ok", { timeout: 120_000 });
    await page.keyboard.press("Escape");
    await kept(page);
    await server.stop();
    await page.reload();
    await listed(page);
    await search(page, "haunted spaceship");
    assert.ok((await films(page)).slice(0, 10).some(({ kinds }) => /science fiction|horror/i.test(kinds)));
  }));
