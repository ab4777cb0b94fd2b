/** The part of the page that holds a list: heading, notices, title matches, cards. Draws what it is given. */
import type { Act, Card } from "./card.js";
import { h, icon, put } from "./dom.js";
import type { Film } from "./film.js";
import { Grid } from "./grid.js";

export interface Notice {
  readonly kind: "info" | "progress" | "problem";
  readonly text: string;
  /** 0 to 1, or `null` while it is not known. */
  readonly progress?: number | null;
  readonly figures?: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

export interface Heading {
  readonly title: string;
  readonly text: string;
  readonly back?: { readonly label: string; readonly run: () => void };
  readonly action?: { readonly label: string; readonly run: () => void };
}

export class ResultsView {
  readonly grid: Grid;
  readonly more = h("button", { class: "quiet more", type: "button", hidden: true }, "Show more");
  private readonly title = h("h1", { class: "results-title", id: "results-title", tabindex: "-1" });
  private readonly text = h("p", { class: "results-text" });
  private readonly back = h("div", { class: "results-back" });
  private readonly notice = h("div", { class: "notice", hidden: true });
  private readonly strip = h("ul", { class: "strip", "aria-label": "Titles with these words", hidden: true });
  private readonly list = h("ol", { class: "grid", "aria-labelledby": "results-title" });
  private readonly empty = h("div", { class: "empty", hidden: true });
  private headingKey = "";
  private noticeKey = "";
  private stripKey = "";

  constructor(
    private readonly root: HTMLElement,
    tune: HTMLButtonElement,
    onAct: (act: Act, card: Card) => void,
    private readonly onTitle: (film: Film) => void,
  ) {
    this.grid = new Grid(this.list, onAct);
    put(root, this.back, h("div", { class: "results-head" }, h("div", null, this.title, this.text), tune), this.notice, this.strip, this.list, this.empty, h("div", { class: "more-row" }, this.more));
  }

  get hidden(): boolean {
    return this.root.hidden === true;
  }

  set hidden(hidden: boolean) {
    this.root.hidden = hidden;
  }

  heading({ title, text, back, action }: Heading): void {
    const key = JSON.stringify([title, text, back?.label, action?.label]);
    if (key === this.headingKey) return;
    this.headingKey = key;
    if (this.title.textContent !== title) this.title.textContent = title;
    put(this.text, text, action ? " " : null, action ? h("button", { class: "link", type: "button", onclick: action.run }, action.label) : null);
    put(this.back, back ? h("button", { class: "link back", type: "button", onclick: back.run }, icon("back"), back.label) : null);
  }

  /** Whether cards tell the story too: in a search it says why a film was found, in a recommendation the reason does. */
  stories(shown: boolean): void {
    this.list.toggleAttribute("data-stories", shown);
  }

  /** Marks which list the cards are, for styles and tests: headings are ahead of it while a search is on its way. */
  shows(what: string): void {
    this.list.dataset["shows"] = what;
  }

  focusHeading(): void {
    this.title.focus({ preventScroll: true });
  }

  /** Redrawn only when the words change, so that a running progress does not read itself out over and over. */
  say(notice: Notice | null): void {
    const key = notice ? `${notice.kind} ${notice.text}` : "";
    this.notice.hidden = notice === null;
    if (notice && key !== this.noticeKey) {
      this.notice.dataset["kind"] = notice.kind;
      put(
        this.notice,
        h("p", { role: notice.kind === "problem" ? "alert" : "status" }, notice.text),
        notice.kind === "progress" ? h("progress", { max: 1, "aria-label": "Fetching the text model" }) : null,
        notice.kind === "progress" ? h("span", { class: "numbers figures" }) : null,
        notice.action ? h("button", { class: "quiet", type: "button", onclick: notice.action.run }, notice.action.label) : null,
      );
    }
    this.noticeKey = key;
    const bar = this.notice.querySelector("progress");
    if (bar) {
      if (typeof notice?.progress === "number") bar.value = notice.progress;
      else bar.removeAttribute("value");
    }
    const figures = this.notice.querySelector(".figures");
    if (figures) figures.textContent = notice?.figures ?? "";
  }

  /** Films whose title has the words typed, found in the same frame. */
  titles(films: readonly Film[]): void {
    const key = films.map(({ id }) => id).join("\n");
    this.strip.hidden = films.length === 0;
    if (key === this.stripKey) return;
    this.stripKey = key;
    put(
      this.strip,
      ...films.map((film) =>
        h(
          "li",
          null,
          h("button", { class: "strip-film", type: "button", onclick: () => this.onTitle(film) }, h("span", { class: "strip-title" }, film.title), film.year === null ? null : h("span", { class: "numbers" }, film.year)),
        ),
      ),
    );
  }

  nothing(text: string | null, action?: { readonly label: string; readonly run: () => void }): void {
    this.empty.hidden = text === null;
    if (text !== null) put(this.empty, h("p", null, text), action ? h("button", { class: "quiet", type: "button", onclick: action.run }, action.label) : null);
  }
}
