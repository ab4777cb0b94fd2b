/** The line at the bottom: what the page runs on, what it cost, and how many requests it has made. It opens to explain. */
import type { Status } from "homebody";
import { h, icon, put } from "./dom.js";
import type { Counted } from "./network.js";
import * as words from "./words.js";

export interface Told {
  readonly status: Status;
  readonly counted: Counted;
  readonly loadingDone: boolean;
  /** From asking to cards in order, main thread and worker together. */
  readonly shownMs: number | null;
  readonly offline: "unsupported" | "saving" | "saved";
  readonly online: boolean;
}

export class StatusBar {
  private readonly headline = h("span", { class: "status-requests numbers" });
  private readonly rest = h("span", { class: "status-rest numbers" });
  private readonly details = h("div", { class: "status-details", id: "status-details", hidden: true, tabindex: "0", role: "region", "aria-label": "What this page runs on and what it has asked for" });
  private readonly toggle = h("button", { class: "status-toggle", type: "button", "aria-expanded": "false", "aria-controls": "status-details" }, icon("lock"), this.headline, this.rest, h("span", { class: "status-what" }, "What is this?"));

  constructor(private readonly root: HTMLElement) {
    this.toggle.addEventListener("click", () => this.expand(this.details.hidden === true));
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.details.hidden) {
        this.expand(false);
        this.toggle.focus();
      }
    });
    put(root, this.details, this.toggle);
  }

  show(told: Told): void {
    const { status, counted } = told;
    this.root.hidden = false;
    this.root.dataset["requests"] = String(counted.since);
    this.root.dataset["modelRequests"] = String(counted.model);
    this.root.dataset["loaded"] = String(told.loadingDone);
    const other = counted.since - counted.model;
    this.headline.textContent = !told.loadingDone
      ? "Loading"
      : counted.since === 0
        ? "0 requests since loaded"
        : other === 0
          ? `${words.plural(counted.since, "request")} since loaded, for the text model`
          : `${words.plural(counted.since, "request")} since loaded`;
    const parts = [
      status.timings.lastRankMs > 0 ? `ranked in ${words.milliseconds(status.timings.lastRankMs)}` : null,
      `${words.count(status.catalog.items)} films`,
      status.timings.lastEmbedMs === undefined ? null : `text read in ${words.milliseconds(status.timings.lastEmbedMs)}`,
      status.device === "gpu" ? "GPU" : status.simd ? "CPU, SIMD" : "CPU",
      status.storage === "indexeddb" ? "kept in this browser" : "kept in memory only",
      told.online ? null : "offline",
    ];
    this.rest.textContent = parts.filter((part) => part !== null).join("  ·  ");
    if (!this.details.hidden) this.explain(told);
    this.last = told;
  }

  private last: Told | null = null;

  private expand(open: boolean): void {
    this.details.hidden = !open;
    this.toggle.setAttribute("aria-expanded", String(open));
    if (open && this.last) this.explain(this.last);
  }

  private explain({ status, counted, shownMs, offline, online }: Told): void {
    const { timings } = status;
    const rows: [string, string][] = [
      ["While loading", `${words.plural(counted.loading, "request")} for this page, its program and the film catalog: the same for every visitor${status.catalog.source === "cache" ? "; answered from the copy in this browser" : ""}.`],
      ["For offline use", offline === "unsupported" ? "Not available in this browser." : offline === "saving" ? "A copy of these files is being saved." : counted.saving > 0 ? `${words.plural(counted.saving, "file")} saved, so that the page opens without a connection.` : "Saved at an earlier visit."],
      ["Since then", counted.since === 0 ? "0 requests. Ranking, learning and searching happen here." : counted.since === counted.model ? `${words.plural(counted.model, "request")} for the text model, when search was first used: the same files for everybody, whatever you type. Nothing else.` : `${words.plural(counted.since, "request")}, ${words.count(counted.model)} of them for the text model.`],
      ["Ranking", `${words.milliseconds(timings.lastRankMs)} in the worker${shownMs === null ? "" : `, ${words.milliseconds(shownMs)} until the cards moved`}.`],
      ["Text", timings.lastEmbedMs === undefined ? `The model is ${status.model === "ready" ? "ready" : status.model === "loading" ? "being loaded" : status.model === "failed" ? "not usable" : "not loaded: nothing was searched yet"}.` : `${words.milliseconds(timings.lastEmbedMs)} to read the last search.`],
      ["Runs on", `${status.device === "gpu" ? "the GPU" : "the CPU"}${status.simd ? " with SIMD" : ""}. Ready ${words.milliseconds(timings.openMs)} after the program was started.`],
      ["Catalog", `${status.catalog.name}, ${words.count(status.catalog.items)} films, version ${status.catalog.version.slice(0, 12)}.`],
      ["Connection", online ? "Online, not needed." : "Offline, and not needed."],
    ];
    put(
      this.details,
      h("p", { class: "status-intro" }, "Counted by the page itself and by the package’s workers. To check, open the browser’s network tools: after loading, that list stays still, but for the browser’s own question, now and then, whether this page has a newer version."),
      h("dl", null, ...rows.flatMap(([name, text]) => [h("dt", null, name), h("dd", { class: "numbers" }, text)])),
      counted.addresses.length > 0 ? h("ul", { class: "addresses numbers" }, ...counted.addresses.map((address) => h("li", null, new URL(address).pathname))) : null,
      status.notes.length > 0 ? h("ul", { class: "notes" }, ...status.notes.map((note) => h("li", null, note))) : null,
    );
  }
}
