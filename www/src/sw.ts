/**
 * The service worker: after the first visit the page opens and works without a network.
 *
 * The build writes the list of the program's files (page and package) with their SHA-256 into this script. Those that
 * every visit needs are saved when the worker is installed, those that run the text model only once they are asked for.
 * A saved file is stored under its hash: a new build copies what has not changed from the old cache and fetches the rest,
 * and nothing of an old build is ever mixed into a new one. Files that are not on the list are passed on as if this
 * worker were not there; catalog and model are among them, since the package keeps its own copies of both.
 */
import type { ToPage, ToWorker } from "./offline-messages.js";

declare const self: ServiceWorkerGlobalScope;

interface StaticFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Whether it is saved at the first visit, or only when it is used. */
  readonly group: "shell" | "search";
}

declare const __FILES__: readonly StaticFile[];
declare const __VERSION__: string;

const PREFIX = "homebody-static-";
const CACHE = `${PREFIX}${__VERSION__}`;

const scope = new URL(self.registration.scope);
const files = new Map(__FILES__.map((file) => [new URL(file.path, scope).href, file]));

/** The address a file is stored under. It has the content's hash in it, so equal keys mean equal bytes. */
const keyOf = (file: StaticFile): string => new URL(`${file.path}?sha256=${file.sha256}`, scope).href;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("message", (event) => {
  if ((event.data as ToWorker).type === "take-over") void self.skipWaiting();
});
self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  const file = fileFor(event.request);
  if (file) event.respondWith(answer(file, event.request));
});

function fileFor(request: Request): StaticFile | undefined {
  const url = new URL(request.url);
  url.hash = "";
  if (request.mode === "navigate" && url.origin === scope.origin && url.pathname === scope.pathname) {
    return files.get(new URL("index.html", scope).href);
  }
  return files.get(url.href);
}

async function install(): Promise<void> {
  const isNew = !(await caches.has(CACHE));
  const cache = await caches.open(CACHE);
  const shell = __FILES__.filter((file) => file.group === "shell");
  let fetched = 0;
  try {
    for (const [index, file] of shell.entries()) {
      const key = keyOf(file);
      const kept = await caches.match(key);
      if (kept) await cache.put(key, kept);
      else {
        await cache.put(key, await download(file));
        fetched++;
      }
      await tell({ type: "saving", fetched, done: index + 1, of: shell.length });
    }
  } catch (error) {
    // The browser tries again at a later visit; until then nothing of a half-saved build has to lie around.
    if (isNew) await caches.delete(CACHE);
    throw error;
  }
}

/** Old builds go only now, when no page uses them any more; what runs the model moves along if it has not changed. */
async function activate(): Promise<void> {
  const cache = await caches.open(CACHE);
  const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  for (const file of __FILES__.filter((file) => file.group === "search")) {
    const key = keyOf(file);
    const kept = await caches.match(key);
    if (kept && !(await cache.match(key))) await cache.put(key, kept);
  }
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function answer(file: StaticFile, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(keyOf(file));
  if (kept) return kept;
  const response = await fetch(request);
  // Told before the bytes are there: a request that fails later was one all the same.
  await tell({ type: "fetched", path: file.path });
  if (response.status === 200) {
    const copy = response.clone();
    // Kept in the background, so that the page sees its download advance.
    void keep(cache, file, copy).catch(() => undefined);
  }
  return response;
}

async function keep(cache: Cache, file: StaticFile, response: Response): Promise<void> {
  const bytes = await response.arrayBuffer();
  if ((await sha256(bytes)) !== file.sha256) return;
  await cache.put(keyOf(file), new Response(bytes, { headers: headersOf(response) }));
}

async function download(file: StaticFile): Promise<Response> {
  const response = await fetch(new URL(file.path, scope), { cache: "no-cache" });
  if (response.status !== 200) throw new Error(`${file.path} answered ${response.status}`);
  const bytes = await response.arrayBuffer();
  // A file from another build (a site half-way through being replaced) must not be kept under this build's name.
  if ((await sha256(bytes)) !== file.sha256) throw new Error(`${file.path} is not the file this build was made with`);
  return new Response(bytes, { headers: headersOf(response) });
}

/** The bytes are stored unpacked, so the type is all that is kept of the headers. */
function headersOf(response: Response): Headers {
  const headers = new Headers();
  const type = response.headers.get("content-type");
  if (type) headers.set("content-type", type);
  return headers;
}

async function sha256(bytes: ArrayBuffer): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function tell(message: ToPage): Promise<void> {
  for (const client of await self.clients.matchAll({ includeUncontrolled: true, type: "window" })) client.postMessage(message);
}
