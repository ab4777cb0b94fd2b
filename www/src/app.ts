/**
 * The page after loading: which list is shown, and what happens when something is liked, typed or moved. All ranking is
 * asked of the package; this file only decides what to ask and when to draw.
 */
import type { Hit, ProfileEvent, Recommender } from "homebody";
import type { Act, Mark } from "./card.js";
import { Detail, type WhatIf } from "./detail.js";
import { byId, h, icon } from "./dom.js";
import { explain, isAbort } from "./errors.js";
import { film, type Film } from "./film.js";
import { Marks } from "./marks.js";
import { TextModel } from "./model.js";
import { NetworkCount } from "./network.js";
import { ProfilePanel } from "./profile-panel.js";
import { Refreshing, type Refresh } from "./refreshing.js";
import { ResultsView } from "./results-view.js";
import { forget } from "./settings.js";
import { StatusBar } from "./status-bar.js";
import { Titles } from "./titles.js";
import { announce, announceSoon, toast } from "./toast.js";
import { TopBar } from "./top-bar.js";
import { Tuning, weightName } from "./tuning.js";
import { HOME, emptyOf, headingOf, noticeOf, type View } from "./view.js";
import { Welcome } from "./welcome.js";
import * as words from "./words.js";

const PAGE = 24;
const TITLES = 6;

/** Beyond this a place says only that it is far down. */
const WHAT_IF_LIMIT = 500;
/** A pause in typing after which the text is read; shorter only costs work that nobody sees. */
const TYPING_MS = 130;

export class App {
  private view: View = HOME;
  private readonly views: View[] = [HOME];
  private limit = PAGE;
  private hideSeen = true;
  private readonly refreshing = new Refreshing((wish) => this.run(wish));
  private abort = new AbortController();
  private typing = 0;
  private shownMs: number | null = null;
  private offline: "unsupported" | "saving" | "saved" = "saving";
  private firstShown = false;
  private rankings = 0;
  private saying = 0;
  private wordsOnly = false;

  private readonly marks: Marks;
  private readonly titles: Titles;
  private readonly model: TextModel;
  private readonly results: ResultsView;
  private readonly welcome: Welcome;
  private readonly detail: Detail;
  private readonly panel: ProfilePanel;
  private readonly status: StatusBar;
  private readonly query = byId<HTMLInputElement>("query");
  private readonly tuningRoot = byId("tuning");
  private tuning!: Tuning;
  private readonly tune = h("button", { class: "quiet tune", type: "button", "aria-expanded": "false", "aria-controls": "tuning" }, icon("sliders"), "Tune");
  private readonly top: TopBar;

  constructor(
    private readonly engine: Recommender,
    private readonly network: NetworkCount,
  ) {
    this.marks = new Marks(engine);
    this.titles = new Titles(engine);
    this.model = new TextModel(engine, () => this.modelChanged());
    this.status = new StatusBar(byId("status"));
    this.top = new TopBar({
      search: () => {
        this.query.focus();
        this.query.select();
      },
      onCard: (act) => {
        const { focused } = this.results.grid;
        if (focused) this.act(act, focused.hit);
        return focused !== null;
      },
      undo: () => void this.undoLast(),
      profile: () => void this.panel.open(),
    });
    this.results = new ResultsView(byId("results"), this.tune, (act, card) => this.act(act, card.hit), (found) => void this.openFilm(found));
    this.detail = new Detail({
      act: (act, hit) => this.act(act, hit),
      open: (hit) => this.detail.open(hit),
      similar: async (id) => this.engine.similar(id, { limit: 6, explain: true, includeSeen: true }),
      mark: (id) => this.marks.of(id),
      nameOf: weightName,
      whatIf: (hit) => this.whatIf(hit),
    });
    this.panel = new ProfilePanel({
      engine,
      nameOf: async (id) => {
        const [hit] = await this.engine.get([id]);
        return hit ? film(hit).title : id;
      },
      search: {
        state: () => (this.model.state === "failed" ? "absent" : this.model.state),
        prepare: () => this.model.load(),
      },
      searchBytes: this.model.cost,
      erased: () => this.erased(),
    });
    this.welcome = new Welcome({
      root: byId("welcome"),
      titles: this.titles,
      // Films that many people have seen: a pick has to be recognized.
      onboarding: (n) => this.engine.onboarding({ n, where: { rating_count: { gte: 15_000 } } }),
      get: (ids) => this.engine.get([...ids]),
      done: (picked) => this.picked(picked),
    });
  }

