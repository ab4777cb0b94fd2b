/** The text model of a `Recommender`: absent until text is first used, then loaded once for all who wait for it. */

import { Embedder } from "./embedder.js";
import type { ModelIdentity } from "./embedder-host.js";
import { HomebodyError } from "./errors.js";
import { abortable } from "./patience.js";
import type { Progress, Status } from "./types.js";

/**
 * Queries whose vectors are remembered: a slider moved under a search asks for the same text dozens of times. A vector is
 * 1.5 kB.
 */
const REMEMBERED = 32;

export interface ModelListener {
  onProgress(progress: Progress): void;
  onStatus(): void;
}

export class TextModel {
  readonly #url: URL | undefined;
  readonly #expected: ModelIdentity | undefined;
  readonly #listener: ModelListener;
  #vectors = new Map<string, Float32Array>();
  readonly #ending = new AbortController();
  #loading: Promise<Embedder> | undefined;
  #embedder: Embedder | undefined;
  #failed = false;
  #requests = 0;

  /** `expected`: the model that the catalog was built with, if it has vectors of text at all. */
  constructor(url: URL | undefined, expected: ModelIdentity | undefined, listener: ModelListener) {
    this.#url = url;
    this.#expected = expected;
    this.#listener = listener;
  }

  get state(): Status["model"] {
    if (this.#url === undefined) {
      return "none";
    }
    if (this.#embedder !== undefined) {
      return "ready";
    }
    if (this.#loading !== undefined) {
      return "loading";
    }
    return this.#failed ? "failed" : "absent";
  }

  get embedder(): Embedder | undefined {
    return this.#embedder;
  }

  get notes(): readonly string[] {
    return this.#embedder?.status.notes ?? [];
  }

  /** Network requests made for the model so far, those of failed tries included. */
  get requests(): number {
    return this.#requests;
  }

  async load(): Promise<void> {
    this.#ending.signal.throwIfAborted();
    await this.#load();
  }

  /** The vector of a query text. */
  async query(text: string, signal: AbortSignal | undefined): Promise<Float32Array> {
    signal?.throwIfAborted();
    this.#ending.signal.throwIfAborted();
    const vectors = this.#vectors;
    const known = vectors.get(text);
    if (known !== undefined) {
      // Put behind the others: the one asked for longest ago is forgotten first.
      vectors.delete(text);
      vectors.set(text, known);
      return known;
    }
    const embedder = await abortable(this.#load(), signal);
    const [vector] = await embedder.embed(text, { kind: "query", ...(signal === undefined ? {} : { signal }) });
    if (vector === undefined) {
      throw new HomebodyError("internal", "The embedding worker gave no vector for a text.");
    }
    vectors.set(text, vector);
    const [oldest] = vectors.keys();
    if (vectors.size > REMEMBERED && oldest !== undefined) {
      vectors.delete(oldest);
    }
    return vector;
  }

  /** Forgets the texts that were asked for: they are one person's words. What is still being embedded is not remembered either. */
  forget(): void {
    this.#vectors = new Map();
  }

  async close(): Promise<void> {
    this.#ending.abort(new HomebodyError("closed", "This recommender was closed."));
    await this.#embedder?.close();
  }

  #load(): Promise<Embedder> {
    // One worker for all who ask; a failure is forgotten, so that the next to ask tries again.
    this.#loading ??= this.#open().catch((thrown: unknown) => {
      this.#loading = undefined;
      this.#failed = true;
      this.#listener.onStatus();
      throw thrown;
    });
    return this.#loading;
  }

  async #open(): Promise<Embedder> {
    const { signal } = this.#ending;
    signal.throwIfAborted();
    if (this.#url === undefined) {
      throw new HomebodyError(
        "model-missing",
        "Searching by text needs the model that the catalog was built with: give its folder to Recommender.create() as `model`.",
      );
    }
    if (this.#expected === undefined) {
      throw new HomebodyError("catalog-wrong-model", "The catalog has no text space, so no model can search it.");
    }
    const opening = Embedder.open(
      { model: this.#url, signal, onProgress: (progress) => this.#listener.onProgress(progress) },
      this.#expected,
      () => {
        this.#requests++;
        this.#listener.onStatus();
      },
    );
    // Told after #loading is set, so that the state says so.
    queueMicrotask(() => this.#listener.onStatus());
    this.#embedder = await opening;
    this.#listener.onStatus();
    return this.#embedder;
  }
}
