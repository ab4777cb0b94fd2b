//! What an event of each type says about the person: a table that a catalog's owner can change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::{ProfileError, ProfileErrorKind};
use super::event::Event;

/// How an event's value changes what the event says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, tag = "use")]
pub enum ValueUse {
    /// The value is kept but says nothing (`like`, `buy`, …). It may be absent; if present it must be finite.
    Ignored,
    /// The value is a mark from `low` to `high` and must be there. `middle` says nothing, `high` gives the whole weight,
    /// `low` the whole weight with the other sign; linear on either side.
    Mark {
        /// The worst mark.
        low: f64,
        /// The mark that says neither good nor bad.
        middle: f64,
        /// The best mark.
        high: f64,
    },
    /// The value is an amount from 0 on and must be there; it gives its share of the weight until `full` gives all of it.
    Amount {
        /// The amount that says all there is to say.
        full: f64,
    },
}

/// What one type of event does to the profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Effect {
    /// How much the event speaks for the item, −1 (against it) to 1.
    pub weight: f64,
    /// How far an exponential moving average moves toward the item, 0 to 1.
    pub alpha: f64,
    /// Whether the person states an opinion: the last statement about an item replaces the ones before it, and a
    /// statement against an item silences what views or clicks said for it. Events that are no statement add up.
    pub statement: bool,
    /// Whether the item then counts as seen, and is left out of recommendations unless asked for.
    pub seen: bool,
    /// What the event's value means.
    pub value: ValueUse,
    /// After this many days the event says half; without it, it does not fade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_life_days: Option<f64>,
    /// The only spaces in which the event says something; without it, all. Whether the item was seen is no matter of spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spaces: Option<Vec<String>>,
}

impl Effect {
    fn passive(weight: f64, alpha: f64) -> Self {
        let (half_life_days, spaces) = (None, None);
        Self { weight, alpha, statement: false, seen: false, value: ValueUse::Ignored, half_life_days, spaces }
    }

    fn action(weight: f64, alpha: f64) -> Self {
        Self { seen: true, ..Self::passive(weight, alpha) }
    }

    fn statement(weight: f64, alpha: f64) -> Self {
        Self { statement: true, ..Self::action(weight, alpha) }
    }

    /// Whether an event of this type can have this value (or none).
    pub(crate) fn accepts(&self, value: Option<f64>) -> bool {
        match (self.value, value) {
            (_, Some(value)) if !value.is_finite() => false,
            (ValueUse::Ignored, _) => true,
            (ValueUse::Mark { low, high, .. }, Some(value)) => (low..=high).contains(&value),
            (ValueUse::Amount { .. }, Some(value)) => value >= 0.0,
            (_, None) => false,
        }
    }

    /// Whether the event says something in this space.
    pub fn touches(&self, space: &str) -> bool {
        self.spaces.as_ref().is_none_or(|spaces| spaces.iter().any(|name| name == space))
    }

    /// What is left, after so many days, of what the event said: 0 to 1.
    pub(crate) fn left_after(&self, days: i64) -> f64 {
        self.half_life_days.map_or(1.0, |half_life| (-(days.max(0) as f64) / half_life).exp2())
    }

    /// This effect for somebody who gave these marks: the middle is between the scale's own and the mean of the marks, nearer to
    /// the mean the more there are. It stays within the middle half of the scale, so that somebody who praises everything
    /// praises nothing in particular but does not curse, and it goes in sixteenths of the scale, so that one more mark
    /// seldom changes what all others say.
    pub(crate) fn around(&self, marks: &[f64]) -> Self {
        /// So many marks at the scale's own middle are added: after as many of the person's, half of the way is gone.
        const SCALE_MARKS: f64 = 5.0;
        let ValueUse::Mark { low, middle, high } = self.value else { return self.clone() };
        let mean = (SCALE_MARKS * middle + marks.iter().sum::<f64>()) / (SCALE_MARKS + marks.len() as f64);
        let step = (high - low) / 16.0;
        let stepped = middle + ((mean - middle) / step).round() * step;
        let own = stepped.clamp(low.midpoint(middle), middle.midpoint(high));
        Self { value: ValueUse::Mark { low, middle: own, high }, ..self.clone() }
    }

