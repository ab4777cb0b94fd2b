/**
 * Every error of the package is a `HomebodyError` with a stable `code`, wherever it arose: in the page, in a worker or in
 * WebAssembly. Nothing crosses a border as a bare string.
 */

import type { ErrorCode } from "./error-codes.js";

/** What went wrong, as a stable word in `code`, as a sentence in `message`, and what lies behind it in `cause`. */
export class HomebodyError extends Error {
  /** Kebab-case and stable between versions: branch on this, never on `message`. `docs/errors.md` says what each means. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "HomebodyError";
    this.code = code;
  }
}

/** An error in a shape that structured cloning keeps whole (it would drop `code` and the class). */
export interface WireError {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: WireError;
}

/** The code of an error that none of our own code foresaw. */
const UNFORESEEN = "internal";

/** Describes anything that was thrown. */
export function toWire(thrown: unknown): WireError {
  if (!(thrown instanceof Error)) {
    return { name: "HomebodyError", code: UNFORESEEN, message: String(thrown) };
  }
  const code: unknown = "code" in thrown ? thrown.code : undefined;
  return {
    name: thrown.name,
    code: typeof code === "string" ? code : UNFORESEEN,
    message: thrown.message,
    ...(thrown.stack === undefined ? {} : { stack: thrown.stack }),
    ...(thrown.cause === undefined || thrown.cause === null ? {} : { cause: toWire(thrown.cause) }),
  };
}

/** The error that was described, with the other side's stack. */
export function fromWire(wire: WireError): HomebodyError {
  const cause = wire.cause === undefined ? undefined : { cause: fromWire(wire.cause) };
  const error = new HomebodyError(wire.code, wire.message, cause);
  if (wire.stack !== undefined) {
    error.stack = wire.stack;
  }
  return error;
}

/** What was thrown, as one of ours: itself if it is, wrapped if it is not. */
export function asHomebodyError(thrown: unknown): HomebodyError {
  return thrown instanceof HomebodyError ? thrown : fromWire(toWire(thrown));
}
