/**
 * The browser's own copy of catalog and model files (Cache API): files by the SHA-256 of their content, manifests by
 * their address. It holds what the site publishes, nothing about the person.
 *
 * A manifest is stored only after everything it names was, so that a stored manifest is one that can be served.
 *
 * A cache that does not answer is asked no more: what it holds is fetched instead, and what is fetched is not kept.
 */

import { answered } from "./patience.js";

/** The version is that of the layout below: another layout gets another cache. */
const CACHE = "homebody-files-1";

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

  putManifest(url: URL, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#put(keyOf("manifest", url.href), bytes);
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

  /** Deletes the files that no stored manifest names any more. */
  async collect(): Promise<void> {
    const manifests = keyOf("manifest", "");
    const keys = await this.#cache.keys();
    const named = new Set<string>();
    for (const { url } of keys) {
      if (url.startsWith(manifests)) {
        const bytes = await this.#get(url);
        addHashes(bytes === undefined ? undefined : parse(bytes), named);
      }
    }
    const kept = new Set([...named].map((sha256) => keyOf("file", sha256)));
    for (const { url } of keys) {
      if (!url.startsWith(manifests) && !kept.has(url)) {
        await this.#cache.delete(url);
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
    await this.#cache.put(key, new Response(bytes, { headers: { "content-type": "application/octet-stream" } }));
  }
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
