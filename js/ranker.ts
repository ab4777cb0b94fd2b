/** The ranker of a `Recommender`: loaded when a list is first asked for, in a worker of its own. Where it fails, lists do without it. */

import { HomebodyError, asHomebodyError } from "./errors.js";
import type { RankerEvents, RankerHost } from "./ranker-host.js";
import { abortable } from "./patience.js";
import { Remote } from "./remote.js";
import type { Features } from "./types.js";
import { compileForWorker } from "./wasm.js";

type Worked = Remote<RankerHost, RankerEvents>;

export class RankerModel {
  readonly #url: URL;
  readonly #onStatus: () => void;
  #loading: Promise<Worked> | undefined;
  #worked: Worked | undefined;
  #note: string | undefined;
  #requests = 0;
  #closed = false;

  constructor(url: URL, onStatus: () => void) {
    this.#url = url;
    this.#onStatus = onStatus;
  }

  /** Why lists do without it, if they do. */
  get notes(): readonly string[] {
    return this.#note === undefined ? [] : [this.#note];
  }

  get requests(): number {
    return this.#requests;
  }

  /** A number per item; nothing if the ranker failed, which a note then says. The next list tries again. */
  async scores(features: Features, signal: AbortSignal | undefined): Promise<Float64Array | undefined> {
    try {
      this.#loading ??= this.#open();
      const worked = await abortable(this.#loading, signal);
      const scores = await worked.call("scores", [features], { signal });
      this.#say(undefined);
      return scores;
    } catch (thrown) {
      if (this.#closed || signal?.aborted === true) {
        throw thrown;
      }
      void this.#worked?.close("ranker");
      this.#worked = undefined;
      this.#loading = undefined;
      const { code, message } = asHomebodyError(thrown);
      this.#say(`Lists do without the ranker (${code}): ${message}`);
      return undefined;
    }
  }

  close(): void {
    this.#closed = true;
    void this.#worked?.close("ranker");
  }

  async #open(): Promise<Worked> {
    if (this.#closed) {
      throw new HomebodyError("closed", "This recommender was closed.");
    }
    const worker = new Worker(new URL("./embed-worker.js", import.meta.url), { type: "module" });
    const worked: Worked = new Remote(worker, "ranker", compileForWorker("graph"), {
      request: () => {
        this.#requests++;
        this.#onStatus();
      },
    });
    this.#worked = worked;
    await worked.call("open", [this.#url.href]);
    return worked;
  }

  #say(note: string | undefined): void {
    if (this.#note !== note) {
      this.#note = note;
      this.#onStatus();
    }
  }
}
