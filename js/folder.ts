/**
 * Loading a published folder, catalog or model: a manifest that names files with their hashes.
 *
 * 1. The manifest is asked for (the server may answer "unchanged"); files that the browser has a copy of are not fetched.
 * 2. A copy that turns out broken is fetched anew; a fetched file that is broken is fetched once more, past the HTTP cache.
 * 3. If the network is away or what came cannot be used, the last folder that could be goes on serving, and a note says so.
 */

import { FileCache } from "./file-cache.js";
import type { Network } from "./network.js";
import { checkAddress } from "./options.js";

/** How long nothing of a manifest may come when there is a copy to serve instead: longer than a slow answer, shorter than patience. */
const PATIENCE_MS = 3000;

/** The same for files: what has begun to come is worth some more of it. */
const FILES_PATIENCE_MS = 6000;

/** A file as its manifest names it. */
export interface FileEntry {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Makes something of a folder's bytes. Throws on bytes that are not those the manifest was written for. */
export interface FolderReader<T> {
  /** Starts (again) with a manifest; what an earlier one brought is dropped. */
  begin(manifest: Uint8Array<ArrayBuffer>): Promise<readonly FileEntry[]>;
  add(path: string, bytes: Uint8Array<ArrayBuffer>): void | Promise<void>;
  finish(): T;
}

export interface Folder {
  /** Ends in a slash. */
  readonly base: URL;
  /** The name of the manifest in it. */
  readonly manifest: string;
  readonly network: Network;
  /** What a person calls it, in notes. */
  readonly what: string;
  readonly note: (text: string) => void;
  readonly onFile: (file: string, loaded: number, total: number | undefined) => void;
}

export interface Loaded<T> {
  readonly value: T;
  /** `"cache"`: no file but the manifest was fetched. */
  readonly source: "network" | "cache";
  /** Settles when what was fetched is stored for the next visit. Never rejects. */
  readonly stored: Promise<void>;
}

/** The address of a folder, with the slash that relative addresses need. */
export function folderUrl(what: string, address: unknown): URL {
  const url = checkAddress(what, address);
  url.search = "";
  url.hash = "";
  if (!url.pathname.endsWith("/")) {
    url.pathname += "/";
  }
  return url;
}

export async function loadFolder<T>(folder: Folder, reader: FolderReader<T>): Promise<Loaded<T>> {
  const cache = await FileCache.open(folder.note);
  const url = new URL(folder.manifest, folder.base);
  const kept = await cache?.manifest(url);
  if (kept !== undefined) {
    // Most visits find the manifest unchanged: by the time that is known, its files are here.
    cache?.readAhead(kept);
  }
  let trouble: unknown;
  try {
    const patienceMs = kept === undefined ? undefined : PATIENCE_MS;
    const manifest = await folder.network.get(url, { cache: "no-cache", patienceMs });
    folder.onFile(folder.manifest, manifest.length, manifest.length);
    return await readFolder(folder, reader, cache, url, manifest, kept === undefined ? undefined : FILES_PATIENCE_MS);
  } catch (thrown) {
    trouble = thrown;
  }
  if (kept === undefined) {
    throw trouble;
  }
  let loaded: Loaded<T>;
  try {
    loaded = await readFolder(folder, reader, cache, url, kept, FILES_PATIENCE_MS);
  } catch {
    // The copy is of no use either; what is wrong with the published one is what has to be mended.
    throw trouble;
  }
  const why = trouble instanceof Error ? trouble.message : String(trouble);
  folder.note(`The ${folder.what} could not be loaded anew; the copy of an earlier visit goes on serving. ${why}`);
  return loaded;
}

async function readFolder<T>(
  folder: Folder,
  reader: FolderReader<T>,
  cache: FileCache | undefined,
  url: URL,
  manifest: Uint8Array<ArrayBuffer>,
  patienceMs: number | undefined,
): Promise<Loaded<T>> {
  const entries = await reader.begin(manifest);
  const storing: Promise<void>[] = [];
  // The first file that fails ends the others: their bytes would be of no use.
  const failed = new AbortController();
  let source: "network" | "cache" = "cache";

  const fetchFile = async (entry: FileEntry, mode: RequestCache): Promise<void> => {
    source = "network";
    const bytes = await folder.network.get(new URL(entry.path, folder.base), {
      cache: mode,
      bytes: entry.bytes,
      patienceMs,
      signal: failed.signal,
      onBytes: (loaded) => folder.onFile(entry.path, loaded, entry.bytes),
    });
    await reader.add(entry.path, bytes);
    if (cache !== undefined) {
      const put = cache.putFile(entry.sha256, bytes);
      // Handled when all are waited for; until then a refusal must not count as unhandled.
      put.catch(() => undefined);
      storing.push(put);
    }
  };
  const readFile = async (entry: FileEntry): Promise<void> => {
    const copy = await cache?.file(entry.sha256);
    if (copy !== undefined) {
      try {
        await reader.add(entry.path, copy);
        folder.onFile(entry.path, copy.length, copy.length);
        return;
      } catch {
        await cache?.deleteFile(entry.sha256);
      }
    }
    try {
      await fetchFile(entry, "default");
    } catch (thrown) {
      if (failed.signal.aborted || isFetchFailure(thrown)) {
        throw thrown;
      }
      // The bytes came but are not the right ones: perhaps an old file from the HTTP cache.
      await fetchFile(entry, "reload");
    }
  };

  const reading = entries.map(readFile);
  try {
    await Promise.all(reading);
  } catch (thrown) {
    failed.abort();
    // None may still be adding when the reader begins with another manifest.
    await Promise.allSettled(reading);
    throw thrown;
  }
  const value = reader.finish();
  return { value, source, stored: store(folder, cache, url, manifest, storing) };
}

async function store(
  folder: Folder,
  cache: FileCache | undefined,
  url: URL,
  manifest: Uint8Array<ArrayBuffer>,
  storing: readonly Promise<void>[],
): Promise<void> {
  if (cache === undefined) {
    return;
  }
  try {
    await Promise.all(storing);
    await cache.keepManifest(url, manifest);
  } catch (thrown) {
    folder.note(`The ${folder.what} is not kept for the next visit: the browser has no room for it (${String(thrown)}).`);
  }
}

function isFetchFailure(thrown: unknown): boolean {
  const code: unknown = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" && /-(?:unreachable|not-found|http-status|web-page)$/.test(code);
}
