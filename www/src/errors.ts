/** Errors in words for a person: what happened, what is still fine, what to do. The code stays visible for developers. */

export interface Explained {
  readonly title: string;
  readonly text: string;
  readonly code: string;
}

const code = (error: unknown): string => {
  if (error && typeof error === "object" && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.name : "unknown";
};

export const isAbort = (error: unknown): boolean =>
  error instanceof DOMException ? error.name === "AbortError" : code(error) === "aborted";

/** `doing` says what failed, as the start of a sentence: "Loading the films". */
export function explain(doing: string, error: unknown): Explained {
  const message = error instanceof Error ? error.message : String(error);
  return { title: `${doing} did not work.`, text: hint(code(error), message), code: code(error) };
}

function hint(code: string, message: string): string {
  if (!navigator.onLine) return "This device is offline, and what is needed has not been saved for offline use yet. Try again with a connection.";
  if (/too-new/.test(code)) return "This was made by a newer version than this page. Reload the page and try again.";
  if (/unreachable|not-found|http-status|web-page|missing/.test(code))
    return "A file of this page could not be fetched. The connection may have dropped for a moment.";
  if (/hash|length|truncated|damaged|not-a|inconsistent|unknown-file/.test(code))
    return "A file arrived damaged or incomplete, so it was not used. Trying again usually fetches a good one.";
  if (/^model/.test(code)) return "The text model could not be used. Searching by words and all recommendations go on working.";
  if (/quota|storage|store|indexed/.test(code)) return "The browser refused to store data. There may be too little space, or storage is switched off for this site.";
  if (/crash|worker|memory|internal|closed/.test(code)) return "The part that computes the ranking stopped. Your data is safe; loading the page again starts it anew.";
  return message;
}
