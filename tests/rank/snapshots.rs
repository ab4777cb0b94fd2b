//! Snapshots: a list from one is the list of the events derived anew, to the bit, whatever happened; and nothing else is ever
//! taken from one.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use homebody::{
    Catalog, Event, EventStore, Kernel, MemoryStore, NewEvent, Recommendation, Recommender, SnapshotError,
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

/// Opens a kept profile as the browser does; the second is whether the snapshot was of use.
fn open(catalog: &Catalog, store: &MemoryStore) -> (Recommender, bool) {
    let mut recommender = recommender(catalog);
    if let Some(snapshot) = ready(store.snapshot()).unwrap()
        && recommender.restore(&snapshot).is_ok()
    {
        return (recommender, true);
    }
    recommender.set_events(from_records(ready(store.load()).unwrap()).0).unwrap();
    (recommender, false)
}

fn derived(catalog: &Catalog, events: &[Event]) -> Recommender {
    let mut anew = recommender(catalog);
    anew.set_events(events.iter().cloned()).unwrap();
    anew
}

/// What may happen between two visits.
#[derive(Debug, Clone, Copy)]
enum Change {
    Nothing,
    Record(usize, &'static str),
    Undo(usize),
    /// Another device's events, some of which are here.
    Import(usize),
    Erase,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        Just(Change::Nothing),
        (0usize..25, select(&["like", "dislike", "view"][..])).prop_map(|(item, kind)| Change::Record(item, kind)),
        (0usize..200).prop_map(Change::Undo),
        (0usize..25).prop_map(Change::Import),
        Just(Change::Erase),
    ];
    prop::collection::vec(change, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn lists_from_snapshots_are_those_derived_anew(
        catalog in catalogs(), history in histories(), changes in changes(), days in 0i64..4
    ) {
        let store = MemoryStore::new();
        ready(store.append(&to_records(&events(&catalog, &history)))).unwrap();
        for (visit, change) in changes.into_iter().enumerate() {
            let now = NOW + visit as i64 * days * 86_400_000 + 10_000;
            let (mut here, _) = open(&catalog, &store);
            let log = here.log().events().to_vec();
            prop_assert_eq!(list(&mut here, now), list(&mut derived(&catalog, &log), now));
            match change {
                Change::Nothing => {}
                Change::Record(item, kind) => {
                    let item = catalog.id(item % catalog.len()).to_owned();
                    let event = NewEvent { item, kind: kind.into(), value: None, time: None };
                    let mut event = here.prepare(event, now).unwrap();
                    event.id = format!("visit {visit}");
                    ready(store.append(&to_records(std::slice::from_ref(&event)))).unwrap();
                    here.merge([event]).unwrap();
                }
                Change::Undo(at) => {
                    let Some(event) = log.get(at % log.len().max(1)) else { continue };
                    ready(store.remove(std::slice::from_ref(&event.id))).unwrap();
                    here.undo(&event.id).unwrap();
                }
                Change::Import(count) => {
                    let mut other = events(&catalog, &history[..count]);
                    other.iter_mut().skip(count / 2).for_each(|event| event.id.push_str(" elsewhere"));
                    let document = derived(&catalog, &other).export(now).unwrap();
                    let plan = here.plan_import(document.as_bytes()).unwrap();
                    ready(store.append(&to_records(&plan.events))).unwrap();
                    here.merge(plan.events).unwrap();
                }
                Change::Erase => {
                    ready(store.erase()).unwrap();
                    here.erase();
                }
            }
            let mut anew = derived(&catalog, here.log().events());
            prop_assert_eq!(list(&mut here, now), list(&mut anew, now));
            prop_assert_eq!(here.interests(), anew.interests());
            prop_assert_eq!(here.export(now).unwrap(), anew.export(now).unwrap());
            if let Some(snapshot) = here.snapshot() {
                prop_assert!(ready(store.keep_snapshot(&snapshot)).unwrap());
                prop_assert!(open(&catalog, &store).1, "a snapshot that was just made fits");
            }
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
        prop_assert!(other.restore(&snapshot).is_err());
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
    let foreign = |mut other: Recommender| other.restore(&snapshot) == Err(SnapshotError::Foreign);
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
    assert_eq!(recommender(&catalog).restore(b"homebody"), Err(SnapshotError::Damaged));
    assert_eq!(recommender(&catalog).restore(&[7; 100]), Err(SnapshotError::Foreign));
    let mut few = person(&catalog, &[("like", "space-1")]);
    list(&mut few, NOW);
    assert_eq!(few.snapshot(), None, "so few events are derived as fast");
}
