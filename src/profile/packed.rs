//! Events, and what they come to, as bytes: what took thousands of look-ups to find out is read back in one go.
//!
//! Evidence is told by the places of its events in the log, whose texts it repeats.

use std::collections::HashMap;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::bytes::{Reader, Writer};
use super::event::Event;
use super::taste::{Evidence, Step, Taste};

/// Where the events of a log are: by id, and the first of each item.
pub(crate) struct Places<'a> {
    events: &'a [Event],
    ids: HashMap<&'a str, usize>,
    items: HashMap<&'a str, usize>,
}

impl<'a> Places<'a> {
    pub(crate) fn of(events: &'a [Event]) -> Self {
        let (mut ids, mut items) = (HashMap::new(), HashMap::new());
        for (at, event) in events.iter().enumerate() {
            ids.insert(&*event.id, at);
            items.entry(&*event.item).or_insert(at);
        }
        Self { events, ids, items }
    }
}

/// Writes events in the order of a log.
pub(crate) fn pack_events(events: &[Event], out: &mut Writer) {
    let mut texts: Vec<&str> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for text in events.iter().flat_map(|event| [&event.kind, &event.catalog, &event.item]) {
        places.entry(text).or_insert_with(|| {
            texts.push(text);
            texts.len() - 1
        });
    }
    out.count(texts.len());
    texts.iter().for_each(|text| out.text(text));
    out.count(events.len());
    let mut before = 0;
    for event in events {
        match plain_uuid(&event.id) {
            Some(uuid) => {
                out.number(0);
                out.raw(uuid.as_bytes());
            }
            None => out.text(&event.id),
        }
        for text in [&event.kind, &event.catalog, &event.item] {
            out.count(places[text.as_str()]);
        }
        out.maybe(event.value);
        // They ascend, and none is before 1970.
        out.number((event.time - before) as u64);
        before = event.time;
    }
}

/// The events again; nothing where the bytes are not those of a log.
pub(crate) fn unpack_events(from: &mut Reader<'_>) -> Option<Vec<Event>> {
    let texts = (0..from.count(1)?).map(|_| from.text()).collect::<Option<Vec<&str>>>()?;
    let count = from.count(6)?;
    let mut events: Vec<Event> = Vec::with_capacity(count);
    let mut time = 0i64;
    for _ in 0..count {
        let id = match from.text()? {
            "" => {
                let uuid = Uuid::from_slice(from.raw(16)?).ok()?;
                uuid.hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]).to_owned()
            }
            id => id.to_owned(),
        };
        let mut text = || Some(texts[from.below(texts.len())?].to_owned());
        let (kind, catalog, item) = (text()?, text()?, text()?);
        let value = from.maybe()?;
        time = time.checked_add(i64::try_from(from.number()?).ok()?)?;
        events.push(Event { id, item, kind, value, time, catalog });
    }
    Some(events)
}

/// An id that this library made, which sixteen bytes say as well.
fn plain_uuid(id: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(id).ok()?;
    (uuid.hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]) == id).then_some(uuid)
}

/// Writes a taste by the events that it came from. Nothing if it did not come from these.
pub(crate) fn pack_taste(taste: &Taste, places: &Places<'_>, out: &mut Writer) -> Option<()> {
    for all in [&taste.likes, &taste.muted, &taste.dislikes] {
        out.count(all.len());
        for one in all {
            let behind = one.events.iter().map(|id| places.ids.get(id.as_str()).copied());
            let behind = behind.collect::<Option<Vec<usize>>>()?;
            let tells = |at: &usize| {
                let event = &places.events[*at];
                event.item == one.item && event.kind == one.kind && same(event.value, one.value)
            };
            out.count(behind.len());
            behind.iter().for_each(|at| out.count(*at));
            out.count(behind.iter().position(tells)?);
            out.float(one.mass);
            out.number(u64::try_from(one.time).ok()?);
        }
    }
    out.count(taste.steps.len());
    for step in &taste.steps {
        out.count(*places.items.get(step.item.as_str())?);
        out.float(step.alpha);
    }
    out.count(taste.seen.len());
    for item in &taste.seen {
        out.count(*places.items.get(item.as_str())?);
    }
    Some(())
}

