/** Catalogs that differ from the built one, each as a catalog builder would have written it: hashes and all. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { answers, root } from "./harness.mjs";

export const FOLDER = join(root, "build/catalogs/films");
export const file = (name) => readFileSync(join(FOLDER, name));
export const manifest = () => file("catalog.json").toString();
export const files = () => JSON.parse(manifest()).files;
/** The name of the file with the vectors of the texts. */
export const vectors = () => files().find(({ path }) => !path.startsWith("items-")).path;

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** A manifest with its own hash set right: SHA-256 of all its bytes, with the digits of that hash taken as zeros. */
export function signed(text) {
  const at = text.lastIndexOf('"sha256": "') + '"sha256": "'.length;
  const [before, after] = [text.slice(0, at), text.slice(at + 64)];
  return Buffer.from(before + sha256(before + "0".repeat(64) + after) + after);
}

/** The manifest with one text exchanged for another, signed. */
export function edited(from, to) {
  const text = manifest();
  if (!text.includes(from)) throw new Error(`the manifest has no ${from}`);
  return signed(text.replaceAll(from, to));
}

/** The same catalog as its owner would publish it anew: another version, with another file of vectors. */
export function republished() {
  const old = vectors();
  const entry = files().find(({ path }) => path === old);
  const bytes = file(old);
  // A value of the last vectors, far behind all headers.
  bytes[bytes.length - 20_000] ^= 1;
  const hash = sha256(bytes);
  const path = old.replace(/[0-9a-f]{16}\.arrow$/, `${hash.slice(0, 16)}.arrow`);
  const chunks = [];
  for (let at = 0; at < bytes.length; at += entry.chunkBytes) chunks.push(sha256(bytes.subarray(at, at + entry.chunkBytes)).slice(0, 16));
  const text = manifest()
    .replaceAll(old, path)
    .replace(entry.sha256, hash)
    .replace(JSON.stringify(entry.chunks), JSON.stringify(chunks))
    .replace(/"contentHash": "[0-9a-f]{64}"/, `"contentHash": "${"1".repeat(64)}"`);
  return { version: "1".repeat(64), path, sha256: hash, oldPath: old, oldSha256: entry.sha256, manifest: signed(text), bytes };
}

/** Serves a manifest (and files) instead of the built ones. */
export function publish(server, manifest, others = {}) {
  server.answers.set("/catalogs/films/catalog.json", answers.bytes(manifest, "application/json"));
  for (const [path, bytes] of Object.entries(others)) server.answers.set(`/catalogs/films/${path}`, answers.bytes(bytes));
}
