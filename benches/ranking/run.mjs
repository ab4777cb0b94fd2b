/**
 * The ranking call in headless Chromium, with catalogs that `main.rs` writes (10,000 and 100,000 items × 384): `recommend` with all
 * options on, as the worker itself times it; an event from `record()` over its being durable to the new list painted; and a kept
 * profile of 10,000 events from `create()` to its first list, from its snapshot, from that and an event recorded since, and derived anew. Medians with the least and the most.
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
          const [kept, since, anew] = Array.from({ length: 3 }, () => ({ opened: [], profile: [], first: [], second: [] }));
          if (many > 0) {
            const open = () => homebody.Recommender.create({ catalog: "/bench/", profile: "long" });
            const long = await open();
            const kinds = [["like", 0.9], ["dislike", 0.05], ["impression", 0.05]].flatMap(([type, share]) => Array(share * many).fill(type));
            const past = Date.now() - many * 60_000;
            await long.recordAll(kinds.map((type, at) => ({ item: id((at * 7919) % 10_000), type, time: past + at * 60_000 })));
            await long.recommend(options);
            // What was derived is kept in a pause of two seconds.
            await new Promise((resolve) => setTimeout(resolve, 4000));
            await long.close();
            const done = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: reject }));
            const meta = async (work) => {
              const database = await done(indexedDB.open("homebody/long"));
              const result = await work(database.transaction("meta", "readwrite").objectStore("meta"));
              database.close();
              return result;
            };
            const beside = {};
            for (const times of [kept, since, anew]) {
              if (times === since) {
                // What a page leaves that records an event and is gone.
                const gone = await open();
                await gone.record({ item: id(2400), type: "like", time: Date.now() - 7_200_000 });
                for (const key of ["snapshot", "since"]) beside[key] = await meta((store) => done(store.get(key)));
                await gone.close();
              }
              for (let round = 0; round <= openings; round++) {
                if (times === since) {
                  for (const [key, value] of Object.entries(beside)) await meta((store) => done(store.put(value, key)));
                }
                if (times === anew) await meta((store) => done(store.delete("snapshot")));
                const started = performance.now();
                const again = await open();
                times.opened.push(performance.now() - started);
                times.profile.push(again.status.timings.profileMs);
                await again.recommend(options);
                times.first.push(again.status.timings.lastRankMs);
                await again.recommend(options);
                times.second.push(again.status.timings.lastRankMs);
                await again.close();
              }
            }
            const last = await open();
            await last.profile.erase();
            await last.close();
          }
          const warm = (all) => Object.fromEntries(Object.entries(all).map(([name, times]) => [name, times.slice(1)]));
          return { again: again.slice(1), painted: painted.slice(1), length, kept: warm(kept), since: warm(since), anew: warm(anew) };
        },
        // Only the smaller catalog: the profile is what it costs.
        { rounds: ROUNDS, openings: OPENINGS, many: items === 10_000 ? 10_000 : 0 },
      );
      assert.equal(times.length, 20, "a list to measure");
      results[items] = times;
      console.log(`${items} items: recommend, all options on, in the worker   ${spread(times.again)}`);
      console.log(`${items} items: event → durable → new list painted         ${spread(times.painted)}`);
      for (const [how, all] of Object.entries({ "from the snapshot": times.kept, "from it and an event since": times.since, "derived anew": times.anew })) {
        if (all.opened.length === 0) continue;
        console.log(`${items} items, 10,000 events, ${how}: create()                         ${spread(all.opened)}`);
        console.log(`${items} items, 10,000 events, ${how}: of that the profile, in the worker ${spread(all.profile)}`);
        console.log(`${items} items, 10,000 events, ${how}: the first list, in the worker       ${spread(all.first)}`);
        console.log(`${items} items, 10,000 events, ${how}: the second, in the worker           ${spread(all.second)}`);
      }
    });
  }
  console.log(`median of ${ROUNDS} (least to most); ${cpus()[0]?.model}, headless Chromium`);
  if (process.env.HOMEBODY_BENCH_JSON) writeFileSync(process.env.HOMEBODY_BENCH_JSON, JSON.stringify(results));
} finally {
  await closeBrowser();
  rmSync(folder, { recursive: true });
}
