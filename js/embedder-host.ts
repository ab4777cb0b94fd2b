/** What the embedding worker does: fetches and keeps the model's files, and hands text to the WebAssembly engine. */

import initEmbed, { EmbedEngine } from "./embed/embed.js";
import { HomebodyError } from "./errors.js";
import { loadFolder } from "./folder.js";
import { Network } from "./network.js";
import { type Emit, Transferring } from "./protocol.js";
import type { EmbedderStatus, Progress, TextKind } from "./types.js";
import { compile } from "./wasm.js";

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
  readonly #notes: string[] = [];
  #requests = 0;
  #engine: EmbedEngine | undefined;

  constructor(emit: Emit<EmbedderEvents>, crashed: (message: string) => void) {
    this.#emit = emit;
    this.#crashed = crashed;
  }

  /** `expected` is the only model that will do; another is refused before its large files are fetched. */
  async open(model: string, expected: ModelIdentity | undefined): Promise<EmbedderHostStatus> {
    const starting = this.#start();
    // Waited for with the manifest; until then a failure must not count as unhandled.
    starting.catch(() => undefined);
    let engine: EmbedEngine | undefined;
    const { value } = await loadFolder(
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
          const files = engine.begin(manifest);
          refuseOther(engine.model, expected);
          return files;
        },
        add: (path, bytes) => engine?.add(path, bytes),
        finish: () => {
          engine?.finish();
          return engine;
        },
      },
    );
    this.#engine = value;
    this.#emit("progress", { phase: "ready", device: "cpu" });
    return this.#status();
  }

  /** One vector of unit length per text. */
  embed(texts: readonly string[], kind: TextKind): Transferring<Float32Array[]> {
    const vectors = texts.map((text) => this.#opened.embed(text, kind));
    return new Transferring(
      vectors,
      vectors.map(({ buffer }) => buffer as ArrayBuffer),
    );
  }

  get #opened(): EmbedEngine {
    if (this.#engine === undefined) {
      throw new HomebodyError("internal", "The worker was asked before its model was loaded.");
    }
    return this.#engine;
  }

  async #start(): Promise<EmbedEngine> {
    this.#request();
    const module = await compile(new URL("./embed/embed_bg.wasm", import.meta.url));
    this.#emit("progress", { phase: "compile" });
    await initEmbed({ module_or_path: module });
    return new EmbedEngine((message: string) => this.#crashed(message));
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
    const { model, simd } = this.#opened;
    return { model, simd, notes: [...this.#notes], requests: this.#requests };
  }
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
