/** The controls beside the list: what counts how much, and which films are considered at all. */
import type { ColumnInfo, Filter } from "homebody";
import { h, icon, put } from "./dom.js";
import type { Film } from "./film.js";
import { change, settings } from "./settings.js";
import * as words from "./words.js";

/** Names and explanations of the weights that the films catalog has; another catalog's show under their own names. */
const WEIGHTS: Readonly<Record<string, readonly [label: string, hint: string]>> = {
  description: ["Story and mood", "How close the story is to films you like"],
  story: ["Story and mood", "How close the story is to films you like"],
  text: ["Story and mood", "How close the story is to films you like"],
  genres: ["Same genres", "Shares a genre with films you like"],
  genre: ["Same genres", "Shares a genre with films you like"],
  director: ["Same director", "By a director you like"],
  source: ["Same kind of source", "From a book, a play, real events …"],
  rating: ["High rating", "The mean rating by the audience"],
  popularity: ["Well known", "How many people voted"],
  rating_count: ["Well known", "How many people voted"],
  year: ["Newer", "Newer films first; to the left, older ones"],
  release: ["Newer", "Newer films first; to the left, older ones"],
  recency: ["Newer", "Newer films first; to the left, older ones"],
  release_date: ["Newer", "Newer films first; to the left, older ones"],
  runtime: ["Usual length", "Close to the length of films you like"],
  budget: ["Budget", "What the production cost"],
  collaborative: ["Liked together", "Liked by people who liked the same films"],
  momentum: ["Where I am heading", "Close to what you chose last, and a little beyond"],
  rotation: ["Something else", "How far films that you were shown and passed over sink for a while"],
  prior: ["Everybody’s favourites", "Rating and number of votes together"],
  dislike: ["Avoid what I dislike", "How far films like those you dismissed sink"],
  query: ["The words typed", "How much the text counts in a search"],
};

/** Most useful first; what is not named here follows in the catalog's order. */
const ORDER = Object.keys(WEIGHTS);

/** Weights that may be turned against themselves: "older" instead of "newer". */
const TWO_SIDED = new Set(["year", "release", "recency", "release_date", "popularity", "rating_count"]);

/** What a part of the score is called on this page. */
export const weightName = (name: string): string => WEIGHTS[name]?.[0] ?? name.replace(/[_-]+/g, " ").replace(/^./, (c) => c.toUpperCase());

/** The three lists that have weights of their own. */
export type ListKind = "home" | "search" | "similar";

/**
 * What a film is worth by itself, whoever asks. It counts in recommendations as the catalog says; in a search a little,
 * so that of two films that fit, the better one is first; among films alike not at all, until someone wants it to.
 */
const OF_ITSELF: Readonly<Record<string, number>> = { rating: 0.1, popularity: 0.1, release: 0, prior: 0 };

/** What means nothing in a list, and is not shown there. */
const IDLE: Readonly<Record<ListKind, readonly string[]>> = { home: ["query"], search: [], similar: ["query", "dislike"] };

export interface Filters {
  from: number | null;
  to: number | null;
  genres: ReadonlySet<string>;
  minRating: number;
}

export interface Tuned {
  readonly weights: Readonly<Record<string, number>>;
  readonly diversity: number;
  readonly personalize: number;
}

export interface Changed {
  readonly what: "weights" | "filters";
}

/** A little: people have liked a few films only, whose neighbours are much alike. */
const DIVERSITY = 0.05;
/** Less than the package's default: here people have liked a few films only, and a search should find what it says. */
const PERSONALIZE = 0.25;

export class Tuning {
  private kind: ListKind = "home";
  private readonly moved: Record<ListKind, Record<string, number>>;
  private diversity = settings().diversity ?? DIVERSITY;
  private personalize = settings().personalize ?? PERSONALIZE;
  private filters: Filters = { from: null, to: null, genres: new Set(), minRating: 0 };
  // Not said: it changes at every step of a slider.
  private readonly output = h("p", { class: "tuning-result numbers" });
  private readonly seen = h("input", { type: "checkbox", id: "hide-seen", checked: true });
  private readonly sliders: HTMLElement;
  private readonly filterBox: HTMLElement;
  private readonly years: readonly [number, number];
  private readonly kinds: readonly string[];

