//! The schema file as it is written, before it makes sense.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Deserialize as Derive;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use toml::Spanned;

use super::super::manifest::ColumnType;
use super::super::space::{EffectRule, Missing, Prefer, Reference, Scenario, Segment};

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSchema {
    pub(super) name: String,
    pub(super) id: RawId,
    /// With their places in the file, which are their order.
    #[serde(default)]
    pub(super) columns: HashMap<String, Spanned<RawColumn>>,
    #[serde(default)]
    pub(super) join: Vec<RawJoin>,
    #[serde(default)]
    pub(super) space: Vec<RawSpace>,
    pub(super) prior: Option<RawPrior>,
    pub(super) variant_of: Option<String>,
    pub(super) map: Option<String>,
    #[serde(default)]
    pub(super) scenario: BTreeMap<String, Scenario>,
    #[serde(default)]
    pub(super) segment: BTreeMap<String, Segment>,
    #[serde(default)]
    pub(super) effects: BTreeMap<String, EffectRule>,
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIdTemplate {
    pub(super) template: String,
    #[serde(default)]
    pub(super) slug: bool,
}

/// `id = "column"` or `id = { template = "…", slug = true }`.
pub(super) enum RawId {
    Column(String),
    Template(RawIdTemplate),
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(super) struct RawColumn {
    pub(super) from: Option<OneOrMany>,
    pub(super) derive: Option<RawDerive>,
    #[serde(rename = "type")]
    pub(super) column_type: Option<ColumnType>,
    pub(super) display: Option<bool>,
    pub(super) missing: Option<RawMissing>,
    pub(super) invalid: Option<RawInvalid>,
    #[serde(default)]
    pub(super) nulls: Vec<String>,
    #[serde(default)]
    pub(super) replace: BTreeMap<String, String>,
    pub(super) formats: Option<Vec<String>>,
    pub(super) latest: Option<String>,
    #[serde(default)]
    pub(super) century: bool,
    pub(super) separator: Option<String>,
}

#[derive(Derive)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawDerive {
    Year(String),
    Decade(String),
    Template(String),
}

/// `missing = "keep" | "reject" | { value = … }`.
pub(super) enum RawMissing {
    Keep,
    Reject,
    Value(toml::Value),
}

#[derive(Derive, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawInvalid {
    Reject,
    Missing,
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(super) struct RawJoin {
    pub(super) file: String,
    pub(super) on: String,
    pub(super) columns: Option<Vec<String>>,
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpace {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) weight: Option<f64>,
    pub(super) template: Option<String>,
    pub(super) column: Option<String>,
    pub(super) prefer: Option<Prefer>,
    pub(super) range: Option<[f64; 2]>,
    pub(super) scale: Option<RawScale>,
    pub(super) missing: Option<RawSpaceMissing>,
    pub(super) many: Option<bool>,
    pub(super) half_life_days: Option<f64>,
    pub(super) reference: Option<Reference>,
    pub(super) latitude: Option<String>,
    pub(super) longitude: Option<String>,
    pub(super) half_distance_km: Option<f64>,
}

impl RawSpace {
    /// The options beside name, kind and weight that are given.
    pub(super) fn given(&self) -> Vec<&'static str> {
        let options = [
            ("template", self.template.is_some()),
            ("column", self.column.is_some()),
            ("prefer", self.prefer.is_some()),
            ("range", self.range.is_some()),
            ("scale", self.scale.is_some()),
            ("missing", self.missing.is_some()),
            ("many", self.many.is_some()),
            ("half_life_days", self.half_life_days.is_some()),
            ("reference", self.reference.is_some()),
            ("latitude", self.latitude.is_some()),
            ("longitude", self.longitude.is_some()),
            ("half_distance_km", self.half_distance_km.is_some()),
        ];
        options.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

#[derive(Derive, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawScale {
    Linear,
    Log,
}

/// `missing = "mean" | "worst" | number`.
pub(super) struct RawSpaceMissing(pub(super) Missing);

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrior {
    pub(super) rating: String,
    pub(super) count: String,
    pub(super) smoothing: f64,
}

/// A text or a list of texts.
pub(super) struct OneOrMany(pub(super) Vec<String>);

// Visitors rather than `#[serde(untagged)]`, whose only message is that nothing fitted.

impl<'de> Deserialize<'de> for RawId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl<'de> Visitor<'de> for IdVisitor {
            type Value = RawId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a column or a table like { template = \"{title} {year}\", slug = true }")
            }
            fn visit_str<E: de::Error>(self, column: &str) -> Result<RawId, E> {
                Ok(RawId::Column(column.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawId, A::Error> {
                RawIdTemplate::deserialize(MapAccessDeserializer::new(map)).map(RawId::Template)
            }
        }
        deserializer.deserialize_any(IdVisitor)
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a column or a list of names")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![name.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<OneOrMany, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = sequence.next_element()? {
                    names.push(name);
                }
                match names.is_empty() {
                    true => Err(de::Error::invalid_length(0, &"at least one name")),
                    false => Ok(OneOrMany(names)),
                }
            }
        }
        deserializer.deserialize_any(NamesVisitor)
    }
}

impl<'de> Deserialize<'de> for RawMissing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Derive)]
        #[serde(deny_unknown_fields)]
        struct ValueTable {
            value: toml::Value,
        }
        struct MissingVisitor;
        impl<'de> Visitor<'de> for MissingVisitor {
            type Value = RawMissing;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"keep\", \"reject\" or a table like { value = \"Unknown\" }")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<RawMissing, E> {
                match word {
                    "keep" => Ok(RawMissing::Keep),
                    "reject" => Ok(RawMissing::Reject),
                    other => Err(de::Error::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawMissing, A::Error> {
                let table = ValueTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RawMissing::Value(table.value))
            }
        }
        deserializer.deserialize_any(MissingVisitor)
    }
}

impl<'de> Deserialize<'de> for RawSpaceMissing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RuleVisitor;
        impl Visitor<'_> for RuleVisitor {
            type Value = RawSpaceMissing;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"mean\", \"worst\" or a number")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<RawSpaceMissing, E> {
                match word {
                    "mean" => Ok(RawSpaceMissing(Missing::Mean)),
                    "worst" => Ok(RawSpaceMissing(Missing::Worst)),
                    other => Err(de::Error::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<RawSpaceMissing, E> {
                Ok(RawSpaceMissing(Missing::Value(value)))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<RawSpaceMissing, E> {
                Ok(RawSpaceMissing(Missing::Value(value as f64)))
            }
        }
        deserializer.deserialize_any(RuleVisitor)
    }
}
