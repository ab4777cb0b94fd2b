/** What the core worker does for a `VectorIndex`: hands vectors to the WebAssembly engine, a slice at a time. */

import initCore, { IndexEngine } from "./core/core.js";
import { recall, remember } from "./device-memory.js";
import { HomebodyError, type WireError, toWire } from "./errors.js";
import { type Emit, Transferring } from "./protocol.js";
import type { DeviceChoice, Metric, Precision, VectorFilter, VectorHit, VectorIndexStatus } from "./types.js";
import { type Given, instantiated, moduleFor } from "./wasm.js";

/** The part of {@link VectorIndexStatus} that the worker knows. */
export type IndexHostStatus = Omit<VectorIndexStatus, "timings">;

export interface IndexOpenOptions {
  readonly dims: number;
  readonly precision: Precision;
  readonly metric: Metric;
  readonly device: DeviceChoice;
}

export interface IndexEvents {
  status: IndexHostStatus;
}

interface OpenedIndex {
  readonly engine: IndexEngine;
  readonly memory: WebAssembly.Memory;
  readonly options: IndexOpenOptions;
}

/** Vectors that were not added, and why. */
export interface Refused {
  readonly error: WireError;
  readonly vectors: Float32Array;
}

/** Hits for each query, and how long they took in the worker. */
export interface Searched {
  readonly hits: VectorHit[][];
  readonly searchMs: number;
}

/**
 * Values that cross into WebAssembly at once. Its memory never shrinks: float32 vectors handed over whole would leave it
 * four times as large as the int8 vectors that stay there.
 */
const SLICE_VALUES = 1 << 14;

export class VectorIndexHost {
  /** A search may wait for a GPU: what changes the vectors comes after it all the same, see `serve.ts`. */
  readonly alone = "all";
  readonly #emit: Emit<IndexEvents>;
  readonly #crashed: (message: string) => void;
  readonly #given: Given;
  #opened: OpenedIndex | undefined;
  /** As of the last status. */
  #usesGpu = false;

  constructor(emit: Emit<IndexEvents>, crashed: (message: string) => void, given: Given) {
    this.#emit = emit;
    this.#crashed = crashed;
    this.#given = given;
  }

  async open(
    options: IndexOpenOptions,
    vectors: Float32Array,
    ids: readonly string[] | undefined,
  ): Promise<IndexHostStatus> {
    const { dims, precision, metric, device } = options;
    const module = await moduleFor("core", this.#given, () => undefined);
    const { memory } = await instantiated(() => initCore({ module_or_path: module }));
    const engine = new IndexEngine((message: string) => this.#crashed(message), dims, precision, metric);
    addInSlices(engine, dims, ids ?? numbered(vectors.length / dims), vectors);
    this.#opened = { engine, memory, options };
    if (device === "gpu") {
      await this.#choose();
    } else {
      // Nobody waits for a measurement: the CPU answers meanwhile.
      this.#choose().then(
        () => this.#emit("status", this.#status()),
        (thrown: unknown) => this.#crashed(String(thrown)),
      );
    }
    return this.#status();
  }

  /** Decides between CPU and GPU, remembering what was measured. */
  async #choose(): Promise<void> {
    const { engine, options } = this.#index;
    const { device } = options;
    const key = await engine.findGpu(device);
    if (key === undefined) {
      return;
    }
    const before = device === "auto" ? await recall(key) : undefined;
    await engine.choose(device, before?.cpuMs, before?.gpuMs);
    const { measured } = engine.device;
    if (before === undefined && measured !== null) {
      await remember(key, measured);
    }
  }

  /** Vectors that are refused go back to where they came from: the page has them no more. */
  add(ids: readonly string[], vectors: Float32Array): Transferring<Refused> | undefined {
    const { engine, options } = this.#index;
    try {
      addInSlices(engine, options.dims, ids, vectors);
    } catch (thrown) {
      // Anything but a refusal left the engine in the middle of a change.
      if (!(thrown instanceof Error && "code" in thrown)) {
        throw thrown;
      }
      return new Transferring({ error: toWire(thrown), vectors }, [vectors.buffer as ArrayBuffer]);
    }
    this.#emit("status", this.#status());
    return undefined;
  }

  replace(id: string, vector: Float32Array): void {
    this.#index.engine.replace(id, vector);
  }

  remove(ids: readonly string[]): void {
    this.#index.engine.remove([...ids]);
    this.#emit("status", this.#status());
  }

  /** `queries` one after another. */
  async search(queries: Float32Array, limit: number, filter: VectorFilter | undefined): Promise<Searched> {
    const started = performance.now();
    const rows = filter instanceof Uint8Array ? filter : undefined;
    const ids = filter === undefined || rows !== undefined ? undefined : [...(filter as readonly string[])];
    const { engine } = this.#index;
    const hits = await engine.search(queries, limit, ids, rows);
    const searchMs = performance.now() - started;
    if (this.#usesGpu) {
      // Its counts have changed, and it may have been put aside.
      this.#emit("status", this.#status());
    }
    return { hits, searchMs };
  }

  get #index(): OpenedIndex {
    if (this.#opened === undefined) {
      throw new HomebodyError("internal", "The worker was asked before its index was made.");
    }
    return this.#opened;
  }

  #status(): IndexHostStatus {
    const { engine, memory, options } = this.#index;
    const { dims, precision } = options;
    const { device, notes, gpu } = engine.device;
    this.#usesGpu = device === "gpu";
    const found = gpu === undefined ? {} : { gpu };
    const memoryBytes = memory.buffer.byteLength;
    return { device, simd: engine.simd, vectors: engine.size, dims, precision, memoryBytes, ...found, notes };
  }
}

/** All vectors or none: when a slice is refused, those before it are taken out again. */
function addInSlices(engine: IndexEngine, dims: number, ids: readonly string[], vectors: Float32Array): void {
  const rows = vectors.length / dims;
  const step = Math.max(1, Math.floor(SLICE_VALUES / dims));
  if (!Number.isInteger(rows) || ids.length !== rows || rows <= step) {
    engine.add([...ids], vectors, 0);
    return;
  }
  let added = 0;
  try {
    for (; added < rows; added += step) {
      const end = Math.min(added + step, rows);
      engine.add(ids.slice(added, end), vectors.subarray(added * dims, end * dims), added);
    }
  } catch (thrown) {
    if (!(thrown instanceof WebAssembly.RuntimeError)) {
      engine.remove(ids.slice(0, added));
    }
    throw thrown;
  }
}

const numbered = (count: number): string[] => Array.from({ length: Math.floor(count) }, (_, row) => String(row));
