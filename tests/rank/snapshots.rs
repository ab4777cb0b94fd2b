//! Snapshots: a list from one and the events recorded since is the list of all events derived anew, to the bit, whatever happened; and
//! nothing else is ever taken from one.

use std::collections::BTreeSet;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use homebody::{
    Catalog, Event, EventStore, Kernel, MemoryStore, NewEvent, Recommendation, Recommender, Snapshot, SnapshotError,
    from_records, to_records,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::properties::{events, everything, item};
use crate::support::{FILMS, NOW, catalog, films, person, recommender};

const EFFECTS: [&str; 3] = [
    "",
    "[effects.view]\nhalf_life_days = 2\n",
    "[effects.view]\nspaces = [\"text\"]\n[effects.dislike]\nspaces = [\"genre\", \"length\"]\n",
];
const TYPES: [&str; 8] = ["view", "like", "dislike", "rate", "buy", "uncart", "mute", "impression"];

fn catalogs() -> impl Strategy<Value = Catalog> {
    let items = (6usize..25).prop_flat_map(|count| (0..count).map(item).collect::<Vec<_>>());
    (items, select(&EFFECTS[..])).prop_map(|(items, effects)| catalog(&format!("{FILMS}\n{effects}"), &items))
}

fn histories() -> impl Strategy<Value = Vec<(usize, &'static str, f64)>> {
    prop::collection::vec((0usize..25, select(&TYPES[..]), 1.0f64..5.0), 64..120)
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("memory never waits"),
    }
}

fn list(recommender: &mut Recommender, now_ms: i64) -> Recommendation {
    recommender.recommend(&everything(), now_ms).unwrap()
}

/// Opens a kept profile as the browser does; the second is how many events its snapshot lacked, if there was one.
fn open(catalog: &Catalog, store: &MemoryStore) -> (Recommender, Option<usize>) {
    let mut recommender = recommender(catalog);
    if let Some(Snapshot { bytes, since }) = ready(store.snapshot()).unwrap() {
        let (since, unreadable) = from_records(since);
        assert!(unreadable.is_empty());
        let count = since.len();
        recommender.restore(&bytes, since).expect("it is of this catalog");
        return (recommender, Some(count));
    }
    recommender.set_events(from_records(ready(store.load()).unwrap()).0).unwrap();
    (recommender, None)
}

fn derived(catalog: &Catalog, events: &[Event]) -> Recommender {
    let mut anew = recommender(catalog);
    anew.set_events(events.iter().cloned()).unwrap();
    anew
}

/// What a tab may do.
#[derive(Debug, Clone, Copy)]
enum Deed {
    /// An event of a type with a value, so many milliseconds after a long history's last one (which has two per millisecond): before all
    /// others, among them or after them.
    Record(usize, &'static str, f64, i64),
    Undo(usize),
    /// Another device's events, some of which are here.
    Import(usize),
    Erase,
    /// Make a list, and keep what it was made of.
    Keep,
    /// See what the other tab did.
    Reload,
    /// Go away without a word, and come back.
    Reopen,
}

fn deeds() -> impl Strategy<Value = Vec<(usize, usize, Deed)>> {
    let record = (0usize..25, select(&TYPES[..]), 1.0f64..5.0, -70i64..9);
    let deed = prop_oneof![
        6 => record.prop_map(|(item, kind, value, when)| Deed::Record(item, kind, value, when)),
        1 => (0usize..200).prop_map(Deed::Undo),
        1 => (0usize..25).prop_map(Deed::Import),
        1 => Just(Deed::Erase),
        4 => Just(Deed::Keep),
        2 => Just(Deed::Reload),
        3 => Just(Deed::Reopen),
    ];
    // Two profiles of two tabs each.
    prop::collection::vec((0usize..2, 0usize..2, deed), 1..14)
}

/// A profile that two tabs have open, and the ids that a snapshot must be given with, if there has to be one.
struct Profile {
    store: MemoryStore,
    tabs: Vec<(MemoryStore, Recommender)>,
    since: Option<BTreeSet<String>>,
}

impl Profile {
    fn of(catalog: &Catalog, history: &[(usize, &str, f64)]) -> Self {
        let store = MemoryStore::new();
        ready(store.append(&to_records(&events(catalog, history)))).unwrap();
        let tab = |_| {
            let tab = store.another();
            let here = open(catalog, &tab).0;
            (tab, here)
        };
        Self { tabs: (0..2).map(tab).collect(), store, since: None }
    }

    fn append(&mut self, tab: usize, events: Vec<Event>) {
        let (store, here) = &mut self.tabs[tab];
        ready(store.append(&to_records(&events))).unwrap();
        if let Some(since) = &mut self.since {
            since.extend(events.iter().map(|event| event.id.clone()));
        }
        here.merge(events).unwrap();
    }

