/** What all dialogs have in common: the browser's own modal dialog, closed by Escape, its button, or a click beside it. */
import { h, icon } from "./dom.js";

export interface Dialog {
  readonly element: HTMLDialogElement;
  readonly body: HTMLElement;
  open(): void;
  close(): void;
}

export function dialog(options: { class: string; title: string; onClose?: () => void }): Dialog {
  const titleId = `dialog-${options.class}`;
  const body = h("div", { class: "dialog-body" });
  const element = h(
    "dialog",
    { class: `dialog ${options.class}`, "aria-labelledby": titleId },
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { class: "dialog-title", id: titleId }, options.title),
      h("button", { class: "icon-button", type: "button", "aria-label": "Close", onclick: () => element.close() }, icon("cross")),
    ),
    body,
  );
  element.addEventListener("click", (event) => {
    if (event.target === element) element.close();
  });
  element.addEventListener("close", () => options.onClose?.());
  document.body.append(element);
  return {
    element,
    body,
    open: () => {
      if (!element.open) element.showModal();
    },
    close: () => element.close(),
  };
}
