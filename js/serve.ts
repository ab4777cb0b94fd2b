/**
 * The worker's end: serves one object to the page.
 *
 * Requests are started in the order they came, one per task, so that a `cancel` that is already waiting overtakes the
 * request it is for: of ten searches typed in a row, the ones the page gave up never run. What an object names in `alone`
 * comes only when it is done with all requests before, and the next only when that is done, however long it waits for
 * something: what is asked in some order is answered as if each took no time. What the object wants of itself, because another
 * tab told it something, takes its turn among them.
 */

import { HomebodyError, toWire } from "./errors.js";
import { type FromWorker, type ToWorker, Transferring } from "./protocol.js";
import type { Given } from "./wasm.js";

/** What `serve` needs of the worker's global object. */
export interface ServingScope {
  postMessage(message: FromWorker, transfer: Transferable[]): void;
  addEventListener(type: "message" | "messageerror", listener: (event: MessageEvent) => void): void;
}

/**
 * How a served object is made; `crashed` is for its panic hook, `given` the module that the page compiles for it. `queue` has one of its
 * methods called in turn, once for all who want that before it begins; what it throws is an `error` that no call is waiting for.
 */
export type Make = (
  emit: (event: string, data: unknown) => void,
  crashed: (message: string) => void,
  given: Given,
  queue: (method: string) => void,
) => object;

/** What a served object may say of its methods: which of them run with no other under way. */
export interface Serving {
  readonly alone?: "all" | readonly string[];
}

/** Serves whichever of `objects` the page's first message names. */
export function serve(scope: ServingScope, objects: Readonly<Record<string, Make>>): void {
  /** Without an id: nobody waits for an answer. */
  const waiting: { id?: number; method: string; args: readonly unknown[] }[] = [];
  const { port1: nudge, port2: nudged } = new MessageChannel();
  let served: Serving | undefined;
  let crash: HomebodyError | undefined;
  let running = 0;
  /** Whether what is running runs alone. */
  let alone = false;
  /** Tasks that found a request which had to wait. */
  let held = 0;
  let give: (module: WebAssembly.Module | undefined) => void;
  const given: Given = new Promise((resolve) => {
    give = resolve;
  });

  const post = (message: FromWorker, transfer: readonly Transferable[] = []): void => {
    scope.postMessage(message, [...transfer]);
  };
  const queue = (method: string): void => {
    if (!waiting.some((request) => request.id === undefined && request.method === method)) {
      waiting.push({ method, args: [] });
      nudge.postMessage(null);
    }
  };
  const crashed = (message: string): void => {
    if (crash === undefined) {
      const text = `Homebody's WebAssembly module stopped in the middle (${message}). Create a new object to go on; what was recorded is kept.`;
      crash = new HomebodyError("crashed", text);
      waiting.length = 0;
      post({ crashed: toWire(crash) });
    }
  };

  scope.addEventListener("message", ({ data }: { data: ToWorker }) => {
    if ("start" in data) {
      served = objects[data.start]?.((event, value) => post({ event, data: value }), crashed, given, queue);
    } else if ("module" in data) {
      give(data.module);
    } else if ("cancel" in data) {
      const index = waiting.findIndex(({ id }) => id === data.cancel);
      if (index >= 0) {
        waiting.splice(index, 1);
      }
    } else {
      waiting.push(data);
      nudge.postMessage(null);
    }
  });

  // Only a module can be sent and yet not arrive.
  scope.addEventListener("messageerror", () => give(undefined));

  nudged.onmessage = async () => {
    const [request] = waiting;
    if (request === undefined) {
      return;
    }
    const { id, method, args } = request;
    const wantsNoOther = served?.alone === "all" || served?.alone?.includes(method) === true;
    if (alone || (wantsNoOther && running > 0)) {
      held++;
      return;
    }
    waiting.shift();
    running++;
    alone = wantsNoOther;
    try {
      if (crash !== undefined) {
        throw crash;
      }
      const result = await callMethod(served, method, args);
      if (id === undefined) {
        return;
      }
      if (result instanceof Transferring) {
        post({ id, value: result.value }, result.buffers);
      } else {
        post({ id, value: result });
      }
    } catch (thrown) {
      if (isCrash(thrown)) {
        crashed(thrown.message);
      } else if (id === undefined) {
        post({ event: "error", data: toWire(thrown) });
      } else {
        post({ id, error: toWire(thrown) });
      }
    } finally {
      running--;
      alone = false;
      for (; held > 0; held--) {
        nudge.postMessage(null);
      }
    }
  };
}

function callMethod(served: object | undefined, method: string, args: readonly unknown[]): unknown {
  const found: unknown = served === undefined ? undefined : Reflect.get(served, method);
  if (typeof found !== "function") {
    throw new HomebodyError("internal", `The worker has no method ${method}(): are page and worker of one version?`);
  }
  return Reflect.apply(found, served, args);
}

/** A trap or an exhausted stack: the module was left in the middle of a change. */
function isCrash(thrown: unknown): thrown is Error {
  return thrown instanceof WebAssembly.RuntimeError || (thrown instanceof RangeError && /call stack/i.test(thrown.message));
}
