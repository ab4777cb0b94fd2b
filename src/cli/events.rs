//! The events of one person: an exported profile, or a file of interactions (see [`super::interactions`]) without or with one `user`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::interactions::{At, Line, Sink, each_line, refuse};
use super::{Failure, read_file};
use crate::profile::{CountedIds, Effects, Event, NewEvent, read_profile};

/// One line of a file of events.
#[derive(Debug, Clone, PartialEq)]
struct Interaction {
    user: Option<String>,
    item: String,
    kind: String,
    value: Option<f64>,
    time: i64,
    at: At,
}

/// Reads the events of one person. A line that cannot be read is an error here: a profile has no lines to spare.
pub(crate) fn read_events(path: &Path, effects: &Effects, catalog: &str) -> Result<Vec<Event>, Failure> {
    let name = path.display().to_string();
    if is_profile(path).map_err(Failure::while_doing(format!("reading {name}")))? {
        return read_profile(&read_file(path)?).map_err(Failure::while_doing(format!("reading {name}")));
    }
    let interactions = collect(&name, |sink| each_line(path, sink))?;
    to_events(&name, interactions, effects, catalog)
}

fn is_profile(path: &Path) -> std::io::Result<bool> {
    /// The line of a profile that says what it is stands at its top.
    const TOP: u64 = 200;
    let mut top = Vec::new();
    File::open(path)?.take(TOP).read_to_end(&mut top)?;
    Ok(String::from_utf8_lossy(&top).contains("\"homebody-profile\""))
}

/// All lines; the first bad one is an error.
fn collect(name: &str, each: impl FnOnce(&mut Sink<'_>) -> Result<(), Failure>) -> Result<Vec<Interaction>, Failure> {
    let mut all = Vec::new();
    each(&mut |at, line| {
        let Line { user, item, kind, value, time } = line.map_err(|message| refuse(name, at, message))?;
        let user = user.map(str::to_owned);
        all.push(Interaction { user, item: item.to_owned(), kind: kind.to_owned(), value, time, at });
        Ok(())
    })?;
    Ok(all)
}

fn to_events(
    name: &str,
    interactions: Vec<Interaction>,
    effects: &Effects,
    catalog: &str,
) -> Result<Vec<Event>, Failure> {
    let users: BTreeSet<&str> = interactions.iter().filter_map(|one| one.user.as_deref()).collect();
    if users.len() > 1 {
        let message = format!("{name}: expected the events of one person, got those of {} users", users.len());
        return Err(Failure::with_code("events-users", message));
    }
    // The same file gives the same ids, in the order of its lines where times are equal.
    let mut ids = CountedIds::new();
    interactions
        .into_iter()
        .map(|one| {
            let Interaction { item, kind, value, time, at, .. } = one;
            let event = NewEvent { item, kind, value, time: None };
            // Items that the catalog does not have are kept and say nothing, as in an imported profile.
            event
                .into_event(effects, catalog, |_| true, &mut ids, time)
                .map_err(Failure::while_doing(format!("{name}, {at}")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::interactions::each_text_line;
    use super::*;

    fn parse_interactions(name: &str, bytes: &[u8]) -> Result<Vec<Interaction>, Failure> {
        collect(name, |sink| each_text_line(name, bytes, sink))
    }

    fn parse(text: &str) -> Result<Vec<Interaction>, String> {
        parse_interactions("e", text.as_bytes()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn jsonl_and_csv_say_the_same() {
        let csv = "user,item,type,value,timestamp\nu1,a,rate,4.5,1700000000\nu1,\"b, c\",like,,1700000000001\n";
        let jsonl = "{\"user\":\"u1\",\"item\":\"a\",\"type\":\"rate\",\"value\":4.5,\"timestamp\":1700000000}\n\
                     {\"user\":\"u1\",\"item\":\"b, c\",\"type\":\"like\",\"timestamp\":1700000000001}\n";
        let read = parse(csv).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].time, read[1].time, read[1].value), (1_700_000_000_000, 1_700_000_000_001, None));
        let lines = |read: Vec<Interaction>| {
            read.into_iter().map(|one| Interaction { at: At::Line(0), ..one }).collect::<Vec<_>>()
        };
        assert_eq!(lines(read), lines(parse(jsonl).unwrap()));
        assert_eq!(parse("item,timestamp,type\n7,2024-05-01,view\n").unwrap()[0].item, "7");
        assert_eq!(parse("{\"item\":7,\"type\":\"view\",\"timestamp\":\"2024-05-01\"}").unwrap()[0].item, "7");
        assert_eq!(parse("\u{feff}item,type,timestamp\n").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, told) in [
            ("item,type,timestamp\na,like,1700000000\nb,like,soon\n", "e, line 3: expected a time"),
            (
                "item,type,value,timestamp\na,rate,good,1700000000\n",
                "e, line 2: expected `value` as a number, got `good`",
            ),
            ("item,type,timestamp\na,like\n", "e, line 2"),
            (
                "item,type,time\na,like,1\n",
                "e, line 1: expected the columns user,item,type,value,timestamp, got `time`",
            ),
            ("item,timestamp\na,1\n", "found no `type`"),
            ("{\"item\":\"a\",\"type\":\"like\",\"timestamp\":1}\n{\"item\":\"a\"", "e, line 2: expected an event"),
            ("{\"item\":\"a\",\"kind\":\"like\",\"timestamp\":1}", "unknown field `kind`"),
            ("{\"item\":[1],\"type\":\"like\",\"timestamp\":1}", "expected `item` as a string"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(told), "{text}: {message}");
        }
        let bytes = b"item,type,timestamp\na,like,1700000000\n\xff\xfe,like,1\n";
        let failure = parse_interactions("e", bytes).unwrap_err();
        assert!(failure.to_string().starts_with("e, line 3: expected UTF-8"), "{failure}");
        assert_eq!(failure.code(), "events-line");
    }

    #[test]
    fn events_are_checked_and_repeat() {
        let events = |text: &str| to_events("e", parse_interactions("e", text.as_bytes())?, &Effects::default(), "v1");
        let good = "item,type,timestamp\nb,like,1700000000\na,like,1700000000\n";
        let read = events(good).unwrap();
        assert_eq!(read, events(good).unwrap());
        assert!(read[0].id < read[1].id, "lines of one time keep their order");
        let message = |text: &str| events(text).unwrap_err().to_string();
        assert!(
            message("item,type,timestamp\na,love,1700000000\n")
                .contains("line 2: unknown event type `love`; known are")
        );
        assert!(
            message("item,type,value,timestamp\na,rate,7,1700000000\n").contains("expected a value from 1 to 5, got 7")
        );
        assert!(message("item,type,timestamp\na,like,12\n").contains("line 2"), "a time in 1970 is a mistake");
        assert!(message("user,item,type,timestamp\nu,a,like,1700000000\nv,a,like,1700000000\n").contains("2 users"));
    }
}
