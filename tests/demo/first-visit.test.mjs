/** The first visit: what it is, a few films to pick, and then a list that is about them. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { answers } from "../browser/harness.mjs";
import { closeBrowser, films, open, pick, ranked, skip, visit } from "./support.mjs";

after(closeBrowser);

test("a first visit says what it is and offers films that differ", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    assert.match(await page.textContent("#welcome"), /nothing you pick is sent anywhere/);
    await page.waitForSelector(".pick");
    const hues = await page.$$eval(".pick", (picks) => picks.map((pick) => pick.dataset.hue));
    assert.equal(hues.length, 12);
    assert.ok(new Set(hues).size >= 4, `twelve picks of at least four kinds, not ${[...new Set(hues)]}`);
    assert.ok(await page.isDisabled(".picks-bar .primary"), "nothing picked, nothing to go on with");
  }));

test("other picks can be asked for, and found by title; what is picked stays picked", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const titles = () => page.$$eval(".pick .title", (all) => all.map((title) => title.textContent));
    await page.waitForSelector(".pick");
    const first = await titles();
    await page.locator(".pick").nth(3).click();
    await page.click("text=Show others");
    const second = await titles();
    assert.equal(second[0], first[3], "the picked film stays in sight");
    assert.equal(await page.getAttribute(".pick >> nth=0", "aria-pressed"), "true");
    assert.deepEqual(second.slice(1).filter((title) => first.includes(title)), [], "all others are new");
    await page.fill("#pick-query", "blade runn");
    await page.waitForFunction(() => /title/.test(document.querySelector(".picks-note").textContent));
    assert.deepEqual(await titles(), ["Blade Runner"]);
    await page.fill("#pick-query", "zzzzzz");
    await page.waitForFunction(() => /No title/.test(document.querySelector(".picks-note").textContent));
  }));

test("picks lead to a list with a reason on every card", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien", "Blade Runner", "The Terminator"]);
    const list = await films(page);
    assert.equal(list.length, 24);
    for (const film of list) assert.ok(film.reason.length > 8, `${film.title} has no reason`);
    assert.deepEqual(list.map((film) => film.rank), list.map((_, index) => index + 1));
    const titles = list.map((film) => film.title);
    for (const picked of ["Alien", "Blade Runner", "The Terminator"]) assert.ok(!titles.includes(picked), `${picked} is known already`);
    const alike = list.filter((film) => /science fiction|sci-fi|action|horror|thriller/i.test(film.kinds));
    assert.ok(alike.length >= 14, `most films should be of the picked kinds, ${alike.length} of 24 are`);
    assert.match(await page.textContent(".results-text"), /From 3 likes/);
    assert.match(await page.textContent("#profile"), /3/);
  }));

test("who skips gets what most people like, and can still pick", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await skip(page);
    const list = await films(page);
    assert.equal(list.length, 24);
    assert.ok(list.slice(0, 10).every((film) => film.rating >= 7.5), "the beginning of the list is well rated");
    await page.click("text=Pick some to start");
    await page.waitForSelector(".pick");
  }));

test("a list goes on, a page at a time", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await skip(page);
    const first = await films(page);
    await ranked(page, () => page.click(".more"));
    const more = await films(page);
    assert.equal(more.length, 48);
    assert.deepEqual(more.slice(0, 24).map(({ id }) => id), first.map(({ id }) => id));
  }));

test("a file that cannot be had is said in words, with a way to try again", () =>
  visit({ expected: [/503|catalog|Failed to load/i] }, async ({ page, server }) => {
    server.answers.set("/catalogs/films/catalog.json", answers.status(503));
    await page.goto(server.url);
    await page.waitForSelector('html[data-stage="failed"]');
    assert.match(await page.textContent('[role="alert"]'), /did not work/);
    server.answers.clear();
    await page.click("text=Try again");
    await page.waitForSelector('html[data-stage="ready"]');
    await page.waitForSelector(".pick");
  }));
