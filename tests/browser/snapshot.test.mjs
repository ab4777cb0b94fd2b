/** What a long profile comes to, kept beside its events: when it is of use, what it is then, and that nothing is lost when it is not. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, open, visit } from "./harness.mjs";
import { ALIEN, FARGO, create, databases, events, inWorker, record } from "./person.mjs";

after(closeBrowser);

/** Waits until something is so that is asked from here. */
async function eventually(asked, what) {
  for (const until = Date.now() + 45_000; Date.now() < until; ) {
    if (await asked()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.fail(`waited in vain: ${what}`);
}

/**
 * Works on the part of the profile's database that is not events, and tells what is there then: `lacks` is how many events the snapshot does
 * not have, undefined if there is none of use. `since` takes the place of what is written down of these events.
 */
const meta = (page, work, since) =>
  page.evaluate(async ([work, written]) => {
    const done = (request) => new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const db = await done(indexedDB.open("homebody/default"));
    const store = db.transaction("meta", "readwrite").objectStore("meta");
    const kept = await done(store.get("snapshot"));
    if (work === "cut") await done(store.put({ ...kept, bytes: kept.bytes.slice(0, kept.bytes.length / 2), spoilt: true }, "snapshot"));
    if (work === "another") {
      kept.bytes[8] ^= 1;
      await done(store.put({ ...kept, spoilt: true }, "snapshot"));
    }
    if (work === "keep aside") await done(store.put(kept, "aside"));
    if (work === "put back") {
      await done(store.put(await done(store.get("aside")), "snapshot"));
      await done(written === undefined ? store.delete("since") : store.put(written, "since"));
    }
    const [revision, snapshot, since] = await Promise.all(["revision", "snapshot", "since"].map((key) => done(store.get(key))));
    db.close();
    const fits = snapshot !== undefined && !snapshot.spoilt && since?.from === snapshot.revision && since.to === revision;
    return { lacks: fits ? since.ids?.length : undefined, since, kept: snapshot !== undefined };
  }, [work, since]);
const lacks = async (page) => (await meta(page)).lacks;
const list = (page) => page.evaluate(async () => JSON.stringify([...(await hb.recommend({ limit: 20, explain: true }))]));

/** A hundred events of two hours ago. */
const recordHundred = (page) =>
  page.evaluate(async () => {
    const items = (await hb.recommend({ limit: 20 })).map(({ id }) => id);
    const past = Date.now() - 7_200_000;
    const types = ["like", "view", "dislike", "impression", "click"];
    await hb.recordAll(Array.from({ length: 100 }, (_, at) => ({ item: items[at % 20], type: types[at % 5], time: past + at })));
  });

test("what a long profile comes to is kept beside its events, and is of use only while it fits", () =>
  visit({}, async ({ page, context, server }) => {
    const reopen = async () => {
      await page.reload();
      await page.waitForFunction(() => window.homebody !== undefined);
      return create(page);
    };
    const noted = ({ notes }) => notes.filter((note) => /derived from its events/.test(note)).length;
    const isWhole = async () => (await lacks(page)) === 0;
    await open(page, server);
    await create(page);
    await recordHundred(page);
    const derived = await list(page);
    const document = await page.evaluate(async () => JSON.parse(await (await hb.profile.export()).text()).events);
    await eventually(isWhole, "a snapshot is kept in a pause");
    assert.equal(noted(await reopen()), 0);
    assert.equal(await list(page), derived, "the list from a snapshot is the list of the events");
    assert.deepEqual(await page.evaluate(async () => JSON.parse(await (await hb.profile.export()).text()).events), document);

    // An event is written down beside it, by whichever tab, and in the next pause there is one that has it.
    const event = await record(page, FARGO);
    assert.deepEqual((await meta(page)).since.ids, [event.id]);
    const changed = await list(page);
    await reopen();
    assert.equal(await list(page), changed);
    await eventually(isWhole, "it is kept anew");
    const other = await context.newPage();
    await open(other, server);
    await create(other);
    const seen = await record(other, ALIEN, "view");
    assert.deepEqual((await meta(page)).since.ids, [seen.id]);
    const both = await list(other);
    await eventually(async () => (await list(page)) === both, "the first tab follows");
    await eventually(isWhole, "one of them keeps it anew");

    // With what is taken back goes all that was made of it.
    await other.evaluate((ids) => Promise.all(ids.map((id) => hb.profile.undo(id))), [event.id, seen.id]);
    const { kept, since } = await meta(page);
    assert.deepEqual([kept, since], [false, undefined]);
    await eventually(async () => (await list(page)) === derived, "the first tab follows");
    await other.close();

    // Hidden, a page does not wait for a pause.
    await record(page, FARGO);
    await page.evaluate(() => {
      Object.defineProperty(document, "visibilityState", { value: "hidden" });
      return hb.recommend().then(() => document.dispatchEvent(new Event("visibilitychange")));
    });
    await eventually(isWhole, "a page out of sight keeps it at once");

    for (const work of ["cut", "another"]) {
      await meta(page, work);
      assert.equal(noted(await reopen()), 1, work);
      assert.equal(await list(page), changed, work);
      await eventually(isWhole, "a good one takes its place");
      assert.equal(noted(await reopen()), 0);
    }
    // So many more events are too many to be looked up one by one.
    await page.evaluate((item) => hb.recordAll(Array.from({ length: 201 }, () => ({ item, type: "impression" }))), ALIEN);
    assert.equal((await meta(page)).kept, false);
    await page.evaluate(() => hb.profile.erase());
    assert.deepEqual(await databases(page), []);
    await reopen();
    assert.deepEqual(await events(page), []);
  }));

test("a page that is killed after an event leaves a snapshot and the event; where these do not fit, all events are read", () =>
  visit({}, async ({ page, context, server }) => {
    // Counts how often a worker reads all events.
    inWorker(server, `
      let whole = 0;
      const { getAll } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.getAll = function (...args) {
        if (this.name === "events") whole++;
        return getAll.apply(this, args);
      };
      new BroadcastChannel("test").onmessage = () => new BroadcastChannel("test-done").postMessage(whole);`);
    const wholeReads = (tab) =>
      tab.evaluate(() => new Promise((resolve) => {
        const done = new BroadcastChannel("test-done");
        done.onmessage = ({ data }) => {
          done.close();
          resolve(data);
        };
        new BroadcastChannel("test").postMessage("how often?");
      }));
    // Without a last word to anybody: no event of the page, no end of its worker.
    const kill = async (tab) => {
      const session = await context.newCDPSession(tab);
      const killed = tab.waitForEvent("crash");
      session.send("Page.crash").catch(() => {});
      await killed;
    };
    const next = async () => {
      const tab = await context.newPage();
      await open(tab, server);
      return tab;
    };

    await open(page, server);
    await create(page);
    await recordHundred(page);
    await list(page);
    await eventually(async () => (await lacks(page)) === 0, "a snapshot is kept in a pause");
    const one = await record(page, FARGO);
    await kill(page);

    const second = await next();
    assert.deepEqual((await meta(second)).since.ids, [one.id], "the killed page kept nothing more");
    await create(second);
    assert.equal(await wholeReads(second), 0);
    const two = await record(second, ALIEN, "buy");
    await kill(second);

    const third = await next();
    const { lacks: many, since } = await meta(third, "keep aside");
    assert.deepEqual([many, since.ids], [2, [one.id, two.id]]);
    const { notes } = await create(third);
    assert.equal(await wholeReads(third), 0);
    const [all, ranked] = [await events(third), await list(third)];
    assert.deepEqual([all.length, all.slice(-2)], [102, [`like ${FARGO}`, `buy ${ALIEN}`]]);
    await eventually(async () => (await lacks(third)) === 0, "in a pause it is kept anew, with what it lacked");

    const { from, to, ids } = since;
    const damaged = [
      undefined, "since", [], { from, to }, { from, to, ids: ids[0] }, { from, to: String(to), ids }, { from, to, ids: [ids[0], 7] },
      { from, to, ids: [...ids, ids[0]] }, { from, to, ids: [...ids, "gone"] }, { from, to: to - 1, ids }, { from: from - 1, to, ids },
    ];
    for (const written of [since, ...damaged]) {
      await third.evaluate(() => hb.close());
      await meta(third, "put back", written);
      const status = await create(third);
      const how = JSON.stringify(written);
      assert.equal(await wholeReads(third), written === since ? 0 : 1, how);
      assert.deepEqual([await events(third), await list(third), status.notes, status.storage], [all, ranked, notes, "indexeddb"], how);
    }
  }));
