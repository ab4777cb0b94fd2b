/** A hit of the films catalog, read into the fields that the page shows; a missing value is `null`. */
import type { Hit, Value } from "homebody";

export interface Film {
  readonly id: string;
  readonly title: string;
  readonly year: number | null;
  readonly director: string | null;
  /** What it is about and what kind of story it is: "Adventure", "Science Fiction". */
  readonly genres: readonly string[];
  readonly source: string | null;
  readonly runtime: number | null;
  readonly budget: number | null;
  readonly rating: number | null;
  readonly votes: number | null;
  readonly description: string | null;
}

const text = (value: Value | undefined): string | null =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : null;
const number = (value: Value | undefined): number | null => (typeof value === "number" ? value : null);

export function film(hit: Hit): Film {
  const { item } = hit;
  const genres = item["genres"];
  return {
    id: hit.id,
    title: text(item["title"]) ?? hit.id,
    year: number(item["year"]),
    director: text(item["director"]),
    genres: Array.isArray(genres) ? (genres as readonly string[]) : typeof genres === "string" ? [genres] : [],
    source: text(item["source"]),
    runtime: number(item["runtime"]),
    budget: number(item["budget"]),
    rating: number(item["rating"]),
    votes: number(item["rating_count"]),
    description: text(item["description"]),
  };
}

/** Which sleeve a genre gets; the colours of each are in styles.css. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/sci(ence)?[- ]?fi/i, "scifi"],
  [/super ?hero/i, "hero"],
  [/western/i, "western"],
  [/horror/i, "horror"],
  [/roman/i, "romance"],
  [/musical/i, "musical"],
  [/concert|performance/i, "concert"],
  [/documentary/i, "documentary"],
  [/black comedy/i, "dark"],
  [/comedy/i, "comedy"],
  [/thriller|suspense/i, "thriller"],
  [/adventure/i, "adventure"],
  [/action/i, "action"],
  [/fantasy/i, "fantasy"],
  [/kids|family/i, "kids"],
  [/histor/i, "history"],
  [/fact|dramati/i, "fact"],
  [/drama/i, "drama"],
];

const kindOf = (name: string): string | null => KINDS.find(([pattern]) => pattern.test(name))?.[1] ?? null;

/** Genres that say more about a film's look than the others do. */
const STRONG = new Set(["scifi", "hero", "fantasy", "kids"]);

/** The family of the picture and the second colour. */
export function sleeve(film: Film): { kind: string; second: string } {
  const kinds = [...new Set(film.genres.map(kindOf).filter((kind) => kind !== null))];
  const strong = kinds.find((kind) => STRONG.has(kind));
  const first = strong ?? kinds[0] ?? "other";
  return { kind: first, second: kinds.find((kind) => kind !== first) ?? "" };
}
