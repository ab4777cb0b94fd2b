/** The first visit: what this is, in two sentences, and a few films to choose from. */
import type { Hit } from "homebody";
import { sleeveArt } from "./art.js";
import { lengthClass } from "./card.js";
import { h, icon, put } from "./dom.js";
import { film, sleeve } from "./film.js";
import type { Titles } from "./titles.js";
import { announce } from "./toast.js";
import * as words from "./words.js";

/** Films offered at a time, and how many are asked for at once, so that "others" needs no waiting. */
const OFFERED = 12;
const POOL = 48;

export interface WelcomeOptions {
  readonly root: HTMLElement;
  readonly titles: Titles;
  onboarding(n: number): Promise<Hit[]>;
  get(ids: readonly string[]): Promise<(Hit | undefined)[]>;
  /** With the ids of the films that were picked; none when the visitor skipped. */
  done(picked: readonly string[]): Promise<void>;
}

export class Welcome {
  private pool: Hit[] = [];
  private page = 0;
  private readonly picked = new Map<string, Hit>();
  private readonly picks = h("ul", { class: "picks", "aria-label": "Films to choose from" });
  private readonly note = h("p", { class: "picks-note" });
  private readonly go = h("button", { class: "primary", type: "button" });
  private readonly skip = h("button", { class: "link", type: "button" }, "Skip this");
  private readonly others = h("button", { class: "quiet others", type: "button", title: "Show others" }, icon("refresh"), h("span", { class: "others-word" }, "Show others"));
  private readonly field = h("input", { id: "pick-query", type: "search", autocomplete: "off", spellcheck: "false", placeholder: "Or find one by its title" });

  constructor(private readonly options: WelcomeOptions) {
    this.go.addEventListener("click", () => void this.finish([...this.picked.keys()]));
    this.skip.addEventListener("click", () => void this.finish([]));
    this.others.addEventListener("click", () => this.showOthers());
    this.field.addEventListener("input", () => this.find());
    this.picks.addEventListener("click", (event) => {
      const button = (event.target as Element).closest<HTMLButtonElement>("[data-pick]");
      if (button) this.toggle(button);
    });
  }

  async show(): Promise<void> {
    this.picked.clear();
    this.page = 0;
    this.field.value = "";
    put(
      this.options.root,
      h("h1", { class: "display", id: "welcome-title" }, "Films picked at home."),
      h(
        "p",
        { class: "lead" },
        "Tell this page a few films you like and it finds others. It learns and computes in this browser only: nothing you pick is sent anywhere, to anyone.",
      ),
      h(
        "div",
        { class: "picks-head" },
        h("h2", { class: "section-title" }, "Pick a few films you like"),
        h("div", { class: "picks-tools" }, h("div", { class: "field-search" }, icon("search"), h("label", { class: "hidden", for: "pick-query" }, "Find a film by its title"), this.field), this.others),
      ),
      this.note,
      this.picks,
      h("div", { class: "picks-bar" }, this.go, this.skip),
    );
    this.draw();
    this.pool = await this.options.onboarding(POOL);
    this.showPage();
  }

  private showPage(): void {
    const start = (this.page * OFFERED) % Math.max(this.pool.length, 1);
    const shown = this.pool.slice(start, start + OFFERED);
    // What was picked stays in sight, at the front.
    const kept = [...this.picked.values()].filter((hit) => !shown.some((other) => other.id === hit.id));
    this.drawPicks([...kept, ...shown]);
    this.note.textContent = "";
  }

  private showOthers(): void {
    this.field.value = "";
    this.page++;
    this.showPage();
    announce("Other films to choose from are shown.");
  }

  private find(): void {
    const text = this.field.value.trim();
    if (text.length < 2) {
      this.showPage();
      return;
    }
    const show = async (): Promise<void> => {
      await this.options.titles.load();
      if (this.field.value.trim() !== text) return;
      const found = this.options.titles.titles(text, OFFERED);
      const hits = (await this.options.get(found.map((it) => it.id))).filter((hit) => hit !== undefined);
      if (this.field.value.trim() !== text) return;
      this.drawPicks(hits);
      this.note.textContent = hits.length === 0 ? `No title has “${text}”.` : `${words.plural(hits.length, "title")} with “${text}”`;
      announce(this.note.textContent);
    };
    void show();
  }

  private drawPicks(hits: readonly Hit[]): void {
    put(
      this.picks,
      ...hits.map((hit) => {
        const it = film(hit);
        const look = sleeve(it);
        const button = h(
          "button",
          { class: "pick", type: "button", "data-pick": hit.id, "aria-pressed": String(this.picked.has(hit.id)), "data-hue": look.kind, "data-hue2": look.second },
          sleeveArt(hit.id, look.kind),
          h("span", { class: "title", "data-length": lengthClass(it.title) }, it.title),
          h("span", { class: "credit numbers" }, it.year ?? ""),
          h("span", { class: "pick-mark", "aria-hidden": "true" }, icon("heart")),
        );
        return h("li", null, button);
      }),
    );
    this.shownHits = hits;
  }

  private shownHits: readonly Hit[] = [];

  private toggle(button: HTMLButtonElement): void {
    const id = button.dataset["pick"] ?? "";
    const hit = this.shownHits.find((other) => other.id === id);
    if (!this.picked.delete(id) && hit) this.picked.set(id, hit);
    button.setAttribute("aria-pressed", String(this.picked.has(id)));
    this.draw();
  }

  private draw(): void {
    const n = this.picked.size;
    this.go.disabled = n === 0;
    put(this.go, n === 0 ? "Pick at least one" : n < 3 ? `Go on with ${words.plural(n, "film")}` : `Show what goes with these ${n}`);
  }

  private async finish(ids: readonly string[]): Promise<void> {
    this.go.disabled = true;
    try {
      await this.options.done(ids);
    } finally {
      this.draw();
    }
  }
}
