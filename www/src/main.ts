/** Starts the page: fetch what is needed, show how far it is, hand over to the app; or say what went wrong. */
import { Recommender, type Progress } from "homebody";
import { App } from "./app.js";
import { byId, h, put } from "./dom.js";
import { explain } from "./errors.js";
import { NetworkCount } from "./network.js";
import { keepOffline } from "./offline.js";
import * as words from "./words.js";

const CATALOG = "catalogs/films/";
const MODEL = "models/all-MiniLM-L6-v2/";

let app: App | null = null;
const network = new NetworkCount(() => app?.networkChanged());

async function boot(): Promise<void> {
  const bar = byId<HTMLProgressElement>("loading-progress");
  const figures = byId("loading-bytes");
  const files = new Map<string, { loaded: number; total: number }>();
  const onProgress = (progress: Progress): void => {
    app?.progress(progress);
    if (app || progress.phase !== "download") return;
    files.set(progress.file, { loaded: progress.loaded, total: progress.total ?? progress.loaded });
    let [loaded, total] = [0, 0];
    for (const file of files.values()) [loaded, total] = [loaded + file.loaded, total + file.total];
    bar.value = total > 0 ? loaded / total : 0;
    figures.textContent = `${words.bytes(loaded)} of ${words.bytes(total)}`;
  };
  try {
    const engine = await Recommender.create({ catalog: CATALOG, model: MODEL, onProgress });
    app = new App(engine, network);
    await app.start();
  } catch (error) {
    failed(error);
    return;
  }
  const running = app;
  keepOffline({
    saving: (fetched) => network.savedOffline(fetched),
    settled: (saved) => running.offlineSettled(saved),
    update: (takeOver) => running.offerUpdate(takeOver),
  });
}

function failed(error: unknown): void {
  console.error(error);
  const { title, text, code } = explain("Opening the films", error);
  const root = byId("loading");
  const before = [...root.childNodes];
  const retry = h("button", { class: "primary", type: "button" }, "Try again");
  retry.addEventListener("click", () => {
    app = null;
    put(root, ...before);
    byId("loading").hidden = false;
    document.documentElement.dataset["stage"] = "loading";
    void boot();
  });
  root.hidden = false;
  document.documentElement.dataset["stage"] = "failed";
  put(root, h("div", { role: "alert" }, h("h1", { class: "display", id: "loading-title" }, title), h("p", { class: "lead" }, text), h("p", { class: "code numbers" }, code)), retry);
  retry.focus();
}

void boot();
