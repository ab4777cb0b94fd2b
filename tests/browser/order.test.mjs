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

for (const [what, begin] of [
  ["a description", `hb.profile.describe("slow films about the sea")`],
  ["an import", `hb.profile.import(late)`],
]) {
  test(`${what} that is being made ready is for the profile it was asked in, and erased with it`, () =>
    visit({}, async ({ page, server }) => {
      // The model comes only when it is let through; so does the file, whose browser reads it slowly.
      let held = [];
      server.answers.set("/models/all-MiniLM-L6-v2/model.json", (_request, response) => {
        if (held === undefined) return false;
        held.push(response);
      });
      await open(page, server);
      await create(page, { profile: "ann" });
      await record(page, ALIEN);
      await page.evaluate(async () => {
        const document = await hb.profile.export();
        await hb.profile.erase();
        let let_through;
        const go = new Promise((resolve) => (let_through = resolve));
        window.letThrough = let_through;
        window.late = new Blob([document]);
        late.arrayBuffer = async () => {
          await go;
          return document.arrayBuffer();
        };
        window.sorted = async () => (await hb.profile.events()).map(({ item, type }) => `${type} ${item}`).sort();
      });
      const result = page.evaluate(async ([begin, item]) => {
        const asked = [eval(begin), hb.profile.switch("bob"), hb.record({ item, type: "view" }), hb.profile.list()];
        window.asked = true;
        await Promise.all(asked);
        const bob = await sorted();
        await hb.profile.switch("ann");
        return { bob, ann: (await sorted()).length };
      }, [begin, FARGO]);
      await page.waitForFunction(() => window.asked);
      if (begin.includes("describe")) {
        while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
        const responses = held;
        held = undefined;
        for (const response of responses) response.destroy();
      }
      await page.evaluate(() => letThrough());
      const { bob, ann } = await result;
      assert.deepEqual(bob, [`view ${FARGO}`], "what was recorded after the switch, and nothing of Ann");
      assert.ok(ann > 0);

      // Erased, not added behind the erasure; and what is recorded behind it stays.
      const left = await page.evaluate(async ([begin, item]) => {
        const text = "another text: mountains, snow and silence";
        const asked = [eval(begin.replace("slow films about the sea", text)), hb.profile.erase(), hb.record({ item, type: "view" })];
        await Promise.all(asked);
        return sorted();
      }, [begin, FARGO]);
      assert.deepEqual(left, [`view ${FARGO}`]);
    }));
}
