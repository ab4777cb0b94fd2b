/** The drawer that shows all that is kept about the person, and gives the person the say over it. */
import type { Interest, ProfileEvent, Recommender } from "homebody";
import { dialog } from "./dialogs.js";
import { append, h, icon, put } from "./dom.js";
import { explain } from "./errors.js";
import { TasteMapView } from "./taste-map.js";
import { announce } from "./toast.js";
import * as words from "./words.js";

/** Events drawn at a time: a long history is a list with "show more", not a long task. */
const PAGE = 40;

const VERBS: Readonly<Record<string, string>> = {
  like: "Liked",
  dislike: "Disliked",
  hide: "Not interested in",
  view: "Looked at",
  click: "Opened",
  dwell: "Stayed with",
  rate: "Rated",
  cart: "Put aside",
  uncart: "Took back",
  buy: "Bought",
  share: "Shared",
  mute: "Muted",
  describe: "Described something like",
  impression: "Saw",
};

export interface PanelOptions {
  readonly engine: Recommender;
  nameOf(id: string): Promise<string>;
  /** Whether the text model is kept for offline use, and getting it. */
  readonly search: { state(): "ready" | "loading" | "absent" | "none"; prepare(): Promise<void> };
  /** Bytes that the model and what runs it come to. */
  readonly searchBytes: number;
  erased(): Promise<void>;
}

export class ProfilePanel {
  private readonly dialog = dialog({ class: "profile", title: "Your profile" });
  private limit = PAGE;
  private readonly message = h("p", { class: "panel-message", role: "status" });
  private readonly interests = h("ul", { class: "interests" });
  private readonly map = new TasteMapView();
  private readonly events = h("ol", { class: "events" });
  private readonly eventsTitle = h("h3", { class: "section-title" }, "Everything you said");
  private readonly more = h("button", { class: "quiet", type: "button", hidden: true }, "Show older");
  private readonly offline = h("div", { class: "panel-offline" });
  private readonly confirm = h("div", { class: "confirm", hidden: true });
  private readonly file = h("input", { type: "file", accept: "application/json,.json", class: "hidden", id: "import-file", tabindex: "-1", "aria-hidden": "true" });
  private readonly where = h("p", { class: "panel-where" });

  constructor(private readonly options: PanelOptions) {
    this.more.addEventListener("click", () => {
      this.limit += PAGE;
      void this.refresh();
    });
    this.file.addEventListener("change", () => void this.import());
    const erase = h("button", { class: "danger", type: "button", id: "erase" }, "Erase everything");
    erase.addEventListener("click", () => this.ask(erase));
    put(
      this.dialog.body,
      this.message,
      h("h3", { class: "section-title" }, "What it makes of that"),
      this.interests,
      this.map.element,
      this.eventsTitle,
      this.events,
      this.more,
      h("h3", { class: "section-title" }, "Take it with you"),
      h("p", null, "One file with everything above. Reading it in again, here or on another device, adds what is missing and repeats nothing."),
      h(
        "div",
        { class: "buttons" },
        h("button", { class: "quiet", type: "button", id: "export", onclick: () => void this.export() }, icon("download"), "Save to a file"),
        h("button", { class: "quiet", type: "button", id: "import", onclick: () => this.file.click() }, icon("upload"), "Read a file in"),
        this.file,
      ),
      h("h3", { class: "section-title" }, "Search without a connection"),
      this.offline,
      h("h3", { class: "section-title" }, "Where it is kept"),
      this.where,
      h("div", { class: "buttons" }, erase),
      this.confirm,
    );
  }

  async open(): Promise<void> {
    this.limit = PAGE;
    this.confirm.hidden = true;
    this.message.textContent = "";
    // At once, as last seen: what is asked for must not appear after the next thing has been done.
    this.dialog.open();
    this.dialog.body.scrollTop = 0;
    await this.refresh();
  }