    /// The signed weight of one event of this type with this value, −1 to 1.
    pub fn signed(&self, value: Option<f64>) -> f64 {
        let factor = match (self.value, value) {
            (ValueUse::Ignored, _) => 1.0,
            (ValueUse::Mark { low, middle, high }, Some(mark)) => {
                let side = if mark >= middle { high - middle } else { middle - low };
                if side > 0.0 { ((mark - middle) / side).clamp(-1.0, 1.0) } else { 0.0 }
            }
            (ValueUse::Amount { full }, Some(amount)) => (amount / full).clamp(0.0, 1.0),
            // A validated event has its value; one that was not says nothing.
            (_, None) => 0.0,
        };
        self.weight * factor
    }
}

/// The table of effects, by event type.
///
/// ```
/// use homebody::Effects;
/// let effects = Effects::default();
/// assert!(effects.get("like").unwrap().weight > 0.0);
/// assert!(effects.types().any(|name| name == "buy"));
/// assert!(effects.get("applaud").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Effects {
    table: BTreeMap<String, Effect>,
}

/// The type of an event that says only that the item was shown; its value, if it has one, is the place in the list from 1 on.
pub const IMPRESSION: &str = "impression";

/// The type of an event after which what speaks for the item says nothing, until it is undone or the person states something new.
pub const MUTE: &str = "mute";

/// The type of an event that stands for words: the item is near to what the person said they like (its value: how near, 0 to 1).
pub const DESCRIBE: &str = "describe";

/// A minute on an item's page says all that staying there can say; attention after that is rather a forgotten tab.
const DWELL_FULL_MS: f64 = 60_000.0;

impl Default for Effects {
    /// The table used where the catalog's owner gives none. The order of strength is what matters: a stated opinion or a
    /// purchase is worth a whole like, putting something aside about half, looking at it a tenth. `hide` is half a
    /// dislike: "not now" more often than "never". Alphas are those of a moving average that a stated like pulls a third
    /// of the way.
    fn default() -> Self {
        let rows = [
            (IMPRESSION, Effect::passive(0.0, 0.0)),
            (MUTE, Effect::passive(0.0, 0.0)),
            // Ten items stand for a description: together they count as much as a few stated likes.
            (DESCRIBE, Effect { value: ValueUse::Amount { full: 1.0 }, ..Effect::passive(0.4, 0.1) }),
            ("view", Effect::passive(0.1, 0.05)),
            ("click", Effect::passive(0.2, 0.1)),
            ("dwell", Effect { value: ValueUse::Amount { full: DWELL_FULL_MS }, ..Effect::passive(0.3, 0.1) }),
            ("like", Effect::statement(1.0, 0.3)),
            ("dislike", Effect::statement(-1.0, 0.3)),
            (
                "rate",
                Effect { value: ValueUse::Mark { low: 1.0, middle: 3.0, high: 5.0 }, ..Effect::statement(1.0, 0.3) },
            ),
            ("cart", Effect::action(0.6, 0.2)),
            // Takes back what `cart` said; by itself no opinion against the item (see `Taste`).
            ("uncart", Effect::passive(-0.6, 0.2)),
            ("buy", Effect::action(1.0, 0.3)),
            ("hide", Effect::statement(-0.5, 0.2)),
            ("share", Effect::action(0.8, 0.25)),
        ];
        Self { table: rows.into_iter().map(|(name, effect)| (name.to_owned(), effect)).collect() }
    }
}

impl Effects {
    /// What an event of this type does, if the table has the type.
    pub fn get(&self, kind: &str) -> Option<&Effect> {
        self.table.get(kind)
    }

