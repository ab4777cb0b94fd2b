/** Keys, and the dialog that tells them. Single letters can be switched off, for people whose tools type letters. */
import { dialog } from "./dialogs.js";
import { h, put } from "./dom.js";
import { change, settings } from "./settings.js";

export interface Commands {
  search(): void;
  /** On the card that has the focus; `false` when none has. */
  onCard(act: "like" | "hide" | "alike"): boolean;
  undo(): void;
  profile(): void;
}

const KEYS: readonly (readonly [string, string])[] = [
  ["/", "Search"],
  ["←  ↑  ↓  →", "From film to film"],
  ["Enter", "Everything about the film"],
  ["l", "Like the film, or take the like back"],
  ["x", "Not interested"],
  ["m", "More films like it"],
  ["u", "Undo the last thing said"],
  ["p", "Your profile"],
  ["Esc", "Leave the search, close what is open"],
  ["?", "These keys"],
];

export function shortcuts(commands: Commands): { help(): void } {
  const help = dialog({ class: "help", title: "Keys" });
  const single = h("input", { type: "checkbox", id: "single-keys", checked: settings().keys !== false });
  single.addEventListener("change", () => change({ keys: single.checked }));
  put(
    help.body,
    h("dl", { class: "keys" }, ...KEYS.flatMap(([key, what]) => [h("dt", null, h("kbd", null, key)), h("dd", null, what)])),
    h("label", { class: "check", for: "single-keys" }, single, "Use single keys (/ l x m u p ?)"),
  );

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
    if (settings().keys === false || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const done = (): boolean => {
      switch (event.key) {
        case "/":
          commands.search();
          return true;
        case "?":
          help.open();
          return true;
        case "l":
          return commands.onCard("like");
        case "x":
          return commands.onCard("hide");
        case "m":
          return commands.onCard("alike");
        case "u":
          commands.undo();
          return true;
        case "p":
          commands.profile();
          return true;
        default:
          return false;
      }
    };
    if (done()) event.preventDefault();
  });
  return { help: () => help.open() };
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["range", "checkbox", "button", "file"].includes(target.type);
  return target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}
