/** The text model as the page sees it: absent until text is first used, then loading with its bytes, then ready. */
import type { Progress, Recommender } from "homebody";

export type ModelState = "none" | "absent" | "loading" | "ready" | "failed";

/** From the build: the size of the model's files, and of all that the first search fetches (with the module that runs it). */
declare const __MODEL_BYTES__: number;
declare const __SEARCH_BYTES__: number;

export class TextModel {
  private readonly files = new Map<string, { loaded: number; total: number | null }>();
  private promise: Promise<void> | null = null;
  private failure: unknown = null;

  constructor(
    private readonly engine: Recommender,
    private readonly onChange: () => void,
  ) {}

  /** What a button has to say that it costs. A server that compresses sends less. */
  readonly cost = __SEARCH_BYTES__;

  get state(): ModelState {
    if (this.promise) return "loading";
    const { model } = this.engine.status;
    return this.failure !== null && model !== "ready" ? "failed" : model;
  }

  get error(): unknown {
    return this.failure;
  }

  get loaded(): number {
    let sum = 0;
    for (const { loaded } of this.files.values()) sum += loaded;
    return sum;
  }

  get total(): number {
    let sum = 0;
    for (const { total } of this.files.values()) sum += total ?? 0;
    return Math.max(sum, __MODEL_BYTES__);
  }

  progress(progress: Progress): void {
    if (progress.phase !== "model") return;
    this.files.set(progress.file, { loaded: progress.loaded, total: progress.total ?? null });
    this.onChange();
  }

  /** Loads it once; a failure is forgotten by the next try. */
  load(): Promise<void> {
    if (this.promise) return this.promise;
    if (this.state === "ready") return Promise.resolve();
    this.failure = null;
    this.promise = this.engine.prepareSearch().then(
      () => this.settle(null),
      (error: unknown) => {
        this.settle(error ?? new Error("unknown"));
        throw error;
      },
    );
    this.onChange();
    return this.promise;
  }

  private settle(failure: unknown): void {
    this.failure = failure;
    this.promise = null;
    this.onChange();
  }
}
