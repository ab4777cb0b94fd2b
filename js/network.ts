/**
 * Fetching files, with every way in which that fails told apart: no answer, an error status, a web page where a file
 * should be. What the bytes are worth is for the reader of the file to say.
 */

import { HomebodyError } from "./errors.js";

/** A progress bar moves no finer than this; telling every packet would cost the page a message each. */
const PROGRESS_STEPS = 50;

/** How long nothing at all may come, where nobody says otherwise: a connection that was silent so long brings nothing more. */
const PATIENCE_MS = 60_000;

export interface GetOptions {
  /** `"no-cache"` asks the server whether the copy in the HTTP cache is still good, `"reload"` passes the copy over. */
  readonly cache?: RequestCache;
  /** How long nothing may come, of this or of another file that is under way, in milliseconds. */
  readonly patienceMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes so far, and the length if the server or the caller knows it. */
  readonly onBytes?: ((loaded: number, total: number | undefined) => void) | undefined;
  /** The length the file should have. */
  readonly bytes?: number | undefined;
}

/** Makes requests for one kind of thing (`"catalog"`, `"model"`) and counts them. */
export class Network {
  readonly #what: string;
  readonly #onRequest: () => void;
  /** When something came last. One for all files: they share the line, and one may wait while another comes. */
  #heard = 0;

  /** `what` names the thing in messages and begins the codes of errors. */
  constructor(what: string, onRequest: () => void) {
    this.#what = what;
    this.#onRequest = onRequest;
  }

  /** The bytes at an address. */
  async get(url: URL, options: GetOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { patienceMs = PATIENCE_MS, signal } = options;
    const patience = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = (): void => {
      const left = this.#heard + patienceMs - performance.now();
      if (left > 0) {
        timer = setTimeout(wait, left);
      } else {
        patience.abort(new Error(`no answer within ${patienceMs} ms`));
      }
    };
    const heard = (): void => {
      this.#heard = performance.now();
    };
    heard();
    wait();
    try {
      const signals = signal === undefined ? patience.signal : AbortSignal.any([signal, patience.signal]);
      const response = await this.#request(url, options, signals);
      heard();
      return await read(response, options, heard).catch((thrown: unknown) => {
        throw this.#unreachable(url, thrown);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async #request(url: URL, { cache = "default" }: GetOptions, signal: AbortSignal): Promise<Response> {
    let response: Response;
    try {
      this.#onRequest();
      response = await fetch(url, { cache, credentials: "same-origin", signal });
    } catch (thrown) {
      throw this.#unreachable(url, thrown);
    }
    if (!response.ok) {
      const code = response.status === 404 || response.status === 410 ? "not-found" : "http-status";
      throw new HomebodyError(
        `${this.#what}-${code}`,
        `Expected a file of the ${this.#what} at ${url.href}, got HTTP status ${response.status}. Is it published there?`,
      );
    }
    if (/^text\/html\b/i.test(response.headers.get("content-type") ?? "")) {
      throw new HomebodyError(
        `${this.#what}-web-page`,
        `Expected a file of the ${this.#what} at ${url.href}, got a web page. Servers of single-page apps answer every unknown address with one: is the file published there?`,
      );
    }
    return response;
  }

  #unreachable(url: URL, cause: unknown): HomebodyError {
    return new HomebodyError(
      `${this.#what}-unreachable`,
      `Expected a file of the ${this.#what} at ${url.href}, got no complete answer. Is the network away, or does the address forbid requests from this page?`,
      { cause },
    );
  }
}

/** Reads a body into one buffer of the right length, if that is known, so that nothing has to be joined afterwards. */
async function read(response: Response, { bytes, onBytes }: GetOptions, heard: () => void): Promise<Uint8Array<ArrayBuffer>> {
  const told = Number(response.headers.get("content-length") ?? Number.NaN);
  // Of a compressed response, the header tells the compressed length.
  const total = bytes ?? (response.headers.has("content-encoding") || Number.isNaN(told) ? undefined : told);
  if (response.body === null) {
    return new Uint8Array(await response.arrayBuffer());
  }
  let buffer = new Uint8Array(total ?? 64 * 1024);
  let loaded = 0;
  let reported = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      break;
    }
    heard();
    if (loaded + value.length > buffer.length) {
      const larger = new Uint8Array(Math.max(loaded + value.length, buffer.length * 2));
      larger.set(buffer.subarray(0, loaded));
      buffer = larger;
    }
    buffer.set(value, loaded);
    loaded += value.length;
    if (loaded - reported >= (total ?? 0) / PROGRESS_STEPS) {
      reported = loaded;
      onBytes?.(loaded, total);
    }
  }
  if (loaded > reported) {
    onBytes?.(loaded, total);
  }
  return loaded === buffer.length ? buffer : buffer.slice(0, loaded);
}
