/**
 * What the browser tests share: a static server that writes down every request and can answer wrongly on purpose, one
 * Chromium per test file, and pages on which a console error, an uncaught error or a request to anywhere else fails the
 * test that caused it.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { findChromium } from "../../scripts/setup.mjs";
import { createFileServer, listen } from "../../scripts/serve.mjs";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** All that the package may need of a site's policy; every page and worker of these tests runs under it. */
export const CSP = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

/** The published parts, as a site would have them. */
const MOUNTS = {
  "/": join(root, "tests/browser/site"),
  "/homebody/": join(root, "dist"),
  "/catalogs/": join(root, "build/catalogs"),
  "/models/": join(root, "build/models"),
};

/**
 * Serves a site. `requests` is everything that arrived. `answers` maps a path to a function `(request, response)` that
 * answers instead of the file; `offline` true drops every connection.
 */
export async function serve(mounts = {}) {
  const site = { requests: [], answers: new Map(), offline: false };
  const server = createFileServer({
    mounts: { ...MOUNTS, ...mounts },
    headers: { "content-security-policy": CSP },
    async intercept(request, response) {
      const url = new URL(request.url, "http://localhost");
      let body = "";
      for await (const part of request) body += part;
      if (site.offline) {
        response.destroy();
        return true;
      }
      site.requests.push({ method: request.method, path: url.pathname, search: url.search, body, headers: request.headers });
      const answer = site.answers.get(url.pathname);
      if (answer === undefined) return false;
      return (await answer(request, response)) !== false;
    },
  });
  site.url = await listen(server, 0);
  site.paths = () => site.requests.map(({ path }) => path);
  site.stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return site;
}

/** Answers for `site.answers`. */
export const answers = {
  status: (status) => (_request, response) => void response.writeHead(status, { "content-type": "text/plain" }).end("as the test wants it"),
  html: () => (_request, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>App</title>"),
  bytes: (bytes, type = "application/octet-stream") => (_request, response) => {
    response.writeHead(200, { "content-type": type, "content-length": bytes.length }).end(bytes);
  },
};

/** What Chromium itself asks for now and then, whatever it is told; nothing that a page of ours could name. */
const CHROMIUMS_OWN = /^(?:https?:\/\/)?(?:[a-z0-9-]+\.)*(?:google|googleapis|gvt1|gstatic)\.com(?::\d+)?(?:\/|$)/;

/**
 * A proxy that refuses all and writes down who was asked for: whatever Chromium wants from another host goes through it, so
 * nothing leaves unseen, from whichever page, worker or service worker.
 */
async function refusingProxy() {
  const asked = [];
  const note = (url) => {
    if (!CHROMIUMS_OWN.test(url)) asked.push(url);
  };
  const server = createServer((request, response) => {
    note(request.url);
    response.writeHead(502).end();
  });
  server.on("connect", (request, socket) => {
    note(request.url);
    socket.end("HTTP/1.1 502 Refused\r\n\r\n");
  });
  const url = await listen(server, 0);
  return { asked, url: url.replace(/\/$/, ""), stop: () => server.close() };
}

let shared;

/** One browser for all tests of a file. Extra `args` start another. */
export async function launch(args = []) {
  const executablePath = findChromium();
  assert.ok(executablePath, "no Chromium was found: install it, or name its program in CHROMIUM");
  const proxy = await refusingProxy();
  const browser = await chromium.launch({
    executablePath,
    proxy: { server: proxy.url, bypass: "localhost,127.0.0.1" },
    args: [
      "--no-sandbox",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--enable-unsafe-webgpu",
      ...args,
    ],
  });
  return { browser, proxy, async close() {
    await browser.close();
    proxy.stop();
  } };
}

export async function closeBrowser() {
  await (await shared)?.close();
  shared = undefined;
}

/**
 * Runs `steps` with a fresh server and a fresh visitor, and afterwards checks that nothing went wrong on the way: no
 * console error, no uncaught error, no request to another host, and none to this one that could tell anything (with a
 * query, a body, or another method than GET). `expected` are patterns of console errors that the test provokes.
 */
export async function visit({ expected = [], mounts, launched, ...contextOptions }, steps) {
  const built = join(root, "dist/index.js");
  assert.ok(existsSync(built), 'the package is not built: run "npm run build" first');
  const { browser, proxy } = launched ?? (await (shared ??= launch()));
  const server = await serve(mounts);
  const context = await browser.newContext(contextOptions);
  const wrong = [];
  context.on("weberror", (error) => wrong.push(`an uncaught error: ${error.error().stack}`));
  context.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !expected.some((pattern) => pattern.test(text))) wrong.push(`a console error: ${text}`);
  });
  proxy.asked.length = 0;
  try {
    const page = await context.newPage();
    await steps({ server, context, page });
    for (const { method, path, search, body } of server.requests) {
      if (method !== "GET" || search !== "" || body !== "") wrong.push(`a request that says something: ${method} ${path}${search} ${body}`);
    }
    for (const host of proxy.asked) wrong.push(`a request to another host: ${host}`);
    assert.deepEqual(wrong, []);
  } finally {
    await context.close();
    await server.stop();
  }
}

/**
 * Opens the tests' empty page, where `window.homebody` is the package and `window.thrown(promise)` gives the error a
 * promise rejects with, as `{ name, code, message, cause, ours }`.
 */
export async function open(page, server) {
  await page.goto(server.url);
  await page.waitForFunction(() => window.homebody !== undefined);
}

/**
 * Waits until something is so in the page. Unlike `page.waitForFunction`, whose predicate must not be asynchronous (a
 * promise would count as true), this one may.
 */
export async function until(page, predicate, argument) {
  const deadline = Date.now() + 30_000;
  while (!(await page.evaluate(predicate, argument))) {
    assert.ok(Date.now() < deadline, `waited 30 s for ${predicate}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The catalog and model of the tests, for `Recommender.create()`. */
export const FILMS = { catalog: "/catalogs/films/", model: "/models/all-MiniLM-L6-v2/" };
