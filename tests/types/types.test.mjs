/** The public types, compiled as a user would compile against them: what they take, and what they reject. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../scripts/lib.mjs";

test("the types take what they should and reject what they should", () => {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", join(root, "tests/types")], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
  const source = readFileSync(join(root, "tests/types/api.test-d.ts"), "utf8");
  assert.ok(source.match(/@ts-expect-error/g).length >= 20, "there is something to reject");
});
