//! Events as a store keeps them.

use super::event::Event;
use crate::store::Record;

/// The events as records: by id, each as the JSON that [`write_profile`](super::write_profile) would write.
pub fn to_records(events: &[Event]) -> Vec<Record> {
    let record = |event: &Event| {
        let value = serde_json::to_value(event).expect("an event is always JSON");
        Record { id: event.id.clone(), value }
    };
    events.iter().map(record).collect()
}

/// The events of records, and the ids of those records that are none (written by another version, or damaged): a single
/// bad one must not cost a person the rest.
pub fn from_records(records: Vec<Record>) -> (Vec<Event>, Vec<String>) {
    let mut unreadable = Vec::new();
    let mut events = Vec::with_capacity(records.len());
    for record in records {
        match serde_json::from_value::<Event>(record.value) {
            // As the log does it.
            Ok(event) if event.id == record.id && event.check().is_ok() => events.push(event),
            _ => unreadable.push(record.id),
        }
    }
    (events, unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(id: &str) -> Event {
        let (item, kind) = ("film".to_owned(), "like".to_owned());
        Event { id: id.into(), item, kind, value: None, time: 1_700_000_000_000, catalog: "v1".into() }
    }

    #[test]
    fn events_come_back_from_their_records() {
        let events = [event("a"), Event { kind: "rate".into(), value: Some(4.5), ..event("b") }];
        assert_eq!(from_records(to_records(&events)), (events.to_vec(), vec![]));
    }

    #[test]
    fn bad_records_are_named_and_the_others_kept() {
        let mut records = to_records(&[event("a"), event("b"), event("c")]);
        records[1].value["time"] = json!(12);
        records[2].id = "other".into();
        records.push(Record { id: "d".into(), value: json!("no event") });
        let (events, unreadable) = from_records(records);
        assert_eq!(events, [event("a")]);
        assert_eq!(unreadable, ["b", "other", "d"]);
    }
}
