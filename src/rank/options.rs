//! What a caller may ask for, and how it is read from JSON at the border: an unknown option is an error that lists the
//! known ones.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::{RankError, RankErrorKind, listed, shown};
use super::filter::Filter;
use super::term::ROTATION;

/// How many hits there are when nobody says.
const DEFAULT_LIMIT: usize = 10;
/// How many items are offered to a new person when nobody says.
const DEFAULT_PICKS: usize = 12;
/// The share of the person beside the text when nobody says: visible, but what was typed leads.
const DEFAULT_PERSONALIZE: f64 = 0.5;

/// A place on earth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// Degrees north, −90 to 90.
    pub latitude: f64,
    /// Degrees east, −180 to 180.
    pub longitude: f64,
}

/// What [`Recommender::recommend`](crate::Recommender::recommend) and
/// [`Recommender::similar`](crate::Recommender::similar) may be asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct RecommendOptions {
    /// How many hits at most.
    pub limit: usize,
    /// How many of the best to leave out, for paging over a list that stays as it is.
    pub offset: usize,
    /// Where to go on: the [`cursor`](crate::Recommendation::cursor) of the page before. Unlike with `offset`, no item comes
    /// twice even if events were recorded in between. Not together with `offset`.
    pub cursor: Option<String>,
    /// A preset of the catalog; what else is given here wins over it, weights name by name. Without it the catalog's scenario
    /// `default` counts, where it has one.
    pub scenario: Option<String>,
    /// Only these items are considered (those that the filter lets through), for lists that something else has chosen.
    pub candidates: Option<Vec<String>>,
    /// Which items are considered; decided before anything is scored. In JSON: `where`.
    pub filter: Option<Filter>,
    /// Weights by name; names that are not given keep their default.
    pub weights: BTreeMap<String, f64>,
    /// 0 (the default): purely by score; 1: as different from each other as possible.
    pub diversity: Option<f64>,
    /// How far what was shown and ignored sinks for a while: 0 (the default) not at all, 1 below everything else, whatever the weights of the
    /// call. It is personal, so that with a `strength` (or, in a search, a `personalize`) below 1 it is that much less. It needs events
    /// of type [`IMPRESSION`](crate::IMPRESSION). Not together with a weight of that name.
    pub rotation: Option<f64>,
    /// At most so many items per value of these category columns; an item with several values counts for each.
    /// An empty map is without any, whatever the scenario has.
    pub caps: Option<BTreeMap<String, usize>>,
    /// How much of the person is in the list: 0 as for a stranger, 1 with the whole weights of all that is personal. Without it they are
    /// whole too, but in a catalog with a collaborative space: there the person counts `e / (e + 3)` after `e` likes, unless the call
    /// gives the weight.
    pub strength: Option<f64>,
    /// Whether nearness to what the person likes fades within a session: what was liked last then counts the most, as long as
    /// that is less than an hour ago. Default: not. What people choose together fades so in any case. Not for likeness to an item.
    pub session_recency: Option<bool>,
    /// Whether weights are learned from the person's own choices, as far as the catalog's model lets them. Default: not. It needs events of
    /// type [`IMPRESSION`](crate::IMPRESSION). Weights that the call gives stay as given. For recommendations alone.
    pub learn: Option<bool>,
    /// Whether hits carry their parts and a reason.
    pub explain: bool,
    /// Whether each hit says where it would stand for a stranger: in the same list with `strength` 0.
    pub compare: bool,
    /// Whether items that count as seen are considered too. Default: false; for a search true, since who looks for something
    /// wants to find it.
    pub include_seen: Option<bool>,
    /// Where the person is, for catalogs with a geo space; without it such a space says nothing.
    pub position: Option<Position>,
}

/// What [`Recommender::search`](crate::Recommender::search) may be asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchOptions {
    /// What every ranking call may be asked for.
    pub ranking: RecommendOptions,
    /// How much the person counts beside the text: 0 not at all, 1 with the whole weights.
    pub personalize: f64,
}

/// What [`Recommender::onboarding`](crate::Recommender::onboarding) may be asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct OnboardingOptions {
    /// How many items to offer.
    pub n: usize,
    /// Which items are considered. In JSON: `where`.
    pub filter: Option<Filter>,
}

impl Default for RecommendOptions {
    fn default() -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            offset: 0,
            cursor: None,
            scenario: None,
            candidates: None,
            filter: None,
            weights: BTreeMap::new(),
            diversity: None,
            rotation: None,
            caps: None,
            strength: None,
            session_recency: None,
            learn: None,
            explain: false,
            compare: false,
            include_seen: None,
            position: None,
        }
    }
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { ranking: RecommendOptions::default(), personalize: DEFAULT_PERSONALIZE }
    }
}

