//! One thing that a person did.

use serde::{Deserialize, Serialize, Serializer};

use super::effects::Effects;
use super::error::{ProfileError, ProfileErrorKind};
use super::ids::IdSource;

/// One thing that a person did with one item. Once recorded it never changes; undoing removes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Unique across tabs and devices: a version 7 UUID where this library made it.
    pub id: String,
    /// The item's id in its catalog.
    pub item: String,
    /// The event type: a row of the table of effects.
    #[serde(rename = "type")]
    pub kind: String,
    /// A mark or an amount, where the type has one.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "plain_number")]
    pub value: Option<f64>,
    /// When it happened, in milliseconds since 1970 (UTC).
    pub time: i64,
    /// The version of the catalog in which it happened.
    pub catalog: String,
}

/// An event as the application reports it: id, time and catalog are filled in when it is recorded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// The item's id.
    pub item: String,
    /// The event type: a row of the table of effects.
    #[serde(rename = "type")]
    pub kind: String,
    /// A mark or an amount, where the type has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// When it happened, in milliseconds since 1970; now if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<i64>,
}

/// 1990-01-01: no event of a browser is older, while a time in seconds taken for milliseconds lands in January 1970.
const EARLIEST_MS: i64 = 631_152_000_000;
/// 2200-01-01: no clock that is merely wrong shows more, while microseconds taken for milliseconds land far beyond.
const LATEST_MS: i64 = 7_258_118_400_000;
/// How far the time of a new event may be ahead of the clock: a day, for clocks of another zone or another device.
const AHEAD_MS: i64 = 86_400_000;
/// Longer ids are no ids but a mistake (or an attack on the store).
const LONGEST_ID: usize = 512;

impl Event {
    /// The order of a log: by time, and events of one time by id.
    pub(crate) fn key(&self) -> (i64, &str) {
        (self.time, &self.id)
    }

    /// Checks what holds for every event, wherever it comes from: ids of a sane length, a plausible time, a finite value.
    pub(crate) fn check(&self) -> Result<(), ProfileError> {
        check_id("event id", &self.id)?;
        check_id("item id", &self.item)?;
        check_id("event type", &self.kind)?;
        check_time(self.time)?;
        match self.value {
            Some(value) if !value.is_finite() => {
                let message = format!("event {}: expected a finite value, got {value}", self.id);
                Err(ProfileError::new(ProfileErrorKind::BadValue, message))
            }
            _ => Ok(()),
        }
    }
}

impl NewEvent {
    /// The event to be kept: checked against the table of effects and the catalog (its version, and whether it knows the
    /// item), with an id and a time.
    ///
    /// # Errors
    ///
    /// A type that the table does not have (the message lists those it has), an item that the catalog does not have, a value
    /// out of the type's range, a time more than a day ahead of `now_ms` or in the wrong unit.
    pub fn into_event(
        self,
        effects: &Effects,
        catalog: &str,
        knows_item: impl FnOnce(&str) -> bool,
        ids: &mut dyn IdSource,
        now_ms: i64,
    ) -> Result<Event, ProfileError> {
        let value = effects.check(&self.kind, self.value)?;
        check_id("item id", &self.item)?;
        if !knows_item(&self.item) {
            let message = format!("expected the id of an item of this catalog, got `{}`", self.item);
            return Err(ProfileError::new(ProfileErrorKind::UnknownItem, message));
        }
        let time = self.time.unwrap_or(now_ms);
        check_new_time(time, now_ms)?;
        let id = ids.next_id(now_ms);
        Ok(Event { id, item: self.item, kind: self.kind, value, time, catalog: catalog.to_owned() })
    }
}

fn check_id(what: &str, id: &str) -> Result<(), ProfileError> {
    if id.is_empty() || id.len() > LONGEST_ID {
        let message = format!("expected an {what} of 1 to {LONGEST_ID} bytes, got {}", id.len());
        return Err(ProfileError::new(ProfileErrorKind::BadId, message));
    }
    Ok(())
}

fn check_time(time: i64) -> Result<(), ProfileError> {
    if !(EARLIEST_MS..LATEST_MS).contains(&time) {
        let message = format!(
            "expected a time in milliseconds since 1970, between the years 1990 and 2200, got {time}; \
             a time in seconds has to be multiplied by 1000"
        );
        return Err(ProfileError::new(ProfileErrorKind::BadTime, message));
    }
    Ok(())
}

/// Checks the time of an event that is being recorded at `now_ms`.
fn check_new_time(time: i64, now_ms: i64) -> Result<(), ProfileError> {
    check_time(time)?;
    if time > now_ms.saturating_add(AHEAD_MS) {
        let message = format!("expected a time not later than a day from now ({now_ms}), got {time}");
        return Err(ProfileError::new(ProfileErrorKind::BadTime, message));
    }
    Ok(())
}

/// Whole numbers without a decimal point, as JavaScript writes them: an exported list of events is then the same text
/// when a script parses and writes it again, and so has the same hash.
fn plain_number<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    /// Above this, not every whole number is a double.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    match *value {
        Some(value) if value.fract() == 0.0 && value.abs() < WHOLE => serializer.serialize_i64(value as i64),
        Some(value) => serializer.serialize_f64(value),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_shape_of_the_contract() {
        let event = Event {
            id: "e1".into(),
            item: "a".into(),
            kind: "rate".into(),
            value: Some(4.0),
            time: 1_700_000_000_000,
            catalog: "c".into(),
        };
        let json = r#"{"id":"e1","item":"a","type":"rate","value":4,"time":1700000000000,"catalog":"c"}"#;
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
        assert_eq!(serde_json::from_str::<Event>(json).unwrap(), event);
        let bare = json.replace(r#""value":4,"#, "");
        assert_eq!(serde_json::to_string(&Event { value: None, ..event }).unwrap(), bare);
        assert!(serde_json::from_str::<Event>(&json.replace("catalog", "catalogue")).is_err());
    }

    #[test]
    fn a_new_event_is_checked_and_completed() {
        let now = 1_700_000_000_000;
        let make = |item: &str, kind: &str, value, time| {
            let new = NewEvent { item: item.into(), kind: kind.into(), value, time };
            new.into_event(&Effects::default(), "v1", |item| item == "a", &mut crate::profile::CountedIds::new(), now)
        };
        let event = make("a", "rate", Some(4.5), None).unwrap();
        assert_eq!((event.time, &*event.catalog, event.value), (now, "v1", Some(4.5)));
        assert_eq!(make("a", "like", None, Some(now - 5)).unwrap().time, now - 5);
        let code = |made: Result<Event, ProfileError>| made.unwrap_err().code();
        assert_eq!(code(make("b", "like", None, None)), "unknown-item");
        assert_eq!(code(make("", "like", None, None)), "event-id");
        assert_eq!(code(make("a", "love", None, None)), "unknown-event-type");
        assert_eq!(code(make("a", "rate", Some(f64::NAN), None)), "event-value");
        assert_eq!(code(make("a", "like", None, Some(now + 86_400_001))), "event-time");
    }

    #[test]
    fn a_time_in_seconds_is_told_apart() {
        let error = check_time(1_700_000_000).unwrap_err();
        assert_eq!(error.code(), "event-time");
        assert!(error.to_string().contains("multiplied by 1000"));
        assert!(check_time(i64::MAX).is_err() && check_time(-1).is_err());
        assert!(check_new_time(1_700_000_000_000, 1_600_000_000_000).is_err());
        assert!(check_new_time(1_700_000_000_000, 1_700_000_000_000).is_ok());
    }
}
