/** One film in the list: sleeve, title, facts, reason, three actions. Built once per film and kept while it may return. */
import type { Hit } from "homebody";
import { sleeveArt } from "./art.js";
import { h, icon, put, type IconName } from "./dom.js";
import { film, sleeve, type Film } from "./film.js";
import * as words from "./words.js";

/** What the person has said about a film. */
export type Mark = "like" | "hide" | null;

export type Act = "like" | "hide" | "alike" | "open";

export interface Card {
  readonly id: string;
  readonly film: Film;
  /** As it was last shown: with the score and the reason of that ranking. */
  readonly hit: Hit;
  readonly element: HTMLLIElement;
  update(hit: Hit, rank: number, moved: number | "new" | null, mark: Mark): void;
}

export function card(hit: Hit): Card {
  const it = film(hit);
  const look = sleeve(it);
  const titleId = `film-${hit.id}`;

  const rank = h("span", { class: "rank numbers", "aria-hidden": "true" });
  const moved = h("span", { class: "moved numbers" });
  const reason = h("button", { class: "reason", type: "button", "data-act": "open", tabindex: "-1" });
  const like = action("like", "heart", "Like");
  const hide = action("hide", "cross", "Not interested");
  const alike = action("alike", "alike", "More like this");

  const article = h(
    "article",
    { class: "card-body", "data-hue": look.kind, "data-hue2": look.second, tabindex: "-1", "aria-labelledby": titleId, "aria-keyshortcuts": "l x m Enter" },
    h(
      "div",
      { class: "sleeve" },
      sleeveArt(hit.id, look.kind),
      h("p", { class: "place" }, rank, moved),
      h(
        "h2",
        { class: "title", id: titleId, "data-length": lengthClass(it.title) },
        h("button", { class: "title-button", type: "button", "data-act": "open" }, it.title),
      ),
      h("p", { class: "credit" }, credit(it)),
    ),
    h(
      "div",
      { class: "below" },
      facts(it),
      it.description ? h("p", { class: "story" }, it.description) : null,
      reason,
      h("div", { class: "actions" }, like, hide, alike),
    ),
  );
  const element = h("li", { class: "card", "data-id": hit.id }, article);

  function action(act: Act, name: IconName, label: string): HTMLButtonElement {
    return h(
      "button",
      { class: `act act-${act}`, type: "button", "data-act": act, title: label, "aria-label": `${label}: ${it.title}` },
      icon(name),
      act === "like" ? h("span", { class: "act-label" }, label) : null,
    );
  }

  let lastReason = "";
  let shown = hit;
  return {
    id: hit.id,
    film: it,
    get hit() {
      return shown;
    },
    element,
    update(next, place, by, mark) {
      shown = next;
      rank.textContent = String(place);
      moved.dataset["way"] = by === null || by === 0 ? "" : by === "new" ? "new" : by > 0 ? "up" : "down";
      if (by === null || by === 0) put(moved);
      else if (by === "new") put(moved, "new");
      else put(moved, h("span", { class: "hidden" }, by > 0 ? "up " : "down "), h("span", { "aria-hidden": "true" }, by > 0 ? "▲" : "▼"), Math.abs(by));
      const text = words.reason(next);
      if (text !== lastReason) put(reason, text);
      lastReason = text;
      element.dataset["mark"] = mark ?? "";
      like.setAttribute("aria-pressed", String(mark === "like"));
      hide.setAttribute("aria-pressed", String(mark === "hide"));
    },
  };
}

export const credit = (it: Film): string => [it.year, it.director].filter((part) => part !== null).join(" · ");

/** Long titles are set smaller, so that every sleeve keeps its height. */
export function lengthClass(title: string): "short" | "medium" | "long" | "endless" {
  const longest = Math.max(...title.split(/\s+/).map((word) => word.length));
  if (title.length > 52) return "endless";
  if (title.length > 30 || longest > 13) return "long";
  return title.length > 16 || longest > 10 ? "medium" : "short";
}

export function facts(it: Film): HTMLElement {
  return h(
    "p",
    { class: "facts" },
    it.rating === null
      ? h("span", { class: "score numbers none" }, h("span", { class: "hidden" }, "No rating"), h("span", { "aria-hidden": "true" }, "–"))
      : h("span", { class: "score numbers" }, h("span", { class: "hidden" }, "Rated "), words.rating(it.rating)),
    h("span", { class: "kinds" }, it.genres.join(", ")),
  );
}
