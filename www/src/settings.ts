/**
 * The few choices of this page that outlive it: theme, weights, diversity. One key of localStorage, which "erase"
 * removes; what the person likes is not here but in the profile of the package. Refused storage means memory only.
 */

export type Theme = "light" | "dark";

export interface Settings {
  theme?: Theme;
  /** By list (recommendations, search, more like this), what was moved away from its default. */
  weights?: Record<string, Record<string, number>>;
  diversity?: number;
  personalize?: number;
  /** `false`: single-letter keys do nothing. */
  keys?: boolean;
}

/** Also read by theme.ts, before anything is drawn. */
export const SETTINGS_KEY = "homebody-films";

let current: Settings = read();

function read(): Settings {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(SETTINGS_KEY) ?? "{}");
    return value && typeof value === "object" ? (value as Settings) : {};
  } catch {
    return {};
  }
}

export const settings = (): Readonly<Settings> => current;

export function change(part: Settings): void {
  current = { ...current, ...part };
  try {
    localStorage.setItem(SETTINGS_KEY, JSON.stringify(current));
  } catch {
    // Refused or full: the choice holds until the page is closed.
  }
}

export function forget(): void {
  current = {};
  try {
    localStorage.removeItem(SETTINGS_KEY);
  } catch {
    // Nothing was stored then.
  }
}
