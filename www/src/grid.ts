/**
 * The list of cards. Given a new order it moves the cards that are there (FLIP: measure, reorder, measure, animate the
 * difference), so that a re-ranking can be followed by eye. Keyboard focus stays on the card it was on.
 */
import type { Hit } from "homebody";
import { card, type Act, type Card, type Mark } from "./card.js";

/** Cards that were shown before are kept for when they return; beyond this many the oldest are let go. */
const KEPT_CARDS = 240;

/** So many cards are built before the browser may paint; the others follow as many at a time, to keep tasks short. */
const CARDS_PER_FRAME = 6;

const MOVE: KeyframeAnimationOptions = { duration: 420, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" };
const ARRIVE: KeyframeAnimationOptions = { ...MOVE, duration: 320 };
const LEAVE: KeyframeAnimationOptions = { duration: 220, easing: "ease-in", fill: "forwards" };

const still = matchMedia("(prefers-reduced-motion: reduce)");

export interface ShowOptions {
  /** Whether cards glide to their new places. Without, the list is simply replaced. */
  readonly animate: boolean;
  /** Whether to show by how many places each film rose or fell since the last showing. */
  readonly compare: boolean;
  readonly marks: ReadonlyMap<string, Mark>;
}

export class Grid {
  private readonly cards = new Map<string, Card>();
  private order: string[] = [];
  private current: string | null = null;
  private turn = 0;
  private readonly gliding = new WeakMap<HTMLElement, Animation>();

  constructor(
    private readonly list: HTMLOListElement,
    act: (act: Act, card: Card) => void,
  ) {
    list.addEventListener("click", (event) => {
      const target = (event.target as Element).closest<HTMLElement>("[data-act]");
      const found = target && this.cardOf(target);
      if (found) act(target.dataset["act"] as Act, found);
    });
    list.addEventListener("focusin", (event) => {
      const found = this.cardOf(event.target as Element);
      if (found) this.makeCurrent(found.id);
    });
    list.addEventListener("keydown", (event) => this.moveFocus(event));
  }

  /** The film ids as shown, best first. */
  get ids(): readonly string[] {
    return this.order;
  }

  /** The card that has the focus, or has one of its buttons focused. */
  get focused(): Card | null {
    return document.activeElement ? this.cardOf(document.activeElement) : null;
  }

  card(id: string): Card | undefined {
    return this.cards.get(id);
  }

  async show(hits: readonly Hit[], options: ShowOptions): Promise<void> {
    const turn = ++this.turn;
    const glide = options.animate && !still.matches && this.order.length > 0;
    if (glide && !(await this.prepare(hits, () => turn === this.turn))) return;

    const next = hits.map((hit) => hit.id);
    const moves = options.compare ? movesOf(this.order, next) : null;
    const focused = this.focused;
    const focusedElement = focused ? (document.activeElement as HTMLElement) : null;
    const focusedPlace = focused ? this.order.indexOf(focused.id) : -1;
    // All is measured before anything is changed: measuring in between would lay the page out again for every card.
    const before = glide ? this.rects() : null;
    const box = this.list.getBoundingClientRect();

    const staying = new Set(next);
    for (const element of [...this.list.children] as HTMLElement[]) {
      const id = element.dataset["id"] ?? "";
      if (!staying.has(id) && !element.hasAttribute("data-leaving")) leave(element, before?.get(id), box, () => !this.order.includes(id));
    }

    this.order = next;
    let place = this.list.firstElementChild;
    for (const [index, hit] of hits.entries()) {
      if (!this.cards.has(hit.id) && index > 0 && index % CARDS_PER_FRAME === 0) {
        await nextFrame();
        if (turn !== this.turn) return;
        place = this.cards.get(next[index - 1] ?? "")?.element.nextElementSibling ?? null;
      }
      const shown = this.cards.get(hit.id) ?? this.build(hit);
      stay(shown.element);
      shown.update(hit, index + 1, moves?.get(hit.id) ?? null, options.marks.get(hit.id) ?? null);
      while (place?.hasAttribute("data-leaving")) place = place.nextElementSibling;
      if (place === shown.element) place = place.nextElementSibling;
      else this.list.insertBefore(shown.element, place);
    }
    if (before) this.glide(before);
    if (next[0] !== undefined && (this.current === null || !staying.has(this.current))) this.makeCurrent(next[0]);
    this.keepFocus(focusedElement, focusedPlace);
    this.trim();
  }

  /** Builds the cards that are new, a few per frame, so that the change itself is one short task. */
  private async prepare(hits: readonly Hit[], wanted: () => boolean): Promise<boolean> {
    const missing = hits.filter((hit) => !this.cards.has(hit.id));
    for (const [index, hit] of missing.entries()) {
      if (index > 0 && index % CARDS_PER_FRAME === 0) {
        await nextFrame();
        if (!wanted()) return false;
      }
      this.build(hit);
    }
    return true;
  }

  /** Focuses the card at this place (0 is the first), or the last one there is. */
  focusPlace(index: number): void {
    const id = this.order[Math.min(index, this.order.length - 1)];
    if (id !== undefined) (this.cards.get(id)?.element.firstElementChild as HTMLElement | null)?.focus({ preventScroll: false });
  }

  /** Marks changed without a new ranking: only the buttons follow. */
  remark(marks: ReadonlyMap<string, Mark>): void {
    for (const id of this.order) {
      const element = this.cards.get(id)?.element;
      if (!element) continue;
      const mark = marks.get(id) ?? null;
      element.dataset["mark"] = mark ?? "";
      element.querySelector(".act-like")?.setAttribute("aria-pressed", String(mark === "like"));
      element.querySelector(".act-hide")?.setAttribute("aria-pressed", String(mark === "hide"));
    }
  }

  private build(hit: Hit): Card {
    const made = card(hit);
    this.cards.set(hit.id, made);
    return made;
  }

  private cardOf(element: Element): Card | null {
    const id = element.closest<HTMLElement>(".card")?.dataset["id"];
    return (id !== undefined && this.list.contains(element) && this.cards.get(id)) || null;
  }

  private rects(): Map<string, DOMRect> {
    const rects = new Map<string, DOMRect>();
    for (const id of this.order) {
      const element = this.cards.get(id)?.element;
      if (element?.isConnected) rects.set(id, element.getBoundingClientRect());
    }
    return rects;
  }

  private glide(before: ReadonlyMap<string, DOMRect>): void {
    const moving: [HTMLElement, DOMRect][] = [];
    for (const id of this.order) {
      const element = this.cards.get(id)?.element;
      const from = before.get(id);
      if (element?.isConnected && from) moving.push([element, from]);
    }
    // In three rounds, for the same reason: end, measure, begin.
    for (const [element] of moving) this.gliding.get(element)?.cancel();
    const arrived = this.order.flatMap((id) => (before.has(id) ? [] : (this.cards.get(id)?.element ?? [])));
    const reach = innerHeight * 1.5;
    const near = (top: number): boolean => top > -reach && top < reach;
    const moves = moving.map(([element, from]) => {
      const to = element.getBoundingClientRect();
      const [dx, dy] = [from.left - to.left, from.top - to.top];
      return { element, dx, dy, seen: near(from.top) || near(to.top) };
    });
    for (const { element, dx, dy, seen } of moves) {
      if (!seen || (dx === 0 && dy === 0)) this.gliding.delete(element);
      else this.gliding.set(element, element.animate([{ transform: `translate(${dx}px, ${dy}px)` }, { transform: "none" }], MOVE));
    }
    for (const element of arrived) element.animate([{ opacity: 0, transform: "scale(0.96)" }, { opacity: 1, transform: "none" }], ARRIVE);
  }

  /** Reordering takes the focus away in some browsers, and a card that left took it along: give it to a sensible place. */
  private keepFocus(element: HTMLElement | null, place: number): void {
    if (!element || document.activeElement === element) return;
    if (document.activeElement && document.activeElement !== document.body) return;
    const stillShown = this.cardOf(element);
    if (stillShown && this.order.includes(stillShown.id)) element.focus({ preventScroll: true });
    else this.focusPlace(place);
  }

  private makeCurrent(id: string): void {
    if (this.current === id) return;
    const article = (of: string | null): Element | null => (of === null ? null : (this.cards.get(of)?.element.firstElementChild ?? null));
    article(this.current)?.setAttribute("tabindex", "-1");
    article(id)?.setAttribute("tabindex", "0");
    this.current = id;
  }

  /** Arrow keys go from card to card, by what lies there on the screen. */
  private moveFocus(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const from = this.focused;
    if (!from) return;
    const index = this.order.indexOf(from.id);
    let to = index;
    if (event.key === "ArrowRight") to = index + 1;
    else if (event.key === "ArrowLeft") to = index - 1;
    else if (event.key === "Home") to = 0;
    else if (event.key === "End") to = this.order.length - 1;
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") to = this.below(index, event.key === "ArrowDown" ? 1 : -1);
    else return;
    event.preventDefault();
    if (to >= 0 && to < this.order.length && to !== index) this.focusPlace(to);
  }

  private below(index: number, way: 1 | -1): number {
    const rect = (i: number): DOMRect | undefined => this.cards.get(this.order[i] ?? "")?.element.getBoundingClientRect();
    const here = rect(index);
    if (!here) return index;
    const middle = here.left + here.width / 2;
    for (let i = index + way; i >= 0 && i < this.order.length; i += way) {
      const there = rect(i);
      if (there && Math.abs(there.top - here.top) > 8 && there.left <= middle && there.right >= middle) return i;
    }
    return way > 0 ? this.order.length - 1 : 0;
  }

  private trim(): void {
    if (this.cards.size <= KEPT_CARDS) return;
    const shown = new Set(this.order);
    for (const [id, old] of this.cards) {
      if (this.cards.size <= KEPT_CARDS) return;
      if (!shown.has(id) && !old.element.isConnected) this.cards.delete(id);
    }
  }
}

/**
 * By how many places each film rose (positive) or fell, among the films of the old list that are still listed: one that
 * left does not make all behind it look as if they had risen.
 */
function movesOf(before: readonly string[], after: readonly string[]): Map<string, number | "new"> {
  const kept = new Set(after);
  const places = new Map(before.filter((id) => kept.has(id)).map((id, index) => [id, index]));
  return new Map(
    after.map((id, index) => {
      const old = places.get(id);
      return [id, old === undefined ? ("new" as const) : old - index];
    }),
  );
}

/** Fades a card out where it was; `gone` tells in the end whether it really is out of the list. */
function leave(element: HTMLElement, from: DOMRect | undefined, list: DOMRect, gone: () => boolean): void {
  if (!from || from.bottom < 0 || from.top > innerHeight) {
    element.remove();
    return;
  }
  element.setAttribute("data-leaving", "");
  element.inert = true;
  element.style.width = `${from.width}px`;
  element.style.height = `${from.height}px`;
  element.style.left = `${from.left - list.left}px`;
  element.style.top = `${from.top - list.top}px`;
  element.animate([{ opacity: 1 }, { opacity: 0, transform: "scale(0.94)" }], LEAVE).onfinish = () => {
    stay(element);
    if (gone()) element.remove();
  };
}

/** Takes a card that is on its way out back in. */
function stay(element: HTMLElement): void {
  if (!element.hasAttribute("data-leaving")) return;
  for (const animation of element.getAnimations()) animation.cancel();
  element.removeAttribute("data-leaving");
  element.removeAttribute("style");
  element.inert = false;
}

function nextFrame(): Promise<void> {
  return new Promise((resolve) => {
    // A hidden tab has no frames; there the list is simply completed.
    if (document.hidden) setTimeout(resolve);
    else requestAnimationFrame(() => resolve());
  });
}
