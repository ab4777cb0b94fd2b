/** The program at a terminal gives the lists of the browser: same catalog, same events, same order. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FILMS, closeBrowser, open, root, visit } from "./harness.mjs";

const folder = mkdtempSync(join(tmpdir(), "homebody-cli-"));
after(async () => {
  await closeBrowser();
  rmSync(folder, { recursive: true, force: true });
});

const CATALOG = "build/catalogs/films";
const MODEL = "build/models/all-MiniLM-L6-v2";

function homebody(...args) {
  const { status, stdout, stderr } = spawnSync(join(root, "build/bin/homebody"), args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

/** How far two scores of one item may be apart when its query went through the two builds of the model. */
const SAME = 1e-3;

/** Every list that is compared: what the page is asked, and the same on a command line. */
const LISTS = {
  "everything": [{ limit: 3201 }, []],
  "with weights": [{ limit: 200, weights: { rating: 1.5, genres: 0 } }, ["--weights", '{"rating":1.5,"genres":0}']],
  "behind a filter": [{ limit: 200, where: { year: { gte: 1980, lt: 1990 } } }, ["--where", '{"year":{"gte":1980,"lt":1990}}']],
  "spread out": [{ limit: 50, diversity: 0.5 }, ["--diversity", "0.5"]],
};

for (const [person, events] of Object.entries({
  "nobody yet": [],
  "somebody": [["alien-1979", "like"], ["fargo-1996", "like"], ["star-wars-ep-v-the-empire-strikes-back-1980", "rate", 5], ["titanic-1997", "hide"], ["the-godfather-1972", "view"], ["the-shawshank-redemption-1994", "dislike"]],
})) {
  test(`recommend and search order as the browser does, for ${person}`, () =>
    visit({}, async ({ page, server }) => {
      await open(page, server);
      const lists = Object.fromEntries(Object.entries(LISTS).map(([name, [options]]) => [name, options]));
      const result = await page.evaluate(async ([films, events, lists]) => {
        const hb = await homebody.Recommender.create(films);
        for (const [item, type, value] of events) await hb.record({ item, type, ...(value === undefined ? {} : { value }) });
        const slim = (hits) => hits.map(({ id, score }) => ({ id, score }));
        const ranked = {};
        for (const [name, options] of Object.entries(lists)) ranked[name] = slim(await hb.recommend(options));
        const found = slim(await hb.search("best 1980s sci-fi", { limit: 100 }));
        return { ranked, found, profile: await (await hb.profile.export()).text() };
      }, [FILMS, events, lists]);
      const file = join(folder, `${person}.json`);
      writeFileSync(file, result.profile);
      for (const [name, [{ limit }, args]] of Object.entries(LISTS)) {
        const native = homebody("recommend", CATALOG, "--events", file, "--limit", String(limit), "--json", ...args);
        assert.ok(native.length > 40, `${name}: ${native.length} hits`);
        assert.deepEqual(native.map(({ id }) => id), result.ranked[name].map(({ id }) => id), name);
        for (const [i, { score }] of native.entries()) assert.ok(Math.abs(score - result.ranked[name][i].score) < 1e-6, `${name}, place ${i + 1}`);
      }
      const native = homebody("search", CATALOG, "--model", MODEL, "--events", file, "--limit", "100", "--json", "best 1980s sci-fi");
      assert.equal(native.length, 100);
      // The query's vector comes from two builds of the model, whose floats differ in the last bits (cosine 0.9999 and
      // more): neighbours whose scores are closer than that may change places, nothing else may.
      for (const [i, { id, score }] of native.entries()) {
        const there = result.found[i];
        assert.ok(Math.abs(score - there.score) < SAME, `place ${i + 1}: ${id} has ${score} natively, ${there.id} ${there.score} in the browser`);
        const apart = [native[i - 1], native[i + 1]].every((other) => other === undefined || Math.abs(other.score - score) > 2 * SAME);
        if (apart && i < 99) assert.equal(id, there.id, `place ${i + 1}`);
      }
    }));
}
