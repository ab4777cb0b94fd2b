/** Starts that fail, calls that are given up, objects that are closed: each ends in exactly one way, and none hangs. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { FILMS, answers, closeBrowser, open, root, visit } from "./harness.mjs";

after(closeBrowser);

const NOT_LOADED = [/Failed to load resource/, /MIME type/];

test("closing rejects what is pending, twice is fine, and afterwards every call is refused", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const result = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      const pending = [hb.recommend(), hb.record({ item: "alien-1979", type: "like" }), hb.profile.events(), hb.search("space")].map((call) => thrown(call));
      await Promise.all([hb.close(), hb.close()]);
      await hb.close();
      const codes = (await Promise.all(pending)).map(({ code }) => code);
      const later = [];
      for (const work of [() => hb.recommend(), () => hb.search("x"), () => hb.prepareSearch(), () => hb.profile.export()]) later.push((await thrown(work)).code);
      return { codes, later };
    }, FILMS);
    assert.deepEqual(new Set([...result.codes, ...result.later]), new Set(["closed"]));
  }));

test("an object that is declared with `await using` is closed at the end of its block", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const code = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      await hb[Symbol.asyncDispose]();
      return (await thrown(hb.recommend())).code;
    }, FILMS);
    assert.equal(code, "closed");
  }));

for (const [what, path, answer, code] of [
  ["the worker's script is not there", "/homebody/worker.js", answers.status(404), "worker-failed"],
  ["a part of the worker is not there", "/homebody/serve.js", answers.status(404), "worker-failed"],
  ["the worker's script throws", "/homebody/worker.js", answers.bytes(Buffer.from("throw new Error('broken build')"), "text/javascript"), "worker-failed"],
  ["the module is not there", "/homebody/core/core_bg.wasm", answers.status(404), "module-failed"],
  ["the module is a web page", "/homebody/core/core_bg.wasm", answers.html(), "module-failed"],
  ["the module is cut short", "/homebody/core/core_bg.wasm", (request, response) => answers.bytes(readFileSync(`${root}/dist/core/core_bg.wasm`).subarray(0, 5000), "application/wasm")(request, response), "module-failed"],
]) {
  test(`create() rejects when ${what}, and works once that is mended`, () =>
    visit({ expected: NOT_LOADED }, async ({ page, server }) => {
      await open(page, server);
      server.answers.set(path, answer);
      const error = await page.evaluate((films) => thrown(homebody.Recommender.create(films)), FILMS);
      assert.equal(error.code, code, error.message);
      server.answers.clear();
      const items = await page.evaluate(async (films) => (await homebody.Recommender.create(films)).status.catalog.items, FILMS);
      assert.equal(items, 3201);
    }));
}

test("a module that the page could not get is fetched by the worker, and both requests are counted", () =>
  visit({ expected: [/Failed to load resource/] }, async ({ page, server }) => {
    await open(page, server);
    let asked = 0;
    server.answers.set("/homebody/core/core_bg.wasm", (request, response) => (++asked === 1 ? answers.status(503)(request, response) : false));
    const { hits, requests } = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      return { hits: (await hb.recommend()).length, requests: hb.status.requests };
    }, FILMS);
    assert.equal(hits, 10);
    assert.equal(asked, 2);
    const folder = server.paths().filter((path) => path.startsWith("/catalogs/")).length;
    assert.equal(requests, folder + asked);
  }));

test("a module that the server calls by the wrong type is taken all the same", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    server.answers.set("/homebody/core/core_bg.wasm", (request, response) => answers.bytes(readFileSync(`${root}/dist/core/core_bg.wasm`))(request, response));
    const items = await page.evaluate(async (films) => (await homebody.Recommender.create(films)).status.catalog.items, FILMS);
    assert.equal(items, 3201);
  }));

test("create() is given up with its signal, and its worker ends", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const hanging = [];
    server.answers.set("/catalogs/films/catalog.json", (_request, response) => void hanging.push(response));
    const worker = page.waitForEvent("worker");
    const error = page.evaluate(async (films) => {
      window.controller = new AbortController();
      const error = await thrown(homebody.Recommender.create({ ...films, signal: controller.signal }));
      const early = await thrown(homebody.Recommender.create({ ...films, signal: AbortSignal.abort() }));
      return { error, early };
    }, FILMS);
    const closed = (await worker).waitForEvent("close");
    await page.waitForFunction(() => window.controller !== undefined);
    await page.evaluate(() => controller.abort());
    const { error: { name }, early } = await error;
    assert.equal(name, "AbortError");
    assert.equal(early.name, "AbortError");
    await closed;
    for (const response of hanging) response.destroy();
  }));

test("calls are given up with their signal, with its reason; those beside them are answered", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const result = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      const controller = new AbortController();
      const { signal } = controller;
      const given = [hb.recommend({ signal }), hb.similar("alien-1979", { signal }), hb.onboarding({ signal })].map((call) => thrown(call));
      const kept = hb.recommend({ limit: 3 });
      controller.abort(new homebody.HomebodyError("typed-on", "the text changed"));
      const codes = (await Promise.all(given)).map(({ code }) => code);
      return { codes, kept: (await kept).length, early: (await thrown(hb.recommend({ signal }))).code };
    }, FILMS);
    assert.deepEqual(result, { codes: ["typed-on", "typed-on", "typed-on"], kept: 3, early: "typed-on" });
  }));

test("listeners are told until they are ended, and one that throws keeps no other from being told", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const heard = await page.evaluate(async (films) => {
      const hb = await homebody.Recommender.create(films);
      const heard = [];
      addEventListener("error", (event) => {
        event.preventDefault();
        heard.push(`reported ${event.error.message}`);
      });
      hb.on("change", () => {
        throw new Error("mine");
      });
      const end = hb.on("change", ({ source }) => heard.push(source));
      await hb.record({ item: "alien-1979", type: "like" });
      end();
      await hb.record({ item: "alien-1979", type: "view" });
      return heard;
    }, FILMS);
    assert.deepEqual(heard, ["local", "reported mine", "reported mine"]);
  }));