    /// The types of the table, in the order of their names.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.table.keys().map(String::as_str)
    }

    /// Adds a type or replaces what it does.
    ///
    /// # Errors
    ///
    /// A weight outside −1..1, an alpha outside 0..1, or a scale that does not ascend.
    pub fn set(&mut self, kind: &str, effect: Effect) -> Result<(), ProfileError> {
        let refuse = |what: String| {
            let message = format!("effect of `{kind}`: {what}");
            Err(ProfileError::new(ProfileErrorKind::BadEffects, message))
        };
        if kind.is_empty() {
            return refuse("expected the name of an event type, got an empty one".to_owned());
        }
        if !(-1.0..=1.0).contains(&effect.weight) {
            return refuse(format!("expected a weight from -1 to 1, got {}", effect.weight));
        }
        if let Some(days) = effect.half_life_days.filter(|days| !(days.is_finite() && *days > 0.0)) {
            return refuse(format!("expected a half-life above 0 days, got {days}"));
        }
        if !(0.0..=1.0).contains(&effect.alpha) {
            return refuse(format!("expected an alpha from 0 to 1, got {}", effect.alpha));
        }
        match effect.value {
            ValueUse::Ignored => {}
            ValueUse::Mark { low, middle, high } => {
                if !(low.is_finite() && high.is_finite() && low < middle && middle < high) {
                    return refuse(format!("expected marks with low < middle < high, got {low}, {middle}, {high}"));
                }
            }
            ValueUse::Amount { full } => {
                if !(full.is_finite() && full > 0.0) {
                    return refuse(format!("expected a full amount above 0, got {full}"));
                }
            }
        }
        self.table.insert(kind.to_owned(), effect);
        Ok(())
    }

    /// Whether some event says less as time goes by.
    pub fn fades(&self) -> bool {
        self.table.values().any(|effect| effect.half_life_days.is_some())
    }

    /// The table as this space has it: without the types that do not touch it. Nothing if all of them do.
    pub(crate) fn narrowed_to(&self, space: &str) -> Option<Self> {
        let touching = self.table.iter().filter(|(_, effect)| effect.touches(space));
        let table: BTreeMap<String, Effect> = touching.map(|(kind, effect)| (kind.clone(), effect.clone())).collect();
        (table.len() < self.table.len()).then_some(Self { table })
    }

    /// Whether events of this type are marks, which mean one thing on their scale and another around a person's own mean.
    pub(crate) fn is_mark(&self, kind: &str) -> bool {
        self.get(kind).is_some_and(|effect| matches!(effect.value, ValueUse::Mark { .. }))
    }

    /// The table for the person who did these things: marks are signed around the person's own (see [`Effect::around`]).
    pub(crate) fn personal(&self, events: &[Event]) -> Self {
        let mut own = self.clone();
        for (kind, effect) in &mut own.table {
            if matches!(effect.value, ValueUse::Mark { .. }) {
                let given = events.iter().filter(|event| event.kind == *kind && effect.accepts(event.value));
                let marks: Vec<f64> = given.filter_map(|event| event.value).collect();
                *effect = effect.around(&marks);
            }
        }
        own
    }

    /// Checks an event's type and value, and gives the value as it is to be kept.
    pub(crate) fn check(&self, kind: &str, value: Option<f64>) -> Result<Option<f64>, ProfileError> {
        let Some(effect) = self.get(kind) else {
            let known: Vec<&str> = self.types().collect();
            let message = format!("unknown event type `{kind}`; known are {}", known.join(", "));
            return Err(ProfileError::new(ProfileErrorKind::UnknownEventType, message));
        };
        let refuse = |expected: String| {
            let came = value.map_or_else(|| "none".to_owned(), |value| value.to_string());
            let message = format!("event of type `{kind}`: expected {expected}, got {came}");
            Err(ProfileError::new(ProfileErrorKind::BadValue, message))
        };
        if effect.accepts(value) {
            return Ok(value.map(keepable));
        }
        match effect.value {
            _ if value.is_some_and(|value| !value.is_finite()) => refuse("a finite value".to_owned()),
            ValueUse::Mark { low, high, .. } => refuse(format!("a value from {low} to {high}")),
            ValueUse::Amount { .. } => refuse("a value of 0 or more".to_owned()),
            ValueUse::Ignored => unreachable!("every finite value and none is accepted"),
        }
    }
}

impl<'de> Deserialize<'de> for Effects {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut effects = Self { table: BTreeMap::new() };
        for (kind, effect) in BTreeMap::<String, Effect>::deserialize(deserializer)? {
            effects.set(&kind, effect).map_err(serde::de::Error::custom)?;
        }
        Ok(effects)
    }
}

