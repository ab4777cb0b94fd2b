/**
 * How good the ranking is, on MovieLens-100K: every protocol of `homebody evaluate`, with its baselines. Prints its tables, and says
 * how long it took. What it does not measure: texts of any length (a film here is a title, a year and its genres), and people
 * of today.
 *
 *     npm run bench -- quality
 */
import { join } from "node:path";
import { cache, root, run, say } from "../../scripts/lib.mjs";
import { movielens } from "./movielens.mjs";

const folder = join(cache, "downloads", "movielens");
const data = join(folder, "homebody");
await movielens(folder, data);
const program = join(root, "build/bin/homebody");
const catalog = join(data, "catalog");
await run(program, [
  "build", join(data, "items.jsonl"),
  "--schema", join(root, "benches/quality/catalog.toml"),
  "--model", join(root, "build/models/all-MiniLM-L6-v2"),
  "-o", catalog,
]);
const started = performance.now();
await run(program, ["evaluate", catalog, "--interactions", join(data, "interactions.csv"), "--protocol", "all"]);
say(`all protocols and baselines in ${((performance.now() - started) / 1000).toFixed(1)} s`);
// With what its owner's interactions add: factors and figures, learned by each split from its own crowd.
const crowd = join(data, "catalog-crowd");
await run(program, [
  "build", join(data, "items.jsonl"),
  "--schema", join(root, "benches/quality/crowd.toml"),
  "--model", join(root, "build/models/all-MiniLM-L6-v2"),
  "--interactions", join(data, "interactions.csv"),
  "-o", crowd,
]);
await run(program, ["evaluate", crowd, "--interactions", join(data, "interactions.csv"), "--protocol", "all", "--no-baselines"]);
