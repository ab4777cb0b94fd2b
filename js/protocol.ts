/**
 * What page and worker say to each other. A worker serves one object; its methods are the requests, so that the types of
 * both sides follow from the implementation and cannot drift apart.
 */

import type { WireError } from "./errors.js";

/** From the page. The first message of all is `start`: which of its objects the worker is to serve. */
export type ToWorker =
  | { readonly start: string }
  /** What the page has compiled for it; nothing where it could not. */
  | { readonly module: WebAssembly.Module | undefined }
  | { readonly id: number; readonly method: string; readonly args: readonly unknown[] }
  | { readonly cancel: number };

/** From the worker. */
export type FromWorker =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: WireError }
  | { readonly event: string; readonly data: unknown }
  /** The WebAssembly module stopped in the middle: nothing it holds can be trusted, every call is refused from now on. */
  | { readonly crashed: WireError };

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the widest function type there is
type AnyFunction = (...args: any[]) => unknown;

/** The names of an object's methods. */
export type MethodOf<T> = { [K in keyof T]: T[K] extends AnyFunction ? K : never }[keyof T] & string;

export type ArgsOf<T, K extends keyof T> = T[K] extends (...args: infer A) => unknown ? A : never;

/** What a call of a method gives on the other side: promises are waited for, transfers unwrapped. */
export type ResultOf<T, K extends keyof T> = T[K] extends (...args: never[]) => infer R ? Unwrapped<Awaited<R>> : never;

type Unwrapped<R> = R extends Transferring<infer V> ? V : R;

/** A result whose buffers are handed over rather than copied. */
export class Transferring<V> {
  constructor(
    readonly value: V,
    readonly buffers: readonly Transferable[],
  ) {}
}

/** How the served object speaks without being asked: `Events` maps each event's name to its data. */
export type Emit<Events> = <K extends keyof Events & string>(event: K, data: Events[K]) => void;
