/** Catalog files that come, that are here already, and that are not what they should be. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { edited, file, files, manifest, publish, republished, signed, vectors } from "./catalogs.mjs";
import { FILMS, answers, closeBrowser, open, root, until, visit } from "./harness.mjs";
import { HASTE, inWorker } from "./person.mjs";

after(closeBrowser);

/** What Chromium prints itself when a file is not there: provoked here. */
const NOT_LOADED = [/Failed to load resource/];

const create = (page) =>
  page.evaluate(async (films) => {
    window.progress = [];
    window.hb = await homebody.Recommender.create({ ...films, onProgress: (step) => progress.push(step) });
    return hb.status;
  }, FILMS);
const refused = (page) => page.evaluate((films) => thrown(homebody.Recommender.create(films)), FILMS);
const ranking = (page) => page.evaluate(async () => (await hb.recommend({ limit: 20 })).map(({ id }) => id));

/** The hashes of the files that the browser keeps. */
const kept = (page) =>
  page.evaluate(async () => {
    const cache = await caches.open("homebody-files-1");
    return (await cache.keys()).map(({ url }) => url.split("/.homebody/")[1]).filter((key) => key.startsWith("file/")).map((key) => key.slice(5)).sort();
  });
const hashes = () => files().map(({ sha256 }) => sha256).sort();
/** Waits until the files with these hashes, and no others, are kept along with a manifest. */
const waitKept = (page, wanted) =>
  until(page, async (wanted) => {
    const keys = (await (await caches.open("homebody-files-1")).keys()).map(({ url }) => url.split("/.homebody/")[1]);
    const files = keys.filter((key) => key.startsWith("file/")).map((key) => key.slice(5)).sort();
    return keys.some((key) => key.startsWith("manifest/")) && JSON.stringify(files) === JSON.stringify(wanted);
  }, wanted);

/** A first visit whose files are kept, and a page that has been reloaded. */
async function visited(page, server) {
  await open(page, server);
  await create(page);
  const before = await ranking(page);
  await waitKept(page, hashes());
  await page.goto("about:blank");
  await open(page, server);
  server.requests.length = 0;
  return before;
}

const dataRequests = (server) => server.paths().filter((path) => path.endsWith(".arrow"));

test("a second visit fetches no data, only asks whether the manifest is still good", () =>
  visit({}, async ({ page, server }) => {
    const before = await visited(page, server);
    const status = await create(page);
    assert.equal(status.catalog.source, "cache");
    assert.deepEqual(status.notes, []);
    assert.deepEqual(dataRequests(server), []);
    const asked = server.requests.filter(({ path }) => path.endsWith("catalog.json"));
    assert.equal(asked.length, 1);
    assert.ok(asked[0].headers["if-none-match"], "the server can answer that nothing changed");
    assert.deepEqual(await ranking(page), before);
  }));

test("without a network the last catalog serves, and the status says so", () =>
  visit({ expected: NOT_LOADED }, async ({ page, server }) => {
    const before = await visited(page, server);
    server.answers.set("/catalogs/films/catalog.json", (_request, response) => void response.destroy());
    const status = await create(page);
    assert.equal(status.catalog.source, "cache");
    assert.ok(status.notes.some((note) => /copy of an earlier visit/.test(note)), JSON.stringify(status.notes));
    assert.deepEqual(await ranking(page), before);
  }));

test("a server that does not answer is not waited for when there is a copy", () =>
  visit({}, async ({ page, server }) => {
    await visited(page, server);
    const hanging = [];
    server.answers.set("/catalogs/films/catalog.json", (_request, response) => void hanging.push(response));
    const status = await create(page);
    assert.equal(status.catalog.source, "cache");
    assert.ok(status.notes.some((note) => /no answer within/.test(note) || /copy of an earlier visit/.test(note)), JSON.stringify(status.notes));
    for (const response of hanging) response.destroy();
  }));

for (const [what, stall] of [
  ["a file of a new catalog", "file"],
  ["its manifest", "manifest"],
]) {
  test(`${what} that stops in the middle is not waited for when there is a copy`, { timeout: 60_000 }, () =>
    visit({ expected: NOT_LOADED }, async ({ page, server }) => {
      const before = await visited(page, server);
      const anew = republished();
      publish(server, anew.manifest, { [anew.path]: anew.bytes });
      const [name, bytes] = stall === "file" ? [anew.path, anew.bytes] : ["catalog.json", anew.manifest];
      server.answers.set(`/catalogs/films/${name}`, (_request, response) => {
        response.writeHead(200, { "content-length": bytes.length });
        response.write(bytes.subarray(0, 1000));
      });
      const status = await create(page);
      assert.notEqual(status.catalog.version, anew.version);
      assert.ok(status.notes.some((note) => /copy of an earlier visit/.test(note)), JSON.stringify(status.notes));
      assert.deepEqual(await ranking(page), before);
    }));
}

