/** Checking what a caller hands to the page's own objects. What goes on to the engine is checked there. */

import { HomebodyError } from "./errors.js";

/** Refuses options of a name that nobody knows: a misspelt one would silently be the default. */
export function checkOptions(what: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new HomebodyError("invalid-argument", `${what} expects an object of options, got ${String(options)}.`);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      const list = known.map((option) => `\`${option}\``).join(", ");
      throw new HomebodyError("unknown-option", `${what}: unknown option \`${name}\`; known are ${list}.`);
    }
  }
}

/** One of a few words, or an error that lists them. */
export function checkChoice<T extends string>(what: string, value: T, known: readonly T[]): T {
  if (!known.includes(value)) {
    const list = known.map((choice) => JSON.stringify(choice)).join(", ");
    throw new HomebodyError("option", `${what}: expected one of ${list}, got ${JSON.stringify(value)}.`);
  }
  return value;
}

/** Options without their `signal`, which stays in the page. */
export function withoutSignal<T extends { readonly signal?: AbortSignal }>(options: T): Omit<T, "signal"> {
  const { signal: _, ...rest } = options;
  return rest;
}
