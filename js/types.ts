/**
 * The shapes that cross the public API of Homebody: what goes in, what comes out. Types only, no code.
 *
 * Everything here is plain data that structured cloning carries between page and worker. Times are milliseconds since
 * 1970 (UTC), calendar dates are `"YYYY-MM-DD"`, durations end in `Ms`.
 */

import type { HomebodyError } from "./errors.js";
import type { GpuUse } from "./vector-types.js";

export type * from "./error-codes.js";
export type * from "./profile-types.js";
export type * from "./vector-types.js";

/** What computes: the CPU (SIMD where the browser has it), or a GPU through WebGPU. */
export type Device = "cpu" | "gpu";

/** What may be asked for: `"auto"` takes whichever answered correctly and faster on this device with this data. */
export type DeviceChoice = "auto" | Device;

/**
 * How far loading has come.
 *
 * - `download`: a file of the catalog arrives. `loaded` and `total` are bytes; `total` is absent when the server does not
 *   say. A file from the browser's cache is reported once, complete.
 * - `compile`: a WebAssembly module is being compiled.
 * - `model`: a file of the text model arrives (only once text is first used, or `prepareSearch()` was called).
 * - `ready`: calls are answered from now on.
 */
export type Progress =
  | { readonly phase: "download"; readonly file: string; readonly loaded: number; readonly total?: number }
  | { readonly phase: "compile" }
  | { readonly phase: "model"; readonly file: string; readonly loaded: number; readonly total?: number }
  | { readonly phase: "ready"; readonly device: Device };

/**
 * What a person can do with an item. A catalog may have types of its own (`[effects.TYPE]` in its schema); an application that
 * records them adds their names:
 *
 * ```ts
 * declare module "homebody" {
 *   interface EventTypes { applaud: true }
 * }
 * ```
 */
export interface EventTypes {
  impression: true;
  mute: true;
  describe: true;
  view: true;
  click: true;
  dwell: true;
  like: true;
  dislike: true;
  rate: true;
  cart: true;
  uncart: true;
  buy: true;
  hide: true;
  share: true;
}

/**
 * `"impression"`: it was on the screen (`value`: its place in the list, from 1 on); `"hide"` is "not interested"; `"rate"` takes the
 * rating as `value`, `"dwell"` milliseconds. `"mute"` and `"describe"` are what `profile.mute()` and `profile.describe()` record.
 */
export type EventType = keyof EventTypes;

/** A value of a display column: dates as `"YYYY-MM-DD"`, tags as arrays, a missing value as `null`. */
export type Value = string | number | boolean | null | readonly string[];

/** What a column can be compared with: numbers as numbers, dates as `"YYYY-MM-DD"`, text and tags as strings. */
export type Scalar = string | number | boolean;

/** What has to hold for one column. Several tests in one object must all hold. */
export interface Comparison {
  readonly gt?: number | string;
  readonly gte?: number | string;
  readonly lt?: number | string;
  readonly lte?: number | string;
  /** Both ends included. */
  readonly between?: readonly [number | string, number | string];
  /** The value is one of these; for tags: at least one tag is. */
  readonly in?: readonly Scalar[];
  /** At least one of these tags. */
  readonly any?: readonly string[];
  /** Every one of these tags. */
  readonly all?: readonly string[];
  /** The opposite of a value or of other tests. */
  readonly not?: Scalar | Comparison;
  /** `true`: has a value; `false`: the value is missing. */
  readonly exists?: boolean;
}

/** A value that the column must equal (for tags: contain), or a {@link Comparison}. */
export type Condition = Scalar | Comparison;

/**
 * Which items are considered at all. Columns side by side must all hold:
 * `{ year: { gte: 1980, lt: 1990 }, genres: "Sci-Fi" }`; the rest is said with `and`, `or` and `not`:
 * `{ or: [{ rating: { gt: 8 } }, { director: "Ridley Scott" }] }`.
 *
 * A missing value fulfils no test but `{ exists: false }` and `not`.
 */
export type Filter =
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter }
  | { readonly [column: string]: Condition };

/** One summand of a score: `contribution = weight * affinity`, and the contributions add up to the score. */
export interface Part {
  /** A space of the catalog, or `"query"`, `"dislike"`, `"momentum"`, `"rotation"`, `"prior"`. */
  readonly name: string;
  readonly affinity: number;
  readonly weight: number;
  readonly contribution: number;
}

/** What sets a hit apart from the others, as data and as a sentence a person can read. */
export interface Reason {
  readonly kind: ReasonKind;
  /** The name of the part that it explains. */
  readonly part: string;
  /** English, made of `value`, `items` and `facts` and nothing else. `phrase()` says it in another language. */
  readonly text: string;
  /** The value that speaks for the item, where there is one: a category, a number as text, a date. */
  readonly value?: string;
  /** The items behind it (liked ones, for example), the largest share first. */
  readonly items?: readonly ReasonItem[];
  /** The other numbers and names in the sentence. */
  readonly facts: ReasonFacts;
}

