/** The page's `VectorIndex`: your own vectors, searched exactly, in a worker. */

import { HomebodyError, fromWire } from "./errors.js";
import { MOST, checkBoolean, checkChoice, checkList, checkOptions, checkSignal, checkText, checkTexts, told } from "./options.js";
import { Remote } from "./remote.js";
import type { VectorHit, VectorIndexOptions, VectorIndexStatus, VectorSearchOptions } from "./types.js";
import type { IndexEvents, IndexHostStatus, VectorIndexHost } from "./vector-index-host.js";
import { compileForWorker } from "./wasm.js";

type Host = Remote<VectorIndexHost, IndexEvents>;

/** Exact nearest neighbours among vectors that you bring. Scores are similarities: higher is nearer, ties go by id. */
export class VectorIndex implements AsyncDisposable {
  readonly #remote: Host;
  readonly #openMs: number;
  #host: IndexHostStatus;
  #lastSearchMs = 0;

  private constructor(remote: Host, host: IndexHostStatus, openMs: number) {
    this.#remote = remote;
    this.#host = host;
    this.#openMs = openMs;
  }

  /** Makes an index of vectors. Their buffer is transferred and empty afterwards, unless `copy` is `true`. */
  static async create(options: VectorIndexOptions): Promise<VectorIndex> {
    const known = ["dims", "vectors", "ids", "precision", "metric", "device", "copy", "signal"];
    checkOptions("VectorIndex.create()", options, known);
    const { dims, vectors, ids, signal } = options;
    const precision = checkChoice("VectorIndex.create(): precision", options.precision ?? "int8", ["int8", "float32"]);
    const metric = checkChoice("VectorIndex.create(): metric", options.metric ?? "cosine", ["cosine", "dot", "l2"]);
    const device = checkChoice("VectorIndex.create(): device", options.device ?? "auto", ["auto", "cpu", "gpu"]);
    if (!Number.isInteger(dims) || dims < 2 || dims > 4096) {
      throw new HomebodyError("vector-dims", `VectorIndex.create() expects dims from 2 to 4096, got ${told(dims)}.`);
    }
    checkSignal("VectorIndex.create()", signal);
    checkBoolean("VectorIndex.create(): copy", options.copy ?? false);
    if (ids !== undefined) {
      checkTexts("VectorIndex.create(): ids", ids);
    }
    const all = floats("VectorIndex.create(): vectors", vectors);
    const started = performance.now();
    signal?.throwIfAborted();
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    let index: VectorIndex | undefined;
    const remote: Host = new Remote(worker, "index", compileForWorker("core"), {
      status: (status) => {
        if (index !== undefined) {
          index.#host = status;
        }
      },
    });
    try {
      const { sent, transfer } = handOver(all, options.copy === true);
      const open = { dims, precision, metric, device };
      const host = await remote.call("open", [open, sent, ids], { signal, transfer });
      index = new VectorIndex(remote, host, performance.now() - started);
      return index;
    } catch (thrown) {
      void remote.close("VectorIndex");
      throw thrown;
    }
  }

