//! What a call comes to once the caller's options, the scenario and the defaults are put together.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::cursor::Cursor;
use super::error::{RankError, RankErrorKind, listed};
use super::filter::Filter;
use super::options::{Position, RecommendOptions};
use super::recommender::Recommender;
use super::term::{LEARNED_LATER, ROTATION, Term};
use crate::catalog::{Catalog, Column, DEFAULT_SCENARIO, LARGEST_WEIGHT, PairwiseModel};

/// Options without an open question.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    pub(crate) cursor: Cursor,
    /// The rows to choose from, where the caller named them.
    pub(crate) candidates: Option<BTreeSet<usize>>,
    pub(crate) filter: Option<Filter>,
    pub(crate) weights: BTreeMap<String, f64>,
    /// How far what was shown and ignored sinks, where the weights do not say it.
    pub(crate) rotation: Option<f64>,
    pub(crate) diversity: f64,
    /// At most so many rows per value of these columns (by index).
    pub(crate) caps: Vec<(usize, usize)>,
    /// What the personal weights are multiplied by; without it they grow with what is known of the person.
    pub(crate) strength: Option<f64>,
    pub(crate) session_recency: bool,
    /// Whether weights are learned, and which the caller gave, which stay.
    pub(crate) learn: bool,
    pub(crate) given: BTreeSet<String>,
    pub(crate) explain: bool,
    pub(crate) compare: bool,
    pub(crate) include_seen: bool,
    pub(crate) position: Option<Position>,
}

/// The scenarios of a catalog as options, checked as a caller's would be, so that no call can fail by them later.
///
/// # Errors
///
/// A scenario that names a weight or column that the catalog does not have, or a value that an option cannot have.
pub(crate) fn presets(catalog: &Catalog, terms: &[Term]) -> Result<BTreeMap<String, RecommendOptions>, RankError> {
    let preset = |(name, scenario): (&String, &crate::catalog::Scenario)| {
        let unfit = |error: RankError| {
            let message = format!("scenario `{name}`: {error}; correct the schema and build the catalog anew");
            RankError::new(RankErrorKind::UnfitCatalog, message)
        };
        let filter = scenario.filter.as_ref().map(Filter::from_json).transpose().map_err(unfit)?;
        if let Some(filter) = &filter {
            filter.mask(catalog).map_err(unfit)?;
        }
        let options = RecommendOptions {
            filter,
            weights: scenario.weights.clone(),
            diversity: scenario.diversity,
            rotation: scenario.rotation,
            caps: Some(scenario.caps.clone()),
            strength: scenario.strength,
            session_recency: scenario.session_recency,
            learn: scenario.learn,
            include_seen: scenario.include_seen,
            ..RecommendOptions::default()
        };
        options.check().map_err(unfit)?;
        check_names(&options.weights, terms).map_err(unfit)?;
        caps(catalog, &scenario.caps).map_err(unfit)?;
        Ok((name.clone(), options))
    };
    catalog.scenarios().iter().map(preset).collect()
}

/// Refuses a model to learn with whose numbers cannot be.
pub(crate) fn check_learning(model: Option<PairwiseModel>) -> Result<(), RankError> {
    let Some(PairwiseModel { scale, penalty, radius, .. }) = model else { return Ok(()) };
    for (name, number) in [("scale", scale), ("penalty", penalty), ("radius", radius)] {
        if !(number > 0.0 && number.is_finite()) {
            let message = format!("model to learn with: expected {name} to be a finite number above 0, got {number}");
            return Err(RankError::new(RankErrorKind::UnfitCatalog, message));
        }
    }
    Ok(())
}

/// What is learned from interactions has a weight that may be named before there are any.
fn check_names(weights: &BTreeMap<String, f64>, terms: &[Term]) -> Result<(), RankError> {
    let known: Vec<&str> = terms.iter().map(|term| term.name.as_str()).chain(LEARNED_LATER).collect();
    match weights
        .iter()
        .find(|(name, weight)| !known.contains(&name.as_str()) || weight.is_nan() || weight.abs() > LARGEST_WEIGHT)
    {
        None => Ok(()),
        Some((name, weight)) if known.contains(&name.as_str()) => {
            let message = format!(
                "weight `{name}`: expected a finite number from -{LARGEST_WEIGHT} to {LARGEST_WEIGHT}, got {weight}"
            );
            Err(RankError::new(RankErrorKind::BadWeight, message))
        }
        Some((name, _)) => {
            let message = format!("unknown weight `{name}`; known are {}", listed(&known));
            Err(RankError::new(RankErrorKind::UnknownWeight, message))
        }
    }
}