/** Which sort of reason it is. */
export type ReasonKind = "interest" | "momentum" | "query" | "similar" | "crowd" | "prior" | "category" | "number" | "recency" | "geo";

/** What a reason says besides `value` and `items`; only what its kind has. */
export interface ReasonFacts {
  /** `interest`, `crowd`: how many of the items its sentence names, 1 or 2. */
  readonly named?: number;
  /** `number`, `recency`: the name of the column. */
  readonly column?: string;
  /** `number`: which values are good. With `near` that of the item in `items`, or else what the person usually chooses. */
  readonly prefer?: "low" | "high" | "near";
  /** `number`: the item's. */
  readonly number?: number;
  /** `prior`: the mean rating, where the catalog has ratings, and of how many. */
  readonly rating?: number;
  readonly count?: number;
  /** `prior`: how many people chose it, where the catalog has no ratings. */
  readonly people?: number;
  /** `category`: how many of the person's items are of it, and of how many that have a category in this column. */
  readonly matching?: number;
  readonly chosen?: number;
  /** `geo`: how far away it is. */
  readonly kilometres?: number;
}

/** How reasons are said in one language: a function for each kind. */
export interface Language {
  /** What `Intl` knows it by: `"de"`, `"pt-BR"`. */
  readonly locale: string;
  /** Around titles; `“ ”` if they are not given. */
  readonly quotes?: readonly [open: string, close: string];
  /** Names of columns as words; a column without one is called by its name. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly phrases: Readonly<Record<ReasonKind, (reason: Reason, say: Say) => string>>;
}

/** What a phrase is made with, as its language has it. */
export interface Say {
  /** At most two decimals, from five digits on in groups. */
  number(value: number): string;
  /** The form for a count, of those that the language has. */
  plural(count: number, forms: Readonly<Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }>): string;
  /** "a", "a and b", … */
  list(parts: readonly string[]): string;
  /** The title, or else the id, in quotes; nothing for no item. */
  title(item: ReasonItem | undefined): string;
  /** A column's name as words. */
  label(column?: string): string;
}

/** An item behind a {@link Reason} or an {@link Interest}. */
export interface ReasonItem {
  readonly id: string;
  /** Where the catalog shows one. */
  readonly title?: string;
  /** 0 to 1; all shares of one reason, told or not, add up to 1. */
  readonly share: number;
  /** `interest`: the type of the event that speaks most for it, and its value where it has one (the mark of a `rate`). */
  readonly event?: string;
  readonly value?: number;
}

/** An item in a result. */
export interface Hit {
  readonly id: string;
  /** Higher is better; equal scores are ordered by id. Scores of different calls do not compare. 0 from `get()`. */
  readonly score: number;
  /** The display columns of the catalog. */
  readonly item: Readonly<Record<string, Value>>;
  /** With `explain`: the summands of `score`. */
  readonly parts?: readonly Part[];
  /** With `explain`, if something sets it apart. */
  readonly reason?: Reason;
  /** With a ranker: what it made of the item. The list is in the order of this; `score` and `parts` are of the stage before. */
  readonly rerank?: number;
  /** With `compare: "baseline"`: where a stranger would find it. */
  readonly baseline?: Baseline;
}

/** A place in the list that a stranger would get: the same items to choose from, nothing personal in the score. */
export interface Baseline {
  /** 1 for the first. */
  readonly rank: number;
  /** By how many places the item stands higher (positive) or lower for this person, `diversity` left out of account. */
  readonly rise: number;
}

/**
 * A list of hits, best first, which knows where it goes on. A plain array otherwise: what it knows beside is not enumerable, so that
 * neither `[...list]`, `list.map()`, `structuredClone()` nor JSON takes it along. Where it is needed, it is named:
 * `{ hits: [...list], cursor: list.cursor, eligible: list.eligible }`.
 */
export type HitList<T extends Hit = Hit> = T[] & {
  /** How many items there were to choose from: those that passed the filter and were not left out as seen. */
  readonly eligible: number;
  /** For the option `cursor` of the next call; absent on the last page. */
  readonly cursor?: string;
  /** Why the list is empty, if it is and was not asked to be (`limit: 0`); of a search, that its text tells no item from another. */
  readonly note?: string;
};

/** A {@link Hit} that was asked for with `explain: true`. */
export type ExplainedHit = Hit & Required<Pick<Hit, "parts">>;

