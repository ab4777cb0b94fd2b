/** What the tests of a person's profile do in a page, whose recommender is `window.hb`. */
import { readFileSync } from "node:fs";
import { FILMS, root } from "./harness.mjs";

export const ALIEN = "alien-1979";
export const FARGO = "fargo-1996";

/** Makes `window.hb` and waits for it. */
export const create = (page, options = {}) =>
  page.evaluate(async (options) => {
    window.hb = await homebody.Recommender.create(options);
    window.changes = [];
    hb.on("change", ({ source }) => changes.push(source));
    return hb.status;
  }, { ...FILMS, ...options });
export const record = (page, item, type = "like") => page.evaluate(([item, type]) => hb.record({ item, type }), [item, type]);
export const events = (page) => page.evaluate(async () => (await hb.profile.events()).map(({ item, type }) => `${type} ${item}`));
export const databases = (page) => page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
/** A script put before the worker's own, as a browser that lacks or refuses something would have it. */
export const inWorker = (server, script) =>
  server.answers.set("/homebody/worker.js", (_request, response) => {
    const worker = readFileSync(`${root}/dist/worker.js`, "utf8");
    response.writeHead(200, { "content-type": "text/javascript" }).end(`${script};\n${worker}`);
  });
/** A script for a worker in which waits of seconds are over in hundredths of them. */
export const HASTE = `
  const { setTimeout: slow } = self;
  self.setTimeout = (work, ms, ...more) => slow(work, ms >= 5000 ? ms / 100 : ms, ...more);`;
