/** The buttons at the top right: keys, theme, profile. */
import { byId, h, icon, put } from "./dom.js";
import { change } from "./settings.js";
import { shortcuts, type Commands } from "./shortcuts.js";
import * as words from "./words.js";

const system = matchMedia("(prefers-color-scheme: dark)");

export class TopBar {
  private readonly theme = h("button", { class: "icon-button", type: "button", id: "theme" });
  private readonly profile = h("button", { class: "profile-button", type: "button", "aria-haspopup": "dialog", id: "profile" });

  constructor(commands: Commands) {
    const keys = shortcuts(commands);
    const help = h("button", { class: "icon-button", type: "button", id: "help", "aria-label": "Keys", "aria-haspopup": "dialog" }, icon("help"));
    help.addEventListener("click", () => keys.help());
    this.theme.addEventListener("click", () => {
      const theme = this.isDark ? "light" : "dark";
      document.documentElement.dataset["theme"] = theme;
      change({ theme });
      this.drawTheme();
    });
    this.profile.addEventListener("click", () => commands.profile());
    system.addEventListener("change", () => this.drawTheme());
    put(byId("top-actions"), help, this.theme, this.profile);
    this.drawTheme();
  }

  /** How many films something was said about. */
  count(n: number): void {
    const unit = h("span", { class: "hidden" }, n === 1 ? " film" : " films");
    put(this.profile, icon("person"), h("span", { class: "profile-word" }, "Profile"), " ", h("span", { class: "count numbers" }, words.count(n), unit));
  }

  /** Forgets a chosen theme. */
  followSystemTheme(): void {
    delete document.documentElement.dataset["theme"];
    this.drawTheme();
  }

  private get isDark(): boolean {
    const chosen = document.documentElement.dataset["theme"];
    return chosen ? chosen === "dark" : system.matches;
  }

  private drawTheme(): void {
    put(this.theme, icon(this.isDark ? "sun" : "moon"));
    this.theme.setAttribute("aria-label", this.isDark ? "Switch to light colours" : "Switch to dark colours");
  }
}