test("a new catalog takes the old one's place, and the old files go", () =>
  visit({}, async ({ page, server }) => {
    await visited(page, server);
    const fresh = republished();
    publish(server, fresh.manifest, { [fresh.path]: fresh.bytes });
    const status = await create(page);
    assert.deepEqual([status.catalog.version, status.catalog.source, status.notes], [fresh.version, "network", []]);
    assert.deepEqual(dataRequests(server), [`/catalogs/films/${fresh.path}`], "only what changed is fetched");
    await waitKept(page, hashes().map((hash) => (hash === fresh.oldSha256 ? fresh.sha256 : hash)).sort());
  }));

test("a new catalog does not take away the files of a model that is still coming", () =>
  visit({}, async ({ page, server }) => {
    await visited(page, server);
    const model = JSON.parse(readFileSync(join(root, "build/models/all-MiniLM-L6-v2/model.json"), "utf8"));
    const wanted = [...JSON.stringify(model).matchAll(/"path":"([^"]+)"/g)].map(([, path]) => path);
    assert.ok(wanted.length > 1, "a model is several files");
    const last = `/models/all-MiniLM-L6-v2/${wanted.at(-1)}`;
    const held = [];
    server.answers.set(last, (_request, response) => void held.push(response));
    await page.evaluate(async (films) => {
      window.hb = await homebody.Recommender.create(films);
      window.ready = hb.prepareSearch();
    }, FILMS);
    const modelFiles = [...JSON.stringify(model).matchAll(/"sha256":"([0-9a-f]{64})"/g)].map(([, sha256]) => sha256);
    // All but the last are here.
    await until(page, async (hashes) => {
      const keys = (await (await caches.open("homebody-files-1")).keys()).map(({ url }) => url.split("/").at(-1));
      return hashes.filter((hash) => keys.includes(hash)).length > 0;
    }, modelFiles);
    const before = (await kept(page)).filter((hash) => modelFiles.includes(hash));
    const fresh = republished();
    publish(server, fresh.manifest, { [fresh.path]: fresh.bytes });
    await page.evaluate((films) => homebody.Recommender.create(films).then((other) => other.close()), FILMS);
    const after = await kept(page);
    assert.ok(after.includes(fresh.sha256) && !after.includes(fresh.oldSha256), "the new catalog is kept, and what it replaced is not");
    assert.deepEqual(after.filter((hash) => modelFiles.includes(hash)), before);
    server.answers.delete(last);
    for (const response of held) answers.bytes(readFileSync(join(root, `build${last}`)))(undefined, response);
    await page.evaluate(() => ready.then(() => hb.close()));
    server.requests.length = 0;
    await page.evaluate(async (films) => {
      window.hb = await homebody.Recommender.create(films);
      await hb.prepareSearch();
    }, FILMS);
    assert.deepEqual(server.paths().filter((path) => path.startsWith("/models/") && !path.endsWith("model.json")), []);
  }));

test("folders that were not used for a quarter of a year go, and so does what no manifest named for a day", () =>
  visit({}, async ({ page, server }) => {
    await visited(page, server);
    const put = (kind, name, text, days) =>
      page.evaluate(async ([kind, name, text, days]) => {
        const cache = await caches.open("homebody-files-1");
        const headers = days === null ? {} : { "x-homebody-at": String(Date.now() - days * 86_400_000) };
        await cache.put(`${location.origin}/.homebody/${kind}/${encodeURIComponent(name)}`, new Response(text, { headers }));
      }, [kind, name, text, days]);
    for (const [name, days] of [["old", 91], ["recent", 89], ["unstamped", null]]) {
      await put("manifest", `https://example.test/${name}/catalog.json`, JSON.stringify({ files: [{ sha256: `${name}-file` }] }), days);
      await put("file", `${name}-file`, name, days);
    }
    await put("file", "coming", "of a folder that is being loaded", 0.5);
    await put("file", "left", "of a load that came to nothing", 1.5);
    // The catalog of the visit was last stamped the day before yesterday: it is stamped anew, and the others are looked through.
    const [address] = await page.evaluate(async () => (await (await caches.open("homebody-files-1")).keys()).map(({ url }) => decodeURIComponent(url.split("/manifest/")[1] ?? "")).filter((url) => url.endsWith("films/catalog.json")));
    await put("manifest", address, manifest(), 2);
    await create(page);
    await page.evaluate(() => hb.close());
    await waitKept(page, [...hashes(), "recent-file", "unstamped-file", "coming"].sort());
    const stamps = await page.evaluate(async () => {
      const cache = await caches.open("homebody-files-1");
      const manifests = (await cache.keys()).filter(({ url }) => url.includes("/.homebody/manifest/"));
      const days = async (key) => Math.round((Date.now() - Number((await cache.match(key)).headers.get("x-homebody-at"))) / 86_400_000);
      return Object.fromEntries(await Promise.all(manifests.map(async (key) => [decodeURIComponent(key.url).split("/").at(-2), await days(key)])));
    });
    assert.deepEqual(stamps, { films: 0, recent: 89, unstamped: 0 });
  }));

