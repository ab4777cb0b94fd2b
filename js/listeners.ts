/** Who is told what: a small, typed stand-in for `EventTarget`, whose events would not say what they carry. */

export class Listeners<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(data: never) => void>>();

  /** Returns the function that ends the listening. */
  on<K extends keyof Events>(type: K, listener: (data: Events[K]) => void): () => void {
    const set = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, set);
    // A wrapper of its own, so that one function given twice is called twice and ended one by one.
    const entry = (data: Events[K]): void => listener(data);
    set.add(entry);
    return () => void set.delete(entry);
  }

  /** Calls each listener; what one throws is reported as the page's error and keeps none of the others from being called. */
  emit<K extends keyof Events>(type: K, data: Events[K]): void {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) {
      try {
        (listener as (data: Events[K]) => void)(data);
      } catch (thrown) {
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
