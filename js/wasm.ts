/** Loading a WebAssembly module of the package. */

import { HomebodyError } from "./errors.js";

/**
 * Fetches and compiles a module: while it arrives, if the server names the right type, else afterwards. Static servers
 * that do not know `application/wasm` are common enough to be no error.
 */
export async function compile(url: URL): Promise<WebAssembly.Module> {
  let response: Response;
  try {
    response = await fetch(url, { credentials: "same-origin" });
  } catch (cause) {
    throw failure(url, "got no answer", cause);
  }
  if (!response.ok) {
    throw failure(url, `got HTTP status ${response.status}`);
  }
  try {
    const type = response.headers.get("content-type") ?? "";
    return /^application\/wasm\b/i.test(type)
      ? await WebAssembly.compileStreaming(response)
      : await WebAssembly.compile(await response.arrayBuffer());
  } catch (cause) {
    throw failure(url, "got something that does not compile", cause);
  }
}

/** Makes an instance of a compiled module; the browser may have no memory for it. */
export async function instantiated<T>(instantiate: () => Promise<T>): Promise<T> {
  try {
    return await instantiate();
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new HomebodyError("out-of-memory", "Expected memory for Homebody's WebAssembly module, the browser gave none. Close other pages and try again.", {
        cause,
      });
    }
    throw cause;
  }
}

function failure(url: URL, came: string, cause?: unknown): HomebodyError {
  return new HomebodyError(
    "module-failed",
    `Expected Homebody's WebAssembly module at ${url.href}, ${came}. It belongs beside the package's own files, and a Content-Security-Policy has to allow 'wasm-unsafe-eval'.`,
    cause === undefined ? undefined : { cause },
  );
}
