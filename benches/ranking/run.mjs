/**
 * The ranking call in headless Chromium, with catalogs that `main.rs` writes (10,000 and 100,000 items × 384): `recommend` with all
 * options on, as the worker itself times it; an event from `record()` over its being durable to the new list painted; and a kept
 * profile of 10,000 events from `create()` to its first list. Medians with the least and the most.
 *
 * It does not measure loading, embedding, or browsers other than Chromium. Run: `npm run bench -- ranking` (after a build also
 * `node benches/ranking/run.mjs`). `HOMEBODY_BENCH_JSON=FILE` keeps the raw results.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { closeBrowser, open, root, visit } from "../../tests/browser/harness.mjs";

const ROUNDS = 31;
const OPENINGS = 9;
const folder = mkdtempSync(join(tmpdir(), "homebody-bench-"));
const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1];
const spread = (times) => `${median(times).toFixed(2)} ms (${Math.min(...times).toFixed(2)} to ${Math.max(...times).toFixed(2)})`;
const results = {};

try {
  execFileSync("cargo", ["bench", "--profile", "release", "--bench", "ranking", "--", "--catalogs", folder], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  for (const items of [10_000, 100_000]) {
    await visit({ mounts: { "/bench/": join(folder, String(items)) } }, async ({ page, server }) => {
      await open(page, server);
      const times = await page.evaluate(
        async ({ rounds, openings, many }) => {
          const hb = await homebody.Recommender.create({ catalog: "/bench/", profile: "bench" });
          const id = (number) => `item-${String(number).padStart(6, "0")}`;
          const kinds = [["like", 100], ["dislike", 20], ["impression", 300]].flatMap(([type, count]) => Array(count).fill(type));
          const past = Date.now() - 10 * 60_000;
          await hb.recordAll(kinds.map((type, at) => ({ item: id((at * 7919) % 10_000), type, time: past + at })));
          const options = {
            limit: 20, where: { rating: { gte: 5 } }, weights: { about: 1, momentum: 0.1 }, diversity: 0.3, rotation: 0.5,
            caps: { maker: 3 }, strength: 0.9, sessionRecency: true, explain: true, compare: "baseline",
          };
          const again = [];
          const painted = [];
          let length = 0;
          for (let round = 0; round <= rounds; round++) {
            length = (await hb.recommend(options)).length;
            again.push(hb.status.timings.lastRankMs);
          }
          const list = document.body.appendChild(document.createElement("ol"));
          const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
          for (let round = 0; round <= rounds; round++) {
            await frame();
            const started = performance.now();
            await hb.record({ item: id(round * 7 + 3), type: "like" });
            const hits = await hb.recommend({ limit: 20, explain: true });
            list.replaceChildren(...hits.map((hit) => Object.assign(document.createElement("li"), { textContent: hit.id })));
            await frame();
            painted.push(performance.now() - started);
          }
          await hb.profile.erase();
          await hb.close();
          const opened = [];
          const first = [];
          const second = [];
          if (many > 0) {
            const open = () => homebody.Recommender.create({ catalog: "/bench/", profile: "long" });
            const long = await open();
            const kinds = [["like", 0.9], ["dislike", 0.05], ["impression", 0.05]].flatMap(([type, share]) => Array(share * many).fill(type));
            const past = Date.now() - many * 60_000;
            await long.recordAll(kinds.map((type, at) => ({ item: id((at * 7919) % 10_000), type, time: past + at * 60_000 })));
            await long.recommend(options);
            await long.close();
            for (let round = 0; round <= openings; round++) {
              const started = performance.now();
              const again = await open();
              opened.push(performance.now() - started);
              await again.recommend(options);
              first.push(again.status.timings.lastRankMs);
              await again.recommend(options);
              second.push(again.status.timings.lastRankMs);
              await again.close();
            }
            const last = await open();
            await last.profile.erase();
            await last.close();
          }
          return { again: again.slice(1), painted: painted.slice(1), length, opened: opened.slice(1), first: first.slice(1), second: second.slice(1) };
        },
        // Only the smaller catalog: the profile is what it costs.
        { rounds: ROUNDS, openings: OPENINGS, many: items === 10_000 ? 10_000 : 0 },
      );
      assert.equal(times.length, 20, "a list to measure");
      results[items] = times;
      console.log(`${items} items: recommend, all options on, in the worker   ${spread(times.again)}`);
      console.log(`${items} items: event → durable → new list painted         ${spread(times.painted)}`);
      if (times.opened.length > 0) {
        console.log(`${items} items, 10,000 events: create() with the kept profile ${spread(times.opened)}`);
        console.log(`${items} items, 10,000 events: the first list, in the worker   ${spread(times.first)}`);
        console.log(`${items} items, 10,000 events: the second, in the worker       ${spread(times.second)}`);
      }
    });
  }
  console.log(`median of ${ROUNDS} (least to most); ${cpus()[0]?.model}, headless Chromium`);
  if (process.env.HOMEBODY_BENCH_JSON) writeFileSync(process.env.HOMEBODY_BENCH_JSON, JSON.stringify(results));
} finally {
  await closeBrowser();
  rmSync(folder, { recursive: true });
}
