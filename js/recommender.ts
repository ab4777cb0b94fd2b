/** The page's `Recommender`: looks as if it were here, while a worker does the work. */

import type { ModelIdentity } from "./embedder-host.js";
import { HomebodyError, fromWire } from "./errors.js";
import { folderUrl } from "./folder.js";
import { Listeners } from "./listeners.js";
import {
  checkAddress,
  checkBoolean,
  checkChoice,
  checkFunction,
  checkList,
  checkObject,
  checkOptions,
  checkSignal,
  checkText,
  checkTexts,
  sendable,
  told,
} from "./options.js";
import type { HostEvents, HostStatus, Ranked, RecommenderHost } from "./recommender-host.js";
import { RankerModel } from "./ranker.js";
import { Remote } from "./remote.js";
import { TextModel } from "./text-model.js";
import { Turns } from "./turns.js";
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
  ListOptions,
  Metrics,
  NewEvent,
  OnboardingOptions,
  ProfileEvent,
  RankOptions,
  RecommendOptions,
  RecommenderEvents,
  SearchOptions,
  Segment,
  SimilarOptions,
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
  /**
   * What the person likes, as groups of items, the weightiest first; what is muted comes last. Items are grouped by their texts: empty in
   * a catalog without a text space.
   */
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
  readonly #turns = new Turns();
  readonly #call: Core["call"] = (method, args, options) => this.#turns.ready(() => this.#core.call(method, args, options));
  #host: HostStatus;
  #lastRankMs = 0;
  /** As last read. */
  #status: Status | undefined;
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
    const call = this.#call;
    const nameOf = (): string => this.#host.profile;
    this.profile = {
      events: () => call("events", []),
      undo: async (id) => {
        checkText("profile.undo()", id);
        await call("undo", [id]);
      },
      export: async () => new Blob([await call("exportProfile", [])], { type: "application/json" }),
      import: async (document) => {
        if (!(document instanceof Blob)) {
          const text = `profile.import() expects a Blob or File with an exported profile, got ${told(document)}.`;
          throw new HomebodyError("invalid-argument", text);
        }
        return this.#turns.after(document.arrayBuffer(), (buffer) => {
          const bytes = new Uint8Array(buffer);
          return this.#core.call("importProfile", [bytes], { transfer: [buffer] });
        });
      },
      erase: () => this.#another(() => this.#core.call("erase", [])),
      interests: () => call("interests", []),
      mute: async (interest) => {
        const ids = itemsOf("profile.mute()", interest);
        await call("recordAll", [ids.map((item) => ({ item, type: "mute" as const }))]);
      },
      unmute: async (interest) => {
        await call("unmute", [itemsOf("profile.unmute()", interest)]);
      },
      remove: async (interest) => {
        checkInterest("profile.remove()", interest);
        checkTexts("profile.remove(): events", interest.events);
        await call("undoAll", [interest.events]);
      },
      describe: async (text, options = {}) => {
        checkOptions("profile.describe()", options, ["signal"]);
        const { signal } = options;
        checkSignal("profile.describe()", signal);
        if (typeof text !== "string" || text.trim() === "") {
          throw new HomebodyError("option", `profile.describe() expects a text, got ${told(text)}.`);
        }
        return this.#turns.after(this.#text.query(text, signal), (query) => this.#core.call("describe", [query], { signal }));
      },
      fromItems: async (ids) => {
        checkTexts("profile.fromItems()", ids);
        return call("fromItems", [ids]);
      },
      list: () => call("profiles", []),
      switch: async (name, options = {}) => {
        checkProfile("profile.switch()", name);
        checkOptions("profile.switch()", options, ["persist"]);
        const { persist = true } = options;
        checkBoolean("profile.switch(): persist", persist);
        await this.#another(() => this.#core.call("switchProfile", [name, persist]));
      },
      get name() {
        return nameOf();
      },
      metrics: () => call("metrics", []),
      learned: () => call("learned", []),
      without: async (id, options = {}) => {
        checkText("profile.without()", id);
        return this.#listed("profile.without()", options, id);
      },
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
    checkBoolean("Recommender.create(): persist", persist);
    checkSignal("Recommender.create()", signal);
    if (options.onProgress !== undefined) {
      checkFunction("Recommender.create(): onProgress", options.onProgress);
    }
    const urls = {
      catalog: folderUrl("Recommender.create(): catalog", catalog),
      model: model === undefined ? undefined : folderUrl("Recommender.create(): model", model),
      ranker: ranker === undefined ? undefined : checkAddress("Recommender.create(): ranker", ranker),
    };
    const started = performance.now();
    signal?.throwIfAborted();
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
    const { profile, ...host } = this.#host;
    const status = {
      ...host,
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
    // One object as long as nothing changed, by which frameworks tell that they need not draw again.
    if (this.#status === undefined || JSON.stringify(status) !== JSON.stringify(this.#status)) {
      this.#status = status;
    }
    return this.#status;
  }

  /** Records what the person did. When it resolves, the event is kept: on the disk, unless `status.storage` is `"memory"`. */
  async record(event: NewEvent): Promise<ProfileEvent> {
    checkEvent("record()", event);
    return this.#call("record", [event]);
  }

  /** Records several events with one write: the impressions of a list, say. If one of them is refused, none is kept. */
  async recordAll(events: readonly NewEvent[]): Promise<ProfileEvent[]> {
    checkList("recordAll()", "events", events);
    for (let at = 0; at < events.length; at++) {
      checkEvent(`recordAll(), event ${at}`, events[at]);
    }
    return this.#call("recordAll", [events]);
  }

  /**
   * The best items for this person; without events, what everybody likes. With `text` or `similarTo` the list of `search()` or
   * `similar()`.
   */
  recommend(options: ListOptions & { readonly explain: true }): Promise<HitList<ExplainedHit>>;
  recommend(options?: ListOptions): Promise<HitList>;
  async recommend(options: ListOptions = {}): Promise<HitList> {
    checkObject("recommend()", options);
    const { text, similarTo, ...others } = options;
    if (text !== undefined && similarTo !== undefined) {
      const both = "recommend(): `text` and `similarTo`: expected one of them, got both; what is like an item is not asked for in words";
      throw new HomebodyError("option", `${both}.`);
    }
    if (text !== undefined) {
      return this.search(text, others);
    }
    if (similarTo !== undefined) {
      return this.similar(similarTo, others);
    }
    return this.#listed("recommend()", others);
  }

  /** The best items for a text, and as far as `personalize` says for this person. Loads the model if it is not there yet. */
  search(text: string, options: SearchOptions & { readonly explain: true }): Promise<HitList<ExplainedHit>>;
  search(text: string, options?: SearchOptions): Promise<HitList>;
  async search(text: string, options: SearchOptions = {}): Promise<HitList> {
    checkText("search()", text);
    const sent = sendable("search()", options);
    const { signal } = options;
    const query = await this.#text.query(text, signal);
    return this.#ranked(await this.#call("search", [query, sent], { signal }));
  }

  /** The items most like one item. */
  similar(item: string, options: SimilarOptions & { readonly explain: true }): Promise<HitList<ExplainedHit>>;
  similar(item: string, options?: SimilarOptions): Promise<HitList>;
  async similar(item: string, options: SimilarOptions = {}): Promise<HitList> {
    checkText("similar()", item);
    return this.#ranked(await this.#call("similar", [item, sendable("similar()", options)], { signal: options.signal }));
  }

  /** Well-liked items far apart from each other, to ask a new person about. */
  async onboarding(options: OnboardingOptions = {}): Promise<HitList> {
    return this.#ranked(await this.#call("onboarding", [sendable("onboarding()", options)], { signal: options.signal }));
  }

  /** Groups of items that the catalog's owner offers to new people. */
  segments(): Promise<Segment[]> {
    return this.#call("segments", []);
  }

  /** Begins with a segment: events of type `"describe"` on the items of it that everybody likes best. */
  async chooseSegment(name: string): Promise<ProfileEvent[]> {
    checkText("chooseSegment()", name);
    return this.#call("chooseSegment", [name]);
  }

  /** What is known of each item that `recommend()` would list, as numbers: for a ranker of your own. */
  async features(options: RankOptions = {}): Promise<Features> {
    return this.#call("features", [sendable("features()", options)], { signal: options.signal });
  }

  /** The catalog as a map with the person on it; `undefined` if it was built without (`map` in its schema). */
  map(): Promise<TasteMap | undefined> {
    return this.#call("map", []);
  }

  /** Items by id, in the order of the ids; `undefined` where the catalog has no such item. */
  async get(ids: readonly string[]): Promise<(Hit | undefined)[]> {
    checkTexts("get()", ids);
    return this.#call("get", [ids]);
  }

  /** The catalog's columns, with what a filter control needs. */
  columns(): Promise<ColumnInfo[]> {
    return this.#call("columns", []);
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
    checkFunction("on()", listener);
    if (this.#core.ended !== undefined) {
      throw this.#core.ended;
    }
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

  /** Another person, or the same one anew. */
  #another(send: () => Promise<void>): Promise<void> {
    return this.#turns.alone(() => {
      this.#text.forget();
      return send();
    });
  }

  /** The best items for this person, through the ranker if there is one; as they would be without one event. */
  async #listed(what: string, options: RecommendOptions, without?: string): Promise<HitList> {
    const { rerank, ...rest } = sendable(what, options);
    const { signal } = options;
    if (rerank !== undefined) {
      checkBoolean(`${what}: rerank`, rerank);
    }
    const ranker = this.#ranker;
    if (rerank === true && ranker === undefined) {
      throw new HomebodyError("option", `${what}: \`rerank\` needs a ranker: give its address to Recommender.create() as \`ranker\`.`);
    }
    while (ranker !== undefined && rerank !== false) {
      const { epoch, ...shortlist } = await this.#call("shortlist", [rest, without], { signal });
      const scores = await ranker.scores(shortlist, signal);
      if (scores === undefined) {
        break;
      }
      const ranked = await this.#call("reranked", [rest, shortlist.ids, scores, epoch, without], { signal });
      // Nothing if it is another person's turn by now, of whom these scores say nothing.
      if (ranked !== undefined) {
        return this.#ranked(ranked);
      }
    }
    const plain = without === undefined ? this.#call("recommend", [rest], { signal }) : this.#call("without", [without, rest], { signal });
    return this.#ranked(await plain);
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
    throw new HomebodyError("option", `${what}: expected a name, got ${told(name)}.`);
  }
}

