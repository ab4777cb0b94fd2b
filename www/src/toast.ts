/**
 * Short notices at the edge of the page, with at most one thing to do about them. They wait while they are looked at.
 *
 * The regions that screen readers listen to are in the page from the start: of one that comes with its text already in it, many say nothing.
 */
import { byId, h, icon } from "./dom.js";

const SHOWN_MS = 9_000;

interface Notice {
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
  /** Stays until it is closed. */
  readonly stays?: boolean;
  /** Something went wrong: read out at once. */
  readonly isProblem?: boolean;
  /** Screen readers are told the same, and more, by `announce()`. */
  readonly isSaid?: boolean;
}

/** A pause in typing after which what was found is said. */
const QUIET_MS = 600;

let last: { close: () => void } | null = null;

/** Shows a notice in place of the one before. */
export function toast(notice: Notice): () => void {
  last?.close();
  const { action } = notice;
  const element = h(
    "div",
    { class: "toast" },
    h("p", null, notice.text),
    action ? h("button", { class: "link", type: "button", onclick: () => (close(), action.run()) }, action.label) : null,
    h("button", { class: "icon-button", type: "button", "aria-label": "Close this notice", onclick: () => close() }, icon("cross")),
  );
  let timer = 0;
  let from: HTMLElement | null = null;
  const wait = (): void => {
    clearTimeout(timer);
    if (!notice.stays) timer = window.setTimeout(close, SHOWN_MS);
  };
  const hold = (): void => clearTimeout(timer);
  function close(): void {
    clearTimeout(timer);
    const hadFocus = element.contains(document.activeElement);
    element.remove();
    // Back to where it came from, or else it would be nowhere.
    if (hadFocus) (from?.isConnected ? from : byId("main")).focus({ preventScroll: true });
    if (last === self) last = null;
  }
  const self = { close };
  for (const type of ["pointerenter", "focusin"]) element.addEventListener(type, hold);
  for (const type of ["pointerleave", "focusout"]) element.addEventListener(type, wait);
  element.addEventListener("focusin", ({ relatedTarget }) => {
    if (relatedTarget instanceof HTMLElement && !element.contains(relatedTarget)) from = relatedTarget;
  });
  last = self;
  byId(notice.isSaid ? "toasts" : notice.isProblem ? "toasts-alert" : "toasts-said").append(element);
  wait();
  return close;
}

let soon = 0;

/** The same after a pause, unless there is something else to say by then. */
export function announceSoon(text: string): void {
  clearTimeout(soon);
  soon = window.setTimeout(() => announce(text), QUIET_MS);
}

/** Says something to screen readers only. */
export function announce(text: string): void {
  clearTimeout(soon);
  const region = byId("announce");
  // The same words twice would not be read again.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}