  async refresh(): Promise<void> {
    const { profile, status } = this.options.engine;
    this.drawOffline();
    this.where.textContent =
      status.storage === "indexeddb"
        ? "Your events lie in this browser’s IndexedDB, your theme and weights in its localStorage, and copies of this site’s own files, the same for everybody, in its cache; on a device with a graphics chip also how fast that is. There is no account, no cookie and no server that knows you. Clearing the browser’s data for this site removes it all."
        : "This browser does not let the page store your events, so your profile is only in memory: it is gone when this tab is closed. Save it to a file to keep it. What the browser may still have are your theme and weights and copies of this site’s own files, the same for everybody. There is no account, no cookie and no server that knows you.";
    const [events, interests, map] = await Promise.all([profile.events(), profile.interests(), this.options.engine.map()]);
    this.redraw(this.interests, () => this.drawInterests(interests));
    this.map.show(map);
    await this.drawEvents(events);
  }

  get isOpen(): boolean {
    return this.dialog.element.open;
  }

  drawOffline(): void {
    const state = this.options.search.state();
    const megabytes = words.bytes(this.options.searchBytes);
    if (state === "none") put(this.offline, h("p", null, "This page was built without a text model: search matches words."));
    else if (state === "ready") put(this.offline, h("p", { class: "ok" }, icon("check"), "The text model is here: search understands descriptions, with or without a connection."));
    else if (state === "loading") put(this.offline, h("p", null, "The text model is being fetched …"));
    else {
      put(
        this.offline,
        h("p", null, "Films and recommendations already work offline. Searching by description needs a text model, which is fetched once, at your first search or now."),
        h("div", { class: "buttons" }, h("button", { class: "quiet", type: "button", id: "prepare", onclick: () => void this.prepare() }, icon("download"), `Make search available offline (${megabytes})`)),
      );
    }
  }

  private async prepare(): Promise<void> {
    const ready = this.options.search.prepare();
    this.drawOffline();
    try {
      await ready;
      this.say("Search now works without a connection.");
    } catch (error) {
      this.say(explain("Fetching the text model", error).text);
    }
    this.drawOffline();
  }

  private say(text: string): void {
    this.message.textContent = text;
    this.dialog.body.scrollTop = 0;
  }

  private async drawEvents(events: readonly ProfileEvent[]): Promise<void> {
    const newest = [...events].sort((a, b) => b.time - a.time || (a.id < b.id ? 1 : -1));
    const shown = newest.slice(0, this.limit);
    const names = await Promise.all(shown.map((event) => this.options.nameOf(event.item)));
    put(this.eventsTitle, "Everything you said", h("span", { class: "count numbers" }, words.count(events.length)));
    this.redraw(this.events, () => this.fillEvents(shown, names));
    this.more.hidden = newest.length <= this.limit;
  }

  private fillEvents(shown: readonly ProfileEvent[], names: readonly string[]): void {
    const now = Date.now();
    put(this.events);
    if (shown.length === 0) append(this.events, [h("li", { class: "nothing" }, "Nothing yet. Only “like” and “not interested” are kept; looking around is not.")]);
    for (const [index, event] of shown.entries()) {
      const title = names[index] ?? event.item;
      this.events.append(
        h(
          "li",
          { class: "event" },
          h("span", { class: "event-what" }, h("span", { class: `event-verb verb-${event.type}` }, VERBS[event.type] ?? event.type), " ", h("strong", null, title), event.value === undefined ? null : ` (${event.value})`),
          h("time", { class: "numbers", datetime: new Date(event.time).toISOString(), title: words.exactTime(event.time) }, words.timeAgo(event.time, now)),
          h("button", { class: "icon-button", type: "button", "aria-label": `Undo: ${VERBS[event.type] ?? event.type} ${title}`, title: "Undo", onclick: () => void this.undo(event, title) }, icon("undo")),
        ),
      );
    }
  }

