/** Searching: words at once, meaning as soon as the model is there, and finding one's way back. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { answers } from "../browser/harness.mjs";
import { closeBrowser, films, open, pick, ranked, search, shows, skip, visit } from "./support.mjs";

after(closeBrowser);

test("“best 1980s sci-fi” finds the science fiction of the 1980s", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await skip(page);
    await search(page, "best 1980s sci-fi");
    const found = (await films(page)).slice(0, 10);
    const eighties = found.filter(({ year }) => year >= 1980 && year < 1990);
    const scifi = found.filter(({ kinds }) => /science fiction|sci-fi/i.test(kinds));
    const told = found.map(({ title, year, kinds }) => `${title} (${year}; ${kinds})`).join("\n");
    assert.ok(eighties.length >= 6, `of ten films ${eighties.length} are of the 1980s:\n${told}`);
    assert.ok(scifi.length >= 6, `of ten films ${scifi.length} are science fiction:\n${told}`);
  }));

test("typing finds titles at once, also when the model does not come, and says so", () =>
  visit({ expected: [/503|model/i] }, async ({ page, server }) => {
    await open(page, server);
    await skip(page);
    server.answers.set("/models/all-MiniLM-L6-v2/model.onnx", answers.status(503));
    await page.fill("#query", "empire strikes");
    await page.waitForFunction(() => /Empire Strikes Back/.test(document.querySelector(".strip")?.textContent ?? ""));
    await page.waitForFunction(() => /Empire Strikes Back/.test(document.querySelector("#results .card .title")?.textContent ?? ""));
    await page.waitForSelector('.notice[data-kind="problem"]');
    assert.match(await page.textContent(".notice"), /text model did not work.*Matching words/);
    // Mended, and asked again: meaning after all.
    server.answers.clear();
    await page.click(".notice button");
    await shows(page, "meaning: empire strikes");
  }));

test("a title search puts that film first", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await skip(page);
    await search(page, "the shawshank redemption");
    assert.match((await films(page))[0].title, /Shawshank/);
  }));

test("more like this, and back again with the browser's Back", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien"]);
    const home = (await films(page)).map(({ id }) => id);
    const { title } = (await films(page))[2];
    await ranked(page, () => page.locator(".card .act-alike").nth(2).click());
    assert.equal(await page.textContent("#results-title"), `Like ${title}`);
    const alike = await films(page);
    assert.equal(alike.length, 24);
    assert.ok(!alike.some((film) => film.title === title), "a film is not like itself");
    assert.equal(new URL(page.url()).hash + new URL(page.url()).search, "", "the address says nothing about it");
    await ranked(page, () => page.goBack());
    assert.deepEqual((await films(page)).map(({ id }) => id), home);
  }));

test("filters hold in a search, and an empty result says so and offers the way out", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await skip(page);
    await search(page, "a family in danger");
    await ranked(page, () => page.click('.chip:text-is("Western")'));
    for (const { title, kinds } of await films(page)) assert.match(kinds, /Western/, title);
    await ranked(page, () => page.fill("#weight-min-rating", "9"));
    assert.match(await page.textContent(".empty"), /No film passes these filters/);
    await ranked(page, () => page.click(".empty button"));
    assert.equal((await films(page)).length, 24);
  }));

test("leaving the search shows the recommendations as they were", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien", "Fargo"]);
    const home = (await films(page)).map(({ id }) => id);
    await search(page, "a heist that goes wrong");
    await ranked(page, () => page.press("#query", "Escape"));
    assert.deepEqual((await films(page)).map(({ id }) => id), home);
    assert.equal(await page.inputValue("#query"), "");
  }));
