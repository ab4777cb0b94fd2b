/** What the page and its service worker tell each other. */

export type ToPage =
  /** The worker fetched this many files so far to keep them for offline use; `of` is how many it will be. */
  | { readonly type: "saving"; readonly fetched: number; readonly done: number; readonly of: number }
  /** A file that is only kept when it is used (the text model) came from the network. */
  | { readonly type: "fetched"; readonly path: string };

export type ToWorker = { readonly type: "take-over" };
