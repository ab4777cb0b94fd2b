/**
 * What the public types take and what they reject. Compiled, never run: a `@ts-expect-error` above something that
 * compiles is itself an error, so every line here can fail.
 */

import {
  type ColumnInfo,
  Embedder,
  type ErrorCode,
  type EventType,
  type ExplainedHit,
  type Filter,
  type Hit,
  type Progress,
  Recommender,
  type Status,
  type Value,
} from "homebody";

declare const hb: Recommender;

// ---- create ----
const made: Promise<Recommender> = Recommender.create({ catalog: "/films/", model: new URL("https://a.example/m/"), persist: false });
void Recommender.create({ catalog: "/films/", ranker: new URL("https://a.example/trees.json") });
void hb.recommend({ learn: true, rerank: false }).then(([hit]) => hit?.rerank?.toFixed());
void hb.profile.learned().then((learned) => learned?.factors["text"]);
// @ts-expect-error Whether, not how far.
void hb.recommend({ learn: 0.5 });
// @ts-expect-error The catalog is not optional.
void Recommender.create({});
// @ts-expect-error An unknown option.
void Recommender.create({ catalog: "/films/", catalogue: "/films/" });
// @ts-expect-error No such device.
void Recommender.create({ catalog: "/films/", device: "tpu" });
// @ts-expect-error Made by create(), never by hand.
void new Recommender();

// ---- record ----
void hb.record({ item: "a", type: "like" });
void hb.record({ item: "a", type: "rate", value: 4.5, time: Date.now() });
// @ts-expect-error No such event type.
void hb.record({ item: "a", type: "love" });
// @ts-expect-error An event is of an item.
void hb.record({ type: "like" });
// @ts-expect-error A number, not a text of one.
void hb.record({ item: "a", type: "rate", value: "4" });
const types: EventType[] = ["view", "click", "dwell", "like", "dislike", "rate", "cart", "uncart", "buy", "hide", "share"];

// ---- recommend, search, similar ----
const plain: Promise<Hit[]> = hb.recommend();
const explained: Promise<ExplainedHit[]> = hb.recommend({ explain: true });
void explained.then(([hit]) => hit?.parts.map(({ contribution }) => contribution.toFixed(2)));
// @ts-expect-error Parts may be missing when nobody asked for them.
void plain.then(([hit]) => hit?.parts.map(({ contribution }) => contribution));
void hb.search("space", { personalize: 0.5, weights: { rating: 1 }, signal: new AbortController().signal });
void hb.recommend({ strength: 0.5, compare: "baseline", scenario: "home", candidates: ["a"] });
void hb.recommend().then(({ cursor, eligible, note }) => ({ cursor: cursor?.length, eligible: eligible.toFixed(), note: note?.length }));
void hb.profile.without("event", { limit: 3 });
void hb.profile.without("event", { rerank: false });
void hb.search("space", { sessionRecency: true, compare: "baseline" });
// @ts-expect-error Weights are learned for recommendations alone.
void hb.search("space", { learn: true });
// @ts-expect-error Likeness to an item has no session.
void hb.similar("a", { sessionRecency: true });
void hb.features({ strength: 0.5 });
// @ts-expect-error Only the list of the person goes through the ranker.
void hb.search("space", { rerank: false });
// @ts-expect-error Likewise.
void hb.recommend({ text: "space", rerank: false });
// @ts-expect-error Likewise.
void hb.similar("a", { rerank: false });
// @ts-expect-error Likewise.
void hb.features({ rerank: false });
// @ts-expect-error Likeness to an item is nothing personal.
void hb.similar("a", { strength: 0.5 });
// @ts-expect-error Likewise.
void hb.recommend({ similarTo: "a", compare: "baseline" });
// @ts-expect-error There is one thing to compare with.
void hb.recommend({ compare: "yesterday" });
// @ts-expect-error A cursor is a text.
void hb.recommend({ cursor: 20 });
void hb.recommend({ text: "space", personalize: 0.5, explain: true }).then(([hit]) => hit?.parts.length);
void hb.recommend({ similarTo: "x", limit: 3 });
// @ts-expect-error What is like an item is not asked for in words.
void hb.recommend({ similarTo: "x", text: "space" });
// @ts-expect-error Only a search can be personalized.
void hb.recommend({ personalize: 0.5 });
// @ts-expect-error Misspelt.
void hb.recommend({ limits: 3 });
// @ts-expect-error A weight is a number.
void hb.recommend({ weights: { rating: "high" } });
// @ts-expect-error A search is for a text.
void hb.search();
// @ts-expect-error Onboarding takes `n`, not `limit`.
void hb.onboarding({ limit: 3 });

// ---- filters ----
const filters: Filter[] = [
  { year: 1980 },
  { year: { gte: 1980, lt: 1990 }, genres: "Drama" },
  { release_date: { between: ["1980-01-01", "1989-12-31"] } },
  { genres: { any: ["Drama", "Western"], not: "Comedy" } },
  { director: { exists: true } },
  { and: [{ year: 1980 }, { or: [{ rating: { gt: 8 } }, { not: { genres: { in: ["Drama"] } } }] }] },
];
// @ts-expect-error No such comparison.
const unknownComparison: Filter = { year: { greater: 1980 } };
// @ts-expect-error Both ends, and no more.
const threeEnds: Filter = { year: { between: [1, 2, 3] } };
// @ts-expect-error A list is asked with `in`, `any` or `all`.
const bareList: Filter = { genres: ["Drama"] };
// @ts-expect-error Missing values are asked for with `exists`.
const nothing: Filter = { director: null };

// ---- results ----
declare const hit: Hit;
const value: Value | undefined = hit.item["title"];
// @ts-expect-error Results are read, not written.
hit.score = 1;
// @ts-expect-error Neither are their columns.
hit.item["title"] = "x";

// ---- listening ----
const end: () => void = hb.on("change", ({ source }) => source === "remote");
hb.on("change", ({ types, profile }) => types.includes("impression") && profile.length > 0);
hb.on("status", (status: Status) => status.storage === "memory");
hb.on("error", ({ code, message }) => code === "storage-lost" && message.length > 0);
declare const code: ErrorCode;
// @ts-expect-error A code is a text.
const numberOfCode: number = code;
// @ts-expect-error No such event.
hb.on("chance", () => undefined);
// @ts-expect-error The source is one of two words.
hb.on("change", ({ source }) => source === "elsewhere");

declare const progress: Progress;
if (progress.phase === "download") {
  progress.file.length;
} else {
  // @ts-expect-error Compiling has no file.
  progress.file.length;
}

// ---- status, columns ----
const { storage }: { storage: "indexeddb" | "memory" } = hb.status;
// @ts-expect-error The status is the recommender's to say.
hb.status = hb.status;
declare const column: ColumnInfo;
// @ts-expect-error No such type of column.
const currency = column.type === "currency";

// ---- embedder ----
declare const em: Embedder;
const vectors: Promise<Float32Array[]> = em.embed(["a", "b"], { kind: "query" });
// @ts-expect-error No such kind.
void em.embed("a", { kind: "title" });
// @ts-expect-error A model is needed.
void Embedder.create({});
// @ts-expect-error Inner workings are not part of the package.
void Embedder.open({ model: "/m/" }, undefined, () => undefined);

async function scoped(): Promise<void> {
  await using scoped = await Recommender.create({ catalog: "/films/" });
  await scoped.recommend();
}

export { bareList, currency, end, filters, made, nothing, numberOfCode, scoped, storage, threeEnds, types, unknownComparison, value, vectors };
