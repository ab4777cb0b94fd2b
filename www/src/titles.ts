/**
 * The films as words, kept in the page: a few hundred kilobytes read once from the engine, in pages, while nothing else
 * happens. Typing finds titles in the same frame, before any model is loaded, and without one when offline.
 */
import type { Hit, Recommender } from "homebody";
import { film, type Film } from "./film.js";
import { plain } from "./words.js";

const PAGE = 200;

/** Words that say nothing about which film is meant. */
const EMPTY = new Set("a an and are best film films for from good great in is like movie movies of on or some the to with".split(" "));

const ALSO: Readonly<Record<string, string>> = { scifi: "science fiction", sf: "science fiction", romcom: "romantic comedy", funny: "comedy", scary: "horror", superhero: "super hero" };

interface Entry {
  readonly hit: Hit;
  readonly film: Film;
  readonly title: string;
  readonly names: string;
  readonly story: string;
}

export interface WordHit extends Hit {
  readonly film: Film;
}

export class Titles {
  private entries: Entry[] = [];
  private loading: Promise<void> | null = null;

  constructor(private readonly engine: Recommender) {}

  get ready(): boolean {
    return this.entries.length > 0;
  }

  load(): Promise<void> {
    this.loading ??= this.read().catch((error: unknown) => {
      this.loading = null;
      throw error;
    });
    return this.loading;
  }

  private async read(): Promise<void> {
    const entries: Entry[] = [];
    for (let offset = 0; ; offset += PAGE) {
      await idle();
      const hits = await this.engine.recommend({ limit: PAGE, offset, includeSeen: true });
      for (const hit of hits) {
        const it = film(hit);
        entries.push({
          hit,
          film: it,
          title: plain(it.title),
          names: plain([it.director ?? "", ...it.genres, it.year ?? "", it.year ? `${Math.floor(it.year / 10)}0s` : ""].join(" ")),
          story: plain(it.description ?? ""),
        });
      }
      if (hits.length < PAGE) break;
    }
    this.entries = entries;
  }

  /** Films whose title has every word that was typed, the last one perhaps unfinished; the closest title first. */
  titles(text: string, limit: number): Film[] {
    const words = plain(text).split(" ").filter(Boolean);
    const whole = words.join(" ");
    if (whole.length < 2) return [];
    const found: { film: Film; score: number }[] = [];
    for (const entry of this.entries) {
      if (!words.every((word, i) => starts(entry.title, word, i === words.length - 1))) continue;
      const score = (entry.title === whole ? 4 : entry.title.startsWith(whole) ? 2 : entry.title.includes(whole) ? 1 : 0) + fame(entry.film) - entry.title.length / 200;
      found.push({ film: entry.film, score });
    }
    return found.sort((a, b) => b.score - a.score || (a.film.id < b.film.id ? -1 : 1)).slice(0, limit).map(({ film }) => film);
  }

  /** Word matching over everything that is known, for when meaning cannot be compared (yet). */
  words(text: string, limit: number, keep: (film: Film) => boolean): WordHit[] {
    const asked = plain(text)
      .replace(/\bsci fi\b/g, "scifi")
      .split(" ")
      .filter((word) => word !== "" && !EMPTY.has(word))
      .flatMap((word) => (ALSO[word] ?? word).split(" "));
    if (asked.length === 0) return [];
    const found: WordHit[] = [];
    for (const entry of this.entries) {
      if (!keep(entry.film)) continue;
      let score = 0;
      const matched: string[] = [];
      for (const [i, word] of asked.entries()) {
        const last = i === asked.length - 1;
        const value = starts(entry.title, word, last) ? 3 : starts(entry.names, word, last) ? 2 : starts(entry.story, word, last) ? 1 : 0;
        if (value > 0 && !matched.includes(word)) matched.push(word);
        score += value;
      }
      if (score === 0) continue;
      score = (score / asked.length) * (matched.length / asked.length) + fame(entry.film) * 0.3;
      found.push({ ...entry.hit, film: entry.film, score, reason: { kind: "query", part: "words", facts: {}, text: `Has the ${matched.length === 1 ? "word" : "words"} “${matched.join(" ")}”` } });
    }
    return found.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1)).slice(0, limit);
  }
}

/** Whether some word of the text is the word, or begins with it where it may be unfinished. */
function starts(text: string, word: string, unfinished: boolean): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (at > 0 && text[at - 1] !== " ") continue;
    const end = text[at + word.length];
    if (unfinished || end === undefined || end === " ") return true;
  }
  return false;
}

/** 0 to 1: how many people voted, on a logarithmic scale (a million and more is 1). */
const fame = (film: Film): number => (film.votes ? Math.min(1, Math.log10(film.votes) / 6) : 0.3);

function idle(): Promise<void> {
  return new Promise((resolve) => {
    if ("requestIdleCallback" in window) requestIdleCallback(() => resolve(), { timeout: 300 });
    else setTimeout(resolve, 20);
  });
}