  get status(): VectorIndexStatus {
    return { ...this.#host, timings: { openMs: this.#openMs, lastSearchMs: this.#lastSearchMs } };
  }

  /** The nearest to a query, nearest first; for several queries a list each, found in one pass over the vectors. */
  search(query: Float32Array, options?: VectorSearchOptions): Promise<VectorHit[]>;
  search(queries: readonly Float32Array[], options?: VectorSearchOptions): Promise<VectorHit[][]>;
  async search(
    query: Float32Array | readonly Float32Array[],
    options: VectorSearchOptions = {},
  ): Promise<VectorHit[] | VectorHit[][]> {
    checkOptions("search()", options, ["limit", "filter", "signal"]);
    const { limit = 10, filter, signal } = options;
    if (!(Number.isInteger(limit) || limit === Infinity) || limit < 0) {
      throw new HomebodyError("option", `search(): limit: expected a whole number from 0, got ${told(limit)}.`);
    }
    checkSignal("search()", signal);
    if (filter !== undefined && !(filter instanceof Uint8Array)) {
      checkTexts("search(): filter (ids, or a Uint8Array of bits)", filter);
    }
    const queries = query instanceof Float32Array ? [query] : query;
    checkList("search()", "Float32Arrays, or a single one", queries);
    const { dims } = this.#host;
    const flat = new Float32Array(queries.length * dims);
    // Array.from: a place without a query is one too.
    Array.from(queries).forEach((one, at) => {
      if (floats("search()", one).length !== dims) {
        const text = `search() expects vectors of ${dims} values, got one of ${one.length}: use the model that made the index.`;
        throw new HomebodyError("vector-length", text);
      }
      flat.set(one, at * dims);
    });
    const { hits, searchMs } = await this.#remote.call("search", [flat, Math.min(limit, MOST), filter], {
      signal,
      transfer: [flat.buffer],
    });
    this.#lastSearchMs = searchMs;
    return query instanceof Float32Array ? (hits[0] ?? []) : hits;
  }

  /**
   * Adds vectors, one after another, with an id each. All or none; an id that is there already is refused. Their buffer is transferred
   * and empty afterwards, unless `copy` is `true`; the error of a refusal has the vectors again, as `vectors`.
   */
  async add(ids: readonly string[], vectors: Float32Array, options: { readonly copy?: boolean } = {}): Promise<void> {
    checkOptions("add()", options, ["copy"]);
    checkTexts("add(): ids", ids);
    checkBoolean("add(): copy", options.copy ?? false);
    const { dims } = this.#host;
    if (floats("add()", vectors).length !== ids.length * dims) {
      // Before they are handed over: what is plainly wrong leaves the caller's buffer as it is.
      const text = `add() expects ${dims} values for each of ${ids.length} ids, got ${vectors.length} values.`;
      throw new HomebodyError(vectors.length % dims === 0 ? "vector-ids" : "vector-partial-row", text);
    }
    const { sent, transfer } = handOver(vectors, options.copy === true);
    const refused = await this.#remote.call("add", [ids, sent], { transfer });
    if (refused !== undefined) {
      throw Object.assign(fromWire(refused.error), sent === vectors ? { vectors: refused.vectors } : {});
    }
  }

  /** Puts another vector in the place of the one of that id. */
  async replace(id: string, vector: Float32Array): Promise<void> {
    checkText("replace(): id", id);
    await this.#remote.call("replace", [id, floats("replace()", vector)]);
  }

  /** Removes vectors. All or none; an id that is not there is refused. */
  async remove(ids: readonly string[]): Promise<void> {
    checkTexts("remove()", ids);
    await this.#remote.call("remove", [ids]);
  }

  /** Ends the worker. What is pending rejects with the code `closed`; a second time does nothing. */
  close(): Promise<void> {
    return this.#remote.close("VectorIndex");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function floats(what: string, vectors: unknown): Float32Array {
  if (!(vectors instanceof Float32Array)) {
    throw new HomebodyError("invalid-argument", `${what} expects a Float32Array, got ${told(vectors)}.`);
  }
  if (vectors.buffer instanceof ArrayBuffer && isDetached(vectors.buffer)) {
    const text = `${what} expects a Float32Array, got one whose buffer was handed over before: set \`copy\` to keep what is handed over.`;
    throw new HomebodyError("invalid-argument", text);
  }
  return vectors;
}

/** Whether a buffer is another's by now. Its own property for that is younger than the browsers that we run in. */
function isDetached(buffer: ArrayBuffer): boolean {
  try {
    return new Uint8Array(buffer).buffer !== buffer;
  } catch {
    return true;
  }
}

/** What to send and which buffers go with it: the caller's own, or those of a copy. */
function handOver(vectors: Float32Array, copy: boolean): { sent: Float32Array; transfer: ArrayBuffer[] } {
  const whole = vectors.byteOffset === 0 && vectors.byteLength === vectors.buffer.byteLength;
  // A view of a larger buffer is copied: transferring would take from the caller what was not handed over.
  const sent = copy || !whole || !(vectors.buffer instanceof ArrayBuffer) ? vectors.slice() : vectors;
  return { sent, transfer: [sent.buffer as ArrayBuffer] };
}
