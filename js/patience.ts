/** Storage of the browser that never answers: after so long it counts as gone, and what needed it goes on without. */

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
