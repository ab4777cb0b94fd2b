/**
 * What the core worker does for a `Recommender`: fetches and keeps the catalog's files, tells other tabs, and hands
 * everything else to the WebAssembly engine. It decides nothing about ranking.
 */

import initCore, { CoreEngine, type RankedList } from "./core/core.js";
import { recall, remember } from "./device-memory.js";
import { HomebodyError, type WireError, toWire } from "./errors.js";
import type { ModelIdentity } from "./embedder-host.js";
import { loadFolder } from "./folder.js";
import { Network } from "./network.js";
import { answered } from "./patience.js";
import type { Emit } from "./protocol.js";
import type {
  Change,
  ColumnInfo,
  DeviceChoice,
  Hit,
  ImportReport,
  Interest,
  LearnedWeights,
  Metrics,
  NewEvent,
  OnboardingOptions,
  ProfileEvent,
  Progress,
  RankOptions,
  RecommendOptions,
  SearchOptions,
  Segment,
  SimilarOptions,
  Status,
  TasteMap,
} from "./types.js";
import { type Given, instantiated, moduleFor } from "./wasm.js";

/** What was derived from the events is kept once nothing was asked for so long, */
const QUIET_MS = 2000;
/** and not again for so long. */
const SELDOM_MS = 30_000;

/** What the names of profile databases begin with. */
const DATABASES = "homebody/";

/** Options as they cross: an `AbortSignal` stays in the page. */
export type Sendable<T> = Omit<T, "signal">;

export interface OpenOptions {
  readonly catalog: string;
  readonly profile: string;
  readonly persist: boolean;
  readonly device: DeviceChoice;
}

export interface Opened {
  readonly status: HostStatus;
  /** What the profile took, reading and deriving. */
  readonly profileMs: number;
  /** Names and default weights. */
  readonly weights: Readonly<Record<string, number>>;
  /** Names. */
  readonly scenarios: readonly string[];
  /** The model whose vectors the catalog has, when it has any. */
  readonly model?: ModelIdentity;
}

/** The part of {@link Status} that the worker knows, and whose profile is in use. */
export type HostStatus = Omit<Status, "model" | "timings"> & { readonly profile: string };

/** Features, and by which of this worker's profiles. */
export interface Shortlist {
  readonly names: string[];
  readonly ids: string[];
  readonly values: Float64Array;
  readonly epoch: number;
}

/** A ranking, and how long it took in the worker. */
export interface Ranked {
  readonly list: RankedList;
  readonly rankMs: number;
}

export interface HostEvents {
  change: Change;
  status: HostStatus;
  progress: Progress;
  error: WireError;
}

/** What tabs tell each other: nothing but that there is something to read. */
type TabMessage = { readonly kind: "changed" };

export class RecommenderHost {
  /** What is recorded before belongs to the profile as it was, what is recorded after to the one that it becomes. */
  readonly alone = ["erase", "switchProfile", "reload"];
  readonly #emit: Emit<HostEvents>;
  readonly #crashed: (message: string) => void;
  readonly #given: Given;
  readonly #queue: (method: "reload") => void;
  readonly #notes: string[] = [];
  #requests = 0;
  #stored: Promise<void> | undefined;
  #engine: CoreEngine | undefined;
  #catalog: HostStatus["catalog"] | undefined;
  #tabs: BroadcastChannel | undefined;
  #profile = "";
  /** Counts profiles: those switched to, and those that began anew. */
  #epoch = 0;
  /** As of the last status. */
  #usesGpu = false;
  /** Whether what was derived is kept beside the events. */
  #isKept = true;
  #lastKept = -SELDOM_MS;
  #keeping: ReturnType<typeof setTimeout> | undefined;

  constructor(emit: Emit<HostEvents>, crashed: (message: string) => void, given: Given, queue: (method: "reload") => void) {
    this.#emit = emit;
    this.#crashed = crashed;
    this.#given = given;
    this.#queue = queue;
  }