test("events outlive the catalog they were made in", () =>
  visit({}, async ({ page, server }) => {
    await visited(page, server);
    await create(page);
    const { catalog } = await page.evaluate(() => hb.record({ item: "alien-1979", type: "like" }));
    await page.evaluate(() => hb.close());
    const fresh = republished();
    publish(server, fresh.manifest, { [fresh.path]: fresh.bytes });
    await create(page);
    const events = await page.evaluate(() => hb.profile.events());
    assert.deepEqual(events.map(({ item, catalog }) => ({ item, catalog })), [{ item: "alien-1979", catalog }]);
    assert.notEqual(catalog, fresh.version);
  }));

const flipped = (bytes, at) => {
  const changed = Buffer.from(bytes);
  changed[at] ^= 4;
  return changed;
};

/** What can come instead of a catalog: `publish` puts it there, `code` is what it is called. */
const BROKEN = {
  "a manifest that is not there": {
    code: "catalog-not-found",
    publish: (server) => server.answers.set("/catalogs/films/catalog.json", answers.status(404)),
  },
  "a server that fails": {
    code: "catalog-http-status",
    publish: (server) => server.answers.set("/catalogs/films/catalog.json", answers.status(503)),
  },
  "a web page instead of the manifest": {
    code: "catalog-web-page",
    publish: (server) => server.answers.set("/catalogs/films/catalog.json", answers.html()),
  },
  "a web page that calls itself JSON": {
    code: "catalog-web-page",
    publish: (server) => publish(server, Buffer.from("<!doctype html><title>App</title>")),
  },
  "other JSON instead of the manifest": {
    code: "not-a-catalog",
    publish: (server) => publish(server, Buffer.from('{"name":"x"}')),
  },
  "a damaged manifest": {
    code: "catalog-damaged",
    publish: (server) => publish(server, Buffer.from(manifest().replace('"items": 3201', '"items": 3200'))),
  },
  "a manifest from a newer version": {
    code: "catalog-too-new",
    publish: (server) => publish(server, edited('"version": 1', '"version": 2')),
  },
  "a file that is not there": {
    code: "catalog-not-found",
    publish: (server, fresh) => {
      publish(server, fresh.manifest);
      server.answers.set(`/catalogs/films/${fresh.path}`, answers.status(404));
    },
  },
  "a web page instead of a file": {
    code: "catalog-web-page",
    publish: (server, fresh) => {
      publish(server, fresh.manifest);
      server.answers.set(`/catalogs/films/${fresh.path}`, answers.html());
    },
  },
  "a file that is cut short": {
    code: "catalog-truncated",
    publish: (server, fresh) => publish(server, fresh.manifest, { [fresh.path]: fresh.bytes.subarray(0, 100_000) }),
  },
  "a file with one bit changed": {
    code: "catalog-damaged",
    publish: (server, fresh) => publish(server, fresh.manifest, { [fresh.path]: flipped(fresh.bytes, 200_000) }),
  },
  "a connection that ends in the middle": {
    code: "catalog-unreachable",
    publish: (server, fresh) => {
      publish(server, fresh.manifest);
      server.answers.set(`/catalogs/films/${fresh.path}`, (_request, response) => {
        response.writeHead(200, { "content-length": fresh.bytes.length });
        response.write(fresh.bytes.subarray(0, 1000), () => response.destroy());
      });
    },
  },
};