impl Default for OnboardingOptions {
    fn default() -> Self {
        Self { n: DEFAULT_PICKS, filter: None }
    }
}

impl RecommendOptions {
    /// Reads options as JavaScript and the command line write them: an object with any of `limit`, `offset`, `cursor`,
    /// `scenario`, `candidates`, `where`, `weights`, `diversity`, `rotation`, `caps`, `strength`, `sessionRecency`, `learn`, `explain`, `compare`
    /// (`"baseline"`), `includeSeen`, `position`.
    ///
    /// ```
    /// use homebody::RecommendOptions;
    /// let options = RecommendOptions::from_json(serde_json::json!({"limit": 3, "where": {"year": {"gte": 1980}}}))?;
    /// assert_eq!(options.limit, 3);
    /// let error = RecommendOptions::from_json(serde_json::json!({"limits": 3})).unwrap_err();
    /// assert!(error.to_string().contains("`limit`"));
    /// # Ok::<(), homebody::RankError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// An unknown option (the message lists the known ones) or a value that an option cannot have.
    pub fn from_json(options: Value) -> Result<Self, RankError> {
        let mut fields = Fields::new(options)?;
        let options = Self::read(&mut fields, Self::default())?;
        fields.finish()?;
        Ok(options)
    }

    fn read(fields: &mut Fields, default: Self) -> Result<Self, RankError> {
        let options = Self {
            limit: fields.whole("limit")?.unwrap_or(default.limit),
            offset: fields.whole("offset")?.unwrap_or(default.offset),
            cursor: fields.text("cursor")?,
            scenario: fields.text("scenario")?,
            candidates: fields.texts("candidates")?,
            filter: fields.filter()?,
            weights: fields.weights()?,
            diversity: fields.share("diversity")?,
            rotation: fields.share("rotation")?,
            caps: fields.caps()?,
            strength: fields.share("strength")?,
            session_recency: fields.flag("sessionRecency")?,
            learn: fields.flag("learn")?,
            explain: fields.flag("explain")?.unwrap_or(default.explain),
            compare: fields.baseline("compare")?,
            include_seen: fields.flag("includeSeen")?,
            position: fields.position()?,
        };
        Ok(options)
    }

    /// Checks what was not read from JSON.
    pub(crate) fn check(&self) -> Result<(), RankError> {
        if self.cursor.is_some() && self.offset > 0 {
            let message =
                "options `cursor` and `offset`: expected one of them, got both; a cursor says where to go on by itself";
            return Err(RankError::new(RankErrorKind::BadOption, message));
        }
        if self.rotation.is_some() && self.weights.contains_key(ROTATION) {
            let message = format!(
                "options `rotation` and `weights`: expected one of them to say how far what was ignored sinks, got both; leave \
                 out the weight `{ROTATION}`"
            );
            return Err(RankError::new(RankErrorKind::BadOption, message));
        }
        if let Some(column) = self.caps.iter().flatten().find(|(_, most)| **most == 0).map(|(column, _)| column) {
            let message = format!(
                "option `caps`: expected 1 or more for `{column}`, got 0; leave items out with `where`, as in \
                 {{\"{column}\": {{\"exists\": false}}}}"
            );
            return Err(RankError::new(RankErrorKind::BadOption, message));
        }
        for (name, share) in [("diversity", self.diversity), ("strength", self.strength), ("rotation", self.rotation)] {
            share.map_or(Ok(()), |share| check_share(name, share))?;
        }
        self.position.map_or(Ok(()), Position::check)
    }
}

impl SearchOptions {
    /// Reads options from JSON: those of [`RecommendOptions::from_json`], and `personalize`.
    ///
    /// # Errors
    ///
    /// An unknown option (the message lists the known ones) or a value that an option cannot have.
    pub fn from_json(options: Value) -> Result<Self, RankError> {
        let mut fields = Fields::new(options)?;
        let default = Self::default();
        let options = Self {
            ranking: RecommendOptions::read(&mut fields, default.ranking)?,
            personalize: fields.share("personalize")?.unwrap_or(default.personalize),
        };
        fields.finish()?;
        Ok(options)
    }

    pub(crate) fn check(&self) -> Result<(), RankError> {
        check_share("personalize", self.personalize)?;
        self.ranking.check()
    }
}

