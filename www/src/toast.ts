/** Short notices at the edge of the page, with at most one thing to do about them. They wait while they are looked at. */
import { byId, h, icon } from "./dom.js";

const SHOWN_MS = 9_000;

interface Notice {
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
  /** Stays until it is closed. */
  readonly stays?: boolean;
}

let last: { close: () => void } | null = null;

/** Shows a notice in place of the one before. */
export function toast(notice: Notice): () => void {
  last?.close();
  const { action } = notice;
  const element = h(
    "div",
    { class: "toast", role: "status" },
    h("p", null, notice.text),
    action ? h("button", { class: "link", type: "button", onclick: () => (close(), action.run()) }, action.label) : null,
    h("button", { class: "icon-button", type: "button", "aria-label": "Close this notice", onclick: () => close() }, icon("cross")),
  );
  let timer = 0;
  const wait = (): void => {
    clearTimeout(timer);
    if (!notice.stays) timer = window.setTimeout(close, SHOWN_MS);
  };
  const hold = (): void => clearTimeout(timer);
  function close(): void {
    clearTimeout(timer);
    element.remove();
    if (last === self) last = null;
  }
  const self = { close };
  for (const type of ["pointerenter", "focusin"]) element.addEventListener(type, hold);
  for (const type of ["pointerleave", "focusout"]) element.addEventListener(type, wait);
  last = self;
  byId("toasts").append(element);
  wait();
  return close;
}

/** Says something to screen readers only. */
export function announce(text: string): void {
  const region = byId("announce");
  // The same words twice would not be read again.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}
