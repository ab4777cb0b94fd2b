/** What is kept of a person: where, for how long, seen by whom, and that erasing leaves nothing. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { closeBrowser, open, root, until, visit } from "./harness.mjs";
import { ALIEN, FARGO, HASTE, create, databases, events, inWorker, record } from "./person.mjs";

after(closeBrowser);

test("an event is there after a reload, and after the page went away the moment it was recorded", () =>
  visit({}, async ({ page, context, server }) => {
    await open(page, server);
    await create(page);
    const event = await record(page, ALIEN);
    assert.match(event.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/, "ids ascend with time: version 7 UUIDs");
    await record(page, FARGO, "hide");
    await page.close();
    const again = await context.newPage();
    await open(again, server);
    await create(again);
    assert.deepEqual(await events(again), [`like ${ALIEN}`, `hide ${FARGO}`]);
    assert.deepEqual((await again.evaluate(() => hb.profile.events()))[0], event);
  }));

test("a visitor who does nothing leaves no database", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await create(page);
    await page.evaluate(() => hb.recommend());
    assert.deepEqual(await databases(page), []);
  }));

test("two tabs that write at once lose nothing and see each other", () =>
  visit({}, async ({ page, context, server }) => {
    const other = await context.newPage();
    for (const tab of [page, other]) {
      await open(tab, server);
      await create(tab);
    }
    const write = (tab, type) =>
      tab.evaluate(async (type) => {
        const items = (await hb.recommend({ limit: 20, includeSeen: true })).map(({ id }) => id);
        await Promise.all(items.map((item) => hb.record({ item, type })));
      }, type);
    await Promise.all([write(page, "view"), write(other, "click")]);
    for (const tab of [page, other]) {
      await until(tab, async () => (await hb.profile.events()).length === 40);
      await tab.waitForFunction(() => changes.includes("remote") && changes.includes("local"));
    }
    const [one, two] = [await events(page), await events(other)];
    assert.deepEqual(one, two);
    const ranking = (tab) => tab.evaluate(async () => (await hb.recommend({ limit: 50 })).map(({ id }) => id));
    assert.deepEqual(await ranking(page), await ranking(other));
    await page.reload();
    await page.waitForFunction(() => window.homebody !== undefined);
    await create(page);
    assert.deepEqual(await events(page), two);
  }));

test("profiles are kept apart", () =>
  visit({}, async ({ page, context, server }) => {
    await open(page, server);
    await create(page, { profile: "ann" });
    await record(page, ALIEN);
    const other = await context.newPage();
    await open(other, server);
    await create(other, { profile: "ben" });
    assert.deepEqual(await events(other), []);
  }));

test("what is asked without waiting is done in its order: each event belongs to the profile of its moment", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await create(page);
    const result = await page.evaluate(async (item) => {
      const many = (await hb.recommend({ limit: 3000 })).map(({ id }) => ({ item: id, type: "view" }));
      const types = async () => (await hb.profile.events()).map(({ type }) => type);
      await hb.profile.switch("long");
      for (let i = 0; i < 4; i++) await hb.recordAll(many);
      await hb.profile.switch("default");
      // The longer profile takes longer to open; the last that was asked for is the one in use.
      await Promise.all([hb.profile.switch("long"), hb.profile.switch("short"), hb.record({ item, type: "like" })]);
      const last = [hb.profile.name, await types()];
      await Promise.all([hb.record({ item, type: "share" }), hb.profile.erase(), hb.record({ item, type: "hide" })]);
      const inMemory = await types();
      await hb.profile.switch("default");
      const untouched = await types();
      await hb.profile.switch("short");
      return { last, inMemory, kept: await types(), untouched };
    }, ALIEN);
    assert.deepEqual(result, { last: ["short", ["like"]], inMemory: ["hide"], kept: ["hide"], untouched: [] });
  }));

test("undo takes an event back for good: the ranking is as if it had never been", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await create(page);
    const ranking = () => page.evaluate(async () => (await hb.recommend({ limit: 100 })).map(({ id, score }) => `${id} ${score}`));
    await record(page, ALIEN);
    const before = await ranking();
    const { id } = await record(page, FARGO);
    assert.notDeepEqual(await ranking(), before);
    await page.evaluate((id) => hb.profile.undo(id), id);
    assert.deepEqual(await ranking(), before);
    assert.equal((await page.evaluate((id) => thrown(hb.profile.undo(id)), id)).code, "unknown-event");
    await page.reload();
    await page.waitForFunction(() => window.homebody !== undefined);
    await create(page);
    assert.deepEqual(await events(page), [`like ${ALIEN}`]);
  }));

test("a profile goes into a document and comes back from it; a damaged or newer one changes nothing", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await create(page, { profile: "from" });
    await record(page, ALIEN);
    await record(page, FARGO, "dislike");
    const text = await page.evaluate(async () => (await hb.profile.export()).text());
    const document = JSON.parse(text);
    assert.deepEqual([document.format, document.version, document.events.length], ["homebody-profile", 1, 2]);

    await page.evaluate(() => hb.close());
    await create(page, { profile: "to" });
    const load = (text) => page.evaluate((text) => hb.profile.import(new Blob([text])), text);
    const refused = (text) => page.evaluate((text) => thrown(hb.profile.import(new Blob([text]))), text);
    assert.equal((await refused(text.slice(0, -20))).code, "profile-damaged");
    assert.equal((await refused(text.replace(ALIEN, FARGO))).code, "profile-damaged");
    assert.equal((await refused(text.replace('"version": 1', '"version": 2'))).code, "profile-too-new");
    assert.equal((await refused("<!doctype html>")).code, "profile-format");
    assert.equal((await page.evaluate(() => thrown(hb.profile.import("text")))).code, "invalid-argument");
    assert.deepEqual(await events(page), []);
    assert.deepEqual(await databases(page), ["homebody/from"], "what was refused made no database");

    assert.deepEqual(await load(text), { added: 2, skipped: 0, unknownItems: 0, unknownTypes: 0 });
    assert.deepEqual(await load(text), { added: 0, skipped: 2, unknownItems: 0, unknownTypes: 0 });
    assert.deepEqual(await events(page), [`like ${ALIEN}`, `dislike ${FARGO}`]);
    await page.reload();
    await page.waitForFunction(() => window.homebody !== undefined);
    await create(page, { profile: "to" });
    assert.deepEqual(await events(page), [`like ${ALIEN}`, `dislike ${FARGO}`]);
  }));

test("erasing removes the database itself, in every tab, and nothing of the person is left anywhere", () =>
  visit({}, async ({ page, context, server }) => {
    const other = await context.newPage();
    for (const tab of [page, other]) {
      await open(tab, server);
      await create(tab);
    }
    const { id } = await record(page, ALIEN);
    await until(other, async () => (await hb.profile.events()).length === 1);
    await page.evaluate(() => hb.profile.erase());
    assert.deepEqual(await events(page), []);
    await until(other, async () => (await hb.profile.events()).length === 0);
    assert.deepEqual(await databases(page), []);
    const left = await page.evaluate(async () => {
      const cached = [];
      for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys()) cached.push(request.url, await (await cache.match(request)).text());
      }
      const directory = [];
      for await (const name of (await navigator.storage.getDirectory()).keys()) directory.push(name);
      return [...cached, ...directory, JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie].join("\n");
    });
    assert.ok(!left.includes(id), "the event's id is nowhere");
    // And it can be begun anew.
    await record(other, FARGO);
    await until(page, async () => (await hb.profile.events()).length === 1);
    assert.deepEqual(await databases(page), ["homebody/default"]);
  }));

test("texts that were searched for are forgotten with the profile, and when another takes its place", () =>
  visit({}, async ({ page, server }) => {
    server.answers.set("/homebody/embed-worker.js", (_request, response) => {
      const worker = readFileSync(`${root}/dist/embed-worker.js`, "utf8");
      const count = 'self.asked = 0; addEventListener("message", ({ data }) => { if (data.method === "embed") self.asked++; });';
      response.writeHead(200, { "content-type": "text/javascript" }).end(`${count}\n${worker}`);
    });
    await open(page, server);
    await create(page);
    const asked = async () => {
      await page.evaluate(() => hb.search("a lonely lighthouse keeper", { limit: 1 }));
      const counts = await Promise.all(page.workers().map((worker) => worker.evaluate(() => self.asked)));
      return counts.find((count) => count !== undefined);
    };
    assert.deepEqual([await asked(), await asked()], [1, 1], "remembered as long as one person asks");
    await page.evaluate(() => hb.profile.erase());
    assert.equal(await asked(), 2);
    await page.evaluate(() => hb.profile.switch("ben"));
    assert.equal(await asked(), 3);
  }));

for (const [how, script] of [
  ["missing", "delete self.indexedDB; Object.defineProperty(self, 'indexedDB', { value: undefined })"],
  ["refused", "Object.defineProperty(self, 'indexedDB', { get() { throw new DOMException('access is denied', 'SecurityError'); } })"],
  ["refused when it is opened", "IDBFactory.prototype.open = () => { throw new DOMException('private browsing', 'InvalidStateError'); }"],
]) {
  test(`where IndexedDB is ${how}, events are kept in memory and the status says so`, () =>
    visit({}, async ({ page, server }) => {
      inWorker(server, script);
      await open(page, server);
      await create(page);
      await record(page, ALIEN);
      await record(page, FARGO);
      assert.deepEqual(await events(page), [`like ${ALIEN}`, `like ${FARGO}`]);
      const status = await page.evaluate(() => hb.status);
      assert.equal(status.storage, "memory");
      assert.ok(status.notes.some((note) => /in memory only/.test(note)), JSON.stringify(status.notes));
    }));
}

test("persist: false leaves nothing of the person behind and needs no excuse", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await create(page, { persist: false });
    await record(page, ALIEN);
    const status = await page.evaluate(() => hb.status);
    assert.deepEqual([status.storage, status.notes], ["memory", []]);
    assert.deepEqual(await databases(page), []);
  }));

test("a lost connection is opened anew; when that fails too, nothing recorded is lost to the session", () =>
  visit({}, async ({ page, server }) => {
    // What a browser does that clears a site's data, or whose disk fails.
    inWorker(server, `
      const connections = [];
      const { open } = IDBFactory.prototype;
      IDBFactory.prototype.open = function (...args) {
        if (self.broken) throw new DOMException("the disk is gone", "UnknownError");
        const request = open.apply(this, args);
        request.addEventListener("success", () => connections.push(request.result));
        return request;
      };
      new BroadcastChannel("test").onmessage = ({ data }) => {
        self.broken = data === "break";
        for (const connection of connections) connection.close();
        new BroadcastChannel("test-done").postMessage(data);
      };`);
    await open(page, server);
    await create(page);
    const tell = (what) =>
      page.evaluate((what) => new Promise((resolve) => {
        new BroadcastChannel("test-done").onmessage = resolve;
        new BroadcastChannel("test").postMessage(what);
      }).then(() => undefined), what);
    await record(page, ALIEN);
    await tell("close");
    await record(page, FARGO);
    assert.equal((await page.evaluate(() => hb.status)).storage, "indexeddb");
    await tell("break");
    await record(page, "blade-runner-1982");
    const { storage, notes } = await page.evaluate(() => hb.status);
    assert.equal(storage, "memory");
    assert.ok(notes.some((note) => /the disk is gone/.test(note)), JSON.stringify(notes));
    assert.deepEqual(await events(page), [`like ${ALIEN}`, `like ${FARGO}`, "like blade-runner-1982"]);
    await page.reload();
    await page.waitForFunction(() => window.homebody !== undefined);
    await create(page);
    assert.deepEqual(await events(page), [`like ${ALIEN}`, `like ${FARGO}`]);
  }));

for (const [what, silent] of [
  ["opened", 'IDBFactory.prototype.open = function (name, ...more) { return name.startsWith("homebody/") ? new EventTarget() : open.call(this, name, ...more); };'],
  ["listed", "IDBFactory.prototype.databases = () => new Promise(() => {});"],
  ["read", "IDBObjectStore.prototype.getAll = IDBObjectStore.prototype.get = () => Object.assign(new EventTarget(), { result: [] });\nIDBDatabase.prototype.transaction = function (...args) { const made = transaction.apply(this, args); made.addEventListener = () => {}; return made; };"],
]) {
  test(`a database that is never ${what} is not waited for: the visit goes on in memory, and what was kept stays as it is`, () =>
    visit({}, async ({ page, server }) => {
      await open(page, server);
      await create(page);
      await record(page, ALIEN);
      inWorker(server, `${HASTE}\nconst { open } = IDBFactory.prototype;\nconst { transaction } = IDBDatabase.prototype;\n${silent}`);
      await page.reload();
      await page.waitForFunction(() => window.homebody !== undefined);
      const { storage, notes } = await create(page);
      assert.equal(storage, "memory");
      assert.ok(notes.some((note) => /in memory only.*no answer (?:came )?within \d+ s/.test(note)), JSON.stringify(notes));
      assert.deepEqual(await events(page), []);
      await record(page, FARGO);
      assert.deepEqual(await events(page), [`like ${FARGO}`]);
      // One that opens is erased, though nobody hears of it: only what never opened is still there afterwards.
      if (what !== "read") assert.equal((await page.evaluate(() => thrown(hb.profile.erase()))).code, "storage-refused", "nobody is told that it is gone");
      server.answers.clear();
      await page.reload();
      await page.waitForFunction(() => window.homebody !== undefined);
      await create(page);
      assert.deepEqual(await events(page), [`like ${ALIEN}`], "nothing of the two was mixed");
    }));
}

test("a database that answers too late is closed again and stands in nobody's way", () =>
  visit({}, async ({ page, server }) => {
    // The request is answered when the test says so.
    inWorker(server, `${HASTE}
      const { open } = IDBFactory.prototype;
      IDBFactory.prototype.open = function (name, ...more) {
        if (!name.startsWith("homebody/")) return open.call(this, name, ...more);
        const late = new EventTarget();
        new BroadcastChannel("test").onmessage = () => {
          const request = open.call(this, name, ...more);
          for (const type of ["upgradeneeded", "success", "error"]) {
            request.addEventListener(type, (event) => {
              Object.defineProperties(late, { result: { get: () => request.result, configurable: true }, transaction: { get: () => request.transaction, configurable: true } });
              late["on" + type]?.({ type, target: late, oldVersion: event.oldVersion });
              if (type !== "upgradeneeded") new BroadcastChannel("test-done").postMessage(type);
            });
          }
        };
        return late;
      };`);
    await open(page, server);
    await page.evaluate(async () => {
      const request = indexedDB.open("homebody/default", 2);
      await new Promise((resolve) => {
        request.onupgradeneeded = () => {
          request.result.createObjectStore("events");
          request.result.createObjectStore("meta");
        };
        request.onsuccess = resolve;
      });
      request.result.close();
    });
    assert.equal((await create(page)).storage, "memory");
    const type = await page.evaluate(() => new Promise((resolve) => {
      new BroadcastChannel("test-done").onmessage = ({ data }) => resolve(data);
      new BroadcastChannel("test").postMessage("now");
    }));
    assert.equal(type, "success");
    const deleted = await page.evaluate(() => new Promise((resolve) => {
      const request = indexedDB.deleteDatabase("homebody/default");
      request.onsuccess = () => resolve("deleted");
      request.onblocked = () => resolve("blocked");
    }));
    assert.equal(deleted, "deleted");
  }));

/** Makes a database as the given version of the package left it. */
const writeDatabase = (page, fixture) =>
  page.evaluate(async ({ name, version, stores }) => {
    const db = await new Promise((resolve, reject) => {
      const request = indexedDB.open(name, version);
      request.onerror = () => reject(request.error);
      request.onsuccess = () => resolve(request.result);
      request.onupgradeneeded = () => {
        for (const [store, records] of Object.entries(stores)) {
          const made = request.result.createObjectStore(store);
          for (const [key, value] of records) made.put(value, key);
        }
      };
    });
    db.close();
  }, fixture);

test("a database of every version since the first is read", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await writeDatabase(page, JSON.parse(readFileSync(new URL("fixtures/profile-database-v1.json", import.meta.url), "utf8")));
    const status = await create(page);
    assert.deepEqual(await events(page), [`like ${ALIEN}`, `rate ${FARGO}`]);
    // One record of the fixture is damaged: it is left out and named.
    assert.ok(status.notes.some((note) => /1 of the profile's records.*damaged-record/.test(note)), JSON.stringify(status.notes));
  }));

test("a database from a newer version is left alone", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    await writeDatabase(page, { name: "homebody/default", version: 99, stores: { future: [["a", { b: 1 }]] } });
    await create(page);
    await record(page, ALIEN);
    const { storage, notes } = await page.evaluate(() => hb.status);
    assert.equal(storage, "memory");
    assert.ok(notes.some((note) => /newer version/.test(note)), JSON.stringify(notes));
    const kept = await page.evaluate(async () => (await indexedDB.databases()).map(({ version }) => version));
    assert.deepEqual(kept, [99]);
  }));
