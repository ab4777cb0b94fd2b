/**
 * Homebody recommends without sending anything home.
 *
 * - {@link Recommender}: a catalog of items, published as static files, ranked in this browser for one person.
 * - {@link Embedder}: text to vectors, in this browser.
 * - {@link VectorIndex}: the nearest of your own vectors.
 *
 * All work is done in workers. Errors are {@link HomebodyError}s with a stable `code`.
 */

export { Embedder } from "./embedder.js";
export { HomebodyError } from "./errors.js";
export { english, phrase } from "./phrases.js";
export { type Profile, Recommender } from "./recommender.js";
export type * from "./types.js";
export { VectorIndex } from "./vector-index.js";
