/**
 * Every dependency's licence has to be one that a product under MIT OR Apache-2.0 may carry. For Rust these are the crates
 * that any of our targets is built of; for npm everything that is installed, though nothing of it is published.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { filesOf, root } from "../scripts/lib.mjs";

const ALLOWED = new Set([
  "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT",
  "MIT-0", "Unicode-3.0", "Unlicense", "Zlib",
]);

/** Packages that are only run, never shipped, and may be under licences that ask for their changes back. */
const TOOLS = new Map([
  ["axe-core", "MPL-2.0"],
  ["lightningcss", "MPL-2.0"],
]);

const problems = [];
/** File-level copyleft of a crate that only the native program links, unchanged: `directories` finds the cache folder by it. */
const EXCEPTIONS = { "option-ext": "MPL-2.0" };

const allowed = (expression) => {
  // `A OR B` leaves the choice to us; `A AND B` binds us to both.
  const or = expression.replace(/[()]/g, "").split(/\s+OR\s+|\//);
  return or.some((choice) => choice.split(/\s+AND\s+/).every((part) => ALLOWED.has(part.trim())));
};

const metadata = spawnSync("cargo", ["metadata", "--format-version=1", "--all-features", "--locked"], { cwd: root, maxBuffer: 1 << 28, encoding: "utf8" });
if (metadata.status !== 0) throw new Error(`cargo metadata failed: ${metadata.stderr}`);
const { packages } = JSON.parse(metadata.stdout);
for (const { name, version, license } of packages) {
  if (EXCEPTIONS[name] === license) continue;
  if (license === null || !allowed(license)) problems.push(`crate ${name} ${version}: ${license ?? "no licence stated"}`);
}

const manifests = filesOf(join(root, "node_modules")).filter((path) => /node_modules[\\/](@[^\\/]+[\\/])?[^\\/]+[\\/]package\.json$/.test(path));
for (const path of manifests) {
  const { name, version, license } = JSON.parse(readFileSync(path, "utf8"));
  const tool = [...TOOLS].some(([tool, known]) => (name === tool || name.startsWith(`${tool}-`)) && license === known);
  if (!tool && (typeof license !== "string" || !allowed(license))) problems.push(`npm package ${name} ${version}: ${JSON.stringify(license)}`);
}

console.log(`licences: ${packages.length} crates and ${manifests.length} npm packages looked at`);
if (packages.length === 0 || manifests.length === 0) problems.push("nothing to look at: are the dependencies installed?");
if (problems.length > 0) {
  console.error(`licences that are not on the list:\n  ${problems.join("\n  ")}`);
  process.exit(1);
}
