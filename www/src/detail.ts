/** One film at length: what it is, why it is where it is (the score taken apart), and films like it. */
import type { Hit } from "homebody";
import { sleeveArt } from "./art.js";
import { credit, lengthClass, type Act, type Mark } from "./card.js";
import { dialog } from "./dialogs.js";
import { h, icon, put } from "./dom.js";
import { film, sleeve } from "./film.js";
import * as words from "./words.js";

export interface DetailActions {
  act(act: Exclude<Act, "open">, hit: Hit): void;
  open(hit: Hit): void;
  similar(id: string): Promise<Hit[]>;
  mark(id: string): Mark;
  nameOf(part: string): string;
  /** What would be without each of the likes that the film is here for. */
  whatIf(hit: Hit): Promise<WhatIf[]>;
}

/** A place in the list that would be, had one thing never been said. */
export interface WhatIf {
  /** What was liked. */
  readonly title: string;
  /** 1 for the first; null: not among those that were asked for. */
  readonly place: number | null;
}

export class Detail {
  private readonly dialog = dialog({ class: "detail", title: "Film", onClose: () => (this.shown = null) });
  private shown: Hit | null = null;

  constructor(private readonly actions: DetailActions) {}

  open(hit: Hit): void {
    this.shown = hit;
    this.draw(hit);
    this.dialog.open();
    this.dialog.body.scrollTop = 0;
  }

  /** After something was said about the film, here or elsewhere. */
  refresh(): void {
    if (this.shown && this.dialog.element.open) this.drawActions(this.shown);
  }

  private readonly buttons = h("div", { class: "actions wide" });

  private draw(hit: Hit): void {
    const it = film(hit);
    const look = sleeve(it);
    const title = this.dialog.element.querySelector(".dialog-title");
    if (title) title.textContent = it.title;
    const facts: [string, string | null][] = [
      ["Year", it.year === null ? null : String(it.year)],
      ["Director", it.director],
      ["Genre", it.genres.join(", ") || null],
      ["Rating", it.rating === null ? null : `${words.rating(it.rating)}${it.votes === null ? "" : ` from ${words.plural(it.votes, "vote")}`}`],
      ["Source", it.source],
      ["Length", it.runtime === null ? null : words.runtime(it.runtime)],
      ["Budget", it.budget === null ? null : words.money(it.budget)],
    ];
    const near = h("ul", { class: "near" });
    put(
      this.dialog.body,
      h(
        "div",
        { class: "sleeve detail-sleeve", "data-hue": look.kind, "data-hue2": look.second },
        sleeveArt(hit.id, look.kind),
        h("p", { class: "title", "data-length": lengthClass(it.title), "aria-hidden": "true" }, it.title),
        h("p", { class: "credit" }, credit(it)),
      ),
      this.buttons,
      it.description ? h("p", { class: "detail-story" }, it.description) : null,
      h("dl", { class: "detail-facts" }, ...facts.filter(([, value]) => value !== null).flatMap(([name, value]) => [h("dt", null, name), h("dd", { class: "numbers" }, value)])),
      hit.parts ? this.parts(hit) : null,
      this.beside(hit),
      h("h3", { class: "section-title" }, "More like this"),
      near,
    );
    this.drawActions(hit);
    put(near, ...Array.from({ length: 4 }, () => h("li", { class: "near-wait", "aria-hidden": "true" })));
    this.actions.similar(hit.id).then(
      (hits) => {
        if (this.shown === hit) put(near, ...hits.map((other) => this.near(other)));
      },
      () => put(near),
    );
  }

  private near(hit: Hit): HTMLElement {
    const it = film(hit);
    const look = sleeve(it);
    return h(
      "li",
      null,
      h(
        "button",
        { class: "near-film", type: "button", "data-hue": look.kind, "data-hue2": look.second, onclick: () => this.actions.open(hit) },
        h("span", { class: "near-title" }, it.title),
        h("span", { class: "near-credit numbers" }, credit(it)),
      ),
    );
  }

  private drawActions(hit: Hit): void {
    const mark = this.actions.mark(hit.id);
    const button = (act: Exclude<Act, "open">, name: "heart" | "cross" | "alike", label: string, pressed?: boolean): HTMLElement =>
      h(
        "button",
        { class: `act act-${act}`, type: "button", "aria-pressed": pressed === undefined ? null : String(pressed), onclick: () => this.actions.act(act, hit) },
        icon(name),
        h("span", { class: "act-label" }, label),
      );
    const focused = this.buttons.contains(document.activeElement) ? [...this.buttons.children].indexOf(document.activeElement as Element) : -1;
    put(this.buttons, button("like", "heart", "Like", mark === "like"), button("hide", "cross", "Not interested", mark === "hide"), button("alike", "alike", "List films like this"));
    if (focused >= 0) (this.buttons.children[focused] as HTMLElement | undefined)?.focus();
  }

  /** Where a stranger finds the film, and where it would be without what it is here for. */
  private beside(hit: Hit): HTMLElement | null {
    if (!hit.baseline) return null;
    const { rank, rise } = hit.baseline;
    const moved = rise === 0 ? "the same place as for you" : `${words.plural(Math.abs(rise), "place")} ${rise > 0 ? "lower" : "higher"} than for you`;
    const list = h("ul", { class: "what-if" });
    this.actions.whatIf(hit).then(
      (found) => {
        if (this.shown !== hit) return;
        put(list, ...found.map(({ title, place }) => h("li", null, `Had you not liked ${title}: ${place === null ? "far down the list" : `place ${words.count(place)}`}.`)));
      },
      () => put(list),
    );
    return h("section", { class: "beside" }, h("h3", { class: "section-title" }, "And without you"), h("p", null, `A stranger finds it at place ${words.count(rank)}, ${moved}.`), list);
  }

  /** The score as its summands; together they are exactly the score. */
  private parts(hit: Hit): HTMLElement {
    const parts = [...(hit.parts ?? [])].filter((part) => Math.abs(part.contribution) >= 0.0005).sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
    const most = Math.max(...parts.map((part) => Math.abs(part.contribution)), 1e-9);
    const signed = (n: number): string => `${n < 0 ? "−" : "+"}${Math.abs(n).toFixed(3)}`;
    return h(
      "section",
      { class: "parts" },
      h("h3", { class: "section-title" }, "Why it is here"),
      h("p", { class: "parts-reason" }, words.reason(hit)),
      h(
        "table",
        { class: "numbers" },
        h("caption", { class: "hidden" }, "The parts of the score"),
        h("thead", { class: "hidden" }, h("tr", null, h("th", { scope: "col" }, "Part"), h("th", { scope: "col" }, "Bar"), h("th", { scope: "col" }, "Contribution"))),
        h(
          "tbody",
          null,
          ...parts.map((part) => {
            const bar = h("i", { class: part.contribution < 0 ? "bar minus" : "bar" });
            bar.style.setProperty("--share", String(Math.abs(part.contribution) / most));
            return h("tr", null, h("th", { scope: "row" }, this.actions.nameOf(part.name)), h("td", { class: "bar-cell", "aria-hidden": "true" }, bar), h("td", null, signed(part.contribution)));
          }),
        ),
        h("tfoot", null, h("tr", null, h("th", { scope: "row" }, "Score"), h("td", { "aria-hidden": "true" }), h("td", null, hit.score.toFixed(3).replace("-", "−")))),
      ),
    );
  }
}
