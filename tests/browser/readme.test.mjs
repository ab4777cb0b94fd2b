/** The JavaScript of the README is run as it stands there. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { answers, closeBrowser, root, visit } from "./harness.mjs";

after(closeBrowser);

const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks = [...readme.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code]) => code).filter((code) => code.includes('from "homebody"'));

test("there is JavaScript in the README", () => assert.ok(blocks.length > 0));

for (const [i, code] of blocks.entries()) {
  test(`example ${i + 1} of the README runs`, () =>
    visit({}, async ({ page, server }) => {
      // What it declares is looked at afterwards; the package is found where this site has it.
      const names = [...code.matchAll(/^const (\w+) =/gm)].map(([, name]) => name);
      const script = `${code.replaceAll('from "homebody"', 'from "/homebody/index.js"')}\nwindow.declared = { ${names.join(", ")} };`;
      server.answers.set("/page.js", answers.bytes(Buffer.from(script), "text/javascript"));
      await page.goto(server.url);
      await page.waitForFunction(() => window.declared !== undefined, undefined, { timeout: 120_000 });
      const lengths = await page.evaluate(() => Object.entries(window.declared).filter(([, value]) => Array.isArray(value)).map(([name, { length }]) => [name, length]));
      for (const [name, length] of lengths) assert.ok(length > 0, `${name} is empty`);
    }));
}