/// The caps by the index of their column.
fn caps(catalog: &Catalog, caps: &BTreeMap<String, usize>) -> Result<Vec<(usize, usize)>, RankError> {
    let capped = |(name, most): (&String, &usize)| {
        let at = catalog.columns().iter().position(|column| column.name() == name && column.categories().is_some());
        at.map(|at| (at, *most)).ok_or_else(|| {
            let fitting = catalog.columns().iter().filter(|column| column.categories().is_some());
            let known: Vec<&str> = fitting.map(Column::name).collect();
            let message =
                format!("option `caps`: expected a column of categories, got `{name}`; there are {}", listed(&known));
            RankError::new(RankErrorKind::UnknownColumn, message)
        })
    };
    caps.iter().map(capped).collect()
}

impl Recommender {
    /// The names that the option `scenario` may have.
    pub fn scenarios(&self) -> impl Iterator<Item = &str> {
        self.presets.keys().map(String::as_str)
    }

    /// The options of a recommendation: with the catalog's default scenario where they name none.
    pub(crate) fn by_default<'o>(&self, options: &'o RecommendOptions) -> Cow<'o, RecommendOptions> {
        if options.scenario.is_some() || !self.presets.contains_key(DEFAULT_SCENARIO) {
            return Cow::Borrowed(options);
        }
        Cow::Owned(RecommendOptions { scenario: Some(DEFAULT_SCENARIO.to_owned()), ..options.clone() })
    }

    /// The caller's options over the scenario's over the defaults, of which `include_seen` depends on the call.
    pub(crate) fn asked(&self, options: &RecommendOptions, include_seen: bool) -> Result<Asked, RankError> {
        options.check()?;
        let nothing = RecommendOptions::default();
        let preset = match &options.scenario {
            None => &nothing,
            Some(name) => self.presets.get(name).ok_or_else(|| {
                let known: Vec<&str> = self.scenarios().collect();
                let message = format!("unknown scenario `{name}`; known are {}", listed(&known));
                RankError::new(RankErrorKind::UnknownScenario, message)
            })?,
        };
        let mut weights = preset.weights.clone();
        weights.retain(|name, _| self.terms.iter().any(|term| term.name == *name));
        weights.extend(options.weights.iter().map(|(name, weight)| (name.clone(), *weight)));
        let rotation = options.rotation.or(preset.rotation).filter(|_| !weights.contains_key(ROTATION));
        let caps = match options.caps.as_ref().or(preset.caps.as_ref()) {
            Some(given) => caps(&self.catalog, given)?,
            None => Vec::new(),
        };
        let row = |id: &String| {
            self.catalog.row(id).ok_or_else(|| {
                let message = format!("option `candidates`: expected ids of items of this catalog, got `{id}`");
                RankError::new(RankErrorKind::UnknownItem, message)
            })
        };
        let candidates = options.candidates.as_ref().map(|ids| ids.iter().map(row).collect()).transpose()?;
        let version = self.catalog.version();
        let cursor =
            options.cursor.as_ref().map(|text| Cursor::from_text(text, version, self.catalog.len())).transpose()?;
        Ok(Asked {
            limit: options.limit,
            offset: options.offset,
            cursor: cursor.unwrap_or_default(),
            candidates,
            filter: options.filter.clone().or_else(|| preset.filter.clone()),
            weights,
            rotation,
            diversity: options.diversity.or(preset.diversity).unwrap_or(0.0),
            caps,
            strength: options.strength.or(preset.strength),
            learn: options.learn.or(preset.learn).unwrap_or(false),
            given: options.weights.keys().cloned().collect(),
            session_recency: options.session_recency.or(preset.session_recency).unwrap_or(false),
            explain: options.explain,
            compare: options.compare,
            include_seen: options.include_seen.or(preset.include_seen).unwrap_or(include_seen),
            position: options.position,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_would_turn_weights_around_is_refused() {
        let good = PairwiseModel { scale: 2.0, penalty: 10.0, radius: 0.7, least_pairs: 100 };
        assert!(check_learning(None).is_ok() && check_learning(Some(good)).is_ok());
        for bad in [
            PairwiseModel { radius: -0.7, ..good },
            PairwiseModel { penalty: 0.0, ..good },
            PairwiseModel { scale: f64::INFINITY, ..good },
            PairwiseModel { scale: f64::NAN, ..good },
        ] {
            assert_eq!(check_learning(Some(bad)).unwrap_err().code(), "catalog-unfit", "{bad:?}");
        }
    }
}
