/** The shapes of bare vectors and of the text models that make them. A part of the types in `types.ts`, which says what holds for all. */

import type { Device, DeviceChoice, Progress } from "./types.js";

export type Precision = "int8" | "float32";

export type Metric = "cosine" | "dot" | "l2";

export interface VectorIndexOptions {
  /** Length of each vector, 2 to 4,096. */
  readonly dims: number;
  /** All vectors one after another. The buffer is transferred to the worker and empty afterwards, unless `copy` is set. */
  readonly vectors: Float32Array;
  /** One per vector, all different. Default: `"0"`, `"1"`, … */
  readonly ids?: readonly string[];
  /** `"int8"` (default): a quarter of the memory, a scale per vector; `"float32"`: exact. */
  readonly precision?: Precision;
  /** Default `"cosine"`. Results are similarities, higher is nearer: for `"l2"` minus the squared distance. */
  readonly metric?: Metric;
  /**
   * Default `"auto"`: the faster one on this device for these vectors, measured once and remembered. `"gpu"` rejects with
   * `vector-no-gpu` where there is none that answers rightly.
   */
  readonly device?: DeviceChoice;
  /** `true` leaves the caller's buffer as it is, for the price of a copy. */
  readonly copy?: boolean;
  readonly signal?: AbortSignal;
}

/** Which vectors are considered: ids, or a bit mask over the rows (bit `i % 8` of byte `i >> 3` for row `i`). */
export type VectorFilter = readonly string[] | Uint8Array;

export interface VectorSearchOptions {
  /** How many hits at most, per query. Default 10. */
  readonly limit?: number;
  readonly filter?: VectorFilter;
  readonly signal?: AbortSignal;
}

export interface VectorHit {
  readonly id: string;
  readonly score: number;
}

/** A GPU that was found, whether it is used or not, and what it was made to do. */
export interface GpuUse {
  /** As far as the browser tells. */
  readonly adapter: string;
  /** Whether it says that it computes on the CPU. */
  readonly software: boolean;
  /** Passes of up to eight queries that it took part in, the known question at the start included. */
  readonly searches: number;
  /** Queries whose answer could not be proved complete (many equal vectors), so that the CPU looked at all after all. */
  readonly rescans: number;
  /** Dispatches of shaders. */
  readonly passes: number;
  /** Submits of work: one a search. */
  readonly submits: number;
  /** Buffers read back: one a search. */
  readonly readBacks: number;
  /** Bytes of vectors sent: once, and again where they changed. */
  readonly itemBytes: number;
  /** Bytes of queries, filters and parameters sent. */
  readonly questionBytes: number;
  /** Bytes read back. */
  readonly answerBytes: number;
  /** Bindings that the vectors are split over. */
  readonly parts: number;
  /**
   * Milliseconds of the passes of the last search by the GPU's own clock, which browsers round. Absent where the adapter has
   * no timestamps.
   */
  readonly passMs?: { readonly products: number; readonly selection: number; readonly collection: number };
}

export interface VectorIndexStatus {
  /** What searches. Under `"auto"` `"cpu"` at first; large indexes try a GPU after `create()` and may change, which `notes` tell. */
  readonly device: Device;
  readonly simd: boolean;
  readonly vectors: number;
  readonly dims: number;
  readonly precision: Precision;
  /** Bytes of the worker's WebAssembly memory: vectors, ids and all. */
  readonly memoryBytes: number;
  /** Present once a GPU was found. */
  readonly gpu?: GpuUse;
  /** Why this device, and what did not go as usual, in sentences a developer can read. */
  readonly notes: readonly string[];
  readonly timings: { readonly openMs: number; readonly lastSearchMs: number };
}

/** Whether a text asks or is asked for; some models mark the two differently. */
export type TextKind = "query" | "document";

/** A model as its authors publish it: an ONNX encoder and its tokenizer, by address or as bytes. */
export interface OnnxModel {
  readonly onnx: string | URL | ArrayBuffer | Uint8Array;
  /** The `tokenizer.json` of the Hugging Face tokenizers library. */
  readonly tokenizer: string | URL | ArrayBuffer | Uint8Array;
  /** How token vectors become one; the model's documentation says which. Default `"mean"`. */
  readonly pooling?: "mean" | "cls";
  /** Put before every query, for models that were trained so. */
  readonly queryPrefix?: string;
  readonly documentPrefix?: string;
  /** Longest input in tokens. By default what the tokenizer file states, or the model allows. */
  readonly maxTokens?: number;
  /** For people. */
  readonly name?: string;
}

export interface EmbedderOptions {
  /**
   * The folder that `homebody model pack` made: it holds `model.json`, its files are checked by their hashes and kept for the
   * next visit. Or the files themselves, which are not.
   */
  readonly model: string | URL | OnnxModel;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface EmbedOptions {
  /** Default `"document"`. */
  readonly kind?: TextKind;
  /** Called after every few texts of a longer list. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Aborting rejects the call; the worker ends after the few texts that it has in hand. */
  readonly signal?: AbortSignal;
}

export interface EmbedderStatus {
  readonly model: { readonly name: string; readonly sha256: string; readonly dims: number; readonly maxTokens: number };
  /** How texts are run: the instruction set, or why the graph is run node by node. */
  readonly runner: string;
  readonly simd: boolean;
  /** The memory of the module, which holds the model. */
  readonly memoryBytes: number;
  readonly notes: readonly string[];
  readonly requests: number;
  readonly timings: { readonly openMs: number; readonly lastEmbedMs?: number };
}