  /** Shows the first list, or the first question. */
  async start(): Promise<void> {
    const [columns] = await Promise.all([this.engine.columns(), this.marks.load()]);
    this.tuning = new Tuning(
      this.tuningRoot,
      this.engine.weights(),
      columns,
      ({ what }) => this.tuned(what),
      () => this.toggleTuning(false),
    );
    this.drawProfileButton();
    this.listen();
    byId("search").hidden = false;
    byId("loading").hidden = true;
    if (this.marks.isEmpty) await this.showWelcome();
    else await this.showResults();
    document.documentElement.dataset["stage"] = "ready";
    this.firstShown = true;
    performance.mark("homebody:first-list");
    this.drawStatus();
    // For typing; costs nothing that anybody waits for.
    this.titles.load().then(
      () => this.drawTitles(),
      (error: unknown) => console.error(error),
    );
  }

  /** What the service worker says: the offline copy is there, or will not be. */
  offlineSettled(saved: boolean): void {
    this.offline = saved ? "saved" : "unsupported";
    this.network.ready();
    this.drawStatus();
  }

  networkChanged(): void {
    if (this.firstShown) this.drawStatus();
  }

  progress(progress: Parameters<TextModel["progress"]>[0]): void {
    this.model.progress(progress);
  }

  // ---- What is shown -------------------------------------------------------------------------------------------

  private async showWelcome(): Promise<void> {
    byId("welcome").hidden = false;
    this.results.hidden = true;
    this.tuningRoot.hidden = true;
    document.documentElement.dataset["view"] = "welcome";
    await this.welcome.show();
  }

  private async showResults(): Promise<void> {
    byId("welcome").hidden = true;
    this.results.hidden = false;
    this.tuningRoot.hidden = false;
    document.documentElement.dataset["view"] = "results";
    await this.run({ compare: false });
  }

  private async picked(ids: readonly string[]): Promise<void> {
    try {
      await this.engine.recordAll(ids.map((item) => ({ item, type: "like" })));
      await this.marks.load();
      this.view = HOME;
      await this.showResults();
      scrollTo({ top: 0 });
      this.results.focusHeading();
    } catch (error) {
      this.problem("Keeping your picks", error, () => void this.picked(ids));
    }
  }

  /** Goes to another list. `push` makes the browser's Back button return; addresses stay as they are, with nothing in them. */
  private go(view: View, push = true): void {
    const same = view.kind === this.view.kind;
    this.view = view;
    this.limit = PAGE;
    this.hideSeen = view.kind === "home";
    this.tuning.setHideSeen(this.hideSeen);
    this.tuning.list(view.kind);
    this.abort.abort();
    this.abort = new AbortController();
    if (push && !(same && view.kind === "search")) {
      const n = ((history.state as { n?: number } | null)?.n ?? 0) + 1;
      this.views.length = n;
      this.views[n] = view;
      history.pushState({ n }, "");
    } else {
      this.views[(history.state as { n?: number } | null)?.n ?? 0] = view;
    }
    if (view.kind !== "search" && this.query.value !== "") this.query.value = "";
    if (!byId("welcome").hidden) {
      byId("welcome").hidden = true;
      this.results.hidden = false;
      this.tuningRoot.hidden = false;
      document.documentElement.dataset["view"] = "results";
    }
    this.results.stories(view.kind === "search");
    this.drawTitles();
  }

  private drawTitles(): void {
    this.results.titles(this.view.kind === "search" ? this.titles.titles(this.view.text, TITLES) : []);
  }

  private back(): void {
    if (((history.state as { n?: number } | null)?.n ?? 0) > 0) history.back();
    else {
      this.go(HOME, false);
      this.refresh({ compare: false });
    }
  }

  private refresh(wish: Refresh): void {
    this.refreshing.wish(wish);
  }

