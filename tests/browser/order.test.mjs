/** What is asked for, or told by another tab, while something else is on its way: each event belongs to the profile of its moment. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, open, until, visit } from "./harness.mjs";
import { ALIEN, FARGO, create, databases, events, inWorker, record } from "./person.mjs";

after(closeBrowser);

test("what another tab's change makes this one read does not come back after erasing", () =>
  visit({}, async ({ page, server }) => {
    // Reading goes on until the erasure has been asked for, and some requests longer.
    inWorker(server, `
      const { getAll } = IDBObjectStore.prototype;
      let erasing = false;
      addEventListener("message", ({ data }) => { erasing ||= data.method === "erase"; });
      IDBObjectStore.prototype.getAll = function (...args) {
        if (self.slow) {
          const store = this;
          let more = 50;
          const again = () => { if (!erasing || --more > 0) store.count().onsuccess = again; };
          again();
          new BroadcastChannel("test").postMessage("reading");
        }
        return getAll.apply(this, args);
      };
      new BroadcastChannel("test-slow").onmessage = () => { self.slow = true; };`);
    await open(page, server);
    await create(page);
    await record(page, ALIEN);
    const left = await page.evaluate(async () => {
      const reading = new Promise((resolve) => {
        window.told = new BroadcastChannel("test");
        told.onmessage = resolve;
      });
      new BroadcastChannel("test-slow").postMessage("");
      new BroadcastChannel("homebody/default").postMessage({ kind: "changed" });
      await reading;
      await hb.profile.erase();
      return hb.profile.events();
    });
    assert.deepEqual(left, []);
    assert.deepEqual(await databases(page), []);
  }));

for (const [what, before, after] of [
  ["create()", null, () => create],
  ["switch()", create, () => (page) => page.evaluate(() => hb.profile.switch("default"))],
]) {
  test(`what another tab records while ${what} reads the events is not missed`, () =>
    visit({}, async ({ page, context, server }) => {
      const other = await context.newPage();
      await open(other, server);
      await create(other);
      // The second look for a database is the one before the events are read: it sees none, and takes its time to say so.
      inWorker(server, `
        const { databases } = IDBFactory.prototype;
        const gate = new BroadcastChannel("test-go");
        const go = new Promise((resolve) => { gate.onmessage = resolve; });
        let looks = 0;
        IDBFactory.prototype.databases = async function () {
          const seen = await databases.call(this);
          if (++looks === 2) {
            new BroadcastChannel("test").postMessage("read");
            await go;
          }
          return seen;
        };`);
      await open(page, server);
      // A profile that is in memory looks for none.
      if (before !== null) await before(page, { profile: "guest", persist: false });
      await page.evaluate(() => {
        window.read = new Promise((resolve) => {
          window.told = new BroadcastChannel("test");
          told.onmessage = resolve;
        });
      });
      const done = after()(page);
      await page.evaluate(() => read.then(() => undefined));
      await record(other, FARGO);
      await page.evaluate(() => new BroadcastChannel("test-go").postMessage(""));
      await done;
      await until(page, async () => (await hb.profile.events()).length === 1);
      assert.deepEqual(await events(page), [`like ${FARGO}`]);
    }));
}
