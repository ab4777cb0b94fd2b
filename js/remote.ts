/**
 * The page's end of a worker: calls become promises. A call ends in exactly one way: with its result, with an error, by
 * its `AbortSignal`, or because the worker failed or was closed. None hangs.
 */

import { HomebodyError, fromWire } from "./errors.js";
import type { ArgsOf, FromWorker, MethodOf, ResultOf, ToWorker } from "./protocol.js";
import type { Given } from "./wasm.js";

/** How long a worker that was closed may take to come to its end. */
const LAST_MS = 5000;

interface Pending {
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly transfer?: readonly Transferable[] | undefined;
}

/** What `Remote` needs of a worker; `Worker` has it, and so does a `MessagePort` with a little help in tests. */
export interface WorkerLike {
  postMessage(message: unknown, transfer: Transferable[]): void;
  terminate(): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  addEventListener(type: "error" | "messageerror", listener: (event: Event) => void): void;
}

/** What the page does with each thing the worker says unasked. */
export type Handlers<Events extends object> = { readonly [K in keyof Events]: (data: Events[K]) => void };

export class Remote<T extends object, Events extends object> {
  readonly #worker: WorkerLike;
  readonly #handlers: Handlers<Events>;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  /** Why no call is taken any more. */
  #ended: HomebodyError | undefined;

  /** `start` names the object that the worker is to serve, `module` is what it needs for that. */
  constructor(worker: WorkerLike, start: string, module: Given, handlers: Handlers<Events>) {
    this.#worker = worker;
    this.#handlers = handlers;
    worker.addEventListener("message", (event) => this.#receive(event.data as FromWorker));
    worker.addEventListener("error", (event) => {
      // Handled here; unhandled it would be reported as an error of the page.
      event.preventDefault();
      const { message } = event as Partial<ErrorEvent>;
      const what = message === undefined || message === "" ? "its script could not be loaded or run" : message;
      this.#end(
        new HomebodyError("worker-failed", `The worker failed: ${what}. Is the package served with its worker files?`),
      );
    });
    worker.addEventListener("messageerror", () => {
      this.#end(new HomebodyError("worker-failed", "A message of the worker could not be read."));
    });
    this.#post({ start });
    void module.then((module) => this.#ended === undefined && this.#post({ module }));
  }

  /** Whether calls are refused, because the worker was closed, failed or crashed. */
  get ended(): HomebodyError | undefined {
    return this.#ended;
  }

  call<K extends MethodOf<T>>(method: K, args: ArgsOf<T, K>, options: CallOptions = {}): Promise<ResultOf<T, K>> {
    const { signal, transfer } = options;
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        throw this.#ended;
      }
      signal?.throwIfAborted();
      const id = ++this.#lastId;
      const onAbort = (): void => {
        this.#pending.delete(id);
        this.#post({ cancel: id });
        reject(signal?.reason);
      };
      const settle = (): void => signal?.removeEventListener("abort", onAbort);
      this.#pending.set(id, {
        resolve: (value) => {
          settle();
          resolve(value as ResultOf<T, K>);
        },
        reject: (reason) => {
          settle();
          reject(reason);
        },
      });
      try {
        this.#post({ id, method, args: args as readonly unknown[] }, transfer);
      } catch (thrown) {
        // What cannot be cloned (a function among the options, say) never left the page.
        this.#pending.delete(id);
        throw new HomebodyError("invalid-argument", `The arguments of ${method}() cannot be sent to the worker.`, {
          cause: thrown,
        });
      }
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /**
   * Ends the worker and rejects what is pending with the code `closed`. A second time does nothing. `last` names what the
   * worker is still to do, storing what it has fetched, say; a worker that does not come to an end is ended.
   */
  async close(what: string, last?: MethodOf<T>): Promise<void> {
    if (this.#ended !== undefined) {
      return;
    }
    const reason = new HomebodyError("closed", `This ${what} was closed.`);
    if (last === undefined) {
      this.#end(reason);
      return;
    }
    const others = [...this.#pending];
    const done = this.call(last, [] as unknown as ArgsOf<T, typeof last>);
    this.#ended = reason;
    for (const [id, { reject }] of others) {
      this.#pending.delete(id);
      this.#post({ cancel: id });
      reject(reason);
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, LAST_MS);
    });
    await Promise.race([done.catch(() => undefined), patience]);
    clearTimeout(timer);
    this.#end(reason);
  }

  #post(message: ToWorker, transfer: readonly Transferable[] = []): void {
    this.#worker.postMessage(message, [...transfer]);
  }

  #receive(message: FromWorker): void {
    if ("event" in message) {
      const event = message.event as keyof Events;
      this.#handlers[event](message.data as Events[typeof event]);
    } else if ("crashed" in message) {
      this.#end(fromWire(message.crashed));
    } else {
      const pending = this.#pending.get(message.id);
      this.#pending.delete(message.id);
      if ("error" in message) {
        pending?.reject(fromWire(message.error));
      } else {
        pending?.resolve(message.value);
      }
    }
  }

  #end(reason: HomebodyError): void {
    this.#ended ??= reason;
    this.#worker.terminate();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) {
      reject(reason);
    }
  }
}
