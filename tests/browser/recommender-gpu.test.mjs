/**
 * `Recommender` on WebGPU: the very lists of the CPU, from products that are made ahead of the ranking, and the CPU when the
 * device goes. No adapter is a failure, not a skip.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { before, closeGpu, forgetReal, losing, visitWithGpu } from "./gpu.mjs";
import { FILMS, until } from "./harness.mjs";

after(closeGpu);

const LIKES = ["star-wars-ep-v-the-empire-strikes-back-1980", "alien-1979", "toy-story-1995"];

const HELPERS = `
  // A recommender on each device, for people with the same history.
  window.both = async (films, likes) => {
    const make = async (device) => {
      const hb = await homebody.Recommender.create({ ...films, device, persist: false });
      for (const item of likes) await hb.record({ item, type: "like" });
      return hb;
    };
    return { cpu: await make("cpu"), gpu: await make("gpu") };
  };
  window.same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
`;

/** Ids that the catalog has, whatever this version of it calls the films. */
const known = (page) =>
  page.evaluate(async ([films, likes]) => {
    const hb = await homebody.Recommender.create({ ...films, persist: false });
    const found = (await hb.get(likes)).flatMap((hit) => hit?.id ?? []);
    const more = (await hb.recommend({ limit: 8 })).map(({ id }) => id).filter((id) => !found.includes(id));
    await hb.close();
    return [...found, ...more].slice(0, 6);
  }, [FILMS, LIKES]);

test("every call gives the list of the CPU, and the GPU made the products", () =>
  visitWithGpu(async (page) => {
    await page.evaluate(HELPERS);
    const ids = await known(page);
    const { seen, status, before } = await page.evaluate(async ([films, ids]) => {
      const { cpu, gpu } = await both(films, ids.slice(0, 3));
      const before = gpu.status;
      const seen = {};
      const compare = async (name, call) => {
        const [a, b] = [await call(cpu), await call(gpu)];
        seen[name] = { same: same(a, b), length: a.length, a: a.slice?.(0, 2), b: b.slice?.(0, 2) };
      };
      await compare("recommend", (hb) => hb.recommend({ limit: 50, explain: true, diversity: 0.3, compare: "baseline", weights: { momentum: 0.2 } }));
      for (const hb of [cpu, gpu]) await hb.record({ item: ids[4], type: "dislike" });
      await compare("after a dislike", (hb) => hb.recommend({ limit: 50, explain: true }));
      await compare("similar", (hb) => hb.similar(ids[0], { limit: 20 }));
      await compare("search", (hb) => hb.search("space pirates", { limit: 20 }));
      await compare("features", async (hb) => {
        const { names, ids, values } = await hb.features({ limit: 20 });
        return [names, ids, [...values]];
      });
      await compare("without", async (hb) => (await hb.profile.without((await hb.profile.events())[1].id, { limit: 20 })));
      // Calls side by side, and an event between them.
      const mixed = async (hb) => {
        const calls = [hb.recommend({ limit: 9 }), hb.similar(ids[1]), hb.record({ item: ids[5], type: "like" }), hb.recommend({ limit: 9 })];
        const [first, near, , last] = await Promise.all(calls);
        return [first, near, last.length, await hb.recommend({ limit: 9 })];
      };
      const [a, b] = [await mixed(cpu), await mixed(gpu)];
      seen.mixed = { same: same([a[1], a[3]], [b[1], b[3]]), length: 1 };
      const status = gpu.status;
      await cpu.close();
      await gpu.close();
      return { seen, status, before };
    }, [FILMS, ids]);
    for (const [name, { same, length, a, b }] of Object.entries(seen)) assert.ok(same && length > 0, `${name}: ${JSON.stringify(a)} on the CPU, ${JSON.stringify(b)} on the GPU`);
    assert.equal(status.device, "gpu");
    assert.deepEqual(status.notes, []);
    const [space] = Object.keys(status.gpu);
    const spent = (name) => status.gpu[space][name] - before.gpu[space][name];
    assert.ok(spent("searches") >= 5, `${spent("searches")} passes after the known question`);
    assert.equal(spent("submits"), spent("searches"));
    assert.equal(spent("itemBytes"), 0, "vectors are sent once");
  }));

test("what was measured is kept in a database of its own, and with persist: false nowhere", () =>
  visitWithGpu(async (page, server) => {
    const databases = async () => (await indexedDB.databases()).map(({ name }) => name);
    for (const persist of [false, true]) {
      await page.evaluate(async (options) => {
        window.hb = await homebody.Recommender.create(options);
      }, { ...FILMS, persist });
      for (let chosen = false; !chosen; ) for (const worker of page.workers()) chosen = await worker.evaluate(() => self.homebodyChosen === true);
      if (persist) {
        await until(page, async () => (await indexedDB.databases()).map(({ name }) => name).join() === "homebody-devices");
      } else {
        await page.evaluate(() => hb.recommend());
        assert.deepEqual(await page.evaluate(databases), []);
      }
      await page.evaluate(() => hb.close());
    }
    forgetReal(server);
    // A catalog that is large enough to be measured would take minutes to build: what the engine says of one is put in its place.
  }, before(`
    import { CoreEngine } from "/homebody/core/core.js";
    CoreEngine.prototype.findGpu = async () => ["adapter|space"];
    CoreEngine.prototype.choose = async () => {
      self.homebodyChosen = true;
      return { cpuMs: 2, gpuMs: 1 };
    };
  `)));

test("a device that is lost in the middle of a ranking: the right list comes from the CPU, and a note", () =>
  visitWithGpu(async (page, server) => {
    await page.evaluate(HELPERS);
    const ids = await known(page);
    await page.evaluate(async ([films, ids]) => {
      window.pair = await both(films, ids.slice(0, 2));
    }, [FILMS, ids]);
    assert.equal(await page.evaluate(() => pair.gpu.status.device), "gpu");
    for (const worker of page.workers()) await worker.evaluate(() => void (self.homebodyLose = true));
    const { cpu, gpu, status, again } = await page.evaluate(async () => {
      const options = { limit: 20, explain: true };
      const [cpu, gpu] = [await pair.cpu.recommend(options), await pair.gpu.recommend(options)];
      return { cpu, gpu, status: pair.gpu.status, again: await pair.gpu.recommend(options) };
    });
    assert.deepEqual(gpu, cpu);
    assert.deepEqual(again, cpu);
    assert.equal(status.device, "cpu");
    assert.equal(status.notes.length, 1);
    assert.match(status.notes[0], /^Space `.+`: The GPU was put aside and the CPU is used/);
    forgetReal(server);
  }, losing));

test('device "gpu" without a GPU is refused with a code; "auto" ranks on', () =>
  visitWithGpu(async (page, server) => {
    const { refused, list, status } = await page.evaluate(async (films) => {
      const refused = await thrown(homebody.Recommender.create({ ...films, persist: false, device: "gpu" }));
      const hb = await homebody.Recommender.create({ ...films, persist: false });
      return { refused, list: await hb.recommend({ limit: 5 }), status: hb.status };
    }, FILMS);
    assert.equal(refused.code, "vector-no-gpu");
    assert.equal(list.length, 5);
    // 3,201 films are too few for a GPU to be asked for.
    assert.deepEqual([status.device, status.gpu, status.notes], ["cpu", undefined, []]);
    forgetReal(server);
  }, before("GPU.prototype.requestAdapter = async () => null;")));