    fn act(&mut self, catalog: &Catalog, tab: usize, deed: Deed, at: usize, now: i64) {
        let (store, here) = &mut self.tabs[tab];
        match deed {
            Deed::Record(item, kind, value, when) => {
                let (item, kind) = (catalog.id(item % catalog.len()).to_owned(), kind.to_owned());
                let value = (kind == "rate").then_some(value);
                let time = Some(NOW + 60 + when);
                let event = NewEvent { item, kind, value, time };
                let mut event = here.prepare(event, now).unwrap();
                event.id = format!("deed {at:02}");
                self.append(tab, vec![event]);
            }
            Deed::Undo(at) => {
                let events = here.log().events();
                let Some(id) = events.get(at % events.len().max(1)).map(|event| event.id.clone()) else { return };
                ready(store.remove(std::slice::from_ref(&id))).unwrap();
                here.undo(&id).unwrap();
                self.since = None;
            }
            Deed::Import(count) => {
                let history: Vec<(usize, &str, f64)> = (0..count).map(|at| (at, TYPES[at % 8], 2.0)).collect();
                let mut other = events(catalog, &history);
                other.iter_mut().skip(count / 2).for_each(|event| event.id.push_str(" elsewhere"));
                let document = derived(catalog, &other).export(now).unwrap();
                let plan = here.plan_import(document.as_bytes()).unwrap();
                self.append(tab, plan.events);
            }
            Deed::Erase => {
                ready(store.erase()).unwrap();
                here.erase();
                self.since = None;
            }
            Deed::Keep => {
                let knows_all = here.log().events() == derived(catalog, &all(&self.store)).log().events();
                list(here, now);
                if let Some(snapshot) = here.snapshot()
                    && ready(store.keep_snapshot(&snapshot)).unwrap()
                {
                    assert!(knows_all, "a snapshot without what another tab did");
                    self.since = Some(BTreeSet::new());
                }
            }
            Deed::Reload => here.set_events(all(store)).unwrap(),
            Deed::Reopen => {
                *store = self.store.another();
                *here = open(catalog, store).0;
            }
        }
    }
}

fn all(store: &MemoryStore) -> Vec<Event> {
    from_records(ready(store.load()).unwrap()).0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_profile_from_its_snapshot_and_what_came_since_is_the_one_derived_anew(
        catalog in catalogs(), history in histories(), deeds in deeds(), days in 0i64..4
    ) {
        let mut profiles = [Profile::of(&catalog, &history), Profile::of(&catalog, &history[..64])];
        for (at, (profile, tab, deed)) in deeds.into_iter().enumerate() {
            let now = NOW + at as i64 * days * 86_400_000 + 10_000;
            let profile = &mut profiles[profile];
            profile.act(&catalog, tab, deed, at, now);
            // Killed now, this is what the next visit finds.
            let (mut next, since) = open(&catalog, &profile.store.another());
            prop_assert_eq!(since, profile.since.as_ref().map(BTreeSet::len), "whether and how far a snapshot is used");
            let mut anew = derived(&catalog, &all(&profile.store.another()));
            prop_assert_eq!(next.taste(), anew.taste());
            prop_assert_eq!(list(&mut next, now), list(&mut anew, now));
            prop_assert_eq!(next.interests(), anew.interests());
            prop_assert_eq!(next.export(now).unwrap(), anew.export(now).unwrap());
            prop_assert_eq!(next.snapshot(), anew.snapshot(), "what is kept of it next is the same, too");
            // And the tab itself, whatever it had seen before.
            let here = &mut profile.tabs[tab].1;
            let mut anew = derived(&catalog, here.log().events());
            prop_assert_eq!(list(here, now), list(&mut anew, now));
            prop_assert_eq!(here.interests(), anew.interests());
        }
    }

    #[test]
    fn a_damaged_snapshot_changes_nothing(at in any::<usize>(), bit in 0u8..8, cut in any::<bool>()) {
        let (catalog, history) = (films(), (0..80).map(|at| (at % 25, TYPES[at % 4], 4.0)).collect::<Vec<_>>());
        let mut whole = derived(&catalog, &events(&catalog, &history));
        list(&mut whole, NOW);
        let mut snapshot = whole.snapshot().unwrap();
        let at = at % snapshot.len();
        if cut {
            snapshot.truncate(at);
        } else {
            snapshot[at] ^= 1 << bit;
        }
        let mut other = person(&catalog, &[("like", "space-1")]);
        let before = list(&mut other, NOW);
        prop_assert!(other.restore(&snapshot, vec![]).is_err());
        prop_assert_eq!(list(&mut other, NOW), before);
        prop_assert_eq!(other.log().len(), 1);
    }
}

#[test]
fn a_snapshot_is_of_one_catalog_one_table_of_effects_and_one_strategy() {
    let history: Vec<(usize, &str, f64)> = (0..80).map(|at| (at % 25, TYPES[at % 4], 4.0)).collect();
    let catalog = films();
    let mut whole = derived(&catalog, &events(&catalog, &history));
    assert_eq!(whole.snapshot(), None, "before a list there is nothing to save");
    list(&mut whole, NOW);
    let snapshot = whole.snapshot().unwrap();
    let foreign = |mut other: Recommender| other.restore(&snapshot, vec![]) == Err(SnapshotError::Foreign);
    assert!(!foreign(recommender(&catalog)));
    assert!(foreign(recommender(&self::catalog("name = \"other\"\nid = \"key\"", &[serde_json::json!({"key": "a"})]))));
    let mut narrower = recommender(&catalog);
    narrower.set_strategy(Box::new(Kernel { width: 0.1, ..Kernel::default() }));
    assert!(foreign(narrower));
    let mut milder = recommender(&catalog);
    let mut effects = milder.effects().clone();
    effects.set("like", homebody::Effect { weight: 0.5, ..effects.get("like").unwrap().clone() }).unwrap();
    milder.set_effects(effects);
    assert!(foreign(milder));
    assert_eq!(recommender(&catalog).restore(b"homebody", vec![]), Err(SnapshotError::Damaged));
    assert_eq!(recommender(&catalog).restore(&[7; 100], vec![]), Err(SnapshotError::Foreign));
    let mut few = person(&catalog, &[("like", "space-1")]);
    list(&mut few, NOW);
    assert_eq!(few.snapshot(), None, "so few events are derived as fast");
}
