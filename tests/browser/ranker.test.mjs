/** A ranker in the page: the same list as the program's, and a list without it where it fails. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { answers, closeBrowser, open, root, visit } from "./harness.mjs";

const folder = mkdtempSync(join(tmpdir(), "homebody-ranker-"));
const program = join(root, "build/bin/homebody");
const rankers = process.env.HOMEBODY_TEST_RANKERS;
const mounts = { "/books/": join(folder, "books"), "/rankers/": rankers };

after(async () => {
  await closeBrowser();
  rmSync(folder, { recursive: true });
});

const run = (...args) => execFileSync(program, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** A hundred and twenty books of five kinds and six colours, and the lists of somebody who likes two of them. */
function build() {
  const file = (name, lines) => writeFileSync(join(folder, name), `${lines.join("\n")}\n`);
  const rows = Array.from({ length: 120 }, (_, item) => `b${String(item).padStart(3, "0")},kind ${item % 5},colour ${item % 6}`);
  file("rows.csv", ["id,kind,colour", ...rows]);
  const space = (name, weight) => ["[[space]]", `name = '${name}'`, "kind = 'category'", `column = '${name}'`, "many = true", `weight = ${weight}`];
  const column = (name) => [`[columns.${name}]`, "type = 'tags'"];
  file("catalog.toml", ["name = 'books'", "id = 'id'", ...column("kind"), ...column("colour"), ...space("kind", "1.0"), ...space("colour", "0.5")]);
  file("events.csv", ["item,type,timestamp", "b000,like,1700000000", "b035,like,1700000001"]);
  run("build", "rows.csv", "--schema", "catalog.toml", "-o", "books");
  const list = (...args) => JSON.parse(run("recommend", "books", "--events", "events.csv", "--limit", "30", "--json", ...args));
  return { plain: list(), reranked: list("--ranker", join(rankers, "xgboost-regressor.json")) };
}

const { plain, reranked } = build();
const slim = (list) => list.map(({ id, score, rerank }) => [id, score.toFixed(6), rerank?.toFixed(5)]);

test("a page ranks anew as the program does, and without the ranker where it is told to", async () => {
  await visit({ mounts }, async ({ page, server }) => {
    await open(page, server);
    const made = await page.evaluate(async () => {
      const hb = await homebody.Recommender.create({ catalog: "/books/", ranker: "/rankers/xgboost-regressor.json" });
      await hb.recordAll([
        { item: "b000", type: "like", time: 1_700_000_000_000 },
        { item: "b035", type: "like", time: 1_700_000_001_000 },
      ]);
      const before = hb.status.requests;
      const whole = await hb.recommend({ limit: 30 });
      const first = await hb.recommend({ limit: 12 });
      const rest = await hb.recommend({ limit: 18, cursor: first.cursor });
      const without = await hb.recommend({ limit: 30, rerank: false });
      const { notes, requests } = hb.status;
      await hb.close();
      return { whole: [...whole], pages: [...first, ...rest].map(({ id }) => id), without: [...without], notes, made: requests - before };
    });
    assert.deepEqual(slim(made.whole), slim(reranked));
    assert.deepEqual(made.pages, reranked.map(({ id }) => id));
    assert.deepEqual(slim(made.without), slim(plain));
    assert.notDeepEqual(slim(reranked), slim(plain));
    assert.deepEqual(made.notes, []);
    assert.equal(made.made, 3, "the module, the description and the model, once");
  });
});