  constructor(
    root: HTMLElement,
    private readonly defaults: Readonly<Record<string, number>>,
    columns: readonly ColumnInfo[],
    private readonly onChange: (changed: Changed) => void,
    onClose: () => void,
  ) {
    const kept = (kind: ListKind): Record<string, number> => Object.fromEntries(Object.entries(settings().weights?.[kind] ?? {}).filter(([name, value]) => name in defaults && typeof value === "number"));
    this.moved = { home: kept("home"), search: kept("search"), similar: kept("similar") };
    const year = columns.find((column) => column.name === "year");
    this.years = [Math.floor(Number(year?.min ?? 1910) / 5) * 5, Math.ceil(Number(year?.max ?? 2011) / 5) * 5];
    this.kinds = (columns.find((column) => column.name === "genres")?.values ?? []).map(({ value }) => value);

    this.sliders = h("div", { class: "sliders" });
    this.filterBox = h("div", { class: "filters" });
    put(
      root,
      h(
        "div",
        { class: "tuning-head" },
        h("h2", { class: "section-title" }, "What counts"),
        h("button", { class: "link", type: "button", onclick: () => this.resetWeights() }, "Reset"),
        h("button", { class: "icon-button tuning-close", type: "button", "aria-label": "Close the weights and filters", onclick: onClose }, icon("cross")),
      ),
      this.output,
      this.sliders,
      h(
        "div",
        { class: "tuning-head" },
        h("h2", { class: "section-title" }, "Only show"),
        h("button", { class: "link", type: "button", onclick: () => this.resetFilters() }, "Clear"),
      ),
      this.filterBox,
    );
    this.seen.addEventListener("change", () => this.onChange({ what: "filters" }));
    this.drawSliders();
    this.drawFilters();
  }

  get tuned(): Tuned {
    return { weights: Object.fromEntries(this.names.map((name) => [name, this.weight(name)])), diversity: this.diversity, personalize: this.personalize };
  }

  /** Shows the weights of another list. */
  list(kind: ListKind): void {
    if (this.kind === kind) return;
    this.kind = kind;
    this.drawSliders();
  }

  private get names(): string[] {
    const place = (name: string): number => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
    return Object.keys(this.defaults)
      .filter((name) => !IDLE[this.kind].includes(name))
      .sort((a, b) => place(a) - place(b));
  }

  private default(name: string): number {
    const { kind } = this;
    if (kind === "home" || !(name in OF_ITSELF)) return this.defaults[name] ?? 0;
    return kind === "search" ? (OF_ITSELF[name] ?? 0) : 0;
  }

  private weight(name: string): number {
    return this.moved[this.kind][name] ?? this.default(name);
  }

  get isFiltered(): boolean {
    const { from, to, genres, minRating } = this.filters;
    return from !== null || to !== null || genres.size > 0 || minRating > 0;
  }

  /** The filters as the engine takes them. */
  get where(): Filter | undefined {
    const { from, to, genres, minRating } = this.filters;
    const all: Filter[] = [];
    if (from !== null || to !== null) all.push({ year: { ...(from === null ? {} : { gte: from }), ...(to === null ? {} : { lte: to }) } });
    if (minRating > 0) all.push({ rating: { gte: minRating } });
    if (genres.size > 0) all.push({ genres: { any: [...genres] } });
    return all.length === 0 ? undefined : all.length === 1 ? all[0] : { and: all };
  }

  /** The same test for films that the page itself has at hand. */
  readonly allows = (film: Film): boolean => {
    const { from, to, genres, minRating } = this.filters;
    if (from !== null && (film.year === null || film.year < from)) return false;
    if (to !== null && (film.year === null || film.year > to)) return false;
    if (minRating > 0 && (film.rating === null || film.rating < minRating)) return false;
    return genres.size === 0 || film.genres.some((genre) => genres.has(genre));
  };

  get hideSeen(): boolean {
    return this.seen.checked;
  }

  /** The switch follows the list: recommendations leave out what was seen to, a search finds everything. */
  setHideSeen(hide: boolean): void {
    this.seen.checked = hide;
  }

  clearFilters(): void {
    this.resetFilters();
  }

  /** Says what the last ranking cost. */
  report(films: number, rankMs: number): void {
    this.output.textContent = `${words.count(films)} films ranked in ${words.milliseconds(rankMs)}`;
  }

  /** Back to how it was delivered, without a word to anybody: part of erasing everything. */
  forget(): void {
    for (const kind of ["home", "search", "similar"] as const) this.moved[kind] = {};
    this.diversity = DIVERSITY;
    this.personalize = PERSONALIZE;
    this.filters = { from: null, to: null, genres: new Set(), minRating: 0 };
    this.drawSliders();
    this.drawFilters();
  }

  private resetWeights(): void {
    this.moved[this.kind] = {};
    if (this.kind === "home") this.diversity = DIVERSITY;
    if (this.kind === "search") this.personalize = PERSONALIZE;
    this.drawSliders();
    this.changedWeights();
  }

  private resetFilters(): void {
    this.filters = { from: null, to: null, genres: new Set(), minRating: 0 };
    this.drawFilters();
    this.onChange({ what: "filters" });
  }

  private changedWeights(): void {
    change({ weights: this.moved, diversity: this.diversity, personalize: this.personalize });
    this.onChange({ what: "weights" });
  }

