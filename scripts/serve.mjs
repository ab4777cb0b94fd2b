/**
 * A static file server: `npm start` shows the demo with it, and the tests serve their pages with it.
 *
 * It answers as any good static host does: right types (`application/wasm` among them, for compiling while downloading), an
 * ETag with 304 for what is unchanged, 404 for what is not there. Only for this machine: it listens on localhost alone.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, resolve, sep } from "node:path";

const TYPES = {
  ".arrow": "application/vnd.apache.arrow.stream",
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".onnx": "application/octet-stream",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/**
 * `mounts` maps address prefixes (ending in a slash) to folders; the longest prefix wins. `headers` are added to every
 * answer. `intercept(request, response)` may answer itself and return true.
 */
export function createFileServer({ mounts, headers = {}, intercept = () => false }) {
  const prefixes = Object.keys(mounts).sort((a, b) => b.length - a.length);
  return createServer(async (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    // Browsers may keep everything but have to ask whether it is still good.
    response.setHeader("cache-control", "no-cache");
    try {
      if (await intercept(request, response)) return;
      await answer(request, response, prefixes, mounts);
    } catch (error) {
      if (!response.headersSent) fail(response, 500, String(error));
      else response.destroy();
    }
  });
}

async function answer(request, response, prefixes, mounts) {
  if (request.method !== "GET" && request.method !== "HEAD") return fail(response, 405, "only GET and HEAD");
  let path;
  try {
    path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
  } catch {
    return fail(response, 400, "not an address");
  }
  const prefix = prefixes.find((prefix) => path.startsWith(prefix));
  const folder = prefix === undefined ? undefined : resolve(mounts[prefix]);
  let file = folder === undefined ? undefined : resolve(join(folder, path.slice(prefix.length)));
  if (file === undefined || path.includes("\0") || (file !== folder && !file.startsWith(folder + sep))) {
    return fail(response, 404, `nothing at ${path}`);
  }
  let found = await stat(file).catch(() => undefined);
  if (found?.isDirectory()) {
    if (!path.endsWith("/")) {
      response.writeHead(308, { location: `${path}/` }).end();
      return;
    }
    file = join(file, "index.html");
    found = await stat(file).catch(() => undefined);
  }
  if (!found?.isFile()) return fail(response, 404, `nothing at ${path}`);

  const etag = `"${found.size.toString(36)}-${Math.trunc(found.mtimeMs).toString(36)}"`;
  response.setHeader("etag", etag);
  if (request.headers["if-none-match"] === etag) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-length": found.size });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  createReadStream(file).on("error", () => response.destroy()).pipe(response);
}

function fail(response, status, text) {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${status}: ${text}\n`);
}

/** Listens on `port`, or on the next free one (0: any). Resolves to the address. */
export async function listen(server, port) {
  for (let candidate = port; ; candidate++) {
    const error = await new Promise((resolve) => {
      server.once("error", resolve);
      server.listen(candidate, "127.0.0.1", () => {
        server.off("error", resolve);
        resolve(undefined);
      });
    });
    if (error === undefined) return `http://localhost:${server.address().port}/`;
    if (error.code !== "EADDRINUSE" || candidate >= 65535) throw error;
  }
}
