/**
 * Which device was faster, remembered between visits: one small record per adapter and set of vectors, in a database of its
 * own, which says nothing of the person. A recommender with `persist: false` leaves it alone. Whatever the browser refuses here costs a measurement and nothing else, so nothing in this file rejects.
 */

import type { Measured } from "./core/core.js";
import { answered } from "./patience.js";

const DATABASE = "homebody-devices";
const STORE = "measured";

/** Records older than this are measured anew: drivers and browsers change. Thirty days. */
const MOST_AGE_MS = 30 * 24 * 60 * 60 * 1000;

interface Kept extends Measured {
  readonly at: number;
}

/** What was measured before. */
export async function recall(key: string): Promise<Measured | undefined> {
  const kept = await withStore<Kept | undefined>("readonly", (store) => store.get(key) as IDBRequest<Kept | undefined>);
  return kept !== undefined && Date.now() - kept.at < MOST_AGE_MS ? kept : undefined;
}

export async function remember(key: string, { cpuMs, gpuMs }: Measured): Promise<void> {
  const kept: Kept = { cpuMs, gpuMs, at: Date.now() };
  await withStore("readwrite", (store) => store.put(kept, key));
}

async function withStore<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | undefined> {
  try {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => void opening.result.createObjectStore(STORE);
    const database = await answered(done(opening)).catch((thrown: unknown) => {
      // Should it open after all: a connection that nobody uses stands in the way of others.
      opening.onsuccess = () => opening.result.close();
      throw thrown;
    });
    try {
      return await answered(done(work(database.transaction(STORE, mode).objectStore(STORE))));
    } finally {
      database.close();
    }
  } catch {
    return undefined;
  }
}

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error as DOMException);
    if (request instanceof IDBOpenDBRequest) {
      request.onblocked = () => reject(new DOMException("another tab holds an older version open", "InvalidStateError"));
    }
  });
