/** A new build of the page: fetched beside the old one, only what changed, and never mixed with it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { answers } from "../browser/harness.mjs";
import { closeBrowser, open, settled, SITE, visit } from "./support.mjs";

after(closeBrowser);

/** The service worker of a build in which the icon is another file. */
async function nextBuild(icon) {
  const source = await readFile(join(SITE, "sw.js"), "utf8");
  const next = source
    .replace(/(path:"icon\.svg",sha256:")[0-9a-f]{64}/, `$1${createHash("sha256").update(icon).digest("hex")}`)
    .replace(/\}[0-9a-f]{16}`/, "}00000000deadbeef`");
  assert.notEqual(next, source);
  assert.match(next, /00000000deadbeef/, "the version is where this test looks for it");
  return Buffer.from(next);
}

const cacheNames = (page) => page.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith("homebody-static-")));
const sameIcon = (page) => page.evaluate(async () => (await fetch("icon.svg")).text());

test("a new build waits until it is wanted, and fetches only what changed", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await settled(page);
    const [old] = await cacheNames(page);
    const icon = Buffer.from((await readFile(join(SITE, "icon.svg"), "utf8")).replace("<svg", '<svg data-build="next"'));
    server.answers.set("/sw.js", answers.bytes(await nextBuild(icon), "text/javascript"));
    server.answers.set("/icon.svg", answers.bytes(icon, "image/svg+xml"));
    const before = server.requests.length;
    await page.reload();
    await page.waitForSelector(".toast .link");
    assert.match(await page.textContent(".toast"), /newer version/);
    assert.doesNotMatch(await sameIcon(page), /next/, "until then the page is all of the old build");

    await Promise.all([page.waitForEvent("load"), page.click(".toast .link")]);
    await page.waitForSelector('html[data-stage="ready"]');
    assert.match(await sameIcon(page), /next/);
    const names = await cacheNames(page);
    assert.equal(names.length, 1, "the old build is gone");
    assert.notEqual(names[0], old);
    const fetched = server.requests.slice(before).map(({ path }) => path).filter((path) => path !== "/sw.js" && path !== "/catalogs/films/catalog.json");
    assert.deepEqual(fetched, ["/icon.svg"], "everything else was there already");
  }));

test("a build that is only half there is not used", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await settled(page);
    const old = await cacheNames(page);
    // The worker of the next build is published, its icon is not yet.
    server.answers.set("/sw.js", answers.bytes(await nextBuild(Buffer.from("<svg/>")), "text/javascript"));
    await page.reload();
    await page.waitForSelector('html[data-stage="ready"]');
    await page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration();
      await registration.update().catch(() => undefined);
      const worker = registration.installing;
      if (worker) await new Promise((resolve) => worker.addEventListener("statechange", () => worker.state === "redundant" && resolve()));
    });
    assert.equal(await page.locator(".toast").count(), 0, "nothing is offered");
    assert.deepEqual(await cacheNames(page), old, "and nothing is left of it");
    await server.stop();
    await page.reload();
    await page.waitForSelector('html[data-stage="ready"]');
  }));
