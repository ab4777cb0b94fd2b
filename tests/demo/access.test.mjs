/** Everybody can use it: axe-core finds nothing, the keyboard reaches everything, and nothing is cut off. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, test } from "node:test";
import { closeBrowser, films, open, pick, ranked, search, visit } from "./support.mjs";

after(closeBrowser);

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function check(page, what) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  assert.ok(passes.length > 10, `axe looked at ${what}`);
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.slice(0, 3).map(({ html, failureSummary }) => `  ${html.slice(0, 160)}\n  ${failureSummary}`).join("\n")}`);
  assert.deepEqual(told, [], what);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${what}: the page is ${wide} px wider than the window`);
}

for (const width of [360, 768, 1440]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`axe finds nothing at ${width} px, ${colorScheme}`, () =>
      visit({ viewport: { width, height: 860 }, colorScheme }, async ({ page, server }) => {
        const at = (what) => check(page, `${what} at ${width} px, ${colorScheme}`);
        await open(page, server);
        await page.waitForSelector(".pick");
        await page.locator(".pick").nth(1).click();
        await at("the welcome");
        await pick(page, ["Alien"]);
        await ranked(page, () => page.locator(".card .act-like").nth(1).click());
        await at("the list after a like");
        if (await page.isVisible(".tune")) {
          await page.click(".tune");
          await at("the open controls");
          await page.click(".tuning-close");
        }
        await page.locator(".card .title-button").first().click();
        await page.waitForSelector("dialog.detail[open] .near-film");
        await at("a film");
        await page.keyboard.press("Escape");
        await page.click("#profile");
        await page.click("#erase");
        await at("the profile, about to be erased");
        await page.keyboard.press("Escape");
        await page.click(".status-toggle");
        await at("the status, opened");
        await page.click(".status-toggle");
        await page.fill("#query", "blade");
        await page.waitForSelector(".strip-film");
        await at("a search");
      }));
  }
}

test("everything can be done with the keyboard alone", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await page.waitForSelector(".pick");
    const focused = () => page.evaluate(() => document.activeElement?.className || document.activeElement?.id || document.activeElement?.tagName);
    const tabTo = async (selector) => {
      for (let i = 0; i < 60; i++) {
        if (await page.evaluate((selector) => document.activeElement?.matches(selector) ?? false, selector)) return;
        await page.keyboard.press("Tab");
      }
      assert.fail(`Tab does not reach ${selector}; it is on ${await focused()}`);
    };

    await page.keyboard.press("Tab");
    assert.equal(await focused(), "skip", "the first stop leads past the header");
    await tabTo(".pick");
    await page.keyboard.press("Space");
    assert.equal(await page.getAttribute(".pick >> nth=0", "aria-pressed"), "true");
    await tabTo(".picks-bar .primary");
    await ranked(page, () => page.keyboard.press("Enter"));

    await tabTo(".card-body");
    assert.ok(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== "none"), "the focus can be seen");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    const [, , third] = await films(page);
    await ranked(page, () => page.keyboard.press("l"));
    assert.ok(!(await films(page)).some(({ id }) => id === third.id), "l likes the card that has the focus");
    assert.equal(await focused(), "card-body", "the focus goes to the card that took its place");
    assert.equal(await page.evaluate(() => document.activeElement.querySelector(".rank").textContent), "3");

    const [, , next] = await films(page);
    await ranked(page, () => page.keyboard.press("x"));
    assert.ok(!(await films(page)).some(({ id }) => id === next.id), "x dismisses it");
    await ranked(page, () => page.keyboard.press("u"));
    assert.ok((await films(page)).some(({ id }) => id === next.id), "u takes that back");

    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog.detail[open]");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog.detail", { state: "hidden" });
    assert.equal(await focused(), "card-body", "closing gives the focus back");

    await ranked(page, () => page.keyboard.press("m"));
    assert.match(await page.textContent("#results-title"), /^Like /);
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.id), "query");
    await page.keyboard.type("blade runner");
    await page.waitForSelector(".strip-film");
    await page.keyboard.press("ArrowDown");
    await page.waitForFunction(() => document.activeElement.className === "card-body");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.querySelector("#results-title").textContent === "For you");
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("?");
    await page.waitForSelector("dialog.help[open]");
    await page.keyboard.press("Escape");
    await page.keyboard.press("p");
    await page.waitForSelector("dialog.profile[open]");
    await tabTo("#erase");
    await page.keyboard.press("Enter");
    await tabTo("#erase-yes");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#welcome:not([hidden])");
  }));

test("what happens is said in regions that are there from the start, errors as alerts, and the focus is never lost", () =>
  visit({ expected: [/arguments of record/] }, async ({ page, server }) => {
    await open(page, server);
    await page.evaluate(() => {
      globalThis.regions = [...document.querySelectorAll("[role=status], [role=alert]")].filter((region) => region.textContent.trim() === "");
    });
    await pick(page, ["Alien"]);

    // The notice after a like: its button takes the focus with it, which then goes back to where it was.
    await page.locator(".card .act-like").nth(1).click();
    await page.waitForSelector(".toast .link");
    await page.locator(".card-body").nth(2).focus();
    await page.locator('.toast [aria-label="Close this notice"]').focus();
    await page.keyboard.press("Enter");
    await page.waitForSelector(".toast", { state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.className), "card-body");

    // A failure is an alert, in a region that was empty before.
    await page.evaluate(() => {
      const { postMessage } = Worker.prototype;
      Worker.prototype.postMessage = function (message, ...others) {
        if (message.method === "record") throw new DOMException("as the test wants it", "DataCloneError");
        return postMessage.call(this, message, ...others);
      };
    });
    await page.locator(".card .act-hide").nth(1).click();
    await page.waitForSelector(".toast");
    const said = await page.evaluate(() => {
      const region = document.querySelector(".toast").closest("[role=alert], [role=status]");
      return [region?.getAttribute("role"), regions.includes(region), document.querySelectorAll(".toast[role]").length];
    });
    assert.deepEqual(said, ["alert", true, 0]);
  }));

test("a search says what it found, and a slider does not talk at every step", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien"]);
    await search(page, "a lonely lighthouse keeper");
    await page.waitForFunction(() => /The first 24 films\. .+ comes first\.$/.test(document.querySelector("#announce").textContent));
    // Typed in one go, said once.
    await page.evaluate(() => {
      globalThis.said = [];
      new MutationObserver(() => said.push(document.querySelector("#announce").textContent)).observe(document.querySelector("#announce"), { childList: true, characterData: true, subtree: true });
    });
    for (const text of ["s", "sp", "spa", "space"]) await page.fill("#query", text);
    await page.waitForFunction(() => globalThis.said.length > 0);
    assert.equal(await page.evaluate(() => globalThis.said.length), 1);

    await page.evaluate(() => {
      const lively = (element) => {
        const live = element.closest("[aria-live]")?.getAttribute("aria-live");
        return live !== undefined ? live !== "off" : element.closest("[role=status], [role=alert], output") !== null;
      };
      globalThis.talked = [];
      new MutationObserver((changes) => {
        for (const { target } of changes) {
          const element = target instanceof Element ? target : target.parentElement;
          if (element && lively(element)) globalThis.talked.push(element.outerHTML.slice(0, 100));
        }
      }).observe(document.querySelector("#tuning"), { childList: true, characterData: true, subtree: true });
    });
    await ranked(page, () => page.locator("input[data-weight]").first().fill("0.3"));
    await ranked(page, () => page.locator("input[data-weight]").first().fill("0.4"));
    assert.deepEqual(await page.evaluate(() => globalThis.talked), []);
  }));

test("muting an interest and undoing an event leave the focus at their place in the list", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await pick(page, ["Alien", "Fargo", "Heat", "Toy Story"]);
    await page.click("#profile");
    await page.waitForFunction(() => document.querySelectorAll(".event").length === 4 && document.querySelectorAll(".interest").length > 1);
    const place = (selector) => page.evaluate((selector) => [...document.querySelectorAll(selector)].indexOf(document.activeElement), selector);
    await page.locator(".event button").nth(2).focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelectorAll(".event").length === 3 && /Undone/.test(document.querySelector("#announce").textContent));
    assert.equal(await place(".event button"), 2);
    await page.locator(".interest-mute").nth(1).focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => / is muted/.test(document.querySelector("#announce").textContent));
    assert.equal(await place(".interest-mute"), 1);
  }));

test("cards glide when motion is welcome, and stand still when it is not", async () => {
  for (const reducedMotion of ["no-preference", "reduce"]) {
    await visit({ reducedMotion }, async ({ page, server }) => {
      await open(page, server);
      await pick(page, ["Alien", "Fargo"]);
      await page.evaluate(() => {
        globalThis.glides = 0;
        const animate = Element.prototype.animate;
        Element.prototype.animate = function (...args) {
          globalThis.glides++;
          return animate.apply(this, args);
        };
      });
      await ranked(page, () => page.locator(".card .act-like").nth(1).click());
      const glides = await page.evaluate(() => globalThis.glides);
      if (reducedMotion === "reduce") assert.equal(glides, 0);
      else assert.ok(glides >= 5, `${glides} cards moved`);
    });
  }
});