/** What every list takes. */
export interface RankOptions {
  /** How many hits at most. Default 10. */
  readonly limit?: number;
  /** How many of the best to leave out, for paging. Default 0. */
  readonly offset?: number;
  /**
   * Where to go on: the `cursor` of the list before. Unlike with `offset` no item comes twice, even if events were recorded
   * in between. Not together with `offset`; a cursor of another version of the catalog rejects with the code `cursor`.
   */
  readonly cursor?: string;
  /**
   * A preset of the catalog (see `Recommender.scenarios()`); what else is given wins over it, weights name by name. Without it the
   * catalog's scenario `default` counts, where it has one.
   */
  readonly scenario?: string;
  /** Only these items are considered, for lists that something else has chosen. */
  readonly candidates?: readonly string[];
  /** Which items are considered. Applied before scoring, so that a narrow filter still fills the list. */
  readonly where?: Filter;
  /** Weights by name (see `Recommender.weights()`); names that are not given keep their default. */
  readonly weights?: Readonly<Record<string, number>>;
  /** 0: purely by score; 1: as different from each other as possible; 0.3 makes a list of one kind about 15 % more different. Default 0. */
  readonly diversity?: number;
  /**
   * How far what was shown and ignored sinks for a while: 0 (the default) not at all, 1 below everything else, whatever the weights of the
   * call. It is personal, so that with a `strength` (or, in a search, a `personalize`) below 1 it is that much less. It needs events of
   * type `"impression"` (see `Recommender.record()`). Not together with a weight `rotation`.
   */
  readonly rotation?: number;
  /** At most so many items per value of a column of categories: `{ genres: 3 }`. An item with several values counts for each. */
  readonly caps?: Readonly<Record<string, number>>;
  /**
   * How much of the person is in the list: 0 as for a stranger, 1 with the whole weights. Without it they are whole too, but in a catalog that
   * learned from its crowd: there the person counts a quarter after one like, half after three. Not for `similar()`.
   */
  readonly strength?: number;
  /**
   * Whether nearness to what the person likes fades within a session: what was liked last then counts the most, as long as that
   * is less than an hour ago. Default `false`. What people choose together fades so in any case. Not for `similar()`.
   */
  readonly sessionRecency?: boolean;
  /** Adds `baseline` to each hit: where it would stand for a stranger. Not for `similar()`. */
  readonly compare?: "baseline";
  /**
   * Whether weights are learned from what the person chose of the lists they were shown, as far as the catalog's model lets them. Default
   * `false`. It needs events of type `"impression"`; weights that the call gives stay as given. A catalog without a model rejects. Not for
   * `search()` and `similar()`.
   */
  readonly learn?: boolean;
  /** Adds `parts` and `reason` to each hit. */
  readonly explain?: boolean;
  /** Whether items the person has already acted on are considered. Default `false`; for `search()` `true`. */
  readonly includeSeen?: boolean;
  /** Where the person is (degrees), for catalogs with a geo space; without it such a space says nothing. */
  readonly position?: { readonly latitude: number; readonly longitude: number };
  /** Aborting rejects the call with the signal's reason; what runs in the worker is put aside. */
  readonly signal?: AbortSignal;
}

export interface RecommendOptions extends RankOptions {
  /** With a `ranker` (see `Recommender.create()`): `false` leaves it out of this list. Default `true`. */
  readonly rerank?: boolean;
}

/** Likeness to an item is nothing personal: there is no `strength` of the person in it, no session, nor a stranger's list to `compare` it with. */
export type SimilarOptions = Omit<RankOptions, "strength" | "compare" | "learn" | "sessionRecency">;

/** What is learned from lists is weights of recommendations: a search has no `learn`. */
export interface SearchOptions extends Omit<RankOptions, "learn"> {
  /** How much the person counts beside the text: 0 not at all, 1 as much as the text. Default 0.5. */
  readonly personalize?: number;
}

/**
 * What `recommend()` takes, which is the one call for all lists: with `text` it gives that of `search()`, with `similarTo`, the id of an
 * item, that of `similar()`, each with their options.
 */
export type ListOptions =
  | (RecommendOptions & { readonly text?: undefined; readonly similarTo?: undefined })
  | (SearchOptions & { readonly text: string; readonly similarTo?: undefined })
  | (SimilarOptions & { readonly similarTo: string; readonly text?: undefined });

export interface OnboardingOptions {
  /** How many items to offer. Default 12. */
  readonly n?: number;
  readonly where?: Filter;
  readonly signal?: AbortSignal;
}

/** Features of candidates, a row per item: `values[row * names.length + column]`, −1 to 1, 0 where nothing is known. */
export interface Features {
  /** The names of `Recommender.weights()` without `query`, in the order of the alphabet: the same for everybody. */
  readonly names: readonly string[];
  readonly ids: readonly string[];
  readonly values: Float64Array;
}

