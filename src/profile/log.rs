//! The event log: the truth from which everything else is derived.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use super::error::{ProfileError, ProfileErrorKind};
use super::event::Event;

/// A person's events in the order of (time, id), each id once.
///
/// Merging is a union: the same events in any order, any number of times, from any number of tabs and files, give the same
/// log. (Should two different events carry one id, the lesser in the order of their fields stays, whoever came first.)
///
/// ```
/// use homebody::{Event, EventLog};
/// let event = |id: &str, time| Event {
///     id: id.into(), item: "film".into(), kind: "like".into(), value: None, time, catalog: "v1".into(),
/// };
/// let mut log = EventLog::new();
/// log.merge([event("b", 1_700_000_000_002), event("a", 1_700_000_000_002), event("c", 1_700_000_000_001)])?;
/// assert_eq!(log.events().iter().map(|e| e.id.as_str()).collect::<String>(), "cab");
/// assert_eq!(log.merge([event("a", 1_700_000_000_002)])?.added, 0);
/// # Ok::<(), homebody::ProfileError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct EventLog {
    events: Vec<Event>,
    /// id → time: enough to find an event's place by binary search. Made when an id is first asked for.
    times: OnceLock<HashMap<String, i64>>,
}

impl PartialEq for EventLog {
    fn eq(&self, other: &Self) -> bool {
        self.events == other.events
    }
}

/// What a merge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Merged {
    /// Events that were not in the log before.
    pub added: usize,
    /// Events that were there already.
    pub skipped: usize,
}

impl EventLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// The events, ascending by (time, id).
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The event with this id.
    pub fn get(&self, id: &str) -> Option<&Event> {
        self.position(id).map(|at| &self.events[at])
    }

    /// The types of the events that only one of the two logs has.
    pub fn types_beside<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a str> {
        let (mut ours, mut theirs) = (self.events.as_slice(), other.events.as_slice());
        let mut types = BTreeSet::new();
        // Both ascend: whichever is behind has an event that the other lacks.
        loop {
            match (ours.split_first(), theirs.split_first()) {
                (None, None) => return types,
                (Some((our, rest)), Some((their, others))) if our == their => (ours, theirs) = (rest, others),
                (Some((our, rest)), their) if their.is_none_or(|(their, _)| our.key() <= their.key()) => {
                    types.insert(&*our.kind);
                    ours = rest;
                }
                (_, their) => {
                    let (their, others) = their.expect("one of the two has an event");
                    types.insert(&*their.kind);
                    theirs = others;
                }
            }
        }
    }

    /// A log of these events, if they are in its order and could all be in one.
    pub(crate) fn of(events: Vec<Event>) -> Option<Self> {
        let ascend = events.windows(2).all(|pair| pair[0].key() < pair[1].key());
        let good = ascend && events.iter().all(|event| event.check().is_ok());
        good.then(|| Self { events, times: OnceLock::new() })
    }

    /// Adds what is not there yet.
    ///
    /// # Errors
    ///
    /// An event with an empty id, an impossible time or a value that is not finite; then nothing is added at all.
    pub fn merge(&mut self, events: impl IntoIterator<Item = Event>) -> Result<Merged, ProfileError> {
        let mut incoming: Vec<Event> = events.into_iter().collect();
        for event in &mut incoming {
            event.check()?;
            event.value = event.value.map(super::effects::keepable);
        }
        let total = incoming.len();
        // One event per id, the least of those that differ; then only what the log does not have or has as a greater one.
        incoming.sort_by(|a, b| a.id.cmp(&b.id).then_with(|| contents(a, b)));
        incoming.dedup_by(|later, kept| later.id == kept.id);
        incoming.retain(|event| self.get(&event.id).is_none_or(|held| contents(event, held).is_lt()));

        let before = self.events.len();
        for event in &incoming {
            if let Some(at) = self.position(&event.id) {
                self.events.remove(at);
            }
        }
        for event in incoming {
            if let Some(times) = self.times.get_mut() {
                times.insert(event.id.clone(), event.time);
            }
            self.events.push(event);
        }
        // Two ascending runs, mostly: the sort takes them as they are and merges once.
        self.events.sort_by(|a, b| a.key().cmp(&b.key()));
        let added = self.events.len() - before;
        Ok(Merged { added, skipped: total - added })
    }

    /// Removes one event and gives it back.
    ///
    /// # Errors
    ///
    /// No event has this id.
    pub fn undo(&mut self, id: &str) -> Result<Event, ProfileError> {
        let Some(at) = self.position(id) else {
            let message = format!("expected the id of a recorded event, got `{id}`; it may have been undone already");
            return Err(ProfileError::new(ProfileErrorKind::UnknownEvent, message));
        };
        if let Some(times) = self.times.get_mut() {
            times.remove(id);
        }
        Ok(self.events.remove(at))
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.events.clear();
        self.times.take();
    }

    fn position(&self, id: &str) -> Option<usize> {
        let times = || self.events.iter().map(|event| (event.id.clone(), event.time)).collect();
        let time = *self.times.get_or_init(times).get(id)?;
        self.events.binary_search_by(|event| event.key().cmp(&(time, id))).ok()
    }
}

