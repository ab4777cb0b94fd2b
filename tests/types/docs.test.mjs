/** The JavaScript of README and docs, checked as a user would have it checked: their own editor, at its strictest. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../scripts/lib.mjs";

const pages = ["README.md", ...readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];

/** What stands in fences and uses the package, by page and line. */
const examples = pages.flatMap((page) => {
  const text = readFileSync(join(root, page), "utf8");
  const blocks = [...text.matchAll(/^```(js|ts)\n([\s\S]*?)^```/gm)].filter(([, , code]) => /from "homebody"/.test(code));
  return blocks.map(({ 1: language, 2: code, index }) => ({ name: `${page.replaceAll(/\W/g, "-")}-line-${text.slice(0, index).split("\n").length}.${language}`, code }));
});

test("the examples of the documentation pass the type checker", () => {
  assert.ok(examples.some(({ name }) => name.startsWith("README")) && examples.some(({ name }) => name.startsWith("docs-ranking")), "there are some");
  const folder = mkdtempSync(join(tmpdir(), "homebody-docs-"));
  try {
    const { compilerOptions } = JSON.parse(readFileSync(join(root, "tests/types/tsconfig.json"), "utf8").replaceAll(/^\s*\/\/.*$/gm, ""));
    const options = { ...compilerOptions, module: "ESNext", moduleResolution: "bundler", allowJs: true, checkJs: true, paths: { homebody: [join(root, "dist/index.d.ts")] } };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["*.js", "*.ts"] }));
    // What declares nothing for others is a module all the same.
    for (const { name, code } of examples) writeFileSync(join(folder, name), `${code}\nexport {};\n`);
    const { status, stdout } = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder], { encoding: "utf8", cwd: folder });
    assert.equal(status, 0, stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
