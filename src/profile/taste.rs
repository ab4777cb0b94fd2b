//! What the events come to, item by item: liked, disliked, seen.

use std::collections::HashMap;

use super::effects::{Effects, MUTE};
use super::event::Event;

/// The most that one item can count for: twice a stated like. A hundred visits to one page say that the person likes it,
/// not that they like nothing else.
pub const MAX_MASS: f64 = 2.0;

/// What speaks for or against one item, in the order in which it was last spoken of.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The item's id.
    pub item: String,
    /// How much, above 0: up to [`MAX_MASS`] for likes, up to 1 for dislikes.
    pub mass: f64,
    /// When the person last spoke of it in this sense, in milliseconds since 1970.
    pub time: i64,
    /// The type of the event that weighs most.
    pub kind: String,
    /// That event's value.
    pub value: Option<f64>,
    /// The ids of the events behind it.
    pub events: Vec<String>,
}

/// One step toward an item, for strategies that go by the order of events.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The item's id.
    pub item: String,
    /// How far to go, 0 to 1.
    pub alpha: f64,
}

/// Everything that the log says about the person's taste, derived anew whenever the log changes.
///
/// Rules, per item: the last statement (like, dislike, rate, hide) replaces the statements before it; other events add up,
/// and what takes back (`uncart`) takes back at most what was given. A statement against the item silences everything
/// said for it; otherwise both sum up to at most [`MAX_MASS`]. So no item is liked and disliked at once.
///
/// Events of types that the table does not know are left out. Items are not looked up: the log may speak of items that
/// this catalog no longer has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taste {
    /// Items spoken for, ascending by the time of the last event for them, then by id.
    pub likes: Vec<Evidence>,
    /// Items spoken for that the person has muted, in the same order: they say nothing.
    pub muted: Vec<Evidence>,
    /// Items spoken against, in the same order.
    pub dislikes: Vec<Evidence>,
    /// The events for liked items, in the order of the log.
    pub steps: Vec<Step>,
    /// Items that count as seen, ascending by id.
    pub seen: Vec<String>,
}

/// The day of a moment, counted from 1970-01-01.
pub(crate) fn day(time_ms: i64) -> i64 {
    /// Milliseconds of a day.
    const DAY_MS: i64 = 86_400_000;
    time_ms.div_euclid(DAY_MS)
}

#[derive(Default)]
struct Ledger<'a> {
    /// The last statement: its event and signed weight.
    statement: Option<(&'a Event, f64)>,
    /// What other events add up to, never below 0.
    passive: f64,
    /// The strongest of the other events.
    strongest: Option<(&'a Event, f64)>,
    last_for: i64,
    passive_events: Vec<&'a Event>,
    seen: bool,
    muted: bool,
}

impl Taste {
    /// Derives the taste from events in the order of the log, on the day of the last of them.
    pub fn derive(events: &[Event], effects: &Effects) -> Self {
        Self::derive_on(events, effects, events.last().map_or(0, |event| day(event.time)))
    }

    /// Derives the taste from events in the order of the log, as it is on this day (counted from 1970-01-01): effects with a
    /// half-life say less the more days have gone by. What lies in the future has not faded.
    pub fn derive_on(events: &[Event], effects: &Effects, today: i64) -> Self {
        Self::derive_as_marked(events, &effects.personal(events), today)
    }

    /// The same with every mark taken as the table has it, whoever gave it: not around the person's own mean.
    pub(crate) fn derive_as_marked(events: &[Event], effects: &Effects, today: i64) -> Self {
        let mut ledgers: HashMap<&str, Ledger> = HashMap::new();
        for event in events {
            if event.kind == MUTE {
                ledgers.entry(&event.item).or_default().muted = true;
                continue;
            }
            // What says nothing (an impression) leaves no trace here.
            let Some(effect) = effects.get(&event.kind).filter(|effect| effect.weight != 0.0 || effect.seen) else {
                continue;
            };
            let signed = effect.signed(event.value) * effect.left_after(today - day(event.time));
            let ledger = ledgers.entry(&event.item).or_default();
            ledger.seen |= effect.seen;
            if effect.statement {
                ledger.muted = false;
                ledger.statement = Some((event, signed));
            } else {
                ledger.passive = (ledger.passive + signed).clamp(0.0, MAX_MASS);
                ledger.passive_events.push(event);
                if ledger.strongest.is_none_or(|(_, weight)| signed > weight) {
                    ledger.strongest = Some((event, signed));
                }
            }
            if signed > 0.0 {
                ledger.last_for = event.time;
            }
        }

        let mut taste = Self::default();
        for (item, ledger) in &ledgers {
            if ledger.seen {
                taste.seen.push((*item).to_owned());
            }
            match ledger.statement {
                Some((event, weight)) if weight < 0.0 => taste.dislikes.push(Evidence {
                    item: (*item).to_owned(),
                    mass: -weight,
                    time: event.time,
                    kind: event.kind.clone(),
                    value: event.value,
                    events: vec![event.id.clone()],
                }),
                _ if ledger.muted => taste.muted.extend(ledger.liked(item)),
                _ => taste.likes.extend(ledger.liked(item)),
            }
        }
        let order = |a: &Evidence, b: &Evidence| a.time.cmp(&b.time).then_with(|| a.item.cmp(&b.item));
        taste.likes.sort_by(order);
        taste.muted.sort_by(order);
        taste.dislikes.sort_by(order);
        taste.seen.sort();
        taste.steps = steps(events, effects, &ledgers);
        taste
    }

    /// Whether nothing is known for or against any item.
    pub fn is_empty(&self) -> bool {
        self.likes.is_empty() && self.dislikes.is_empty()
    }
}

impl Ledger<'_> {
    fn stated(&self) -> f64 {
        self.statement.map_or(0.0, |(_, weight)| weight)
    }

    fn mass(&self) -> f64 {
        if self.stated() < 0.0 { 0.0 } else { (self.stated() + self.passive).min(MAX_MASS) }
    }

    fn liked(&self, item: &str) -> Option<Evidence> {
        let mass = self.mass();
        if mass <= 0.0 {
            return None;
        }
        let stated = self.statement.filter(|(_, weight)| *weight > 0.0);
        let spoken = [stated, self.strongest.filter(|_| self.passive > 0.0)];
        // A statement is told before a visit of the same weight: it is what the person knows they said.
        let (told, _) = spoken.into_iter().flatten().reduce(|a, b| if b.1 > a.1 { b } else { a })?;
        let mut events: Vec<&str> = stated.iter().map(|(event, _)| event.id.as_str()).collect();
        events.extend(self.passive_events.iter().map(|event| event.id.as_str()));
        Some(Evidence {
            item: item.to_owned(),
            mass,
            time: self.last_for,
            kind: told.kind.clone(),
            value: told.value,
            events: events.into_iter().map(str::to_owned).collect(),
        })
    }
}