impl OnboardingOptions {
    /// Reads options from JSON: `n` and `where`.
    ///
    /// # Errors
    ///
    /// An unknown option (the message lists the known ones) or a value that an option cannot have.
    pub fn from_json(options: Value) -> Result<Self, RankError> {
        let mut fields = Fields::new(options)?;
        let options = Self { n: fields.whole("n")?.unwrap_or(DEFAULT_PICKS), filter: fields.filter()? };
        fields.finish()?;
        Ok(options)
    }
}

impl Position {
    fn check(self) -> Result<(), RankError> {
        if (-90.0..=90.0).contains(&self.latitude) && (-180.0..=180.0).contains(&self.longitude) {
            return Ok(());
        }
        let message = format!(
            "option `position`: expected a latitude from -90 to 90 and a longitude from -180 to 180, got {} and {}",
            self.latitude, self.longitude
        );
        Err(RankError::new(RankErrorKind::BadOption, message))
    }
}

fn check_share(name: &str, value: f64) -> Result<(), RankError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    let message = format!("option `{name}`: expected a number from 0 to 1, got {value}");
    Err(RankError::new(RankErrorKind::BadOption, message))
}

/// The fields of an options object, taken one by one; what is left at the end is unknown.
struct Fields {
    left: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Fields {
    fn new(options: Value) -> Result<Self, RankError> {
        match options {
            Value::Null => Ok(Self { left: Map::new(), known: Vec::new() }),
            Value::Object(left) => Ok(Self { left, known: Vec::new() }),
            other => {
                let message = format!("expected options as an object, got {}", shown(&other));
                Err(RankError::new(RankErrorKind::BadOption, message))
            }
        }
    }

    fn take<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, RankError> {
        self.known.push(name);
        let Some(value) = self.left.remove(name) else { return Ok(None) };
        match read(&value) {
            Some(read) => Ok(Some(read)),
            None => {
                let message = format!("option `{name}`: expected {expected}, got {}", shown(&value));
                Err(RankError::new(RankErrorKind::BadOption, message))
            }
        }
    }

    fn whole(&mut self, name: &'static str) -> Result<Option<usize>, RankError> {
        // JavaScript and some JSON writers have 10 as 10.0.
        let whole = |value: &Value| {
            let number = value.as_f64()?;
            (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as usize)
        };
        self.take(name, "a whole number of 0 or more", whole)
    }

    fn share(&mut self, name: &'static str) -> Result<Option<f64>, RankError> {
        let share = |value: &Value| value.as_f64().filter(|number| (0.0..=1.0).contains(number));
        self.take(name, "a number from 0 to 1", share)
    }

    fn flag(&mut self, name: &'static str) -> Result<Option<bool>, RankError> {
        self.take(name, "true or false", Value::as_bool)
    }

    fn text(&mut self, name: &'static str) -> Result<Option<String>, RankError> {
        self.take(name, "a text", |value| value.as_str().map(str::to_owned))
    }

    fn texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>, RankError> {
        let texts = |value: &Value| value.as_array()?.iter().map(|id| id.as_str().map(str::to_owned)).collect();
        self.take(name, "a list of ids", texts)
    }

    fn baseline(&mut self, name: &'static str) -> Result<bool, RankError> {
        Ok(self.take(name, "\"baseline\"", |value| (value == "baseline").then_some(()))?.is_some())
    }

    fn filter(&mut self) -> Result<Option<Filter>, RankError> {
        self.known.push("where");
        self.left.remove("where").map(|filter| Filter::from_json(&filter)).transpose()
    }

    fn weights(&mut self) -> Result<BTreeMap<String, f64>, RankError> {
        let object = self.take("weights", "an object of numbers by name", |value| value.as_object().cloned())?;
        let weight = |(name, value): (String, Value)| match value.as_f64() {
            Some(number) => Ok((name, number)),
            None => {
                let message = format!("weight `{name}`: expected a finite number, got {}", shown(&value));
                Err(RankError::new(RankErrorKind::BadWeight, message))
            }
        };
        object.unwrap_or_default().into_iter().map(weight).collect()
    }

    fn caps(&mut self) -> Result<Option<BTreeMap<String, usize>>, RankError> {
        let whole = |value: &Value| {
            let number = value.as_f64()?;
            (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as usize)
        };
        let caps = |value: &Value| {
            let object = value.as_object()?.iter();
            object.map(|(column, most)| Some((column.clone(), whole(most)?))).collect()
        };
        self.take("caps", "an object of whole numbers by column", caps)
    }

    fn position(&mut self) -> Result<Option<Position>, RankError> {
        let expected = "an object with the numbers latitude and longitude";
        let position = self.take("position", expected, |value| {
            let object = value.as_object().filter(|object| object.len() == 2)?;
            Some(Position {
                latitude: object.get("latitude")?.as_f64()?,
                longitude: object.get("longitude")?.as_f64()?,
            })
        })?;
        position.map_or(Ok(()), Position::check)?;
        Ok(position)
    }

    fn finish(self) -> Result<(), RankError> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(unknown) => {
                let message = format!("unknown option `{unknown}`; known are {}", listed(&self.known));
                Err(RankError::new(RankErrorKind::UnknownOption, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(RecommendOptions::from_json(json!({})).unwrap(), RecommendOptions::default());
        assert_eq!(SearchOptions::from_json(Value::Null).unwrap(), SearchOptions::default());
        assert_eq!(OnboardingOptions::from_json(json!({})).unwrap(), OnboardingOptions::default());
    }

    #[test]
    fn everything_said_is_taken() {
        let options = SearchOptions::from_json(json!({
            "limit": 3.0, "offset": 2, "where": {"year": 1980}, "weights": {"rating": -0.5}, "diversity": 0.25,
            "explain": true, "includeSeen": false, "position": {"latitude": 59.9, "longitude": 10.7}, "personalize": 0,
            "rotation": 0.75, "caps": {"genres": 2}, "sessionRecency": true, "learn": true, "cursor": "c", "scenario": "home", "candidates": ["a"], "strength": 0.5, "compare": "baseline"
        }))
        .unwrap();
        let ranking = options.ranking;
        assert_eq!((ranking.limit, ranking.offset, ranking.diversity), (3, 2, Some(0.25)));
        assert_eq!((ranking.cursor.as_deref(), ranking.scenario.as_deref()), (Some("c"), Some("home")));
        assert_eq!((ranking.candidates, ranking.strength), (Some(vec!["a".to_owned()]), Some(0.5)));
        assert_eq!((ranking.rotation, ranking.caps), (Some(0.75), Some([("genres".to_owned(), 2)].into())));
        assert_eq!((ranking.session_recency, ranking.learn), (Some(true), Some(true)));
        assert_eq!(ranking.weights, BTreeMap::from([("rating".to_owned(), -0.5)]));
        assert!(ranking.explain && ranking.compare && ranking.include_seen == Some(false) && ranking.filter.is_some());
        assert_eq!(ranking.position, Some(Position { latitude: 59.9, longitude: 10.7 }));
        assert_eq!(options.personalize, 0.0);
    }

    #[test]
    fn an_unknown_option_is_told_the_known_ones() {
        let error = SearchOptions::from_json(json!({"personalise": 1})).unwrap_err();
        assert_eq!(error.code(), "unknown-option");
        for name in [
            "personalise",
            "limit",
            "offset",
            "cursor",
            "scenario",
            "candidates",
            "strength",
            "compare",
            "where",
            "weights",
            "diversity",
            "explain",
            "includeSeen",
            "position",
            "personalize",
        ] {
            assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
        }
        assert_eq!(RecommendOptions::from_json(json!({"personalize": 1})).unwrap_err().code(), "unknown-option");
        assert_eq!(OnboardingOptions::from_json(json!({"limit": 1})).unwrap_err().code(), "unknown-option");
    }

    #[test]
    fn values_that_cannot_be_are_refused_with_what_came() {
        for (options, code) in [
            (json!({"limit": -1}), "option"),
            (json!({"limit": 1.5}), "option"),
            (json!({"limit": null}), "option"),
            (json!({"offset": "3"}), "option"),
            (json!({"diversity": 1.01}), "option"),
            (json!({"explain": 1}), "option"),
            (json!({"strength": -0.1}), "option"),
            (json!({"cursor": 5}), "option"),
            (json!({"scenario": null}), "option"),
            (json!({"candidates": "a"}), "option"),
            (json!({"candidates": [1]}), "option"),
            (json!({"compare": "previous"}), "option"),
            (json!({"weights": [1]}), "option"),
            (json!({"weights": {"rating": null}}), "weight"),
            (json!({"weights": {"rating": "1"}}), "weight"),
            (json!({"position": {"latitude": 91, "longitude": 0}}), "option"),
            (json!({"position": {"latitude": 1}}), "option"),
            (json!({"where": 5}), "filter"),
            (json!([1]), "option"),
        ] {
            let error = RecommendOptions::from_json(options.clone()).unwrap_err();
            assert_eq!(error.code(), code, "{options}: {error}");
            assert!(error.to_string().contains("expected") && error.to_string().contains("got"), "{error}");
        }
        assert_eq!(SearchOptions::from_json(json!({"personalize": 2})).unwrap_err().code(), "option");
    }
}