/// A total order of everything in an event but its id, by which one of two events with one id is chosen.
fn contents(a: &Event, b: &Event) -> Ordering {
    a.time
        .cmp(&b.time)
        .then_with(|| a.item.cmp(&b.item))
        .then_with(|| a.kind.cmp(&b.kind))
        .then_with(|| a.value.unwrap_or(f64::MIN).total_cmp(&b.value.unwrap_or(f64::MIN)))
        .then_with(|| a.value.is_some().cmp(&b.value.is_some()))
        .then_with(|| a.catalog.cmp(&b.catalog))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(id: &str, time: i64, item: &str) -> Event {
        let time = 1_700_000_000_000 + time;
        Event { id: id.into(), item: item.into(), kind: "like".into(), value: None, time, catalog: "v".into() }
    }

    #[test]
    fn undo_removes_one_event_and_refuses_twice() {
        let mut log = EventLog::new();
        log.merge([event("a", 3, "x"), event("b", 1, "y"), event("c", 2, "z")]).unwrap();
        assert_eq!(log.undo("c").unwrap().item, "z");
        assert_eq!(log.events().iter().map(|event| &*event.id).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(log.undo("c").unwrap_err().code(), "unknown-event");
        assert_eq!(log.get("a").unwrap().item, "x");
    }

    #[test]
    fn a_merge_with_one_bad_event_adds_nothing() {
        let mut log = EventLog::new();
        let bad = Event { value: Some(f64::NAN), ..event("b", 2, "y") };
        assert_eq!(log.merge([event("a", 1, "x"), bad]).unwrap_err().code(), "event-value");
        assert!(log.is_empty());
    }

    #[test]
    fn types_beside_another_log_are_those_of_what_only_one_of_them_has() {
        let log = |events: &[(&str, i64, &str)]| {
            let mut log = EventLog::new();
            log.merge(events.iter().map(|&(id, time, kind)| Event { kind: kind.into(), ..event(id, time, "x") }))
                .unwrap();
            log
        };
        let one = log(&[("a", 1, "view"), ("b", 2, "like"), ("c", 3, "hide"), ("d", 4, "buy")]);
        let two = log(&[("a", 1, "view"), ("c", 3, "share"), ("e", 5, "click"), ("d", 4, "buy"), ("f", 5, "click")]);
        for (ours, theirs) in [(&one, &two), (&two, &one)] {
            let types: Vec<_> = ours.types_beside(theirs).into_iter().collect();
            assert_eq!(types, ["click", "hide", "like", "share"]);
        }
        assert_eq!(one.types_beside(&EventLog::new()).len(), 4);
        assert_eq!(EventLog::new().types_beside(&one).len(), 4);
        assert!(one.types_beside(&one).is_empty());
    }

    fn arbitrary() -> impl Strategy<Value = Vec<Event>> {
        prop::collection::vec(("[a-f]", 0i64..4, "[xy]").prop_map(|(id, time, item)| event(&id, time, &item)), 0..12)
    }

    proptest! {
        #[test]
        fn merging_is_a_union(a in arbitrary(), b in arbitrary(), c in arbitrary()) {
            let merged = |parts: &[&[Event]]| {
                let mut log = EventLog::new();
                for part in parts {
                    log.merge(part.to_vec()).unwrap();
                }
                log
            };
            let all = merged(&[&a, &b, &c]);
            prop_assert_eq!(&all, &merged(&[&c, &a, &b, &a]));
            prop_assert_eq!(&all, &merged(&[&[a, b, c].concat()]));
            prop_assert!(all.events().windows(2).all(|pair| pair[0].key() < pair[1].key()));
            prop_assert!(all.events().iter().all(|event| all.get(&event.id) == Some(event)));
        }

        #[test]
        fn counts_add_up(a in arbitrary(), b in arbitrary()) {
            let mut log = EventLog::new();
            log.merge(a).unwrap();
            let before = log.len();
            let total = b.len();
            let merged = log.merge(b).unwrap();
            prop_assert_eq!(log.len(), before + merged.added);
            prop_assert_eq!(merged.added + merged.skipped, total);
        }
    }
}
