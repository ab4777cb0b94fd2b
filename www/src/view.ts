/** Which list is shown, and the words above it and in its place: what each list is, why it is empty, what it had to do without. */
import { explain } from "./errors.js";
import type { TextModel } from "./model.js";
import type { Heading, Notice } from "./results-view.js";
import * as words from "./words.js";

export type View =
  | { readonly kind: "home" }
  | { readonly kind: "search"; readonly text: string }
  | { readonly kind: "similar"; readonly id: string; readonly title: string };

export const HOME: View = { kind: "home" };

/** What a list is. `found` is `null` while a new search is on its way. */
export function headingOf(
  { view, found, wordsOnly, likes, hidden }: { view: View; found: number | null; wordsOnly: boolean; likes: number; hidden: number },
  runs: { leaveSearch(): void; back(): void; pick(): void },
): Heading {
  if (view.kind === "search") {
    const text = found === null ? "Searching …" : found === 0 ? "" : wordsOnly ? "By the words in it." : "Closest in meaning first.";
    return { title: `“${view.text}”`, text, back: { label: "All recommendations", run: runs.leaveSearch } };
  }
  if (view.kind === "similar") {
    return { title: `Like ${view.title}`, text: "Films alike in story, mood and kind.", back: { label: "Back", run: runs.back } };
  }
  if (likes + hidden === 0) {
    return { title: "Good to begin with", text: "What most people rate highly. Like a film, and the list becomes yours.", action: { label: "Pick some to start", run: runs.pick } };
  }
  const parts = [likes > 0 ? words.plural(likes, "like") : null, hidden > 0 ? words.plural(hidden, "dismissal") : null].filter((part) => part !== null);
  return { title: "For you", text: `From ${parts.join(" and ")}, known only to this browser.` };
}

/** Why there is no card; no text where there are some. */
export function emptyOf(
  { view, found, isFiltered }: { view: View; found: number; isFiltered: boolean },
  runs: { clearFilters(): void; showSeen(): void },
): { text: string | null; action?: { label: string; run(): void } } {
  if (found > 0) return { text: null };
  if (isFiltered) return { text: "No film passes these filters.", action: { label: "Clear the filters", run: runs.clearFilters } };
  if (view.kind === "search") return { text: "No film has these words." };
  return { text: "You have seen to every film there is.", action: { label: "Show them all again", run: runs.showSeen } };
}

/** What a search has to do without, as long as the text model is not there. */
export function noticeOf(model: TextModel, load: () => void): Notice | null {
  switch (model.state) {
    case "ready":
      return null;
    case "none":
      return { kind: "info", text: "This page was built without a text model. Matching words." };
    case "loading":
      return {
        kind: "progress",
        text: "Fetching the text model, once, so that search understands descriptions. Until then, words are matched.",
        progress: model.total > 0 && model.loaded > 0 ? Math.min(1, model.loaded / model.total) : null,
        figures: `${words.bytes(model.loaded)} of ${words.bytes(model.total)}`,
      };
    case "failed": {
      const action = { label: "Try again", run: load };
      return navigator.onLine
        ? { kind: "problem", text: `${explain("Fetching the text model", model.error).title} Matching words instead.`, action }
        : { kind: "info", text: "Offline, and the text model is not on this device yet. Matching words instead.", action };
    }
    case "absent":
      return { kind: "info", text: "Your browser asks to save data, so the text model was not fetched. Matching words.", action: { label: `Fetch it (${words.bytes(model.cost)})`, run: load } };
  }
}
