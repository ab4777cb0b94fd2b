/** Likes and dismissals change the order, where a person can see it, and can be taken back. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, films, open, pick, ranked, ranks, search, shows, skip, visit } from "./support.mjs";

after(closeBrowser);

const STAR_WARS = /^Star Wars Ep\. (I|II|III|IV|VI):/;

test("liking The Empire Strikes Back makes the other Star Wars films rise", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await skip(page);
    const before = new Map((await ranks(page)).map(({ id, rank }) => [id, rank]));

    // By meaning: the list by words comes first, and the other would come under the like.
    await search(page, "Empire Strikes Back");
    const card = page.locator("#results .card", { hasText: "The Empire Strikes Back" }).first();
    await ranked(page, () => card.locator(".act-like").click());

    const after = (await ranks(page)).filter(({ title }) => STAR_WARS.test(title));
    assert.equal(after.length, 5, "five other films of the six");
    for (const { id, title, rank } of after) {
      assert.ok(rank < before.get(id), `${title} should rise, but went from ${before.get(id)} to ${rank}`);
      assert.ok(rank <= 60, `${title} should be among the first 60 of the catalog, and is at ${rank}`);
    }
    await ranked(page, () => page.press("#query", "Escape"));
    await shows(page, "home");
    const shown = (await films(page)).filter(({ title }) => STAR_WARS.test(title));
    assert.ok(shown.length >= 3, `three or more of them are on the first page, not ${shown.map(({ title }) => title)}`);
    assert.ok(shown.some(({ reason }) => /Empire Strikes Back/.test(reason)), `a reason names it: ${shown.map(({ reason }) => reason).join(" | ")}`);
  }));

test("a like moves the cards that are shown, and says by how much", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien", "Fargo", "Toy Story"]);
    const before = await films(page);
    const { title } = before[4];
    await ranked(page, () => page.locator(".card .act-like").nth(4).click());
    const after = await films(page);
    assert.ok(!after.some((film) => film.title === title), "what is liked makes room for the next");
    assert.notDeepEqual(after.map(({ id }) => id), before.filter((film) => film.title !== title).map(({ id }) => id));
    assert.ok(after.some(({ moved }) => moved === "up") && after.some(({ moved }) => moved === "down" || moved === "new"));
    assert.match(await page.textContent("#announce"), new RegExp(`Liked .*First is now`));
    assert.match(await page.textContent(".toast"), /Liked/);
    // Undo restores the very same order.
    await ranked(page, () => page.click(".toast .link"));
    assert.deepEqual((await films(page)).map(({ id }) => id), before.map(({ id }) => id));
  }));

test("not interested lowers the film's kind, and never lifts the film", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien", "Toy Story", "Fargo"]);
    const before = await ranks(page);
    const alike = await page.evaluate(async () => {
      const { Recommender } = await import(new URL("./homebody/index.js", location.href).href);
      const engine = await Recommender.create({ catalog: "catalogs/films/" });
      const id = document.querySelector("#results .card").dataset.id;
      const hits = await engine.similar(id, { limit: 10, includeSeen: true });
      await engine.close();
      return { id, alike: hits.map((hit) => hit.id) };
    });
    await ranked(page, () => page.locator(".card .act-hide").first().click());
    const after = await ranks(page);
    const rank = (list, id) => list.find((film) => film.id === id).rank;
    assert.ok(rank(after, alike.id) > rank(before, alike.id), "the film itself falls");
    // What it leaves behind is a gap of one place; a liked film that is alike may use it, and nothing may rise further.
    const moves = alike.alike.map((id) => rank(after, id) - rank(before, id));
    assert.ok(moves.every((by) => by >= -1), `none of the ten most alike films rises: ${moves}`);
    assert.ok(moves.filter((by) => by > 0).length >= 4, `several of them fall: ${moves}`);
    assert.ok(!(await films(page)).some((film) => film.id === alike.id));
  }));

test("weights rank again while the slider moves, and can be set back", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien", "Blade Runner"]);
    const before = (await films(page)).map(({ id }) => id);
    const slider = page.locator("input[data-weight]").first();
    await ranked(page, () => slider.fill("0"));
    const after = (await films(page)).map(({ id }) => id);
    assert.notDeepEqual(after, before);
    assert.match(await page.textContent(".tuning-result"), /ranked in .* ms/);
    await ranked(page, () => page.click('.tuning-head button:text("Reset")'));
    assert.deepEqual((await films(page)).map(({ id }) => id), before);
  }));

test("filters for years, rating and genre hold for every film shown", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await skip(page);
    await ranked(page, () => page.fill('input[aria-label="From year"]', "1970"));
    await ranked(page, () => page.fill('input[aria-label="To year"]', "1985"));
    await ranked(page, () => page.fill("#weight-min-rating", "7"));
    await ranked(page, () => page.click('.chip:text-is("Comedy")'));
    const list = await films(page);
    assert.ok(list.length >= 5, "there are such films");
    for (const { title, year, rating, kinds } of list) {
      assert.ok(year >= 1970 && year <= 1985, `${title}: ${year}`);
      assert.ok(rating >= 7, `${title}: ${rating}`);
      assert.match(kinds, /Comedy/, title);
    }
  }));

test("a film tells its whole score", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien", "Blade Runner"]);
    await page.locator(".card .title-button").first().click();
    await page.waitForSelector("dialog.detail[open] .near-film");
    const numbers = await page.$$eval(".parts tr td:last-child", (cells) => cells.map((cell) => Number(cell.textContent.replace("−", "-").replace("+", ""))));
    const score = numbers.pop();
    assert.ok(numbers.length >= 2);
    const sum = numbers.reduce((total, value) => total + value, 0);
    // Each is shown with three places, so the sum of the shown may be off by half a unit per part.
    assert.ok(Math.abs(sum - score) <= 0.0005 * (numbers.length + 2), `${numbers.join(" + ")} = ${sum}, shown as ${score}`);
  }));