/** What no engine need be asked about an event: whether it is one, and numbers that JSON could not say. */
function checkEvent(what: string, event: unknown): void {
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    throw new HomebodyError("invalid-argument", `${what} expects an event such as { item, type: "like" }, got ${told(event)}.`);
  }
  const { item, type, value, time } = event as { readonly [name in keyof NewEvent]: unknown };
  checkText(`${what}: item`, item);
  checkText(`${what}: type`, type);
  if (value !== undefined && value !== null && !Number.isFinite(value)) {
    throw new HomebodyError("event-value", `${what}: value: expected a number, got ${told(value)}.`);
  }
  if (type === "impression" && value !== undefined && value !== null && !(Number.isSafeInteger(value) && Number(value) >= 1)) {
    const text = `${what}: value: expected the place of an impression, a whole number from 1 on, got ${told(value)}.`;
    throw new HomebodyError("event-value", text);
  }
  if (time !== undefined && time !== null && !Number.isSafeInteger(time)) {
    const text = `${what}: time: expected whole milliseconds since 1970, as Date.now() has them, got ${told(time)}.`;
    throw new HomebodyError("event-time", text);
  }
}

function checkInterest(what: string, interest: unknown): void {
  if (typeof interest !== "object" || interest === null) {
    throw new HomebodyError("invalid-argument", `${what} expects one of profile.interests(), got ${told(interest)}.`);
  }
}

function itemsOf(what: string, interest: Interest): string[] {
  checkInterest(what, interest);
  checkList(`${what}: items`, "items", interest.items);
  const ids = interest.items.map((item) => (item as Partial<typeof item> | null | undefined)?.id);
  checkTexts(`${what}: ids of items`, ids);
  return ids as string[];
}
