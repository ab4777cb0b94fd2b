/** How long something is waited for: storage of the browser that never answers counts as gone, and a caller may give up. */

/** Storage answers within milliseconds, on a busy disk within seconds. As long as the profile's database is waited for, see `src/wasm/patience.rs`. */
const SILENCE_MS = 10_000;

/** The answer, or an error if none comes. */
export async function answered<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${SILENCE_MS / 1000} s`)), SILENCE_MS);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits, but not beyond the signal: what is waited for goes on, because others may wait for it too. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) {
    return promise;
  }
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
