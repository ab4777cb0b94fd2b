/**
 * What the npm scripts share: saying what is done, running programs, and leaving out what is up to date. Node only, no
 * packages, because this runs before any is installed.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Compiled dependencies outlive a fresh checkout: they lie in the user's cache unless a folder is named. */
export const cache = process.env.HOMEBODY_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "homebody");
process.env.CARGO_TARGET_DIR ??= join(cache, "target");

/** Ends the script with a message, without a stack that says nothing to who ran it. */
export class Failure extends Error {}

export function say(text) {
  console.error(`\x1b[1m==> ${text}\x1b[0m`);
}

/** Runs a program in the work tree, its output going straight through; fails if it fails. */
export function run(command, args, { env = {}, cwd = root, stdio = "inherit" } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio, env: { ...process.env, ...env } });
    child.on("error", (error) => reject(new Failure(`${command} could not be started: ${error.message}`)));
    child.on("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Failure(`${command} ${args.slice(0, 3).join(" ")} failed (${signal ?? `exit code ${code}`})`));
    });
  });
}

/** Runs a program of an installed package. */
export const runBin = (name, args, options) => run(process.execPath, [join(root, "node_modules", ...name.split("/")), ...args], options);

export const has = (command, args = ["--version"]) => spawnSync(command, args, { stdio: "ignore" }).status === 0;

/** What a program prints, or nothing if it fails. */
export function output(command, args) {
  const { status, stdout } = spawnSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return status === 0 ? stdout.trim() : undefined;
}

/** SHA-256 over files and folders (names and contents) and words. */
export function hashOf(paths, words = []) {
  const hash = createHash("sha256");
  for (const word of words) hash.update(`word ${word}\n`);
  for (const path of paths.flatMap((path) => filesOf(join(root, path)))) {
    const bytes = readFileSync(path);
    hash.update(`file ${relative(root, path)} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex");
}

/** A file, or all files below a folder, in a fixed order; nothing where there is nothing. */
export function filesOf(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).sort().flatMap((name) => filesOf(join(path, name)));
}

/**
 * Does something unless it was done with the same inputs and its outputs are still there. The stamp is written last, so
 * that what was interrupted is done again.
 */
export async function step(what, { inputs, words = [], outputs }, work) {
  const stamp = join(root, "build/stamps", what.replaceAll(" ", "-"));
  const hash = () => hashOf(inputs, words);
  const before = hash();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === before && outputs.every((path) => existsSync(join(root, path)))) {
    say(`${what}: up to date`);
    return;
  }
  say(what);
  await work();
  const missing = outputs.find((path) => !existsSync(join(root, path)));
  if (missing !== undefined) throw new Failure(`${what} left no ${missing}`);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, before);
}

/** Runs a script's main function: a failure of ours is told in a line, another with its stack. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    console.error(error instanceof Failure ? `\nhomebody: ${error.message}` : error);
    process.exit(1);
  }
}

export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
export const posix = (path) => path.split(sep).join("/");