  private drawInterests(interests: readonly Interest[]): void {
    put(
      this.interests,
      ...interests.slice(0, 12).map((interest) => {
        const bar = h("i", { class: "interest-bar", "aria-hidden": "true" });
        bar.style.setProperty("--share", String(interest.share));
        const { label, muted } = interest;
        const titles = words.list(interest.items.map((item) => item.title ?? item.id), 2);
        const mute = h("button", { class: "quiet small interest-mute", type: "button", "aria-pressed": String(muted), "aria-label": `Mute ${label}` }, muted ? "Muted" : "Mute");
        mute.addEventListener("click", () => void this.change(muted ? `${label} counts again` : `${label} is muted`, () => this.options.engine.profile[muted ? "unmute" : "mute"](interest)));
        const remove = h("button", { class: "quiet small interest-remove", type: "button", "aria-label": `Remove ${label} and all it comes from` }, "Remove");
        remove.addEventListener("click", () => void this.change(`${label} is removed`, () => this.options.engine.profile.remove(interest)));
        return h(
          "li",
          { class: "interest", "data-muted": muted || null },
          h("span", { class: "interest-name" }, label),
          h("span", { class: "interest-share numbers" }, muted ? "–" : words.percent(interest.share)),
          h("span", { class: "interest-from" }, `${titles === label ? "" : `${titles}, `}since ${words.timeAgo(interest.since, Date.now())}`),
          h("span", { class: "interest-actions" }, mute, remove),
          bar,
        );
      }),
    );
    if (interests.length === 0) append(this.interests, [h("li", { class: "nothing" }, "Nothing yet. Like a film, and what it stands for appears here.")]);
  }

  /** Draws a list anew; the focus stays at its place, on a button of the same sort. */
  private redraw(list: HTMLElement, draw: () => void): void {
    const focused = list.contains(document.activeElement) ? document.activeElement : null;
    const sort = [".interest-mute", ".interest-remove", "button"].find((sort) => focused?.matches(sort));
    const at = sort ? [...list.querySelectorAll(sort)].findIndex((button) => button === focused) : -1;
    draw();
    if (!sort) return;
    const buttons = list.querySelectorAll<HTMLElement>(sort);
    (buttons[Math.min(at, buttons.length - 1)] ?? this.dialog.element.querySelector<HTMLElement>(".dialog-head button"))?.focus();
  }

  /** Does something to an interest, and says so. */
  private async change(done: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
      await this.refresh();
      announce(`${done}.`);
    } catch (error) {
      this.say(explain("Changing this interest", error).text);
    }
  }

  private async undo(event: ProfileEvent, title: string): Promise<void> {
    try {
      await this.options.engine.profile.undo(event.id);
      await this.refresh();
      announce(`Undone: ${title}.`);
    } catch (error) {
      this.say(explain("Undoing this", error).text);
    }
  }

  private async export(): Promise<void> {
    try {
      const blob = await this.options.engine.profile.export();
      const url = URL.createObjectURL(blob);
      h("a", { href: url, download: `homebody-profile-${new Date().toISOString().slice(0, 10)}.json` }).click();
      // The download has its own hold on the blob once it has begun.
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
      this.say("Saved. The file is yours; it was not sent anywhere.");
    } catch (error) {
      this.say(explain("Saving the file", error).text);
    }
  }

  private async import(): Promise<void> {
    const file = this.file.files?.[0];
    this.file.value = "";
    if (!file) return;
    try {
      const { added, skipped } = await this.options.engine.profile.import(file);
      await this.refresh();
      this.say(`${words.plural(added, "event")} read in${skipped > 0 ? `, ${words.count(skipped)} already known` : ""}.`);
    } catch (error) {
      const { text, code } = explain("Reading the file", error);
      this.say(`Nothing was changed. ${code.startsWith("profile") || code.startsWith("export") ? "This file is not a profile of this page, or it is damaged." : text}`);
    }
  }

  private ask(erase: HTMLButtonElement): void {
    const yes = h("button", { class: "danger", type: "button", id: "erase-yes" }, "Yes, erase it");
    const no = h("button", { class: "quiet", type: "button" }, "Keep it");
    no.addEventListener("click", () => {
      this.confirm.hidden = true;
      erase.focus();
    });
    yes.addEventListener("click", () => void this.erase(yes));
    put(
      this.confirm,
      h("p", { id: "erase-question" }, "This removes every event, your theme and your weights from this browser, in all its tabs. It cannot be undone. Save a file first if you may want it back."),
      h("div", { class: "buttons" }, yes, no),
    );
    this.confirm.setAttribute("role", "group");
    this.confirm.setAttribute("aria-labelledby", "erase-question");
    this.confirm.hidden = false;
    no.focus();
    this.confirm.scrollIntoView({ block: "nearest" });
  }

  private async erase(button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    try {
      await this.options.engine.profile.erase();
      this.dialog.close();
      await this.options.erased();
    } catch (error) {
      button.disabled = false;
      this.say(explain("Erasing", error).text);
    }
  }
}