  private drawSliders(): void {
    put(
      this.sliders,
      ...this.names.map((name) => {
        const value = this.weight(name);
        const most = Math.max(1, Math.ceil((this.defaults[name] ?? 0) * 2), value);
        return slider(weightName(name), WEIGHTS[name]?.[1] ?? "", { min: TWO_SIDED.has(name) ? -most : 0, max: most, step: 0.05, value, name }, (moved) => {
          this.moved[this.kind][name] = moved;
          this.changedWeights();
        });
      }),
      this.kind === "home"
        ? slider("Variety", "How different the films are from each other", { min: 0, max: 1, step: 0.05, value: this.diversity, name: "diversity" }, (value) => {
            this.diversity = value;
            this.changedWeights();
          })
        : null,
      this.kind === "search"
        ? slider("My taste", "How much your likes colour the results", { min: 0, max: 1, step: 0.05, value: this.personalize, name: "personalize" }, (value) => {
            this.personalize = value;
            this.changedWeights();
          })
        : null,
    );
  }

  private drawFilters(): void {
    put(this.filterBox, this.yearFilter(), this.ratingFilter(), h("label", { class: "check", for: "hide-seen" }, this.seen, "Hide what I liked or dismissed"), this.kindFilter());
  }

  private yearFilter(): HTMLElement {
    const [min, max] = this.years;
    const said = h("output", { class: "numbers", "aria-live": "off" });
    const track = h("span", { class: "range-fill", "aria-hidden": "true" });
    const input = (label: string, value: number): HTMLInputElement =>
      h("input", { type: "range", min, max, step: 1, value, "aria-label": label, class: "range-end" });
    const from = input("From year", this.filters.from ?? min);
    const to = input("To year", this.filters.to ?? max);
    const draw = (): void => {
      const [a, b] = [Number(from.value), Number(to.value)];
      said.textContent = a === min && b === max ? "any year" : `${a} to ${b}`;
      track.style.setProperty("--from", String((a - min) / (max - min)));
      track.style.setProperty("--to", String((b - min) / (max - min)));
    };
    const moved = (by: HTMLInputElement) => (): void => {
      if (Number(from.value) > Number(to.value)) (by === from ? to : from).value = by.value;
      const [a, b] = [Number(from.value), Number(to.value)];
      this.filters = { ...this.filters, from: a === min ? null : a, to: b === max ? null : b };
      draw();
      this.onChange({ what: "filters" });
    };
    from.addEventListener("input", moved(from));
    to.addEventListener("input", moved(to));
    draw();
    return h("fieldset", { class: "field" }, h("legend", null, h("span", null, "Years"), said), h("div", { class: "range-pair" }, track, from, to));
  }

  private ratingFilter(): HTMLElement {
    return slider("Rated at least", "Films without votes are left out then", { min: 0, max: 9, step: 0.5, value: this.filters.minRating, name: "min-rating", say: (value) => (value === 0 ? "any" : words.rating(value)) }, (value) => {
      this.filters = { ...this.filters, minRating: value };
      this.onChange({ what: "filters" });
    });
  }

  private kindFilter(): HTMLElement {
    return h(
      "fieldset",
      { class: "field" },
      h("legend", null, h("span", null, "Genres")),
      h(
        "div",
        { class: "chips" },
        ...this.kinds.map((value) => {
          const chip = h("button", { class: "chip", type: "button", "aria-pressed": String(this.filters.genres.has(value)) }, value);
          chip.addEventListener("click", () => {
            const genres = new Set(this.filters.genres);
            if (!genres.delete(value)) genres.add(value);
            this.filters = { ...this.filters, genres };
            chip.setAttribute("aria-pressed", String(genres.has(value)));
            this.onChange({ what: "filters" });
          });
          return chip;
        }),
      ),
    );
  }
}

interface Range {
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly value: number;
  readonly name: string;
  readonly say?: (value: number) => string;
}

function slider(label: string, hint: string, range: Range, onInput: (value: number) => void): HTMLElement {
  const id = `weight-${range.name}`;
  const say = range.say ?? ((value: number) => value.toFixed(2).replace("-", "−"));
  // The slider itself tells its value.
  const output = h("output", { class: "numbers", for: id, "aria-live": "off" }, say(range.value));
  const input = h("input", {
    type: "range",
    id,
    min: range.min,
    max: range.max,
    step: range.step,
    value: range.value,
    "data-weight": range.name,
    "aria-describedby": hint ? `${id}-hint` : null,
  });
  const draw = (): void => {
    const value = Number(input.value);
    output.textContent = say(value);
    const at = (v: number): number => (v - range.min) / (range.max - range.min);
    input.style.setProperty("--from", String(Math.min(at(0), at(value))));
    input.style.setProperty("--to", String(Math.max(at(0), at(value))));
  };
  input.addEventListener("input", () => {
    draw();
    onInput(Number(input.value));
  });
  draw();
  return h(
    "div",
    // The hint must not take room when it appears: what is below would move away from under the pointer.
    { class: "slider", title: hint || null },
    h("label", { for: id }, label),
    output,
    input,
    hint ? h("p", { class: "hidden", id: `${id}-hint` }, hint) : null,
  );
}
