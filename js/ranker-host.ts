/** What the embedding worker does for a ranker: fetches it, and runs it over the features that the page brings. */

import initGraph, { RankerEngine } from "./graph/graph.js";
import { HomebodyError } from "./errors.js";
import { Network } from "./network.js";
import { type Emit, Transferring } from "./protocol.js";
import type { Features } from "./types.js";
import { type Given, instantiated, moduleFor } from "./wasm.js";

export interface RankerEvents {
  /** A request is being made. */
  request: null;
}

export class RankerHost {
  readonly #emit: Emit<RankerEvents>;
  readonly #crashed: (message: string) => void;
  readonly #given: Given;
  #engine: RankerEngine | undefined;

  constructor(emit: Emit<RankerEvents>, crashed: (message: string) => void, given: Given) {
    this.#emit = emit;
    this.#crashed = crashed;
    this.#given = given;
  }

  /** `address`: the JSON that describes the ranker; its model is beside it. */
  async open(address: string): Promise<void> {
    const network = new Network("ranker", () => this.#emit("request", null));
    const starting = this.#start();
    starting.catch(() => undefined);
    const description = await network.get(new URL(address), { cache: "no-cache" });
    const engine = await starting;
    const model = new URL(engine.begin(description), address);
    engine.finish(await network.get(model, { cache: "no-cache" }));
    this.#engine = engine;
  }

  /** A number per item: the higher, the better. */
  scores({ names, ids, values }: Features): Transferring<Float64Array> {
    if (this.#engine === undefined) {
      throw new HomebodyError("internal", "The worker was asked before its ranker was loaded.");
    }
    const scores = this.#engine.scores([...names], [...ids], values);
    return new Transferring(scores, [scores.buffer as ArrayBuffer]);
  }

  async #start(): Promise<RankerEngine> {
    const module = await moduleFor("graph", this.#given, () => this.#emit("request", null));
    await instantiated(() => initGraph({ module_or_path: module }));
    return new RankerEngine((message: string) => this.#crashed(message));
  }
}
