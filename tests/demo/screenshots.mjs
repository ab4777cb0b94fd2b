/**
 * Takes the pictures of the demo for the documentation: `node tests/demo/screenshots.mjs [FOLDER]` (default `docs`) after
 * `npm run build`. The same picks and likes every time; what differs is the size of the window and the theme.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { closeBrowser, open, pick, ranked, search, settled, visit } from "./support.mjs";

const folder = process.argv[2] ?? fileURLToPath(new URL("../../docs", import.meta.url));

/** Pictures are looked at on web pages, so they stay small. */
const LIMIT_BYTES = 300_000;

const PICKS = ["Alien", "The Shawshank Redemption", "Toy Story"];

const list = async (page) => {
  await pick(page, PICKS);
  await settled(page);
  await ranked(page, () => page.locator(".card .act-like").nth(3).click());
  await page.mouse.move(2, 2);
  await page.click('.toast [aria-label="Close this notice"]');
};

const SHOTS = [
  { name: "demo-wide-light", width: 1440, height: 960, colorScheme: "light", steps: list },
  { name: "demo-wide-dark", width: 1440, height: 960, colorScheme: "dark", steps: list },
  {
    name: "demo-search-light",
    width: 1440,
    height: 960,
    colorScheme: "light",
    steps: async (page) => {
      await pick(page, PICKS);
      await settled(page);
      await search(page, "best 1980s sci-fi");
      await page.mouse.move(2, 2);
    },
  },
  {
    name: "demo-profile-dark",
    width: 1440,
    height: 960,
    colorScheme: "dark",
    steps: async (page) => {
      await list(page);
      await page.click("#profile");
      await page.waitForSelector(".event");
    },
  },
  { name: "demo-welcome-light", width: 1440, height: 960, colorScheme: "light", steps: async (page) => (await settled(page), page.locator(".pick").nth(1).click()) },
  { name: "demo-narrow-light", width: 390, height: 844, colorScheme: "light", steps: list },
  { name: "demo-narrow-dark", width: 390, height: 844, colorScheme: "dark", steps: list },
  {
    name: "demo-narrow-tune",
    width: 390,
    height: 844,
    colorScheme: "light",
    steps: async (page) => {
      await list(page);
      await page.click(".tune");
    },
  },
];

let failed = false;
for (const { name, width, height, colorScheme, steps } of SHOTS) {
  await visit({ viewport: { width, height }, colorScheme }, async ({ page, server }) => {
    await open(page, server);
    await page.waitForSelector(".pick");
    await steps(page);
    await page.evaluate(() => scrollTo({ top: 0 }));
    const path = join(folder, `${name}.png`);
    await page.screenshot({ path });
    const { size } = await stat(path);
    if (size > LIMIT_BYTES) failed = true;
    console.log(`${name}.png ${Math.round(size / 1000)} kB${size > LIMIT_BYTES ? `, more than ${LIMIT_BYTES / 1000} kB` : ""}`);
  });
}
await closeBrowser();
if (failed) process.exitCode = 1;