  private async run({ compare, cause }: Refresh): Promise<void> {
    const started = performance.now();
    const { view } = this;
    try {
      const hits = await this.ask(view);
      if (view !== this.view) return;
      const { lastRankMs } = this.engine.status.timings;
      this.drawHeading(hits.length);
      await this.results.grid.show(hits, { animate: true, compare, marks: this.marks.map });
      this.results.shows(view.kind === "search" ? `${this.wordsOnly ? "words" : "meaning"}: ${view.text}` : view.kind);
      this.shownMs = performance.now() - started;
      // A list counts when it is the one that was last asked for: not one of a view that was left while its cards came.
      if (view === this.view && !this.refreshing.isWished) {
        this.rankings++;
        document.documentElement.dataset["rankings"] = String(this.rankings);
      }
      this.tuning.report(this.engine.status.catalog.items, lastRankMs);
      this.drawEmpty(hits.length);
      this.results.more.hidden = hits.length < this.limit;
      const isAnswer = view.kind === "search" || hits.length === 0;
      if (cause) announce(`${cause} ${isAnswer || !hits[0] ? this.found(hits) : `First is now ${film(hits[0]).title}.`}`);
      else if (isAnswer) announceSoon(this.found(hits));
      this.drawNotice();
      this.drawStatus();
    } catch (error) {
      if (isAbort(error)) return;
      this.problem(view.kind === "search" ? "Searching" : "Ranking the films", error, () => this.refresh({ compare: false }));
    }
  }

  /** Where a film would be without each of the (at most three) likes that its reason names. */
  private async whatIf(hit: Hit): Promise<WhatIf[]> {
    const likes = (await this.engine.profile.events()).filter(({ type }) => type === "like");
    const { weights, diversity } = this.tuning.tuned;
    const { where } = this.tuning;
    const behind = (hit.reason?.items ?? []).slice(0, 3);
    const found: WhatIf[] = [];
    for (const { id, title = id } of behind) {
      const event = likes.findLast(({ item }) => item === id);
      if (event === undefined) continue;
      const list = await this.engine.profile.without(event.id, { limit: WHAT_IF_LIMIT, weights, diversity, includeSeen: !this.hideSeen, ...(where ? { where } : {}) });
      const place = list.findIndex((other) => other.id === hit.id);
      found.push({ title, place: place < 0 ? null : place + 1 });
    }
    return found;
  }

  private async ask(view: View): Promise<Hit[]> {
    const { weights, diversity, personalize } = this.tuning.tuned;
    const { where } = this.tuning;
    const options = { limit: this.limit, weights, explain: true, includeSeen: !this.hideSeen, signal: this.abort.signal, ...(where ? { where } : {}) };
    this.wordsOnly = false;
    if (view.kind === "similar") return this.engine.similar(view.id, options);
    if (view.kind === "home") return this.engine.recommend({ ...options, diversity, compare: "baseline" });
    if (this.model.state === "ready") return this.engine.search(view.text, { ...options, personalize });
    // No model (yet): words have to do, and the notice says so.
    this.wordsOnly = true;
    await this.titles.load();
    return this.titles.words(view.text, this.limit, (it) => this.tuning.allows(it) && !(this.hideSeen && this.marks.of(it.id)));
  }

  /** `found` is `null` while a new search is on its way. */
  private drawHeading(found: number | null): void {
    const { view, wordsOnly, marks } = this;
    const { likes, hidden } = marks;
    const runs = { leaveSearch: () => this.leaveSearch(), back: () => this.back(), pick: () => void this.showWelcome() };
    this.results.heading(headingOf({ view, found, wordsOnly, likes, hidden }, runs));
  }

  private empty(found: number): ReturnType<typeof emptyOf> {
    const { isFiltered } = this.tuning;
    return emptyOf({ view: this.view, found, isFiltered }, { clearFilters: () => this.tuning.clearFilters(), showSeen: () => this.showSeen() });
  }

  private drawEmpty(found: number): void {
    const { text, action } = this.empty(found);
    this.results.nothing(text, action);
  }

  /** What a list came to, for people who do not see it. */
  private found(hits: readonly Hit[]): string {
    const [first] = hits;
    if (first === undefined) return this.empty(0).text ?? "";
    return `${hits.length < this.limit ? words.plural(hits.length, "film") : `The first ${words.plural(hits.length, "film")}`}. ${film(first).title} comes first.`;
  }

  private showSeen(): void {
    this.hideSeen = false;
    this.tuning.setHideSeen(false);
    this.refresh({ compare: false });
  }