/// The value with 15 significant digits. Every decimal of 15 digits survives the way through JSON and back in any
/// implementation (17 do not in all of them), so that an exported profile has the hash it was written with.
pub(crate) fn keepable(value: f64) -> f64 {
    format!("{value:.14e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn marks_are_signed_around_their_middle() {
        let rate = Effects::default().get("rate").unwrap().clone();
        let signed = |mark| rate.signed(Some(mark));
        assert_eq!([1.0, 2.0, 3.0, 4.0, 5.0].map(signed), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        let dwell = Effects::default().get("dwell").unwrap().clone();
        assert_eq!(dwell.signed(Some(600_000.0)), dwell.weight);
        assert_eq!(dwell.signed(Some(30_000.0)), dwell.weight / 2.0);
    }

    #[test]
    fn marks_are_signed_around_those_that_the_person_gives() {
        let rate = Effects::default().get("rate").unwrap().clone();
        let middle = |marks: &[f64]| match rate.around(marks).value {
            ValueUse::Mark { low, middle, high } => {
                assert_eq!((low, high), (1.0, 5.0));
                middle
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(middle(&[]), 3.0, "nothing is known of the person");
        assert_eq!(middle(&[4.0; 5]), 3.5, "half of the way");
        assert_eq!(middle(&[5.0; 200]), 4.0, "whoever praises everything");
        assert_eq!(middle(&[1.0; 200]), 2.0, "whoever curses everything");
        let lenient = rate.around(&[4.0; 50]);
        assert!(lenient.signed(Some(3.0)) < 0.0 && lenient.signed(Some(5.0)) == rate.weight);
    }

    #[test]
    fn an_effect_fades_by_half_in_its_half_life() {
        let fading = Effect { half_life_days: Some(10.0), ..Effect::passive(0.4, 0.1) };
        assert_eq!([-3, 0, 10, 20].map(|days| fading.left_after(days)), [1.0, 1.0, 0.5, 0.25]);
        assert_eq!(Effect::passive(0.4, 0.1).left_after(100_000), 1.0);
        let mut effects = Effects::default();
        assert!(!effects.fades());
        for days in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let odd = Effect { half_life_days: Some(days), ..fading.clone() };
            assert_eq!(effects.set("view", odd).unwrap_err().code(), "effects", "{days}");
        }
        effects.set("view", fading).unwrap();
        assert!(effects.fades());
    }

    #[test]
    fn a_table_is_narrowed_to_what_touches_a_space() {
        let mut effects = Effects::default();
        assert_eq!(effects.narrowed_to("text"), None, "everything touches it");
        effects.set("view", Effect { spaces: Some(vec!["genre".into()]), ..Effect::passive(0.1, 0.1) }).unwrap();
        assert_eq!(effects.narrowed_to("genre"), None);
        let text = effects.narrowed_to("text").unwrap();
        assert!(text.get("view").is_none() && text.get("like").is_some());
    }

    #[test]
    fn an_unknown_type_is_told_the_known_ones() {
        let error = Effects::default().check("applaud", None).unwrap_err();
        assert_eq!(error.code(), "unknown-event-type");
        for name in ["applaud", "view", "dislike", "uncart"] {
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let effects = Effects::default();
        for (kind, value) in [
            ("rate", None),
            ("rate", Some(0.5)),
            ("rate", Some(5.5)),
            ("rate", Some(f64::NAN)),
            ("dwell", None),
            ("dwell", Some(-1.0)),
            ("like", Some(f64::INFINITY)),
        ] {
            let error = effects.check(kind, value).unwrap_err();
            assert_eq!(error.code(), "event-value", "{kind} {value:?}");
            assert!(error.to_string().contains(kind), "{error}");
        }
        assert_eq!(effects.check("like", None).unwrap(), None);
        assert_eq!(effects.check("rate", Some(4.0)).unwrap(), Some(4.0));
    }

    #[test]
    fn a_table_from_outside_is_checked() {
        let good = r#"{"wave": {"weight": 0.5, "alpha": 0.1, "statement": false, "seen": false, "value": {"use": "ignored"}}}"#;
        assert!(serde_json::from_str::<Effects>(good).is_ok());
        for (from, to) in [("0.5", "1.5"), ("0.1", "-0.1"), ("ignored", "guessed"), ("seen", "scene")] {
            assert!(serde_json::from_str::<Effects>(&good.replace(from, to)).is_err(), "{from} → {to}");
        }
        let table = serde_json::to_string(&Effects::default()).unwrap();
        assert_eq!(serde_json::from_str::<Effects>(&table).unwrap(), Effects::default());
    }

    proptest! {
        #[test]
        fn kept_values_survive_json(digits in -1.0f64..1.0, power in -5i32..15) {
            let value = digits * 10f64.powi(power);
            let kept = keepable(value);
            let json = serde_json::to_string(&kept).unwrap();
            prop_assert_eq!(serde_json::from_str::<f64>(&json).unwrap(), kept);
            prop_assert!((kept - value).abs() <= value.abs() * 1e-14);
        }
    }
}
