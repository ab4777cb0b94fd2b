/**
 * Nothing leaves the browser: the server that the page comes from writes down every request, and the page's own counter
 * is held against it.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { SITE, closeBrowser, films, listed, open, pick, ranked, search, settled, skip, visit } from "./support.mjs";

after(closeBrowser);

/** Browsers ask by themselves, now and then, whether the service worker is still the newest: no doing of the page's. */
const asked = (requests) => requests.map(({ path }) => path).filter((path) => path !== "/sw.js");

/** A visit from the first page to a profile of its own; returns what the server saw. */
async function life(films, text, act) {
  let seen = [];
  await visit({}, async ({ page, server }) => {
    await open(page, server);
    await pick(page, films);
    await settled(page);
    for (const button of act) await ranked(page, () => page.locator(`.card ${button}`).first().click());
    await ranked(page, () => page.locator("input[data-weight]").nth(1).fill("0.9"));
    await search(page, text);
    await ranked(page, () => page.press("#query", "Escape"));
    await page.reload();
    await listed(page);
    await settled(page);
    seen = server.requests.map(({ method, path, search, body, headers }) => ({ method, path, search, body, headers }));
  });
  return seen;
}

test("every request is for a static file of the page, bare, and none depends on the person", async () => {
  const one = await life(["Alien", "Blade Runner"], "robots that dream", [".act-like", ".act-hide", ".act-alike"]);
  const other = await life(["Notting Hill", "Toy Story", "Fargo"], "a wedding in the countryside", [".act-hide", ".act-like"]);

  for (const { method, path, search, body, headers } of [...one, ...other]) {
    assert.equal(method, "GET", path);
    assert.equal(search, "", path);
    assert.equal(body, "", path);
    assert.equal(headers.cookie, undefined, path);
    // The page's origin may be named by browsers for modules and workers; a path or a query of it never is.
    if (headers.referer) assert.equal(new URL(headers.referer).search + new URL(headers.referer).hash, "", path);
    assert.ok((await readFile(join(SITE, path === "/" ? "index.html" : path))).length > 0, `${path} is a file of the page`);
  }
  assert.deepEqual(asked(one).sort(), asked(other).sort(), "two people, one list of requests");
});

test("the counter tells the truth: 0 after loading, the model's files after the first search", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await skip(page);
    await settled(page);
    const counter = () => page.$eval("#status", (status) => ({ all: Number(status.dataset.requests), model: Number(status.dataset.modelRequests) }));
    const loaded = server.requests.length;
    await ranked(page, () => page.locator(".card .act-like").nth(2).click());
    await ranked(page, () => page.locator("input[data-weight]").nth(1).fill("0.9"));
    await ranked(page, () => page.locator(".card .act-alike").first().click());
    await page.click("#profile");
    await page.waitForSelector("dialog.profile[open] .event");
    await page.keyboard.press("Escape");
    assert.deepEqual(asked(server.requests.slice(loaded)), [], "the server saw nothing");
    assert.deepEqual(await counter(), { all: 0, model: 0 });
    assert.match(await page.textContent(".status-requests"), /^0 requests since loaded$/);

    await search(page, "a quiet island");
    const fetched = asked(server.requests.slice(loaded));
    assert.ok(fetched.length > 0 && fetched.every((path) => /^\/(models|homebody)\//.test(path)), `only the model's files: ${fetched}`);
    await page.waitForFunction(() => Number(document.querySelector("#status").dataset.requests) > 0);
    const { all, model } = await counter();
    assert.equal(all, model, "all for the text model");
    assert.ok(all >= fetched.length, `${all} counted, ${fetched.length} seen by the server`);
    await search(page, "a loud city");
    assert.deepEqual(asked(server.requests.slice(loaded)), fetched, "the second search asks for nothing");
    assert.deepEqual(await counter(), { all, model });
    assert.ok((await films(page)).length > 0);
  }));

test("the page's policy allows no other place to talk to", async () => {
  const html = await readFile(join(SITE, "index.html"), "utf8");
  const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html);
  for (const part of ["default-src 'self'", "script-src 'self' 'wasm-unsafe-eval'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'"]) {
    assert.ok(policy.split("; ").includes(part), part);
  }
  assert.doesNotMatch(html, /<script(?![^>]*src=)|<style|\sstyle=|\son\w+=/, "no inline script or style");
});