  async open(options: OpenOptions): Promise<Opened> {
    const starting = this.#start();
    // Waited for with the manifest; until then a failure must not count as unhandled.
    starting.catch(() => undefined);
    let engine: CoreEngine | undefined;
    const { value: info, source, stored } = await loadFolder(
      {
        base: new URL(options.catalog),
        manifest: "catalog.json",
        what: "catalog",
        network: new Network("catalog", () => this.#requests++),
        note: (text) => this.#note(text),
        onFile: (file, loaded, total) => {
          this.#emit("progress", { phase: "download", file, loaded, ...(total === undefined ? {} : { total }) });
        },
      },
      {
        begin: async (manifest) => {
          engine = await starting;
          return engine.begin(manifest);
        },
        add: (path, bytes) => engine?.add(path, bytes),
        finish: () => engine?.finish(),
      },
    );
    if (engine === undefined || info === undefined) {
      throw new HomebodyError("internal", "The catalog was loaded without an engine.");
    }
    this.#stored = stored;
    const started = performance.now();
    await this.#openProfile(engine, options.profile, options.persist);
    const profileMs = performance.now() - started;
    // All of them; nobody is there yet to be told.
    engine.takeChanged();
    this.#engine = engine;
    this.#catalog = { name: info.name, version: info.version, items: info.items, source };
    if (options.device === "gpu") {
      await this.#choose(engine, options);
    } else {
      // Nobody waits for a measurement: the CPU ranks meanwhile.
      this.#choose(engine, options).then(
        () => this.#emit("status", this.#status()),
        (thrown: unknown) => this.#emit("error", toWire(thrown)),
      );
    }
    const status = this.#status();
    this.#emit("progress", { phase: "ready", device: status.device });
    return { status, profileMs, weights: info.weights, scenarios: info.scenarios, ...(info.model === undefined ? {} : { model: info.model }) };
  }