test("a list without an event goes through the ranker too, and a switch in the middle of ranking takes no scores along", async () => {
  await visit({ mounts }, async ({ page, server }) => {
    await open(page, server);
    const made = await page.evaluate(async () => {
      const hb = await homebody.Recommender.create({ catalog: "/books/", ranker: "/rankers/xgboost-regressor.json" });
      const [one] = await hb.recordAll([
        { item: "b000", type: "like", time: 1_700_000_000_000 },
        { item: "b035", type: "like", time: 1_700_000_001_000 },
      ]);
      const before = await hb.recommend({ limit: 30 });
      const without = await hb.profile.without(one.id, { limit: 30 });
      const plain = await hb.profile.without(one.id, { limit: 30, rerank: false });
      const after = await hb.recommend({ limit: 30 });
      await hb.profile.undo(one.id);
      const really = await hb.recommend({ limit: 30, includeSeen: false });
      // Another person, whom the ranker sees otherwise.
      await hb.profile.switch("bob");
      await hb.record({ item: "b001", type: "like", time: 1_700_000_000_000 });
      const bobs = await hb.recommend({ limit: 30 });
      await hb.profile.switch("default");
      const [crossed] = await Promise.all([hb.recommend({ limit: 30 }), hb.profile.switch("bob")]);
      await hb.profile.switch("default");
      const [erased] = await Promise.all([hb.recommend({ limit: 30 }), hb.profile.erase()]);
      const stranger = await hb.recommend({ limit: 30 });
      await hb.close();
      return Object.fromEntries(Object.entries({ before, without, plain, after, really, bobs, crossed, erased, stranger }).map(([name, list]) => [name, [...list]]));
    });
    assert.deepEqual(slim(made.without), slim(made.really));
    assert.ok(made.without.every(({ rerank }) => rerank !== undefined));
    assert.ok(made.plain.every(({ rerank }) => rerank === undefined));
    assert.deepEqual(slim(made.after), slim(made.before), "the profile stays as it was");
    assert.notDeepEqual(slim(made.bobs), slim(made.really));
    assert.deepEqual(slim(made.crossed), slim(made.bobs), "Bob's items in the order of Bob's scores");
    assert.deepEqual(slim(made.erased), slim(made.stranger));
  });
});

test("a list can be given up while its ranker is on its way, and the next waits on", async () => {
  await visit({ mounts }, async ({ page, server }) => {
    const held = [];
    let through = false;
    server.answers.set("/rankers/xgboost-regressor.onnx", (_request, response) => {
      if (through) return false;
      held.push(response);
    });
    await open(page, server);
    await page.evaluate(async () => {
      window.hb = await homebody.Recommender.create({ catalog: "/books/", ranker: "/rankers/xgboost-regressor.json" });
      window.controller = new AbortController();
      window.list = thrown(hb.recommend({ signal: controller.signal }));
    });
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const { name } = await page.evaluate(() => {
      controller.abort();
      return list;
    });
    assert.equal(name, "AbortError");
    through = true;
    const next = page.evaluate(async () => ({ list: [...(await hb.recommend({ limit: 3 }))], notes: hb.status.notes }));
    for (const response of held) answers.bytes(readFileSync(join(rankers, "xgboost-regressor.onnx")))(undefined, response);
    const { list, notes } = await next;
    assert.deepEqual(notes, []);
    assert.ok(list.every(({ rerank }) => rerank !== undefined));
  });
});

test("where the ranker fails lists do without it and say so, and the next list tries again", async () => {
  await visit({ mounts }, async ({ page, server }) => {
    server.answers.set("/rankers/xgboost-regressor.onnx", answers.bytes(Buffer.from("no model")));
    await open(page, server);
    const failed = await page.evaluate(async () => {
      const hb = await homebody.Recommender.create({ catalog: "/books/", ranker: "/rankers/xgboost-regressor.json" });
      globalThis.hb = hb;
      await hb.recordAll([
        { item: "b000", type: "like", time: 1_700_000_000_000 },
        { item: "b035", type: "like", time: 1_700_000_001_000 },
      ]);
      return { list: [...(await hb.recommend({ limit: 30 }))], notes: hb.status.notes };
    });
    assert.deepEqual(slim(failed.list), slim(plain));
    assert.match(failed.notes.join("\n"), /without the ranker \(ranker-not-onnx\): expected an ONNX model/);
    server.answers.delete("/rankers/xgboost-regressor.onnx");
    const again = await page.evaluate(async () => ({ list: [...(await hb.recommend({ limit: 30 }))], notes: hb.status.notes }));
    assert.deepEqual(slim(again.list), slim(reranked));
    assert.deepEqual(again.notes, []);
  });
});

test("a ranker that is asked for and not given is an error", async () => {
  await visit({ mounts }, async ({ page, server }) => {
    await open(page, server);
    const code = await page.evaluate(async () => {
      const hb = await homebody.Recommender.create({ catalog: "/books/" });
      return hb.recommend({ rerank: true }).then(() => "none", (error) => error.code);
    });
    assert.equal(code, "option");
  });
});
