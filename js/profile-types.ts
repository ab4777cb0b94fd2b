/** The shapes of what is known of a person: events, and what they come to. A part of the types in `types.ts`, which says what holds for all. */

import type { EventType, ReasonItem } from "./types.js";

/** What is handed to `record()`. */
export interface NewEvent {
  readonly item: string;
  readonly type: EventType;
  /**
   * A rating for `"rate"`, milliseconds for `"dwell"`, a place for `"impression"`, whatever the catalog's own types ask for. Of another
   * type it is kept and says nothing.
   */
  readonly value?: number;
  /** Default: now. */
  readonly time?: number;
}

/** An event as it is kept. */
export interface ProfileEvent {
  readonly id: string;
  readonly item: string;
  readonly type: EventType;
  readonly value?: number;
  readonly time: number;
  /** The version of the catalog it happened in. */
  readonly catalog: string;
}

/**
 * Something the person likes, derived from the events: a group of liked items that are near each other by their texts. There are none in a
 * catalog without a text space.
 */
export interface Interest {
  /** A few words for it: the categories that set it apart, or else the title of its central item. */
  readonly label: string;
  /** How much of all liking this is, 0 to 1; all interests together are 1, and a muted one is 0. */
  readonly share: number;
  /** The likes that it comes to: the sum of what its items count for. */
  readonly mass: number;
  /** Whether the person has muted it: it is told here and counts nowhere. */
  readonly muted: boolean;
  /** The ids of the events behind it. */
  readonly events: readonly string[];
  /** The liked items in it, the largest share (of this interest) first. */
  readonly items: readonly ReasonItem[];
  /** At most five items of the catalog nearest to it that the person has not seen, nearest first. */
  readonly nearest: readonly NearItem[];
  /** The categories its items have more often than the catalog does, the most telling first. */
  readonly categories: readonly string[];
  /** When the first of its events happened. */
  readonly since: number;
}

/** An item near to an {@link Interest}. */
export interface NearItem {
  readonly id: string;
  /** Where the catalog shows one. */
  readonly title?: string;
  /**
   * How near it is, which is no share of anything in spite of the name: the cosine, −1 to 1, of the item's text vector and the mean of
   * the interest's, both after the catalog's mean vector is taken off. Those of several items add up to nothing in particular.
   */
  readonly share: number;
}

/** A few figures about a profile. They are computed here and go nowhere by themselves. */
export interface Metrics {
  readonly events: number;
  /** Different items among the events. */
  readonly items: number;
  /** Events of each type that occurs. */
  readonly byType: Readonly<Partial<Record<EventType, number>>>;
  /** Events whose item is not in the present catalog: kept, but without effect for now. */
  readonly unknownItems: number;
  /** Events of a type that nothing is known of: likewise. */
  readonly unknownTypes: number;
  /** Items of this catalog that the person likes, dislikes, has seen. */
  readonly liked: number;
  readonly disliked: number;
  readonly seen: number;
  /** How often an item was shown, as far as events of type `"impression"` tell. */
  readonly impressions: number;
  /** What became of them, place by place; those without a place first. */
  readonly hitShares: readonly HitShare[];
  /** Items that were shown at least once, as a share of the catalog. */
  readonly coverage: number;
  /** How much the share of impressions that were taken up changed; absent with fewer than a hundred. */
  readonly hitShareDrift?: Drift;
  /** How much what the person likes changed, in cosine; absent with fewer than ten liked items. */
  readonly interestsDrift?: Drift;
  /** Time of the oldest and of the newest event, when there is one. */
  readonly first?: number;
  readonly last?: number;
}

/**
 * Impressions of one place in the list, and how many the person spoke for within a day. What they then do with an item counts for the last
 * impression before it alone: of an item that was shown three times and then clicked, one is a hit.
 */
export interface HitShare {
  /** 1 for the first; absent where the events do not say. */
  readonly position?: number;
  readonly impressions: number;
  readonly hits: number;
  /** `hits / impressions`. */
  readonly share: number;
}

/** A change from the older half of the events to the recent one, beside what chance alone may bring. */
export interface Drift {
  readonly value: number;
  readonly threshold: number;
  /** Whether the size of the value is above the threshold. */
  readonly exceeded: boolean;
}

/** What the person's own choices have taught. Nothing of it is kept: it follows from the events. */
export interface LearnedWeights {
  /** Pairs of an item that was chosen and one that was shown and left. */
  readonly pairs: number;
  /** With fewer of them nothing is learned. */
  readonly leastPairs: number;
  /** What each weight is multiplied by, by name; empty while nothing is learned. */
  readonly factors: Readonly<Record<string, number>>;
}

/** A group of items that a new person can choose to begin with. */
export interface Segment {
  readonly name: string;
  readonly label: string;
  /** How many items are of it. */
  readonly items: number;
}

/** What an import did. */
export interface ImportReport {
  /** Events that were not there before. */
  readonly added: number;
  /** Events that were there already. */
  readonly skipped: number;
  /** Added events whose item or type is not known here: they are kept, and say nothing for now. */
  readonly unknownItems: number;
  readonly unknownTypes: number;
}
