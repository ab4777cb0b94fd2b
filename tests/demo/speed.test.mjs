/**
 * How long people wait, reported and not judged: a test must not depend on how busy the machine is. What is judged is that
 * the measurement saw anything at all.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, listed, open, pick, ranked, search, settled, shows, visit } from "./support.mjs";

after(closeBrowser);

/**
 * What the main thread of the page does while `steps` run, from the browser's own trace: the longest task by the clock, and
 * the longest by the processor time it took, which other programs on the machine do not lengthen.
 */
async function longestTasks(session, steps) {
  const events = [];
  const collect = ({ value }) => events.push(...value);
  session.on("Tracing.dataCollected", collect);
  await session.send("Tracing.start", { traceConfig: { includedCategories: ["toplevel"] }, transferMode: "ReportEvents" });
  await steps();
  const complete = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
  await session.send("Tracing.end");
  await complete;
  session.off("Tracing.dataCollected", collect);
  const key = ({ pid, tid }) => `${pid}:${tid}`;
  const main = new Set(events.filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain").map(key));
  const tasks = events.filter((event) => /RunTask$/.test(event.name) && main.has(key(event)));
  assert.ok(tasks.length > 0, "the trace has the page's tasks");
  const most = (field) => Math.round(Math.max(...tasks.map((task) => task[field] ?? 0)) / 1000);
  return { wallMs: most("dur"), cpuMs: most("tdur") };
}

test("time to the first list, and the longest task of the main thread", (t) =>
  visit({ reducedMotion: "no-preference" }, async ({ page, context, server }) => {
    const session = await context.newCDPSession(page);
    const during = async (what, steps) => {
      const { wallMs, cpuMs } = await longestTasks(session, steps);
      t.diagnostic(`${what}: longest task ${cpuMs} ms of processor time, ${wallMs} ms by the clock`);
    };
    const first = () => page.evaluate(() => performance.getEntriesByName("homebody:first-list")[0].startTime);

    await during("first visit", () => open(page, server));
    t.diagnostic(`first visit, nothing cached: first films ${Math.round(await first())} ms after navigation`);
    await during("picking", async () => {
      await pick(page, ["Alien", "Fargo", "Toy Story"]);
      await settled(page);
    });
    await during("second visit", async () => {
      await page.reload();
      await listed(page);
    });
    const second = await first();
    assert.ok(second > 0);
    t.diagnostic(`second visit: first recommendations ${Math.round(second)} ms after navigation`);
    await during("likes", async () => {
      for (const n of [1, 4, 7]) await ranked(page, () => page.locator(".card .act-like").nth(n).click());
    });
    await during("a slider", async () => {
      await page.locator("input[data-weight]").first().focus();
      for (let i = 0; i < 12; i++) await ranked(page, () => page.keyboard.press(i % 2 ? "ArrowRight" : "PageDown"));
    });
    t.diagnostic(`the last of them: ${await page.textContent(".tuning-result")}`);
    await during("first search, the model's loading included", () => search(page, "best 1980s sci-fi"));
    await during("search as one types", async () => {
      await page.focus("#query");
      await page.fill("#query", "");
      await page.keyboard.type("a lonely robot on a ruined planet", { delay: 30 });
      await shows(page, "meaning: a lonely robot on a ruined planet");
    });
    t.diagnostic(`status: ${await page.textContent(".status-requests")}; ${await page.textContent(".status-rest")}`);
  }));
