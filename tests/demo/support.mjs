/**
 * The steps a person takes on the demo, for its tests, and a visit to it: the shared harness with the built demo as the
 * site. A console error, an uncaught error, a request to another host or one that says something fails the test.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { closeBrowser, root, visit as visitSite } from "../browser/harness.mjs";

export { closeBrowser };

/** The built demo. Another folder can be named, to test one that was built elsewhere. */
export const SITE = process.env.HOMEBODY_DEMO ?? join(root, "build/www");

/** A demo is complete: it has its own copies of package, catalog and model. */
const mounts = Object.fromEntries(["/", "/homebody/", "/catalogs/", "/models/"].map((prefix) => [prefix, join(SITE, prefix)]));

/** Runs `steps` with a fresh server and a fresh visitor, on a window of a common size unless told otherwise. */
export async function visit(options, steps) {
  assert.ok(existsSync(join(SITE, "index.html")), `the demo is not built (${SITE}): run "npm run build" first`);
  await visitSite({ mounts, viewport: { width: 1440, height: 900 }, colorScheme: "light", reducedMotion: "reduce", ...options }, steps);
}

// ---- What a person does --------------------------------------------------------------------------------------------

/** Opens the page and waits until the first question or the first list is there. */
export async function open(page, server) {
  await page.goto(server.url);
  await page.waitForSelector('html[data-stage="ready"]');
}

/** Waits until loading is over, the offline copy included: from then on every request counts. */
export async function settled(page) {
  await page.waitForSelector('#status[data-loaded="true"]');
}

/** Picks films by their titles on the first visit, and goes on to the list. */
export async function pick(page, titles) {
  for (const title of titles) {
    await page.fill("#pick-query", title);
    await page.locator(".pick", { hasText: title }).first().click();
  }
  // The cards come a few per frame: the list stands when its ranking is counted, not when its first card is there.
  await ranked(page, () => page.click(".picks-bar .primary"));
}

export async function skip(page) {
  await ranked(page, () => page.click(".picks-bar .link"));
}

/** The films of the list, in order, as a person reads them. */
export async function films(page) {
  return page.$$eval("#results .card:not([data-leaving])", (cards) =>
    cards.map((card) => {
      const text = (selector) => card.querySelector(selector)?.textContent?.trim() ?? "";
      const credit = text(".credit");
      return {
        id: card.dataset.id,
        rank: Number(text(".rank")),
        title: text(".title"),
        year: /^\d{4}/.test(credit) ? Number(credit.slice(0, 4)) : null,
        kinds: text(".kinds"),
        rating: Number.parseFloat(text(".score").replace("Rated ", "")) || null,
        reason: text(".reason"),
        moved: card.querySelector(".moved")?.dataset.way ?? "",
        mark: card.dataset.mark,
      };
    }),
  );
}

/** Does something that ranks the list anew, and waits until the new list stands. */
export async function ranked(page, action) {
  const before = await rankings(page);
  await action();
  await page.waitForFunction((n) => Number(document.documentElement.dataset.rankings ?? 0) > n, before);
}

/** Waits until the first list after opening or reloading stands, all of its cards. */
export async function listed(page) {
  await page.waitForFunction(() => Number(document.documentElement.dataset.rankings ?? 0) > 0);
}

const rankings = (page) => page.evaluate(() => Number(document.documentElement.dataset.rankings ?? 0));

/** Types a search and waits for results by meaning (which loads the text model, the first time). */
export async function search(page, text) {
  await page.fill("#query", text);
  await shows(page, `meaning: ${text}`);
}

/** Waits until the cards are a certain list: "home", "similar", "words: TEXT" or "meaning: TEXT". */
export async function shows(page, what) {
  await page.waitForFunction((what) => document.querySelector("#results .grid")?.dataset.shows === what, what, { timeout: 120_000 });
}

/**
 * Where films stand in the whole catalog, as the page ranks it: asked of a second recommender in the page, over the same
 * profile, with the page's own weights. Returns a rank by id; films that were seen to are left in.
 */
export async function ranks(page, options = {}) {
  return page.evaluate(async (options) => {
    const { Recommender } = await import(new URL("./homebody/index.js", location.href).href);
    const engine = await Recommender.create({ catalog: "catalogs/films/" });
    try {
      const hits = await engine.recommend({ limit: engine.status.catalog.items, includeSeen: true, ...options });
      return hits.map(({ id, item, score }, index) => ({ id, title: item.title, rank: index + 1, score }));
    } finally {
      await engine.close();
    }
  }, options);
}

/** Everything that a browser keeps for the page, by kind, as text. */
export async function storage(page) {
  return page.evaluate(async () => {
    const databases = {};
    for (const { name } of await indexedDB.databases()) {
      const db = await new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      databases[name] = {};
      for (const store of db.objectStoreNames) {
        databases[name][store] = await new Promise((resolve, reject) => {
          const request = db.transaction(store).objectStore(store).getAll();
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      }
      db.close();
    }
    const cached = [];
    for (const name of await caches.keys()) {
      for (const request of await (await caches.open(name)).keys()) cached.push(new URL(request.url).pathname + new URL(request.url).search);
    }
    return { databases, localStorage: { ...localStorage }, sessionStorage: { ...sessionStorage }, cookies: document.cookie, cached };
  });
}