fn steps(events: &[Event], effects: &Effects, ledgers: &HashMap<&str, Ledger>) -> Vec<Step> {
    let step = |event: &Event| {
        let effect = effects.get(&event.kind)?;
        let share = effect.signed(event.value);
        let counts = share > 0.0 && ledgers[event.item.as_str()].mass() > 0.0 && !ledgers[event.item.as_str()].muted;
        // The alpha is that of the type's whole weight; a mark of 4 of 5 goes half as far as one of 5.
        counts.then(|| Step { item: event.item.clone(), alpha: effect.alpha * (share / effect.weight) })
    };
    events.iter().filter_map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::log::EventLog;
    use proptest::prelude::*;

    fn log(events: &[(&str, &str, Option<f64>)]) -> Vec<Event> {
        let mut log = EventLog::new();
        log.merge(events.iter().enumerate().map(|(i, (item, kind, value))| Event {
            id: format!("e{i:03}"),
            item: (*item).into(),
            kind: (*kind).into(),
            value: *value,
            time: 1_700_000_000_000 + i as i64,
            catalog: "v".into(),
        }))
        .unwrap();
        log.events().to_vec()
    }

    fn derive(events: &[(&str, &str, Option<f64>)]) -> Taste {
        Taste::derive(&log(events), &Effects::default())
    }

    fn masses(evidence: &[Evidence]) -> Vec<(&str, f64)> {
        evidence.iter().map(|e| (e.item.as_str(), (e.mass * 1e6).round() / 1e6)).collect()
    }

    #[test]
    fn the_last_statement_holds() {
        let taste = derive(&[("a", "like", None), ("a", "dislike", None)]);
        assert_eq!((masses(&taste.likes), masses(&taste.dislikes)), (vec![], vec![("a", 1.0)]));
        assert!(taste.steps.is_empty());
        let taste = derive(&[("a", "dislike", None), ("a", "rate", Some(5.0))]);
        assert_eq!((masses(&taste.likes), masses(&taste.dislikes)), (vec![("a", 1.0)], vec![]));
    }

    #[test]
    fn marks_count_around_ones_own_mean_or_on_their_scale() {
        // Eleven marks of 5 and one of 4: for this person a 4 is no praise, on the scale it is half of one.
        let ids: Vec<String> = (0..11).map(|n| format!("i{n:02}")).collect();
        let mut events: Vec<(&str, &str, Option<f64>)> =
            ids.iter().map(|id| (id.as_str(), "rate", Some(5.0))).collect();
        events.push(("z", "rate", Some(4.0)));
        let (own, scale) = (derive(&events), Taste::derive_as_marked(&log(&events), &Effects::default(), 0));
        let mass = |taste: &Taste| taste.likes.iter().find(|one| one.item == "z").map(|one| one.mass);
        assert_eq!((mass(&own), mass(&scale)), (None, Some(0.5)));
    }

    #[test]
    fn a_statement_against_silences_visits() {
        let taste = derive(&[("a", "view", None), ("a", "buy", None), ("a", "hide", None), ("a", "click", None)]);
        assert_eq!((masses(&taste.likes), masses(&taste.dislikes)), (vec![], vec![("a", 0.5)]));
    }

    #[test]
    fn visits_add_up_to_a_limit_and_uncart_takes_back_no_more_than_was_given() {
        assert_eq!(masses(&derive(&[("a", "view", None), ("a", "click", None)]).likes), [("a", 0.3)]);
        assert_eq!(masses(&derive(&[("a", "buy", None); 9]).likes), [("a", MAX_MASS)]);
        assert_eq!(derive(&[("a", "cart", None), ("a", "uncart", None)]).likes, []);
        assert_eq!(masses(&derive(&[("a", "uncart", None), ("a", "view", None)]).likes), [("a", 0.1)]);
        assert_eq!(derive(&[("a", "uncart", None)]).dislikes, []);
    }

    #[test]
    fn the_middle_mark_says_nothing_but_is_seen() {
        let taste = derive(&[("a", "rate", Some(3.0))]);
        assert!(taste.is_empty());
        assert_eq!(taste.seen, ["a"]);
        assert!(derive(&[("a", "view", None)]).seen.is_empty());
    }

    #[test]
    fn evidence_tells_the_event_that_weighs_most() {
        let taste = derive(&[("a", "rate", Some(4.0)), ("a", "view", None), ("b", "buy", None), ("b", "like", None)]);
        assert_eq!(taste.likes[0].kind, "rate");
        assert_eq!(taste.likes[0].value, Some(4.0));
        assert_eq!(taste.likes[0].events, ["e000", "e001"]);
        assert_eq!(taste.likes[1].kind, "like");
    }

    #[test]
    fn what_is_muted_says_nothing_until_something_new_is_said() {
        let taste = derive(&[("a", "like", None), ("b", "like", None), ("a", "mute", None), ("a", "view", None)]);
        assert_eq!((masses(&taste.likes), masses(&taste.muted)), (vec![("b", 1.0)], vec![("a", 1.1)]));
        assert_eq!((taste.seen.len(), taste.steps.len()), (2, 1), "it was seen all the same");
        let again = derive(&[("a", "like", None), ("a", "mute", None), ("a", "like", None)]);
        assert_eq!((masses(&again.likes), again.muted.len()), (vec![("a", 1.0)], 0));
        let against = derive(&[("a", "dislike", None), ("a", "mute", None)]);
        assert_eq!(masses(&against.dislikes), [("a", 1.0)], "only what speaks for an item is muted");
    }

    #[test]
    fn a_view_fades_and_a_like_does_not() {
        let mut effects = Effects::default();
        let view = crate::profile::Effect { half_life_days: Some(7.0), ..effects.get("view").unwrap().clone() };
        effects.set("view", view).unwrap();
        let events = log(&[("a", "view", None), ("b", "like", None)]);
        let on = |days: i64| masses(&Taste::derive_on(&events, &effects, day(events[0].time) + days).likes)[0].1;
        assert_eq!([on(0), on(7), on(14)], [0.1, 0.05, 0.025]);
        assert_eq!(masses(&Taste::derive_on(&events, &effects, day(events[0].time) + 700).likes)[1], ("b", 1.0));
        assert_eq!(Taste::derive(&events, &effects), Taste::derive_on(&events, &effects, day(events[1].time)));
    }

    #[test]
    fn types_of_another_table_say_nothing() {
        assert_eq!(derive(&[("a", "applaud", None)]), Taste::default());
    }

    proptest! {
        #[test]
        fn no_item_is_liked_and_disliked(picks in prop::collection::vec((0usize..3, 0usize..11, 1.0f64..5.0), 0..40)) {
            let effects = Effects::default();
            let types: Vec<&str> = effects.types().collect();
            let events: Vec<_> = picks.iter().map(|(i, t, v)| (["a", "b", "c"][*i], types[*t], Some(*v))).collect();
            let taste = derive(&events);
            for liked in &taste.likes {
                prop_assert!(liked.mass > 0.0 && liked.mass <= MAX_MASS && !liked.events.is_empty());
                prop_assert!(taste.dislikes.iter().all(|disliked| disliked.item != liked.item));
            }
            prop_assert!(taste.dislikes.iter().all(|disliked| disliked.mass > 0.0 && disliked.mass <= 1.0));
            prop_assert!(taste.steps.iter().all(|step| step.alpha > 0.0 && step.alpha <= 1.0));
        }
    }
}