  /** Decides between CPU and GPU for each vector space, remembering what was measured; without `persist` that too is not kept. */
  async #choose(engine: CoreEngine, { device, persist }: OpenOptions): Promise<void> {
    for (const key of await engine.findGpu(device)) {
      const before = persist && device === "auto" ? await recall(key) : undefined;
      const measured = await engine.choose(device, key, before?.cpuMs, before?.gpuMs);
      if (persist && before === undefined && measured !== undefined) {
        await remember(key, measured);
      }
    }
  }

  async record(event: NewEvent): Promise<ProfileEvent> {
    const recorded = await this.#opened.record(event);
    this.#changed("local");
    return recorded;
  }

  async recordAll(events: readonly NewEvent[]): Promise<ProfileEvent[]> {
    const recorded = await this.#opened.recordAll(events);
    this.#changed("local");
    return recorded;
  }

  async undo(id: string): Promise<void> {
    await this.#opened.undo(id);
    this.#changed("local");
  }

  async undoAll(ids: readonly string[]): Promise<void> {
    await this.#opened.undoAll([...ids]);
    this.#changed("local");
  }

  async unmute(items: readonly string[]): Promise<void> {
    await this.undoAll(this.#opened.mutesOf([...items]));
  }

  async fromItems(ids: readonly string[]): Promise<ImportReport> {
    const report = await this.#opened.fromItems([...ids]);
    this.#changed("local");
    return report;
  }

  async describe(query: Float32Array): Promise<ProfileEvent[]> {
    const events = await this.#opened.describe(query);
    this.#changed("local");
    return events;
  }

  async chooseSegment(name: string): Promise<ProfileEvent[]> {
    const events = await this.#opened.chooseSegment(name);
    this.#changed("local");
    return events;
  }

  segments(): Segment[] {
    return this.#opened.segments();
  }

  /** The profiles that this browser keeps, and the one in use, by name. */
  async profiles(): Promise<string[]> {
    // A browser that does not tell knows one name: that of the profile in use.
    const told = globalThis.indexedDB?.databases?.();
    const databases = told === undefined ? [] : await answered(told).catch(() => []);
    const kept = databases.map(({ name }) => name).filter((name) => name?.startsWith(DATABASES) === true);
    return [...new Set([this.#profile, ...kept.map((name) => String(name).slice(DATABASES.length))])].sort();
  }

  async switchProfile(profile: string, persist: boolean): Promise<void> {
    await this.#openProfile(this.#opened, profile, persist);
    // First, so that listeners of the change find the profile's name there.
    this.#emit("status", this.#status());
    this.#emit("change", { source: "local", profile, types: this.#opened.takeChanged() });
  }

  async #openProfile(engine: CoreEngine, profile: string, persist: boolean): Promise<void> {
    // Before its events are read: what another tab records while they are is read again, once this is done.
    const tabs = persist ? this.#listen(profile) : undefined;
    try {
      this.#isKept = await engine.openProfile(profile, persist);
    } catch (thrown) {
      tabs?.close();
      throw thrown;
    }
    this.#profile = profile;
    this.#epoch++;
    this.#tabs?.close();
    this.#tabs = tabs;
  }

  exportProfile(): string {
    return this.#opened.exportProfile();
  }

  async importProfile(document: Uint8Array): Promise<ImportReport> {
    const merged = await this.#opened.importProfile(document);
    this.#changed("local");
    return merged;
  }

  async erase(): Promise<void> {
    this.#epoch++;
    await this.#opened.eraseProfile();
    // Other tabs may have events that were not here yet.
    this.#tell();
    this.#changed("local");
  }

  events(): ProfileEvent[] {
    return this.#opened.events();
  }

  interests(): Interest[] {
    return this.#opened.interests();
  }

  metrics(): Metrics {
    return this.#opened.metrics();
  }

  recommend(options: Sendable<RecommendOptions>): Promise<Ranked> {
    return this.#rank((engine) => engine.recommend(options));
  }

  /** The features of the best items, for a ranker; `without` as in {@link without}. */
  async shortlist(options: Sendable<RecommendOptions>, without: string | undefined): Promise<Shortlist> {
    const epoch = this.#epoch;
    const { names, ids, values } = await this.#opened.shortlist(options, without);
    return { names, ids, values: Float64Array.from(values), epoch };
  }

  /** The list with these items in the order of their scores; nothing if those are of events that are no longer here. */
  async reranked(
    options: Sendable<RecommendOptions>,
    ids: readonly string[],
    scores: Float64Array,
    epoch: number,
    without: string | undefined,
  ): Promise<Ranked | undefined> {
    return epoch === this.#epoch ? this.#rank((engine) => engine.reranked(options, [...ids], scores, without)) : undefined;
  }

  learned(): LearnedWeights | undefined {
    return this.#opened.learned() ?? undefined;
  }

  without(event: string, options: Sendable<RecommendOptions>): Promise<Ranked> {
    return this.#rank((engine) => engine.without(event, options));
  }

  search(query: Float32Array, options: Sendable<SearchOptions>): Promise<Ranked> {
    return this.#rank((engine) => engine.search(query, options));
  }

  similar(item: string, options: Sendable<SimilarOptions>): Promise<Ranked> {
    return this.#rank((engine) => engine.similar(item, options));
  }

  onboarding(options: Sendable<OnboardingOptions>): Promise<Ranked> {
    return this.#rank((engine) => engine.onboarding(options));
  }

  async features(options: Sendable<RankOptions>): Promise<{ names: string[]; ids: string[]; values: Float64Array }> {
    const { names, ids, values } = await this.#opened.features(options);
    return { names, ids, values: Float64Array.from(values) };
  }

  map(): TasteMap | undefined {
    return this.#opened.map() ?? undefined;
  }

  get(ids: readonly string[]): (Hit | undefined)[] {
    return this.#opened.get(ids).map((hit) => hit ?? undefined);
  }

  columns(): ColumnInfo[] {
    return this.#opened.columns();
  }

  get #opened(): CoreEngine {
    if (this.#engine === undefined) {
      throw new HomebodyError("internal", "The worker was asked before its engine was started.");
    }
    return this.#engine;
  }

  async #start(): Promise<CoreEngine> {
    const module = await moduleFor("core", this.#given, () => this.#requests++);
    this.#emit("progress", { phase: "compile" });
    await instantiated(() => initCore({ module_or_path: module }));
    return new CoreEngine((message: string) => this.#crashed(message));
  }

  async #rank(ranking: (engine: CoreEngine) => Promise<RankedList>): Promise<Ranked> {
    const started = performance.now();
    const list = await ranking(this.#opened);
    const rankMs = performance.now() - started;
    this.#keepSoon();
    if (this.#usesGpu) {
      // Its counts have changed, and it may have been put aside.
      this.#emit("status", this.#status());
    }
    return { list, rankMs };
  }

  /** What was fetched would be fetched again, and what was derived be derived again, if the worker ended before they are stored. */
  async closing(): Promise<void> {
    await Promise.all([this.#stored, this.pause()]);
  }

  /** The page is out of sight, and may never come back. */
  async pause(): Promise<void> {
    if (!this.#isKept) {
      await this.#keep();
    }
  }

  /** Lists were made of what is not kept yet: it will be, in the next pause. */
  #keepSoon(): void {
    if (!this.#isKept) {
      clearTimeout(this.#keeping);
      const wait = Math.max(QUIET_MS, this.#lastKept + SELDOM_MS - performance.now());
      this.#keeping = setTimeout(() => void this.#keep(), wait);
    }
  }

  /** Keeps what was derived from the events. It only saves time, so that nobody is told if it cannot be kept. */
  async #keep(): Promise<void> {
    clearTimeout(this.#keeping);
    this.#isKept = true;
    this.#lastKept = performance.now();
    await this.#opened.keepSnapshot().catch(() => false);
  }

  /** Tells listeners, and if it happened here other tabs, what events came or went, if any did. */
  #changed(source: "local" | "remote"): void {
    const types = this.#opened.takeChanged();
    if (types.length > 0) {
      this.#isKept = false;
      if (source === "local") {
        this.#tell();
      }
      this.#emit("change", { source, profile: this.#profile, types });
    }
    // Keeping the event may have shown that the storage is gone.
    this.#emit("status", this.#status());
  }

  #tell(): void {
    this.#tabs?.postMessage({ kind: "changed" } satisfies TabMessage);
  }

  #listen(profile: string): BroadcastChannel | undefined {
    if (typeof BroadcastChannel === "undefined") {
      this.#note("Changes made in other tabs are seen after a reload: this browser has no BroadcastChannel.");
      return undefined;
    }
    const tabs = new BroadcastChannel(`homebody/${profile}`);
    // In turn: events read while they are being erased would be back afterwards.
    tabs.onmessage = () => this.#queue("reload");
    return tabs;
  }

  /** Reads the events anew, because another tab changed them. */
  async reload(): Promise<void> {
    if (this.#engine === undefined) {
      // It could not be opened.
      return;
    }
    try {
      await this.#engine.reload();
    } finally {
      this.#changed("remote");
    }
  }

  #note(text: string): void {
    this.#notes.push(text);
    if (this.#catalog !== undefined) {
      this.#emit("status", this.#status());
    }
  }

  #status(): HostStatus {
    const { device, simd, storage, gpu, notes } = this.#opened.state();
    this.#usesGpu = device === "gpu";
    if (this.#catalog === undefined) {
      throw new HomebodyError("internal", "The worker was asked for its status before the catalog was open.");
    }
    const all = [...this.#notes, ...notes];
    const found = gpu === undefined ? {} : { gpu };
    return { device, simd, storage, profile: this.#profile, ...found, catalog: this.#catalog, notes: all, requests: this.#requests };
  }
}
