/** A catalog with a collaborative space: the page downloads it and ranks as the program does. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { closeBrowser, open, root, visit } from "./harness.mjs";

const folder = mkdtempSync(join(tmpdir(), "homebody-crowd-"));
const program = join(root, "build/bin/homebody");
const LIKED = ["i03", "i07", "i08"];

after(async () => {
  await closeBrowser();
  rmSync(folder, { recursive: true });
});

/** Twenty books; sixty people in two groups like those of one half each. */
function build() {
  const file = (name, lines) => writeFileSync(join(folder, name), `${lines.join("\n")}\n`);
  const ids = Array.from({ length: 20 }, (_, item) => `i${String(item).padStart(2, "0")}`);
  file("rows.csv", ["id,kind", ...ids.map((id, item) => `${id},kind ${item % 4}`)]);
  file("catalog.toml", ["name = 'books'", "id = 'id'", "[columns.kind]", "type = 'tags'"]);
  const likes = Array.from({ length: 60 }, (_, person) =>
    ids.filter((_, item) => Math.floor(item / 10) === person % 2 && item % 10 !== person % 7).map((id) => `u${person},${id},like,1700000000`),
  );
  file("likes.csv", ["user,item,type,timestamp", ...likes.flat()]);
  // Three: with one like the crowd still has its say, see docs/crowd.md.
  file("events.csv", ["item,type,timestamp", ...LIKED.map((id, at) => `${id},like,${1_700_000_000 + at}`)]);
  const run = (...args) => execFileSync(program, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  run("build", "rows.csv", "--schema", "catalog.toml", "--interactions", "likes.csv", "-o", "books");
  return JSON.parse(run("recommend", "books", "--events", "events.csv", "--limit", "20", "--explain", "--json"));
}

test("what people choose together ranks in the page as it does in the program", async () => {
  const made = build();
  const expected = made.hits ?? made;
  await visit({ mounts: { "/books/": join(folder, "books") } }, async ({ page, server }) => {
    await open(page, server);
    const { hits, none, weights, similar, said } = await page.evaluate(async (liked) => {
      const hb = await homebody.Recommender.create({ catalog: "/books/" });
      const none = (await hb.recommend({ limit: 20, explain: true })).flatMap((hit) => hit.parts.map(({ name }) => name));
      for (const [at, item] of liked.entries()) await hb.record({ item, type: "like", time: 1_700_000_000_000 + 1000 * at });
      const hits = await hb.recommend({ limit: 20, explain: true });
      return { hits: [...hits], none, weights: hb.weights(), similar: await hb.similar("i13", { limit: 9 }), said: hits.map(({ reason }) => reason && homebody.phrase(reason)) };
    }, LIKED);
    assert.equal(weights.collaborative, 6);
    assert.ok(!none.includes("collaborative"), "a stranger has no part in it");
    const slim = (list) => list.map(({ id, score, reason }) => ({ id, score: score.toFixed(5), reason: reason?.text ?? null }));
    assert.deepEqual(slim(hits), slim(expected));
    assert.equal(hits[0].reason.kind, "crowd");
    assert.deepEqual(said, hits.map(({ reason }) => reason?.text), "the page says what the engine says");
    assert.deepEqual(hits.slice(0, 7).map(({ id }) => id < "i10"), Array(7).fill(true));
    assert.deepEqual(similar.map(({ id }) => id >= "i10"), Array(9).fill(true));
  });
});
