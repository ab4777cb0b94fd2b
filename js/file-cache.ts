/**
 * The browser's own copy of catalog and model files (Cache API): files by the SHA-256 of their content, manifests by
 * their address. It holds what the site publishes, nothing about the person.
 *
 * A manifest is stored only after everything it names was, so that a stored manifest is one that can be served. Until then its files
 * are named by none, and must not be taken for leftovers by another worker: what goes is what a replaced manifest named and no other
 * does, what belongs to a folder that was not used for long, and files that are named by none for longer than any loading takes.
 *
 * A cache that does not answer is asked no more: what it holds is fetched instead, and what is fetched is not kept.
 */

import { answered } from "./patience.js";

/** The version is that of the layout below: another layout gets another cache. */
const CACHE = "homebody-files-1";

const DAY_MS = 24 * 60 * 60 * 1000;

/** A folder that no visit asked for so long is given up: the site has another by now. A quarter of a year. */
const UNUSED_MS = 90 * DAY_MS;

/** When an entry was put there: for a manifest, to a day, when it was last used. Milliseconds since 1970. */
const STAMP = "x-homebody-at";

/** Keys have to look like addresses of this origin; nothing is ever requested there. */
const keyOf = (kind: "manifest" | "file", name: string): string =>
  `${self.location.origin}/.homebody/${kind}/${encodeURIComponent(name)}`;

export class FileCache {
  readonly #cache: Cache;
  readonly #note: (text: string) => void;
  /** Why it is asked no more. */
  #silence: Error | undefined;
  /** What is being read ahead, until it is asked for. */
  readonly #ahead = new Map<string, Promise<Uint8Array<ArrayBuffer> | undefined>>();

  private constructor(cache: Cache, note: (text: string) => void) {
    this.#cache = cache;
    this.#note = note;
  }

  /** `undefined` where the browser has no such cache (insecure origin) or refuses it; `note` is told why. */
  static async open(note: (text: string) => void): Promise<FileCache | undefined> {
    if (typeof caches === "undefined") {
      note("Files are not kept for the next visit: the Cache API needs a secure origin (https: or localhost).");
      return undefined;
    }
    try {
      return new FileCache(await answered(caches.open(CACHE)), note);
    } catch (thrown) {
      note(`Files are not kept for the next visit: the browser refused its cache (${String(thrown)}).`);
      return undefined;
    }
  }

  manifest(url: URL): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#get(keyOf("manifest", url.href));
  }

  /** Stores the manifest that is in use, whose files are all stored, and deletes what that leaves over. */
  async keepManifest(url: URL, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const key = keyOf("manifest", url.href);
    // One at a time in all tabs and workers: each decides by what all have stored.
    await locked(async () => {
      if (this.#silence !== undefined) {
        throw this.#silence;
      }
      const kept = await answered(this.#cache.match(key));
      const before = kept && new Uint8Array(await kept.arrayBuffer());
      if (before !== undefined && equal(before, bytes) && Date.now() - stampOf(kept) < DAY_MS) {
        return;
      }
      const replaced = new Set<string>();
      addHashes(before && parse(before), replaced);
      await this.#put(key, bytes);
      await this.#collect(replaced);
    });
  }

  file(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const ahead = this.#ahead.get(sha256);
    this.#ahead.delete(sha256);
    return ahead ?? this.#get(keyOf("file", sha256));
  }

  /** Begins to read the files that a stored manifest names, while what will take them is still being made ready. */
  readAhead(manifest: Uint8Array): void {
    const named = new Set<string>();
    addHashes(parse(manifest), named);
    for (const sha256 of named) {
      this.#ahead.set(sha256, this.#get(keyOf("file", sha256)));
    }
  }

  putFile(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#put(keyOf("file", sha256), bytes);
  }

  /** What cannot be deleted is written over, or found broken again. */
  async deleteFile(sha256: string): Promise<void> {
    if (this.#silence === undefined) {
      await answered(this.#cache.delete(keyOf("file", sha256))).catch(() => undefined);
    }
  }

  async #collect(replaced: Set<string>): Promise<void> {
    const manifests = keyOf("manifest", "");
    const keys = await this.#cache.keys();
    const named = new Set<string>();
    for (const { url } of keys) {
      const response = url.startsWith(manifests) ? await this.#cache.match(url) : undefined;
      if (response === undefined) {
        continue;
      }
      const bytes = new Uint8Array(await response.arrayBuffer());
      const used = stampOf(response);
      if (used === 0) {
        // Of a version that wrote none: from today on.
        await this.#put(url, bytes);
      }
      const isUnused = used > 0 && Date.now() - used > UNUSED_MS;
      addHashes(parse(bytes), isUnused ? replaced : named);
      if (isUnused) {
        await this.#cache.delete(url);
      }
    }
    const keysOf = (hashes: Set<string>): Set<string> => new Set([...hashes].map((sha256) => keyOf("file", sha256)));
    const [kept, left] = [keysOf(named), keysOf(replaced)];
    for (const { url } of keys) {
      if (!url.startsWith(manifests) && !kept.has(url)) {
        const response = left.has(url) ? undefined : await this.#cache.match(url);
        if (response === undefined || Date.now() - stampOf(response) > DAY_MS) {
          await this.#cache.delete(url);
        }
      }
    }
  }

  async #get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.#silence !== undefined) {
      return undefined;
    }
    // An entry whose data the browser lost: as good as none, the network has it.
    const read = this.#read(key).catch(() => undefined);
    try {
      return await answered(read);
    } catch (silence) {
      if (this.#silence === undefined) {
        this.#silence = silence as Error;
        this.#note(`Files of earlier visits are fetched again: the browser's cache is silent (${this.#silence.message}).`);
      }
      return undefined;
    }
  }

  async #read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const response = await this.#cache.match(key);
    return response && new Uint8Array(await response.arrayBuffer());
  }

  async #put(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#silence !== undefined) {
      throw this.#silence;
    }
    const headers = { "content-type": "application/octet-stream", [STAMP]: String(Date.now()) };
    await this.#cache.put(key, new Response(bytes, { headers }));
  }
}

/** 0 for what has none. */
function stampOf(response: Response | undefined): number {
  return Number(response?.headers.get(STAMP) ?? 0);
}

/** Where the browser has no locks, as good as it goes. */
function locked(work: () => Promise<void>): Promise<void> {
  return navigator.locks === undefined ? work() : navigator.locks.request("homebody-files", work);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** Manifests of catalogs and models differ in shape, but both name each file's hash `sha256`. */
function addHashes(value: unknown, into: Set<string>): void {
  if (typeof value === "object" && value !== null) {
    for (const [name, part] of Object.entries(value)) {
      if (name === "sha256" && typeof part === "string") {
        into.add(part);
      } else {
        addHashes(part, into);
      }
    }
  }
}
