/** The page's `Embedder`: text to vectors, in a worker of its own. */

import type { EmbedderEvents, EmbedderHost, EmbedderHostStatus, ModelIdentity } from "./embedder-host.js";
import { HomebodyError } from "./errors.js";
import { folderUrl } from "./folder.js";
import { checkAddress, checkChoice, checkFunction, checkOptions, checkSignal, checkText, checkTexts, told } from "./options.js";
import { Remote } from "./remote.js";
import type { EmbedOptions, EmbedderOptions, EmbedderStatus, OnnxModel } from "./types.js";
import { compileForWorker } from "./wasm.js";

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
    checkSignal("Embedder.create()", signal);
    if (onProgress !== undefined) {
      checkFunction("Embedder.create(): onProgress", onProgress);
    }
    const folder = typeof model === "string" || model instanceof URL ? folderUrl("Embedder.create(): model", model) : undefined;
    const files = folder === undefined ? onnxModel(model as OnnxModel) : undefined;
    const started = performance.now();
    signal?.throwIfAborted();
    const worker = new Worker(new URL("./embed-worker.js", import.meta.url), { type: "module" });
    let embedder: Embedder | undefined;
    const remote = new Remote<EmbedderHost, EmbedderEvents>(worker, "embedder", compileForWorker("embed"), {
      progress: (progress) => onProgress?.(progress),
      request: () => onRequest(),
      status: (status) => {
        if (embedder !== undefined) {
          embedder.#host = status;
        }
      },
    });
    try {
      const host =
        files === undefined
          ? await remote.call("open", [String(folder), expected], { signal })
          : await remote.call("openOnnx", [files], { signal });
      embedder = new Embedder(remote, host, performance.now() - started);
      return embedder;
    } catch (thrown) {
      void remote.close("embedder");
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
    checkOptions("embed()", options, ["kind", "onProgress", "signal"]);
    const kind = checkChoice("embed(): kind", options.kind ?? "document", ["query", "document"]);
    const all = typeof texts === "string" ? [texts] : texts;
    checkTexts("embed()", all);
    const { onProgress, signal } = options;
    checkSignal("embed()", signal);
    if (onProgress !== undefined) {
      checkFunction("embed(): onProgress", onProgress);
    }
    if (this.#remote.ended !== undefined) {
      throw this.#remote.ended;
    }
    const vectors = new Array<Float32Array>(all.length);
    const started = performance.now();
    // Texts of like length go together: they are run side by side, and progress is even.
    const order = Uint32Array.from(all.keys());
    if (typeof texts !== "string") {
      order.sort((a, b) => lengthAt(all, a) - lengthAt(all, b) || a - b);
    }
    for (let from = 0; from < order.length; from += BATCH) {
      const numbers = order.subarray(from, from + BATCH);
      const batch = Array.from(numbers, (number) => all[number] ?? "");
      const called = typeof texts === "string" ? new Uint32Array() : numbers.slice();
      const made = await this.#remote.call("embed", [batch, called, kind], { signal });
      made.forEach((vector, at) => {
        vectors[numbers[at] ?? -1] = vector;
      });
      onProgress?.({ done: from + made.length, total: all.length });
    }
    this.#lastEmbedMs = performance.now() - started;
    return vectors;
  }

  /** Ends the worker. What is pending rejects with the code `closed`; a second time does nothing. */
  close(): Promise<void> {
    return this.#remote.close("embedder", "closing");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const lengthAt = (texts: readonly string[], at: number): number => texts[at]?.length ?? 0;

/** Checks what a caller says of a model's own files, and makes its addresses whole: the worker has another base. */
function onnxModel(model: OnnxModel): OnnxModel {
  const what = "Embedder.create(): model";
  checkOptions(what, model, ["onnx", "tokenizer", "pooling", "queryPrefix", "documentPrefix", "maxTokens", "name"]);
  checkChoice(`${what}.pooling`, model.pooling ?? "mean", ["mean", "cls"]);
  if (model.maxTokens !== undefined && !(Number.isInteger(model.maxTokens) && model.maxTokens > 0)) {
    throw new HomebodyError("option", `${what}.maxTokens: expected a positive whole number, got ${told(model.maxTokens)}.`);
  }
  for (const name of ["queryPrefix", "documentPrefix", "name"] as const) {
    if (model[name] !== undefined) {
      checkText(`${what}.${name}`, model[name]);
    }
  }
  const whole = (name: "onnx" | "tokenizer"): string | ArrayBuffer | Uint8Array => {
    const source: unknown = model[name];
    if (source instanceof ArrayBuffer || source instanceof Uint8Array) {
      return source;
    }
    if (typeof source !== "string" && !(source instanceof URL)) {
      throw new HomebodyError("invalid-argument", `${what}.${name}: expected an address or bytes, got ${told(source)}.`);
    }
    return checkAddress(`${what}.${name}`, source).href;
  };
  return { ...model, onnx: whole("onnx"), tokenizer: whole("tokenizer") };
}