/// The taste again; nothing where the bytes are not those of one.
pub(crate) fn unpack_taste(from: &mut Reader<'_>, events: &[Event]) -> Option<Taste> {
    let mut evidence = || {
        let count = from.count(12)?;
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            let behind = from.count(1)?;
            let behind = (0..behind).map(|_| from.below(events.len())).collect::<Option<Vec<usize>>>()?;
            let told = &events[behind[from.below(behind.len())?]];
            let (mass, time) = (from.float()?, i64::try_from(from.number()?).ok()?);
            let ids = behind.iter().map(|at| events[*at].id.clone()).collect();
            let (item, kind, value) = (told.item.clone(), told.kind.clone(), told.value);
            all.push(Evidence { item, mass, time, kind, value, events: ids });
        }
        Some(all)
    };
    let (likes, muted, dislikes) = (evidence()?, evidence()?, evidence()?);
    let item = |from: &mut Reader<'_>| Some(events[from.below(events.len())?].item.clone());
    let steps = (0..from.count(9)?).map(|_| Some(Step { item: item(from)?, alpha: from.float()? }));
    let steps = steps.collect::<Option<Vec<Step>>>()?;
    let seen = (0..from.count(1)?).map(|_| item(from)).collect::<Option<Vec<String>>>()?;
    Some(Taste { likes, muted, dislikes, steps, seen })
}

/// To the bit, so that what is read is what was written.
fn same(a: Option<f64>, b: Option<f64>) -> bool {
    a.map(f64::to_bits) == b.map(f64::to_bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::effects::Effects;
    use crate::profile::ids::{CountedIds, IdSource};
    use crate::profile::log::EventLog;
    use proptest::prelude::*;

    fn logs() -> impl Strategy<Value = EventLog> {
        let kinds = ["like", "dislike", "rate", "view", "cart", "uncart", "mute", "impression", "hide", "of its own"];
        let event = (0..kinds.len(), 0..12u8, prop::option::of(1.0f64..5.0), 0..50i64, any::<bool>());
        prop::collection::vec(event, 0..60).prop_map(move |all| {
            let mut ids = CountedIds::new();
            let event = |(kind, item, value, time, own): (usize, u8, Option<f64>, i64, bool)| {
                let id = ids.next_id(time);
                Event {
                    id: if own { format!("{{{id}}}") } else { id },
                    item: format!("film {item}"),
                    kind: kinds[kind].into(),
                    value,
                    time: 1_700_000_000_000 + time * 1000,
                    catalog: format!("v{}", item % 2),
                }
            };
            let mut log = EventLog::new();
            log.merge(all.into_iter().map(event).collect::<Vec<_>>()).unwrap();
            log
        })
    }

    proptest! {
        #[test]
        fn events_and_taste_come_back(log in logs(), cut in any::<usize>()) {
            let taste = Taste::derive(log.events(), &Effects::default());
            let mut writer = Writer::default();
            pack_events(log.events(), &mut writer);
            pack_taste(&taste, &Places::of(log.events()), &mut writer).unwrap();
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            let events = unpack_events(&mut reader).unwrap();
            prop_assert_eq!(&events[..], log.events());
            prop_assert_eq!(unpack_taste(&mut reader, &events).unwrap(), taste);
            prop_assert!(reader.is_at_end());
            // Cut off anywhere it is nothing, and no panic.
            let mut reader = Reader::new(&bytes[..cut % bytes.len()]);
            let whole = unpack_events(&mut reader).and_then(|events| unpack_taste(&mut reader, &events));
            prop_assert!(whole.is_none());
        }

        #[test]
        fn other_bytes_are_no_events(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            let _ = unpack_events(&mut reader).and_then(|events| unpack_taste(&mut reader, &events));
        }
    }
}
