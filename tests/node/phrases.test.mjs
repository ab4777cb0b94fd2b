/** Reasons as sentences: English for every kind, and the German of docs/ranking.md as it stands there. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { HomebodyError } from "../../dist/errors.js";
import { english, phrase } from "../../dist/phrases.js";

const root = new URL("../..", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "homebody-german-"));
after(() => rmSync(folder, { recursive: true }));

const item = (title, rest = {}) => ({ id: title.toLowerCase(), title, share: 0.5, ...rest });
/** One reason and more of every kind, with its sentence in both languages. */
const REASONS = [
  [{ kind: "interest", items: [item("Alien", { event: "like" })], facts: { named: 1 } }, "Because you liked “Alien”", "Wegen „Alien“ (gefällt)"],
  [
    { kind: "interest", items: [item("Alien", { event: "like" }), item("Fargo", { event: "like" }), item("Jaws", { event: "like" })], facts: { named: 2 } },
    "Because you liked “Alien” and “Fargo”",
    "Wegen „Alien“ (gefällt) und „Fargo“ (gefällt)",
  ],
  [
    { kind: "interest", items: [item("Alien", { event: "rate", value: 4.5 }), item("Fargo", { event: "like" })], facts: { named: 2 } },
    "Because you rated “Alien” 4.5 and liked “Fargo”",
    "Wegen „Alien“ (bewertet) und „Fargo“ (gefällt)",
  ],
  [{ kind: "interest", items: [item("Alien", { event: "applaud" })], facts: { named: 1 } }, "Because you chose “Alien”", "Wegen „Alien“ (angesehen)"],
  [{ kind: "momentum", items: [item("Alien")], facts: {} }, "Like what you chose lately, “Alien” for one", "Wie zuletzt „Alien“"],
  [{ kind: "query", facts: {} }, "Close to what you searched for", "Passt zu deiner Suche"],
  [{ kind: "similar", items: [{ id: "no-title", share: 1 }], facts: {} }, "Similar to “no-title”", "Ähnlich wie „no-title“"],
  [{ kind: "crowd", items: [item("Alien"), item("Fargo")], facts: { named: 1 } }, "Goes with “Alien”, by what people choose", "Wird oft zusammen mit „Alien“ gewählt"],
  [
    { kind: "crowd", items: [item("Alien"), item("Fargo")], facts: { named: 2 } },
    "Goes with “Alien” and “Fargo”, by what people choose",
    "Wird oft zusammen mit „Alien“ und „Fargo“ gewählt",
  ],
  [{ kind: "prior", value: "8.5", facts: { rating: 8.5, count: 100_000 } }, "Well liked: 8.5 on average of 100,000 ratings", "Beliebt: 8,5 aus 100.000 Bewertungen"],
  [{ kind: "prior", value: "3", facts: { rating: 3, count: 1 } }, "Well liked: 3 on average of 1 ratings", "Beliebt: 3 aus 1 Bewertung"],
  [{ kind: "prior", value: "1,982", facts: { people: 1982 } }, "Popular: 1982 people chose it", "Beliebt: 1982 Menschen haben es gewählt"],
  [{ kind: "category", value: "Western", items: [item("Alien")], facts: { matching: 3, chosen: 7 } }, "Western, like 3 of the 7 you chose", "Western, wie 3 von 7, die du gewählt hast"],
  [{ kind: "category", value: "Western", items: [item("Alien")], facts: { matching: 1, chosen: 7 } }, "Western, like “Alien”", "Western, wie „Alien“"],
  [{ kind: "number", value: "8.67", facts: { column: "rating", prefer: "high", number: 8.666 } }, "High rating: 8.67", "Bewertung: 8,67"],
  [{ kind: "number", value: "12,345", facts: { column: "unit_price", prefer: "low", number: 12_345.4 } }, "Low unit price: 12,345", "unit price: 12.345"],
  [
    { kind: "number", value: "110", facts: { column: "runtime", prefer: "near", number: 110 } },
    "The runtime, 110, is near what you usually choose",
    "Laufzeit: 110, wie du es meist wählst",
  ],
  [
    { kind: "number", value: "110", items: [item("Alien")], facts: { column: "runtime", prefer: "near", number: 110 } },
    "The runtime, 110, is near that of “Alien”",
    "Laufzeit: 110, ähnlich wie bei „Alien“",
  ],
  [{ kind: "recency", value: "2004-06-15", facts: { column: "release_date" } }, "Recent: release date 2004-06-15", "Neu: erschienen am 2004-06-15"],
  [{ kind: "geo", value: "12", facts: { kilometres: 12 } }, "12 km away", "12 km entfernt"],
];

test("every kind of reason has its English sentence", () => {
  assert.deepEqual(REASONS.map(([reason]) => phrase(reason)), REASONS.map(([, text]) => text));
  assert.deepEqual(new Set(REASONS.map(([{ kind }]) => kind)), new Set(Object.keys(english.phrases)));
});

test("the German of the docs says the same", async () => {
  const docs = readFileSync(new URL("docs/ranking.md", root), "utf8");
  const [, code] = docs.match(/^```js\n(import \{ phrase \}[\s\S]*?)^```/m);
  const file = join(folder, "german.mjs");
  writeFileSync(file, code.replace('from "homebody"', `from ${JSON.stringify(new URL("dist/phrases.js", root).href)}`));
  const { german, inGerman } = await import(pathToFileURL(file).href);
  assert.deepEqual(inGerman(REASONS.map(([reason]) => ({ reason }))), REASONS.map(([, , text]) => text));
  assert.deepEqual(inGerman([{}]), [""]);
  assert.deepEqual(Object.keys(german.phrases).sort(), Object.keys(english.phrases).sort());
});

test("a language that lacks a phrase is told which", () => {
  const wrong = () => phrase({ kind: "geo", facts: { kilometres: 1 } }, { locale: "fr", phrases: { query: () => "" } });
  assert.throws(wrong, (error) => error instanceof HomebodyError && error.code === "invalid-argument" && /`geo`.*query/.test(error.message));
});
