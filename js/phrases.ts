/**
 * Reasons in any language. A {@link Reason} is data; a {@link Language} says how each kind of it is put into words, with functions
 * of its own, so that word order and endings are its business. Numbers, plural forms and lists are the browser's (`Intl`).
 */

import { HomebodyError } from "./errors.js";
import type { Language, Reason, ReasonItem, Say } from "./types.js";

/** The reason as a sentence; in English, and then the same as its `text`, if no language is given. */
export function phrase(reason: Reason, language: Language = english): string {
  const say = language.phrases[reason.kind];
  if (say === undefined) {
    const known = Object.keys(language.phrases).join(", ");
    throw new HomebodyError("invalid-argument", `phrase() expects a language with a phrase for \`${reason.kind}\`, got one for ${known}.`);
  }
  return say(reason, tools(language));
}

/** What a language is told with. Made once per language: `Intl` objects take longer to make than to use. */
const made = new WeakMap<Language, Say>();

function tools(language: Language): Say {
  const known = made.get(language);
  if (known !== undefined) {
    return known;
  }
  // From five digits on in groups: years have four.
  const numbers = [false, true].map((useGrouping) => new Intl.NumberFormat(language.locale, { maximumFractionDigits: 2, useGrouping }));
  const plurals = new Intl.PluralRules(language.locale);
  const lists = new Intl.ListFormat(language.locale, { type: "conjunction" });
  const [open, close] = language.quotes ?? ["“", "”"];
  const say: Say = {
    number: (value) => {
      const rounded = Math.round(value * 100) / 100;
      return (numbers[Math.abs(rounded) < 10_000 ? 0 : 1] as Intl.NumberFormat).format(Math.abs(rounded) < 10_000 ? rounded : Math.round(value));
    },
    plural: (count, forms) => forms[plurals.select(count)] ?? forms.other,
    list: (parts) => lists.format(parts),
    title: (item) => (item === undefined ? "" : `${open}${item.title ?? item.id}${close}`),
    label: (column = "") => language.labels?.[column] ?? column.replaceAll(/[_-]/g, " "),
  };
  made.set(language, say);
  return say;
}

/** The items that a sentence names: one, or the second one too where the first is not the whole of it. */
const named = ({ items = [], facts }: Reason): readonly ReasonItem[] => items.slice(0, facts.named ?? 1);

/** What somebody did with an item, to follow "you". The engine has the same sentences, see `src/rank/phrases.rs`. */
function did(item: ReasonItem, say: Say): string {
  const title = say.title(item);
  switch (item.event) {
    case "like":
      return `liked ${title}`;
    case "rate":
      return item.value === undefined ? `chose ${title}` : `rated ${title} ${say.number(item.value)}`;
    case "buy":
      return `bought ${title}`;
    case "cart":
      return `put ${title} in your cart`;
    case "share":
      return `shared ${title}`;
    case "describe":
      return `described something like ${title}`;
    case "view":
    case "click":
    case "dwell":
      return `looked at ${title}`;
    default:
      return `chose ${title}`;
  }
}

/** The language of {@link Reason.text}. */
export const english: Language = {
  locale: "en",
  phrases: {
    interest: (reason, say) => {
      const items = named(reason);
      const [first, ...others] = items.map((item) => did(item, say));
      // "liked A and B" and not "liked A and liked B".
      const short = others.map((text) => (first?.startsWith("liked ") === true && text.startsWith("liked ") ? text.slice("liked ".length) : text));
      return `Because you ${say.list([first ?? "", ...short])}`;
    },
    momentum: ({ items }, say) => `Like what you chose lately, ${say.title(items?.[0])} for one`,
    query: () => "Close to what you searched for",
    similar: ({ items }, say) => `Similar to ${say.title(items?.[0])}`,
    crowd: (reason, say) => `Goes with ${say.list(named(reason).map((item) => say.title(item)))}, by what people choose`,
    prior: ({ facts: { rating, count, people } }, say) =>
      rating === undefined
        ? `Popular: ${say.number(people ?? 0)} people chose it`
        : `Well liked: ${say.number(rating)} on average of ${say.number(count ?? 0)} ratings`,
    category: ({ value, items, facts: { matching = 0, chosen = 0 } }, say) =>
      matching > 1 ? `${value}, like ${matching} of the ${chosen} you chose` : `${value}, like ${say.title(items?.[0])}`,
    number: ({ value, items, facts }, say) => {
      const label = say.label(facts.column);
      const shown = facts.number === undefined ? value : say.number(facts.number);
      switch (facts.prefer) {
        case "low":
          return `Low ${label}: ${shown}`;
        case "near":
          return items === undefined
            ? `The ${label}, ${shown}, is near what you usually choose`
            : `The ${label}, ${shown}, is near that of ${say.title(items[0])}`;
        default:
          return `High ${label}: ${shown}`;
      }
    },
    recency: ({ value, facts }, say) => `Recent: ${say.label(facts.column)} ${value}`,
    geo: ({ facts }, say) => `${say.number(facts.kilometres ?? 0)} km away`,
  },
};