for (const [what, { code, publish: broken }] of Object.entries(BROKEN)) {
  test(`${what}: the catalog of the last visit goes on serving, and without one the error is ${code}`, () =>
    visit({ expected: NOT_LOADED }, async ({ page, context, server }) => {
      // Nothing is kept yet: the error.
      await open(page, server);
      broken(server, republished());
      const error = await refused(page);
      assert.equal(error.code, code, error.message);
      assert.ok(error.ours && error.message.length > 30, error.message);
      assert.deepEqual(await kept(page).then((kept) => kept.filter((hash) => !hashes().includes(hash))), [], "nothing broken is kept");

      // The same after a good visit: the copy.
      server.answers.clear();
      const before = await visited(page, server);
      broken(server, republished());
      const status = await create(page);
      assert.equal(status.catalog.source, "cache");
      assert.ok(status.notes.some((note) => /copy of an earlier visit/.test(note)), JSON.stringify(status.notes));
      assert.deepEqual(await ranking(page), before);

      // And once it is mended, the new one.
      server.answers.clear();
      const fresh = republished();
      publish(server, fresh.manifest, { [fresh.path]: fresh.bytes });
      const later = await context.newPage();
      await open(later, server);
      assert.equal((await create(later)).catalog.version, fresh.version);
    }));
}

test("a copy that went bad is fetched anew", () =>
  visit({}, async ({ page, server }) => {
    const before = await visited(page, server);
    await page.evaluate(async () => {
      const cache = await caches.open("homebody-files-1");
      const key = (await cache.keys()).find(({ url }) => url.includes("/.homebody/file/"));
      const bytes = new Uint8Array(await (await cache.match(key)).arrayBuffer());
      bytes[bytes.length >> 1] ^= 1;
      await cache.put(key, new Response(bytes));
    });
    const status = await create(page);
    assert.equal(dataRequests(server).length, 1, "only the broken one");
    assert.deepEqual(status.notes, []);
    assert.deepEqual(await ranking(page), before);
    await waitKept(page, hashes());
    // Mended in the cache too.
    await page.evaluate(() => hb.close());
    server.requests.length = 0;
    assert.equal((await create(page)).catalog.source, "cache");
    assert.deepEqual(dataRequests(server), []);
  }));

test("a file that comes broken once is asked for once more", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    const path = `/catalogs/films/${vectors()}`;
    let first = true;
    server.answers.set(path, (request, response) => {
      if (!first) return false;
      first = false;
      return answers.bytes(flipped(file(vectors()), 5000))(request, response);
    });
    const status = await create(page);
    assert.deepEqual(status.notes, []);
    assert.equal(dataRequests(server).filter((asked) => asked === path).length, 2);
  }));

test("without the Cache API everything works, and the status says what that costs", () =>
  visit({}, async ({ page, server }) => {
    server.answers.set("/homebody/worker.js", async (_request, response) => {
      const { readFileSync } = await import("node:fs");
      const worker = readFileSync(new URL("../../dist/worker.js", import.meta.url), "utf8");
      response.writeHead(200, { "content-type": "text/javascript" }).end(`delete self.caches; Object.defineProperty(self, "caches", { value: undefined });\n${worker}`);
    });
    await open(page, server);
    const status = await create(page);
    assert.equal(status.catalog.source, "network");
    assert.ok(status.notes.some((note) => /not kept for the next visit/.test(note)), JSON.stringify(status.notes));
    assert.equal((await ranking(page)).length, 20);
  }));

for (const [what, silent, note] of [
  ["opened", "caches.open = () => new Promise(() => {});", /not kept for the next visit: .* no answer within 10 s/],
  ["read", "Cache.prototype.match = () => new Promise(() => {});", /cache is silent \(no answer within 10 s\)/],
  ["read to the end", "Response.prototype.arrayBuffer = () => new Promise(() => {});", /cache is silent \(no answer within 10 s\)/],
]) {
  test(`a cache that cannot be ${what} and never says so is not waited for: the files are fetched`, () =>
    visit({}, async ({ page, server }) => {
      await open(page, server);
      await create(page);
      await waitKept(page, hashes());
      inWorker(server, `${HASTE}\n${silent}`);
      await page.reload();
      await page.waitForFunction(() => window.homebody !== undefined);
      const { notes, catalog } = await create(page);
      assert.equal(catalog.source, "network");
      assert.equal(notes.filter((text) => note.test(text)).length, 1, JSON.stringify(notes));
      assert.equal((await ranking(page)).length, 20);
      assert.deepEqual(await kept(page), hashes(), "what was kept is still there");
    }));
}

test("a manifest that is signed anew but contradicts itself is refused", () =>
  visit({}, async ({ page, server }) => {
    await open(page, server);
    publish(server, signed(manifest().replace('"items": 3201', '"items": 3202')));
    assert.equal((await refused(page)).code, "catalog-inconsistent");
  }));
