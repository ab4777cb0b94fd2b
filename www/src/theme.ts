/** Runs before the first paint, as a script of its own (the page allows no inline script): no flash of the other theme. */
import { SETTINGS_KEY } from "./settings.js";

try {
  const { theme } = JSON.parse(localStorage.getItem(SETTINGS_KEY) ?? "{}") as { theme?: string };
  if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
} catch {
  // No storage, or not our data: the system's theme it is.
}
