/** How numbers, times and reasons are written. British spelling, plain words. */
import { english, type Hit, type Language, type Part, phrase } from "homebody";

const whole = new Intl.NumberFormat("en-GB");
const one = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const share = new Intl.NumberFormat("en-GB", { style: "percent" });
const clock = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto" });

export const count = (n: number): string => whole.format(n);
export const percent = (n: number): string => share.format(n);
export const rating = (n: number): string => one.format(n);

export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

/** Decimal megabytes and kilobytes, as file managers show them. */
export function bytes(n: number): string {
  if (n >= 999_500) return `${n >= 9_950_000 ? count(Math.round(n / 1e6)) : one.format(n / 1e6)} MB`;
  return `${count(Math.max(1, Math.round(n / 1e3)))} kB`;
}

export function milliseconds(ms: number): string {
  if (ms < 0.1) return "under 0.1 ms";
  return ms < 10 ? `${one.format(ms)} ms` : `${count(Math.round(ms))} ms`;
}

export const exactTime = (ms: number): string => clock.format(ms);

export function timeAgo(then: number, now: number): string {
  const seconds = Math.round((then - now) / 1000);
  if (Math.abs(seconds) < 45) return "just now";
  for (const [unit, size] of [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
  ] as const) {
    if (Math.abs(seconds) >= size) {
      const n = Math.round(seconds / size);
      return unit === "day" && Math.abs(n) > 6 ? clock.format(then) : relative.format(n, unit);
    }
  }
  return relative.format(Math.round(seconds / 60), "minute");
}

export function runtime(minutes: number): string {
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes} min` : `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
}

export const money = (dollars: number): string =>
  dollars >= 1e6 ? `$${one.format(dollars / 1e6).replace(/\.0$/, "")} million` : `$${count(dollars)}`;

/** The package's own English, in a film lover's words where it would name a column as the catalog does. */
const filmEnglish: Language = {
  ...english,
  locale: "en-GB",
  phrases: {
    ...english.phrases,
    prior: ({ facts: { rating: mean = 0, count: votes = 0 } }) => `Highly rated: ${rating(mean)} from ${plural(votes, "vote")}`,
    number: (reason, say) => {
      const { column, number = 0 } = reason.facts;
      if (column === "rating_count") return `Widely seen: ${plural(number, "vote")}`;
      if (column === "rating") return `Highly rated: ${rating(number)}`;
      if (column === "runtime") return `${count(number)} minutes, about as long as what you like`;
      return english.phrases.number(reason, say);
    },
    recency: ({ value = "" }) => `Recent: from ${value.slice(0, 4)}`,
  },
};

/** A sentence for every card. Picks to start with have no reason, and get one. */
export function reason({ reason, parts }: Hit): string {
  if (reason === undefined) return "Matches what you asked for";
  if (reason.kind === "query") return parts === undefined ? reason.text : closeness(parts);
  return phrase(reason, filmEnglish);
}

/**
 * In a search nearly every film has the same reason; what differs is how close it is, and whether the person's taste
 * speaks for it as well. Affinities are the engine's, the same scale for every text: see ARCHITECTURE.md.
 */
function closeness(parts: readonly Part[]): string {
  const query = parts.find(({ name }) => name === "query");
  const taste = parts.filter(({ name }) => name === "description" || name === "genres" || name === "director");
  const near = !query || query.affinity >= 0.7 ? "Very close" : query.affinity >= 0.5 ? "Close" : "Loosely related";
  const liked = taste.reduce((sum, { contribution }) => sum + contribution, 0) > 0.25 * (query?.contribution ?? 1);
  return `${near} to what you typed${liked ? ", and to your taste" : ""}`;
}

export function list(items: readonly string[], most = 3): string {
  const shown = items.slice(0, most);
  const rest = items.length - shown.length;
  if (rest > 0) return `${shown.join(", ")} and ${rest} more`;
  return shown.length > 1 ? `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}` : (shown[0] ?? "");
}

/** Lower case, no accents, no punctuation: what is compared when words are compared. */
export const plain = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(/[\u0300-\u036f'’]/g, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
