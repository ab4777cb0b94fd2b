/** What the embedding worker does: fetches and keeps the model's files, and hands text to the WebAssembly engine. */

import initEmbed, { EmbedEngine } from "./embed/embed.js";
import { HomebodyError, toWire } from "./errors.js";
import { loadFolder } from "./folder.js";
import initGraph, { EmbedEngine as GraphEngine } from "./graph/graph.js";
import { Network } from "./network.js";
import { type Emit, Transferring } from "./protocol.js";
import type { EmbedderStatus, OnnxModel, Progress, TextKind } from "./types.js";
import { type Given, compile, instantiated, moduleFor } from "./wasm.js";

/** The part of {@link EmbedderStatus} that the worker knows. */
export type EmbedderHostStatus = Omit<EmbedderStatus, "timings">;

/** Which model a catalog was built with, or a model is. */
export interface ModelIdentity {
  readonly name: string;
  readonly sha256: string;
  readonly dims: number;
}

export interface EmbedderEvents {
  progress: Progress;
  /** A request is being made: the how manieth. Sent apart from `status`, because a failed loading has made some too. */
  request: number;
  status: EmbedderHostStatus;
}

export class EmbedderHost {
  readonly #emit: Emit<EmbedderEvents>;
  readonly #crashed: (message: string) => void;
  readonly #given: Given;
  readonly #notes: string[] = [];
  #requests = 0;
  #stored: Promise<void> | undefined;
  #engine: EmbedEngine | GraphEngine | undefined;

  constructor(emit: Emit<EmbedderEvents>, crashed: (message: string) => void, given: Given) {
    this.#emit = emit;
    this.#crashed = crashed;
    this.#given = given;
  }

  /** `expected` is the only model that will do; another is refused before its large files are fetched. */
  async open(model: string, expected: ModelIdentity | undefined): Promise<EmbedderHostStatus> {
    const starting = this.#start("embed");
    // Waited for with the manifest; until then a failure must not count as unhandled.
    starting.catch(() => undefined);
    let engine: EmbedEngine | GraphEngine | undefined;
    const { value, stored } = await loadFolder(
      {
        base: new URL(model),
        manifest: "model.json",
        what: "model",
        network: new Network("model", () => this.#request()),
        note: (text) => this.#note(text),
        onFile: (file, loaded, total) => {
          this.#emit("progress", { phase: "model", file, loaded, ...(total === undefined ? {} : { total }) });
        },
      },
      {
        begin: async (manifest) => {
          engine = await starting;
          let files = engine.begin(manifest);
          if (engine.needsGraph) {
            engine.free();
            engine = await this.#start("graph");
            files = engine.begin(manifest);
          }
          refuseOther(engine.model, expected);
          return files;
        },
        add: async (path, bytes) => {
          const hash = sha256(bytes);
          // Handed over while the browser computes that.
          engine?.hold(path, bytes);
          engine?.add(path, await hash);
        },
        finish: () => {
          engine?.finish();
          return engine;
        },
      },
    );
    this.#stored = stored;
    this.#engine = value;
    this.#emit("progress", { phase: "ready", device: "cpu" });
    return this.#status();
  }

  /** A model that was never packed: its addresses are whole, its bytes are the worker's own. */
  async openOnnx(model: OnnxModel): Promise<EmbedderHostStatus> {
    const starting = this.#start("embed");
    starting.catch(() => undefined);
    const network = new Network("model", () => this.#request());
    const bytesOf = async (file: "onnx" | "tokenizer"): Promise<Uint8Array> => {
      const source = model[file];
      if (source instanceof Uint8Array) {
        return source;
      }
      if (source instanceof ArrayBuffer) {
        return new Uint8Array(source);
      }
      return network.get(new URL(source), {
        onBytes: (loaded, total) =>
          this.#emit("progress", { phase: "model", file, loaded, ...(total === undefined ? {} : { total }) }),
      });
    };
    const [onnx, tokenizer] = await Promise.all([bytesOf("onnx"), bytesOf("tokenizer")]);
    let engine: EmbedEngine | GraphEngine = await starting;
    try {
      engine.reserve(onnx.byteLength + tokenizer.byteLength);
      engine.openOnnx(onnx, tokenizer, model);
    } catch (thrown) {
      // Only with the graph in hand is it known whether it is the usual encoder.
      if (toWire(thrown).code !== "model-graph") {
        throw thrown;
      }
      engine.free();
      engine = await this.#start("graph");
      engine.reserve(onnx.byteLength + tokenizer.byteLength);
      engine.openOnnx(onnx, tokenizer, model);
    }
    this.#engine = engine;
    this.#emit("progress", { phase: "ready", device: "cpu" });
    return this.#status();
  }

  /** One vector of unit length per text. `numbers` are what the page calls the texts. */
  embed(texts: string[], numbers: Uint32Array, kind: TextKind): Transferring<Float32Array[]> {
    const engine = this.#opened;
    const before = engine.memoryBytes;
    const vectors = engine.embed(texts, numbers, kind);
    if (engine.memoryBytes !== before) {
      this.#emit("status", this.#status());
    }
    return new Transferring(
      vectors,
      vectors.map(({ buffer }) => buffer),
    );
  }

  /** What was fetched would be fetched again if the worker ended before it is stored. */
  async closing(): Promise<void> {
    await this.#stored;
  }

  get #opened(): EmbedEngine | GraphEngine {
    if (this.#engine === undefined) {
      throw new HomebodyError("internal", "The worker was asked before its model was loaded.");
    }
    return this.#engine;
  }

  /** `embed` runs the usual encoder; `graph`, three times its size, any graph that tract can run. */
  async #start(name: "embed" | "graph"): Promise<EmbedEngine | GraphEngine> {
    // The page cannot know that the other module will be needed.
    const given = name === "embed" ? this.#given : compile(name);
    const module = await moduleFor(name, given, () => this.#request());
    this.#emit("progress", { phase: "compile" });
    const crashed = (message: string): void => this.#crashed(message);
    if (name === "embed") {
      await instantiated(() => initEmbed({ module_or_path: module }));
      return new EmbedEngine(crashed);
    }
    await instantiated(() => initGraph({ module_or_path: module }));
    return new GraphEngine(crashed);
  }

  #request(): void {
    this.#emit("request", ++this.#requests);
  }

  #note(text: string): void {
    this.#notes.push(text);
    if (this.#engine !== undefined) {
      this.#emit("status", this.#status());
    }
  }

  #status(): EmbedderHostStatus {
    const { model, simd, runner, memoryBytes } = this.#opened;
    return { model, runner, simd, memoryBytes, notes: [...this.#notes], requests: this.#requests };
  }
}

/** The SHA-256 in hex digits; where the page has no `crypto.subtle` (insecure origin), the engine computes it. */
async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  const digest = await globalThis.crypto?.subtle?.digest("SHA-256", bytes);
  return digest && Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function refuseOther(model: ModelIdentity, expected: ModelIdentity | undefined): void {
  if (expected !== undefined && model.sha256 !== expected.sha256) {
    const describe = ({ name, sha256, dims }: ModelIdentity): string => `${name} (${sha256.slice(0, 12)}, ${dims} dims)`;
    throw new HomebodyError(
      "catalog-wrong-model",
      `The catalog belongs to another model: it was built with ${describe(expected)}, given was ${describe(model)}. Give that model, or build the catalog with this one.`,
    );
  }
}
