/** The page's `Embedder`: text to vectors, in a worker of its own. */

import type { EmbedderEvents, EmbedderHost, EmbedderHostStatus, ModelIdentity } from "./embedder-host.js";
import { HomebodyError } from "./errors.js";
import { folderUrl } from "./folder.js";
import { checkChoice, checkOptions } from "./options.js";
import { Remote } from "./remote.js";
import type { EmbedOptions, EmbedderOptions, EmbedderStatus } from "./types.js";

/**
 * So many texts go to the worker at once: enough that the way there does not count beside the work, few enough that an
 * aborted call soon ends.
 */
const BATCH = 16;

/** Turns texts into vectors of unit length with a model that runs in this browser. */
export class Embedder implements AsyncDisposable {
  readonly #remote: Remote<EmbedderHost, EmbedderEvents>;
  #host: EmbedderHostStatus;
  #openMs: number;
  #lastEmbedMs: number | undefined;

  private constructor(remote: Remote<EmbedderHost, EmbedderEvents>, host: EmbedderHostStatus, openMs: number) {
    this.#remote = remote;
    this.#host = host;
    this.#openMs = openMs;
  }

  /** Fetches the model (or takes this browser's copy of it) and makes it ready. */
  static create(options: EmbedderOptions): Promise<Embedder> {
    return Embedder.open(options, undefined, () => undefined);
  }

  /**
   * As `create`, but only with the model that is expected: another is refused before its large files are fetched.
   * `onRequest` is told of each network request.
   * @internal
   */
  static async open(
    options: EmbedderOptions,
    expected: ModelIdentity | undefined,
    onRequest: () => void,
  ): Promise<Embedder> {
    checkOptions("Embedder.create()", options, ["model", "onProgress", "signal"]);
    const { model, onProgress, signal } = options;
    const started = performance.now();
    signal?.throwIfAborted();
    const worker = new Worker(new URL("./embed-worker.js", import.meta.url), { type: "module" });
    let embedder: Embedder | undefined;
    const remote = new Remote<EmbedderHost, EmbedderEvents>(worker, "embedder", {
      progress: (progress) => onProgress?.(progress),
      request: () => onRequest(),
      status: (status) => {
        if (embedder !== undefined) {
          embedder.#host = status;
        }
      },
    });
    try {
      const base = folderUrl(model, document.baseURI);
      const host = await remote.call("open", [base.href, expected], { signal });
      embedder = new Embedder(remote, host, performance.now() - started);
      return embedder;
    } catch (thrown) {
      remote.close("embedder");
      throw thrown;
    }
  }

  /** The length of the vectors. */
  get dims(): number {
    return this.#host.model.dims;
  }

  get status(): EmbedderStatus {
    const lastEmbedMs = this.#lastEmbedMs === undefined ? {} : { lastEmbedMs: this.#lastEmbedMs };
    return { ...this.#host, timings: { openMs: this.#openMs, ...lastEmbedMs } };
  }

  /** One vector per text, in the order of the texts. Empty text is an error; text beyond the model's limit is cut. */
  async embed(texts: string | readonly string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
    checkOptions("embed()", options, ["kind", "signal"]);
    const kind = checkChoice("embed(): kind", options.kind ?? "document", ["query", "document"]);
    const all = typeof texts === "string" ? [texts] : texts;
    const wrong = all.find((text) => typeof text !== "string");
    if (wrong !== undefined) {
      throw new HomebodyError("invalid-argument", `embed() expects texts, got ${typeof wrong}.`);
    }
    const vectors: Float32Array[] = [];
    const started = performance.now();
    for (let from = 0; from < all.length; from += BATCH) {
      const batch = all.slice(from, from + BATCH);
      vectors.push(...(await this.#remote.call("embed", [batch, kind], { signal: options.signal })));
    }
    this.#lastEmbedMs = performance.now() - started;
    return vectors;
  }

  /** Ends the worker. What is pending rejects with the code `closed`; a second time does nothing. */
  close(): Promise<void> {
    this.#remote.close("embedder");
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
