/**
 * Loading a WebAssembly module of the package. The page compiles it and its worker makes an instance of it: Chromium keeps
 * optimized code for the next visit only of modules that a page has compiled, and the module arrives while the worker starts.
 */

import { HomebodyError } from "./errors.js";

/** Addresses are written out where bundlers find them. */
const URLS = {
  core: () => new URL("./core/core_bg.wasm", import.meta.url),
  embed: () => new URL("./embed/embed_bg.wasm", import.meta.url),
  graph: () => new URL("./graph/graph_bg.wasm", import.meta.url),
};

export type ModuleName = keyof typeof URLS;

/** A module that the page compiles for its worker; nothing where it could not be. */
export type Given = Promise<WebAssembly.Module | undefined>;

/** In the page. Never rejects: the worker tries again, and says what is wrong. */
export const compileForWorker = (name: ModuleName): Given => compile(name).catch(() => undefined);

/** In the worker: the module that the page gave, or one of its own. `onRequest` is told of each time it was asked for. */
export async function moduleFor(name: ModuleName, given: Given, onRequest: () => void): Promise<WebAssembly.Module> {
  onRequest();
  const module = await given;
  if (module !== undefined) {
    return module;
  }
  onRequest();
  return compile(name);
}

/**
 * Fetches and compiles a module: while it arrives, if the server names the right type, else afterwards. Static servers
 * that do not know `application/wasm` are common enough to be no error.
 */
export async function compile(name: ModuleName): Promise<WebAssembly.Module> {
  const url = URLS[name]();
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
