/** The page's `Recommender`: looks as if it were here, while a worker does the work. */

import type { ModelIdentity } from "./embedder-host.js";
import { HomebodyError, fromWire } from "./errors.js";
import { folderUrl } from "./folder.js";
import { Listeners } from "./listeners.js";
import { checkChoice, checkOptions, withoutSignal } from "./options.js";
import type { HostEvents, HostStatus, Ranked, RecommenderHost } from "./recommender-host.js";
import { RankerModel } from "./ranker.js";
import { Remote } from "./remote.js";
import { TextModel } from "./text-model.js";
import type {
  ColumnInfo,
  CreateOptions,
  ExplainedHit,
  Features,
  Hit,
  HitList,
  ImportReport,
  Interest,
  LearnedWeights,
  Metrics,
  NewEvent,
  OnboardingOptions,
  ProfileEvent,
  RecommendOptions,
  RecommenderEvents,
  SearchOptions,
  Segment,
  Status,
  TasteMap,
} from "./types.js";
import { compileForWorker } from "./wasm.js";

type Core = Remote<RecommenderHost, HostEvents>;

const EVENTS: readonly (keyof RecommenderEvents)[] = ["change", "status", "progress", "error"];

/** What is kept of a person, and what can be done with it. */
export interface Profile {
  /** All events, the oldest first. */
  events(): Promise<ProfileEvent[]>;
  /** Removes one event; rankings are then as if it had never been. */
  undo(id: string): Promise<void>;
  /** All events as a JSON document that `import()` takes, here or in another browser. */
  export(): Promise<Blob>;
  /** Adds the events of such a document that are not here yet. A damaged or newer document changes nothing. */
  import(document: Blob): Promise<ImportReport>;
  /** Removes everything kept of this person, and the database that kept it. */
  erase(): Promise<void>;
  /** What the person likes, as groups of items, the weightiest first; what is muted comes last. */
  interests(): Promise<Interest[]>;
  /** Lets an interest say nothing for now: an event per item, which `unmute()` takes back. */
  mute(interest: Interest): Promise<void>;
  unmute(interest: Interest): Promise<void>;
  /** Removes an interest for good: undoes all its events. */
  remove(interest: Interest): Promise<void>;
  /**
   * What the person says of themselves ("I like slow films about the sea"), as a first interest: events of type `"describe"` on the
   * items nearest to it. Loads the model if it is not there yet; afterwards it is not needed.
   */
  describe(text: string, options?: { readonly signal?: AbortSignal }): Promise<ProfileEvent[]>;
  /** Likes from elsewhere, the oldest first. Items that the catalog does not have are counted and left out. */
  fromItems(ids: readonly string[]): Promise<ImportReport>;
  /** Whose profile it is. */
  readonly name: string;
  /** The names of the profiles that this browser keeps, and of the one in use. A profile is kept from its first event on. */
  list(): Promise<string[]>;
  /**
   * Goes on with another profile; listeners get a `change`. With `persist: false` it is that of a guest: an empty one that is
   * gone with the page.
   */
  switch(name: string, options?: { readonly persist?: boolean }): Promise<void>;
  /** Figures about the profile and about how lists do with it. They go nowhere by themselves. */
  metrics(): Promise<Metrics>;
  /** What the person's own choices have taught (see the option `learn`); `undefined` if the catalog brings no model to learn with. */
  learned(): Promise<LearnedWeights | undefined>;
  /** The list of `recommend()` as it would be without one event. The profile stays as it is. */
  without(id: string, options?: RecommendOptions): Promise<HitList>;
}

