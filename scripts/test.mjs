/**
 * `npm test`: builds everything, then runs the Rust tests and the tests in Node and Chromium. Each runner prints its own
 * summary, and all summaries once more at the end. `npm test -- rust`, `-- steps` or `-- browser` run a part.
 */
import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildAll } from "./build.mjs";
import { Failure, filesOf, main, posix, root, say } from "./lib.mjs";
import { needChromium, needVulkan } from "./setup.mjs";
import { needTestModels, needTestRankers } from "./test-models.mjs";

const PARTS = {
  rust: {
    title: "Rust tests",
    // Not --workspace: cargo would unite the features of library and build steps, and compile tract and wgpu a second time.
    command: ["cargo", ["test", "--release"]],
    summary: /^test result: /,
  },
  steps: {
    title: "Rust tests of the build steps",
    command: ["cargo", ["test", "--release", "--package", "xtask"]],
    summary: /^test result: /,
  },
  browser: {
    title: "tests in Node and Chromium",
    // One file at a time: two browsers on two cores would measure each other.
    command: () => [process.execPath, ["--test", "--test-concurrency=1", "--test-reporter=spec", ...suites()]],
    summary: /^ℹ (?:tests|pass|fail|cancelled|skipped) /,
  },
};

const suites = () =>
  ["tests/browser", "tests/node", "tests/types", "tests/pack", "tests/demo"]
    .flatMap((folder) => filesOf(join(root, folder)))
    .filter((file) => posix(file).endsWith(".test.mjs"));

await main(async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !(name in PARTS));
  if (unknown !== undefined) throw new Failure(`unknown part ${unknown}; known are ${Object.keys(PARTS).join(", ")}`);
  await buildAll();
  const summaries = [];
  let failed = false;
  for (const [name, part] of Object.entries(PARTS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    if (name === "browser") await needChromium();
    if (name === "rust" || name === "browser") {
      await needTestModels();
      await needTestRankers();
    }
    if (name === "rust" && process.platform === "linux") {
      // With a driver at hand, a shader that is not tested is a failure.
      await needVulkan();
      process.env.HOMEBODY_REQUIRE_GPU = "1";
      // Mesa says once per device that it misses this folder: a thousand lines, which would bury the test output.
      process.env.XDG_RUNTIME_DIR ??= mkdtempSync(join(tmpdir(), "homebody-"));
    }
    say(part.title);
    const [command, args] = typeof part.command === "function" ? part.command() : part.command;
    const { code, lines } = await runAndKeep(command, args, part.summary);
    failed ||= code !== 0;
    // A runner that ended well without a word has run no test.
    if (lines.length === 0) throw new Failure(`${part.title}: no summary, so no test was run`);
    summaries.push(`${part.title}: ${code === 0 ? "passed" : "FAILED"}`, ...lines);
  }
  say("summaries");
  console.log(summaries.join("\n"));
  if (failed) throw new Failure("some tests failed");
});

/** Passes a program's output through and keeps the lines that match. */
function runAndKeep(command, args, pattern) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    const lines = [];
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      process.stdout.write(text);
      const parts = (rest + text).split("\n");
      rest = parts.pop();
      lines.push(...parts.filter((line) => pattern.test(line)));
    });
    child.on("error", (error) => reject(new Failure(`${command} could not be started: ${error.message}`)));
    child.on("close", (code) => resolve({ code, lines: lines.filter((line) => !/^test result: ok\. 0 passed/.test(line)) }));
  });
}