/** Every item as a point, coordinates from −1 to 1, and where the person is among them. */
export interface TasteMap {
  /** The items that have a place, in the order of ids. */
  readonly ids: readonly string[];
  /** From left to right. */
  readonly x: readonly number[];
  /** From bottom to top. */
  readonly y: readonly number[];
  /** The places of `ids` whose items the person likes. */
  readonly liked: readonly number[];
  /** The mean of what the person likes; absent without likes. */
  readonly person?: readonly [x: number, y: number];
}

export type ColumnType = "text" | "number" | "integer" | "boolean" | "date" | "tags";

/** A column of the catalog, with what a filter control needs. */
export interface ColumnInfo {
  readonly name: string;
  readonly type: ColumnType;
  /** Whether hits carry it in `item`. */
  readonly display: boolean;
  /** How many items have no value. */
  readonly missing: number;
  /** Of numbers, integers and dates. */
  readonly min?: number | string;
  readonly max?: number | string;
  /** Of tags, booleans and texts with few different values: each with the number of its items, most frequent first. */
  readonly values?: readonly { readonly value: string; readonly count: number }[];
}

/** What a recommender is running on, and what it had to do without. */
export interface Status {
  /** What makes the products of vectors. Under `"auto"` `"cpu"` at first; large catalogs try a GPU after `create()` and may change. */
  readonly device: Device;
  /** Whether vectors are compared with SIMD instructions. */
  readonly simd: boolean;
  /** `"memory"`: nothing outlives the page; `notes` says why. */
  readonly storage: "indexeddb" | "memory";
  readonly catalog: {
    readonly name: string;
    readonly version: string;
    readonly items: number;
    /** `"cache"`: no byte of the catalog's data was fetched. */
    readonly source: "network" | "cache";
  };
  /** By vector space, for which a GPU was found, used or not. */
  readonly gpu?: Readonly<Record<string, GpuUse>>;
  /** `"none"`: no model was given; `"absent"`: not loaded yet, because no text was used. */
  readonly model: "none" | "absent" | "loading" | "ready" | "failed";
  /** What did not go as usual, in sentences a developer can read. */
  readonly notes: readonly string[];
  /** Network requests made so far by this object's worker(s), module files included. Constant once all is loaded. */
  readonly requests: number;
  readonly timings: {
    /** From `create()` to ready. */
    readonly openMs: number;
    /** Of that, reading the profile and deriving what it says, in the worker. */
    readonly profileMs: number;
    /** The last ranking, in the worker. 0 before the first. */
    readonly lastRankMs: number;
    /** The last text that was embedded. */
    readonly lastEmbedMs?: number;
  };
}

export interface CreateOptions {
  /** The folder of the catalog: it holds `catalog.json`. A relative address is relative to the page. */
  readonly catalog: string | URL;
  /** The folder of the model that the catalog was built with. Only needed for texts: `search()`, `profile.describe()`. */
  readonly model?: string | URL;
  /**
   * The JSON that describes an ONNX ranker, whose model is beside it: `recommend()` then puts its best 1,000 items into the ranker's
   * order. Loaded with the first list; if it fails, lists do without it and a note in `status` says why.
   */
  readonly ranker?: string | URL;
  /** Which person, when several share a browser. Default `"default"`. */
  readonly profile?: string;
  /**
   * `false` keeps events, and what was measured of this device, in memory only: nothing of the person is left behind. The site's own
   * files, the same for everybody, are cached all the same. Default `true`.
   */
  readonly persist?: boolean;
  /**
   * Default `"auto"`: for each vector space the faster one on this device, measured once per version of the catalog and remembered.
   * `"gpu"` rejects with `vector-no-gpu` where there is none that answers rightly. Lists are the same on every device.
   */
  readonly device?: DeviceChoice;
  readonly onProgress?: (progress: Progress) => void;
  /** Aborting rejects `create()` and ends what it had started. */
  readonly signal?: AbortSignal;
}

/** What a change of the profile was. */
export interface Change {
  /** Whether it happened here or in another tab. */
  readonly source: "local" | "remote";
  /** The name of the profile in use. */
  readonly profile: string;
  /**
   * The types of the events that were added or removed, each once, in the order of the alphabet; after `profile.switch()` of those that only
   * one of the two profiles has. Whoever records impressions of each list and draws lists anew on each change has to leave
   * changes alone that are impressions and nothing else.
   */
  readonly types: readonly string[];
}

/** The events of a `Recommender` and what its listeners get. */
export interface RecommenderEvents {
  /** The profile changed, here or in another tab: rankings may differ from now on. What neither adds nor removes an event nor switches is none. */
  change: Change;
  status: Status;
  progress: Progress;
  /** Something failed that no call is waiting for. */
  error: HomebodyError;
}