/** Recommends items of one catalog to one person, in this browser. */
export class Recommender implements AsyncDisposable {
  readonly profile: Profile;
  readonly #core: Core;
  readonly #listeners: Listeners<RecommenderEvents>;
  readonly #text: TextModel;
  readonly #ranker: RankerModel | undefined;
  readonly #weights: Readonly<Record<string, number>>;
  readonly #scenarios: readonly string[];
  readonly #openMs: number;
  readonly #profileMs: number;
  #host: HostStatus;
  #lastRankMs = 0;
  /** A page out of sight may be gone the next moment: what was derived is kept now. Only a closed worker refuses. */
  readonly #onVisibility = (): void => {
    if (globalThis.document.visibilityState === "hidden") {
      this.#core.call("pause", []).catch(() => undefined);
    }
  };

  private constructor(start: {
    core: Core;
    listeners: Listeners<RecommenderEvents>;
    host: HostStatus;
    weights: Readonly<Record<string, number>>;
    scenarios: readonly string[];
    openMs: number;
    profileMs: number;
    profile: string;
    model: { readonly url: URL | undefined; readonly expected: ModelIdentity | undefined };
    ranker: URL | undefined;
  }) {
    this.#core = start.core;
    this.#listeners = start.listeners;
    this.#host = start.host;
    this.#weights = start.weights;
    this.#scenarios = start.scenarios;
    this.#openMs = start.openMs;
    this.#profileMs = start.profileMs;
    globalThis.document?.addEventListener("visibilitychange", this.#onVisibility);
    this.#text = new TextModel(start.model.url, start.model.expected, {
      onProgress: (progress) => this.#listeners.emit("progress", progress),
      onStatus: () => this.#emitStatus(),
    });
    this.#ranker = start.ranker && new RankerModel(start.ranker, () => this.#emitStatus());
    const core = this.#core;
    let profileName = start.profile;
    this.profile = {
      events: () => core.call("events", []),
      undo: (id) => core.call("undo", [id]),
      export: async () => new Blob([await core.call("exportProfile", [])], { type: "application/json" }),
      import: async (document) => {
        if (!(document instanceof Blob)) {
          throw new HomebodyError("invalid-argument", "import() expects a Blob or File with an exported profile.");
        }
        const bytes = new Uint8Array(await document.arrayBuffer());
        return core.call("importProfile", [bytes], { transfer: [bytes.buffer] });
      },
      erase: () => core.call("erase", []),
      interests: () => core.call("interests", []),
      mute: async ({ items }) => {
        await core.call("recordAll", [items.map(({ id }) => ({ item: id, type: "mute" as const }))]);
      },
      unmute: ({ items }) => core.call("unmute", [items.map(({ id }) => id)]),
      remove: ({ events }) => core.call("undoAll", [events]),
      describe: async (text, { signal } = {}) => {
        if (typeof text !== "string" || text.trim() === "") {
          throw new HomebodyError("option", "describe() expects a text, got none.");
        }
        return core.call("describe", [await this.#text.query(text, signal)], { signal });
      },
      fromItems: (ids) => core.call("fromItems", [ids]),
      list: () => core.call("profiles", []),
      switch: async (name, { persist = true } = {}) => {
        checkProfile("profile.switch()", name);
        await core.call("switchProfile", [name, persist]);
        profileName = name;
      },
      get name() {
        return profileName;
      },
      metrics: () => core.call("metrics", []),
      learned: () => core.call("learned", []),
      without: async (id, options = {}) =>
        this.#ranked(await core.call("without", [id, withoutSignal(options)], { signal: options.signal })),
    };
  }

  /**
   * Loads the catalog (from this browser's copy, as far as that is still what the server has) and the person's events.
   * The model is not loaded before text is searched for, or `prepareSearch()` is called.
   */
  static async create(options: CreateOptions): Promise<Recommender> {
    checkOptions("Recommender.create()", options, [
      "catalog",
      "model",
      "ranker",
      "profile",
      "persist",
      "device",
      "onProgress",
      "signal",
    ]);
    const { catalog, model, ranker, profile = "default", persist = true, signal } = options;
    const device = checkChoice("Recommender.create(): device", options.device ?? "auto", ["auto", "cpu", "gpu"]);
    checkProfile("Recommender.create(): profile", profile);
    const started = performance.now();
    signal?.throwIfAborted();
    const urls = {
      catalog: folderUrl(catalog, document.baseURI),
      model: model === undefined ? undefined : folderUrl(model, document.baseURI),
      ranker: ranker === undefined ? undefined : new URL(ranker, document.baseURI),
    };
    const listeners = new Listeners<RecommenderEvents>();
    if (options.onProgress !== undefined) {
      listeners.on("progress", options.onProgress);
    }
    let recommender: Recommender | undefined;
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    const core: Core = new Remote(worker, "recommender", compileForWorker("core"), {
      change: (change) => listeners.emit("change", change),
      progress: (progress) => listeners.emit("progress", progress),
      error: (error) => listeners.emit("error", fromWire(error)),
      // Before `open` has answered there is nobody to tell; its answer has the status.
      status: (host) => {
        if (recommender !== undefined) {
          recommender.#update(host);
        }
      },
    });
    try {
      const request = { catalog: urls.catalog.href, profile, persist, device };
      const opened = await core.call("open", [request], { signal });
      const openMs = performance.now() - started;
      recommender = new Recommender({
        core,
        listeners,
        host: opened.status,
        weights: opened.weights,
        scenarios: opened.scenarios,
        openMs,
        profileMs: opened.profileMs,
        profile,
        model: { url: urls.model, expected: opened.model },
        ranker: urls.ranker,
      });
      return recommender;
    } catch (thrown) {
      void core.close("recommender");
      throw thrown;
    }
  }

  /** What it runs on, and what it has to do without. A new object whenever something changed. */
  get status(): Status {
    const { embedder, state, notes } = this.#text;
    const lastEmbedMs = embedder?.status.timings.lastEmbedMs;
    return {
      ...this.#host,
      model: state,
      notes: [...this.#host.notes, ...notes, ...(this.#ranker?.notes ?? [])],
      requests: this.#host.requests + this.#text.requests + (this.#ranker?.requests ?? 0),
      timings: {
        openMs: this.#openMs,
        profileMs: this.#profileMs,
        lastRankMs: this.#lastRankMs,
        ...(lastEmbedMs === undefined ? {} : { lastEmbedMs }),
      },
    };
  }

  /** Records what the person did. When it resolves, the event is kept: on the disk, unless `status.storage` is `"memory"`. */
  record(event: NewEvent): Promise<ProfileEvent> {
    return this.#core.call("record", [event]);
  }

  /** Records several events with one write: the impressions of a list, say. If one of them is refused, none is kept. */
  recordAll(events: readonly NewEvent[]): Promise<ProfileEvent[]> {
    return this.#core.call("recordAll", [events]);
  }

  /** The best items for this person. Without events, what everybody likes. */
  recommend(options: RecommendOptions & { readonly explain: true }): Promise<HitList<ExplainedHit>>;
  recommend(options?: RecommendOptions): Promise<HitList>;
  async recommend(options: RecommendOptions = {}): Promise<HitList> {
    const { signal, rerank, ...rest } = options;
    if (rerank !== undefined && typeof rerank !== "boolean") {
      throw new HomebodyError("option", `recommend(): rerank: expected true or false, got ${String(rerank)}.`);
    }
    if (rerank === true && this.#ranker === undefined) {
      throw new HomebodyError("option", "recommend(): `rerank` needs a ranker: give its address to Recommender.create() as `ranker`.");
    }
    if (this.#ranker !== undefined && rerank !== false) {
      const shortlist = await this.#core.call("shortlist", [rest], { signal });
      const scores = await this.#ranker.scores(shortlist, signal);
      if (scores !== undefined) {
        return this.#ranked(await this.#core.call("reranked", [rest, shortlist.ids, scores], { signal }));
      }
    }
    return this.#ranked(await this.#core.call("recommend", [rest], { signal }));
  }

  /** The best items for a text, and as far as `personalize` says for this person. Loads the model if it is not there yet. */
  search(text: string, options: SearchOptions & { readonly explain: true }): Promise<HitList<ExplainedHit>>;
  search(text: string, options?: SearchOptions): Promise<HitList>;
  async search(text: string, options: SearchOptions = {}): Promise<HitList> {
    const { signal } = options;
    const query = await this.#text.query(text, signal);
    return this.#ranked(await this.#core.call("search", [query, withoutSignal(options)], { signal }));
  }

  /** The items most like one item. */
  similar(item: string, options: RecommendOptions & { readonly explain: true }): Promise<HitList<ExplainedHit>>;
  similar(item: string, options?: RecommendOptions): Promise<HitList>;
  async similar(item: string, options: RecommendOptions = {}): Promise<HitList> {
    return this.#ranked(await this.#core.call("similar", [item, withoutSignal(options)], { signal: options.signal }));
  }

  /** Well-liked items far apart from each other, to ask a new person about. */
  async onboarding(options: OnboardingOptions = {}): Promise<HitList> {
    return this.#ranked(await this.#core.call("onboarding", [withoutSignal(options)], { signal: options.signal }));
  }

  /** Groups of items that the catalog's owner offers to new people. */
  segments(): Promise<Segment[]> {
    return this.#core.call("segments", []);
  }

  /** Begins with a segment: events of type `"describe"` on the items of it that everybody likes best. */
  chooseSegment(name: string): Promise<ProfileEvent[]> {
    return this.#core.call("chooseSegment", [name]);
  }

  /** What is known of each item that `recommend()` would list, as numbers: for a ranker of your own. */
  features(options: RecommendOptions = {}): Promise<Features> {
    return this.#core.call("features", [withoutSignal(options)], { signal: options.signal });
  }

  /** The catalog as a map with the person on it; `undefined` if it was built without (`map` in its schema). */
  map(): Promise<TasteMap | undefined> {
    return this.#core.call("map", []);
  }

  /** Items by id, in the order of the ids; `undefined` where the catalog has no such item. */
  get(ids: readonly string[]): Promise<(Hit | undefined)[]> {
    return this.#core.call("get", [ids]);
  }

  /** The catalog's columns, with what a filter control needs. */
  columns(): Promise<ColumnInfo[]> {
    return this.#core.call("columns", []);
  }

  /** All names that `weights` may have, with their defaults. */
  weights(): Record<string, number> {
    return { ...this.#weights };
  }

  /** The names that the option `scenario` may have. */
  scenarios(): string[] {
    return [...this.#scenarios];
  }

  /** Loads the model now, so that the first search need not wait for it. A failure can be tried again. */
  prepareSearch(): Promise<void> {
    return this.#text.load();
  }

  /** Listens; returns the function that ends the listening. */
  on<K extends keyof RecommenderEvents>(type: K, listener: (data: RecommenderEvents[K]) => void): () => void {
    checkChoice("on()", type, EVENTS);
    return this.#listeners.on(type, listener);
  }

  /** Ends its workers. What is pending rejects with the code `closed`; a second time does nothing. */
  async close(): Promise<void> {
    globalThis.document?.removeEventListener("visibilitychange", this.#onVisibility);
    this.#ranker?.close();
    this.#listeners.clear();
    await Promise.all([this.#core.close("recommender", "closing"), this.#text.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #ranked({ list, rankMs }: Ranked): HitList {
    this.#lastRankMs = rankMs;
    this.#emitStatus();
    const { hits, ...rest } = list;
    // Not enumerable: to whatever goes through it or compares it, the list is its hits.
    const described = Object.entries(rest).map(([name, value]) => [name, { value }] as const);
    return Object.defineProperties(hits, Object.fromEntries(described)) as HitList;
  }

  #update(host: HostStatus): void {
    this.#host = host;
    this.#emitStatus();
  }

  #emitStatus(): void {
    this.#listeners.emit("status", this.status);
  }
}

function checkProfile(what: string, name: unknown): void {
  if (typeof name !== "string" || name === "") {
    throw new HomebodyError("option", `${what}: expected a name, got none.`);
  }
}