  private drawNotice(): void {
    this.results.say(this.view.kind === "search" ? noticeOf(this.model, () => this.loadModel()) : null);
  }

  private drawStatus(): void {
    const { status } = this.engine;
    this.network.workerRequests(status.requests);
    this.status.show({ status, counted: this.network.counted, loadingDone: this.network.isReady, shownMs: this.shownMs, offline: this.offline, online: navigator.onLine });
  }

  private drawProfileButton(): void {
    this.top.count(this.marks.likes + this.marks.hidden);
  }

  // ---- What happens --------------------------------------------------------------------------------------------

  private listen(): void {
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.typed(true);
    });
    this.query.addEventListener("input", () => this.typed(false));
    this.query.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.view.kind === "search") {
        event.preventDefault();
        this.leaveSearch();
      } else if (event.key === "ArrowDown" && this.view.kind === "search" && this.results.grid.ids.length > 0) {
        event.preventDefault();
        this.results.grid.focusPlace(0);
      }
    });
    byId("brand").addEventListener("click", (event) => {
      event.preventDefault();
      if (this.view.kind !== "home") this.go(HOME);
      this.refresh({ compare: false });
      scrollTo({ top: 0 });
    });
    byId("main").addEventListener("keydown", (event) => {
      const { focused } = this.results.grid;
      if (event.key === "Enter" && focused && document.activeElement === focused.element.firstElementChild) {
        // Else the key would also press the button that the dialog focuses first, and that button closes it.
        event.preventDefault();
        this.act("open", focused.hit);
      }
      if (event.key === "Escape" && this.view.kind !== "home") this.view.kind === "search" ? this.leaveSearch() : this.back();
    });
    addEventListener("popstate", () => {
      const n = (history.state as { n?: number } | null)?.n ?? 0;
      const view = this.views[n] ?? HOME;
      this.go(view, false);
      if (view.kind === "search") this.query.value = view.text;
      this.refresh({ compare: false });
    });
    this.results.more.addEventListener("click", () => {
      this.limit += PAGE;
      this.refresh({ compare: false });
    });
    this.tune.addEventListener("click", () => this.toggleTuning(this.tune.getAttribute("aria-expanded") !== "true"));
    this.tuningRoot.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.tuningRoot.classList.contains("open")) this.toggleTuning(false);
    });
    this.engine.on("change", ({ source }) => {
      // What was said here is followed up where it was said, with words of its own.
      if (source === "remote" || this.saying === 0) void this.profileChanged(source === "remote");
    });
    this.engine.on("status", () => this.drawStatus());
    this.engine.on("error", (error) => this.problem("Something", error, () => location.reload()));
    for (const type of ["online", "offline"]) {
      addEventListener(type, () => {
        this.drawStatus();
        this.drawNotice();
      });
    }
  }

  private toggleTuning(open: boolean): void {
    this.tune.setAttribute("aria-expanded", String(open));
    this.tuningRoot.classList.toggle("open", open);
    if (open) this.tuningRoot.querySelector<HTMLElement>("input")?.focus({ preventScroll: true });
    else this.tune.focus({ preventScroll: true });
  }

  private tuned(what: "weights" | "filters"): void {
    this.hideSeen = this.tuning.hideSeen;
    if (what === "filters") this.limit = PAGE;
    this.refresh({ compare: what === "weights" });
  }

  private typed(now: boolean): void {
    clearTimeout(this.typing);
    const text = this.query.value.trim();
    if (text === "") {
      if (this.view.kind === "search") this.leaveSearch();
      return;
    }
    if (this.view.kind === "search" && this.view.text === text && !now) return;
    this.go({ kind: "search", text });
    scrollTo({ top: 0 });
    this.drawHeading(null);
    if (this.model.state === "ready" && !now) this.typing = window.setTimeout(() => this.refresh({ compare: false }), TYPING_MS);
    else this.refresh({ compare: false });
    const { connection } = navigator as { connection?: { saveData?: boolean } };
    if (this.model.state === "absent" && connection?.saveData !== true) this.loadModel();
  }

  private leaveSearch(): void {
    clearTimeout(this.typing);
    this.query.value = "";
    this.query.focus();
    this.go(HOME);
    this.refresh({ compare: false });
  }

  private loadModel(): void {
    this.model.load().then(
      () => {
        if (this.view.kind === "search") this.refresh({ compare: false, cause: "The text model is ready. Results are by meaning now." });
      },
      (error: unknown) => console.warn(error),
    );
  }

  private modelChanged(): void {
    const { state } = this.model;
    this.network.modelLoading(state === "loading");
    this.drawNotice();
    if (state !== "loading") this.drawStatus();
    if (this.panel.isOpen) this.panel.drawOffline();
  }

  private async openFilm(found: Film): Promise<void> {
    const [hit] = await this.engine.get([found.id]);
    if (hit) this.detail.open(hit);
  }

  private act(act: Act, hit: Hit): void {
    if (act === "open") this.detail.open(hit);
    else if (act === "alike") {
      document.querySelector<HTMLDialogElement>("dialog.detail[open]")?.close();
      this.go({ kind: "similar", id: hit.id, title: film(hit).title });
      this.refresh({ compare: false, cause: `Films like ${film(hit).title}.` });
      scrollTo({ top: 0 });
      this.results.focusHeading();
    } else void this.say(act, hit);
  }

  private async say(mark: "like" | "hide", hit: Hit): Promise<void> {
    const { title } = film(hit);
    this.saying++;
    try {
      const what = await this.marks.toggle(hit.id, mark);
      const said = what === "taken back" ? `Taken back: ${title}.` : mark === "like" ? `Liked ${title}.` : `Fewer like ${title}.`;
      await this.profileChanged(false, said);
      toast({ text: said, isSaid: true, ...(what === "said" ? { action: { label: "Undo", run: () => void this.undoMark(hit.id, mark) } } : {}) });
    } catch (error) {
      this.problem("Keeping that", error, () => void this.say(mark, hit));
    } finally {
      this.saying--;
    }
  }

  private async undoMark(id: string, mark: Exclude<Mark, null>): Promise<void> {
    const event = this.marks.eventOf(id);
    if (event?.type === mark) await this.takeBack(event);
  }

  private async undoLast(): Promise<void> {
    const { last } = this.marks;
    if (last) await this.takeBack(last);
  }

  private async takeBack(event: ProfileEvent): Promise<void> {
    this.saying++;
    try {
      await this.engine.profile.undo(event.id);
      const [hit] = await this.engine.get([event.item]);
      const said = `Taken back: ${hit ? film(hit).title : event.item}.`;
      await this.profileChanged(false, said);
      toast({ text: said, isSaid: true });
    } catch (error) {
      this.problem("Taking that back", error, () => void this.takeBack(event));
    } finally {
      this.saying--;
    }
  }

  /** The events changed, here or in another tab: everything that depends on them follows. */
  private async profileChanged(remote: boolean, cause?: string): Promise<void> {
    const wasEmpty = this.marks.isEmpty;
    await this.marks.load();
    this.drawProfileButton();
    this.detail.refresh();
    if (this.panel.isOpen) void this.panel.refresh();
    if (remote && this.marks.isEmpty && !wasEmpty) {
      await this.erased();
      return;
    }
    if (!byId("welcome").hidden) {
      if (remote && !this.marks.isEmpty) await this.showResults();
      return;
    }
    this.results.grid.remark(this.marks.map);
    this.refresh({ compare: true, ...(cause ? { cause } : remote ? { cause: "Changed in another tab." } : {}) });
  }

  private async erased(): Promise<void> {
    forget();
    this.top.followSystemTheme();
    this.tuning.forget();
    await this.marks.load();
    this.drawProfileButton();
    // What was typed and opened: the browser's Back button leads to the start.
    this.views.length = 0;
    this.go(HOME, false);
    this.query.value = "";
    await this.showWelcome();
    scrollTo({ top: 0 });
    toast({ text: "Everything is erased. This browser knows nothing about you any more." });
  }

  private problem(doing: string, error: unknown, retry: () => void): void {
    console.error(error);
    const { title, text, code } = explain(doing, error);
    toast({ text: `${title} ${text} (${code})`, stays: true, isProblem: true, action: { label: "Try again", run: retry } });
  }

  /** A newer build is saved and waits. */
  offerUpdate(takeOver: () => void): void {
    toast({ text: "A newer version of this page is ready.", stays: true, action: { label: "Use it now", run: takeOver } });
  }
}
