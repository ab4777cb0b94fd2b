//! The profile as one JSON document, for the person to keep, to move to another device, or to read.

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::{ProfileError, ProfileErrorKind};
use super::event::Event;

const FORMAT: &str = "homebody-profile";
/// The version written, and the newest that can be read.
const VERSION: u64 = 1;

/// The document, with its fields in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    version: u64,
    exported: String,
    catalog: String,
    events: Vec<Event>,
    sha256: String,
}

/// What stands at the top of any version of the document.
#[derive(Deserialize)]
struct Head {
    format: Option<String>,
    version: Option<u64>,
}

/// The events as one JSON document: `{format, version, exported, catalog, events, sha256}`.
///
/// `exported` is the time of writing (UTC, RFC 3339), `catalog` the version of the catalog in use. `sha256` is the hash of
/// the events as JSON without white space, in hexadecimal digits.
///
/// # Errors
///
/// `now_ms` is no time that a calendar has.
pub fn write_profile(events: &[Event], catalog: &str, now_ms: i64) -> Result<String, ProfileError> {
    let Some(now) = DateTime::from_timestamp_millis(now_ms) else {
        let message = format!("expected the current time in milliseconds since 1970, got {now_ms}");
        return Err(ProfileError::new(ProfileErrorKind::BadTime, message));
    };
    let document = Document {
        format: FORMAT.to_owned(),
        version: VERSION,
        exported: now.to_rfc3339_opts(SecondsFormat::Millis, true),
        catalog: catalog.to_owned(),
        sha256: hash(events),
        events: events.to_vec(),
    };
    Ok(serde_json::to_string_pretty(&document).expect("strings, numbers and lists are always JSON"))
}

/// The events of a document that [`write_profile`] wrote.
///
/// # Errors
///
/// Bytes that are no such document, a newer version, and a document that was cut off or changed: nothing of it is used.
pub fn read_profile(bytes: &[u8]) -> Result<Vec<Event>, ProfileError> {
    let refuse = |kind, message: String| ProfileError::new(kind, message);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let message = format!(
            "expected an exported profile (JSON in UTF-8), got bytes that are not UTF-8 from byte {} on",
            error.valid_up_to()
        );
        refuse(ProfileErrorKind::NotAProfile, message).caused_by(error)
    })?;
    let head: Head = serde_json::from_str(text).map_err(|error| {
        // What begins like one of ours is ours and damaged; anything else is another file.
        let (kind, message) = if text.contains(FORMAT) {
            (ProfileErrorKind::Damaged, format!("the profile is damaged ({error}); use another copy"))
        } else {
            (ProfileErrorKind::NotAProfile, "expected an exported profile (JSON), got something else".to_owned())
        };
        refuse(kind, message).caused_by(error)
    })?;
    if head.format.as_deref() != Some(FORMAT) {
        let came = head.format.map_or_else(|| "no format".to_owned(), |format| format!("format `{format}`"));
        let message = format!("expected a document with format `{FORMAT}`, got {came}");
        return Err(refuse(ProfileErrorKind::NotAProfile, message));
    }
    match head.version {
        Some(version) if version > VERSION => {
            let message =
                format!("expected a profile of version {VERSION} or older, got version {version}; update this program");
            return Err(refuse(ProfileErrorKind::TooNew, message));
        }
        Some(VERSION) => {}
        _ => {
            return Err(refuse(ProfileErrorKind::Damaged, "the profile is damaged: it has no readable version".into()));
        }
    }
    let document: Document = serde_json::from_str(text).map_err(|error| {
        refuse(ProfileErrorKind::Damaged, format!("the profile is damaged ({error}); use another copy"))
            .caused_by(error)
    })?;
    let found = hash(&document.events);
    if found != document.sha256 {
        let message = format!(
            "the profile is damaged: its events have the hash {found}, written down is {}; use another copy",
            document.sha256
        );
        return Err(refuse(ProfileErrorKind::Damaged, message));
    }
    for event in &document.events {
        event.check()?;
    }
    Ok(document.events)
}

fn hash(events: &[Event]) -> String {
    let json = serde_json::to_vec(events).expect("events are always JSON");
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events() -> Vec<Event> {
        (0..3)
            .map(|i| Event {
                id: format!("id-{i}"),
                item: "Amélie \"2001\"".into(),
                kind: "rate".into(),
                value: (i > 0).then_some(f64::from(i) + 0.1),
                time: 1_700_000_000_000 + i64::from(i),
                catalog: "v1".into(),
            })
            .collect()
    }

    fn document() -> String {
        write_profile(&events(), "v1", 1_700_000_000_123).unwrap()
    }

    fn code(text: &str) -> &'static str {
        read_profile(text.as_bytes()).unwrap_err().code()
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(read_profile(document().as_bytes()).unwrap(), events());
        assert!(document().contains(r#""exported": "2023-11-14T22:13:20.123Z""#));
        let empty = write_profile(&[], "v1", 0).unwrap();
        assert_eq!(read_profile(empty.as_bytes()).unwrap(), []);
    }

    #[test]
    fn a_newer_version_says_so_whatever_else_it_has() {
        let newer = document().replace(r#""version": 1"#, r#""version": 2, "mood": "new""#);
        assert_eq!(code(&newer), "profile-too-new");
    }

    #[test]
    fn other_files_are_not_profiles() {
        for text in ["", "<!doctype html>", "{}", "[1]", r#"{"format":"playlist","version":1}"#, "item,type\na,like"] {
            assert_eq!(code(text), "profile-format", "{text}");
        }
        assert_eq!(read_profile(&[0xff, 0xfe, 0x00]).unwrap_err().code(), "profile-format");
    }

    #[test]
    fn an_event_that_cannot_be_is_refused_even_with_the_right_hash() {
        let mut wrong = events();
        wrong[1].time = 5;
        let text = write_profile(&wrong, "v1", 0).unwrap();
        assert_eq!(code(&text), "event-time");
    }

    proptest! {
        #[test]
        fn a_cut_document_is_refused(cut in 1usize..400) {
            let text = document();
            let mut end = text.len() - cut.min(text.len() - 1);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            let error = read_profile(&text.as_bytes()[..end]).unwrap_err();
            prop_assert!(matches!(error.code(), "profile-damaged" | "profile-format"));
        }

        #[test]
        fn a_changed_event_is_noticed(at in 0usize..4000, bit in 0u8..7) {
            let text = document();
            let start = text.find("\"events\"").unwrap();
            let end = text.find("\"sha256\"").unwrap();
            let mut bytes = text.clone().into_bytes();
            let at = start + at % (end - start);
            bytes[at] ^= 1 << bit;
            // White space may change into other white space: that is the same document.
            match read_profile(&bytes) {
                Ok(read) => prop_assert_eq!(read, events()),
                Err(error) => prop_assert!(matches!(error.code(), "profile-damaged" | "profile-format")),
            }
        }
    }
}
