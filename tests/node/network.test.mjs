/** Fetching without a browser: how long silence is borne. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { Network } from "../../dist/network.js";

const PATIENCE = 150;
let server;
let base;

before(async () => {
  server = createServer(async (request, response) => {
    response.writeHead(200, { "content-length": 20, "content-type": "application/octet-stream" });
    response.write("0");
    for (let at = 1; at < 20 && request.url === "/slow"; at++) {
      await new Promise((resolve) => setTimeout(resolve, PATIENCE / 5));
      response.write("0");
    }
    if (request.url === "/slow") response.end();
    else if (request.url === "/late") setTimeout(() => response.end("0".repeat(19)), PATIENCE * 3);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${server.address().port}/`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const get = (network, path) => network.get(new URL(path, base), { patienceMs: PATIENCE });

test("an answer that stops in the middle is unreachable", { timeout: 10_000 }, async () => {
  const error = await get(new Network("catalog", () => undefined), "stops").catch((error) => error);
  assert.deepEqual([error.code, error.cause.message], ["catalog-unreachable", `no answer within ${PATIENCE} ms`]);
});

test("an answer that comes slowly is waited for, and so is a file that waits for another", { timeout: 10_000 }, async () => {
  const network = new Network("catalog", () => undefined);
  const files = await Promise.all([get(network, "slow"), get(network, "late")]);
  assert.deepEqual(files.map(({ length }) => length), [20, 20]);
});
