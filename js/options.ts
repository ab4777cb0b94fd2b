/** Checking what a caller hands to the page's own objects. What goes on to the engine is checked there. */

import { HomebodyError } from "./errors.js";

/** Refuses options of a name that nobody knows: a misspelt one would silently be the default. */
export function checkOptions(what: string, options: object, known: readonly string[]): void {
  checkObject(what, options);
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      const list = known.map((option) => `\`${option}\``).join(", ");
      throw new HomebodyError("unknown-option", `${what}: unknown option \`${name}\`; known are ${list}.`);
    }
  }
}

/** An object of options, whose names are for the engine to know. */
export function checkObject(what: string, options: unknown): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new HomebodyError("invalid-argument", `${what} expects an object of options, got ${told(options)}.`);
  }
}

/** A text. The engine must get no other: what it takes for one could be read from anywhere in its memory. */
export function checkText(what: string, value: unknown): void {
  if (typeof value !== "string") {
    throw new HomebodyError("invalid-argument", `${what} expects a text, got ${told(value)}.`);
  }
}

/** A list of texts; a text alone is none, nor is anything else that can be gone through. */
export function checkTexts(what: string, values: unknown): void {
  checkList(what, "texts", values);
  // By number: a place without a value is passed over by everything else.
  for (let at = 0; at < values.length; at++) {
    if (typeof values[at] !== "string") {
      throw new HomebodyError("invalid-argument", `${what} expects a list of texts, got ${told(values[at])} at place ${at}.`);
    }
  }
}

export function checkList(what: string, ofWhat: string, values: unknown): asserts values is readonly unknown[] {
  if (!Array.isArray(values)) {
    throw new HomebodyError("invalid-argument", `${what} expects a list of ${ofWhat}, got ${told(values)}.`);
  }
}

export function checkFunction(what: string, value: unknown): void {
  if (typeof value !== "function") {
    throw new HomebodyError("invalid-argument", `${what}: expected a function, got ${told(value)}.`);
  }
}

export function checkBoolean(what: string, value: unknown): void {
  if (typeof value !== "boolean") {
    throw new HomebodyError("option", `${what}: expected true or false, got ${told(value)}.`);
  }
}

/** A signal, if there is one. */
export function checkSignal(what: string, signal: unknown): void {
  if (signal !== undefined && signal !== null && !isA("AbortSignal", signal)) {
    throw new HomebodyError("invalid-argument", `${what}: expected an AbortSignal as \`signal\`, got ${told(signal)}.`);
  }
}

/** An address made whole, which the page's own is the base of. */
export function checkAddress(what: string, address: unknown): URL {
  if (typeof address === "string" || isA("URL", address)) {
    const base = globalThis.document?.baseURI;
    // Of `data:` and the like nothing beside it can be named.
    if (URL.canParse(address, base) && URL.canParse("./x", new URL(address, base))) {
      return new URL(address, base);
    }
  }
  throw new HomebodyError("invalid-argument", `${what}: expected an address, as text or URL, got ${told(address)}.`);
}

/** Of whichever window: `instanceof` would refuse what comes from a frame. */
const isA = <K extends "AbortSignal" | "URL">(name: K, value: unknown): value is InstanceType<(typeof globalThis)[K]> =>
  Object.prototype.toString.call(value) === `[object ${name}]`;

/** What came, in few words. */
export function told(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  }
  if (typeof value === "object" && value !== null) {
    const { constructor } = value;
    const name: unknown = typeof constructor === "function" ? constructor.name : undefined;
    return isA("URL", value) ? String(value) : `an object (${typeof name === "string" && name !== "" ? name : "Object"})`;
  }
  return typeof value === "function" ? "a function" : String(value);
}

/** One of a few words, or an error that lists them. */
export function checkChoice<T extends string>(what: string, value: T, known: readonly T[]): T {
  if (!known.includes(value)) {
    const list = known.map((choice) => JSON.stringify(choice)).join(", ");
    throw new HomebodyError("option", `${what}: expected one of ${list}, got ${told(value)}.`);
  }
  return value;
}

/** The largest number that the engine counts to: larger ones mean "all". */
export const MOST = 0xffff_ffff;

/** Options as they go to the engine: without their `signal`, which stays in the page, and with numbers that it can count to. */
export function sendable<T extends { readonly signal?: AbortSignal }>(what: string, options: T): Omit<T, "signal"> {
  checkObject(what, options);
  const { signal, ...rest } = options;
  checkSignal(what, signal);
  const numbers = rest as Record<string, unknown>;
  for (const name of ["limit", "offset", "n"]) {
    const number = numbers[name];
    if (typeof number === "number" && number > MOST && (Number.isInteger(number) || number === Infinity)) {
      numbers[name] = MOST;
    }
  }
  for (const [name, value] of Object.entries(rest)) {
    checkNumbers(CODES.get(name) ?? { number: "option", depth: "option" }, `${what}: ${name}`, value, 0);
  }
  return rest;
}

/** How deep options may be: filters up to here are the engine's to judge. */
const DEEPEST = 100;

interface Codes {
  readonly number: string;
  readonly depth: string;
}

/** The engine's own codes for what it would refuse itself. */
const CODES: ReadonlyMap<string, Codes> = new Map([
  ["weights", { number: "weight", depth: "weight" }],
  ["where", { number: "filter-type", depth: "filter" }],
]);

/** Refuses what JSON has no word for, with its place: the engine would be told `null`, or nothing at all. */
function checkNumbers(codes: Codes, what: string, value: unknown, deep: number): void {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new HomebodyError(codes.number, `${what}: expected a finite number, got ${told(value)}.`);
  }
  if (value instanceof Map || value instanceof Set) {
    throw new HomebodyError("option", `${what}: expected a plain object, got ${told(value)}.`);
  }
  if (deep > DEEPEST) {
    throw new HomebodyError(codes.depth, `${what}: expected options at most ${DEEPEST} levels deep.`);
  }
  // Lists of ids may be long, and are checked where they are read.
  if (typeof value === "object" && value !== null && !(Array.isArray(value) && typeof value[0] === "string")) {
    for (const [name, inner] of Object.entries(value)) {
      checkNumbers(codes, Array.isArray(value) ? `${what}[${name}]` : `${what}: ${name}`, inner, deep + 1);
    }
  }
}
