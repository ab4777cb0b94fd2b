//! A setting of the ranking, to be judged: what a site could change.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::EvaluateError;
use crate::profile::{Ema, Kernel, Mean, Strategy};
use crate::rank::RecommendOptions;

/// A setting of the ranking.
///
/// ```
/// let setting = homebody::Setting::from_toml("b", "strategy = \"mean\"\nweights = { prior = 1.0 }")?;
/// assert_eq!(setting.name(), "b");
/// # Ok::<(), homebody::EvaluateError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    name: String,
    strategy: StrategyName,
    pub(crate) options: RecommendOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StrategyName {
    #[default]
    Kernel,
    Ema,
    Mean,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    strategy: StrategyName,
    #[serde(default)]
    weights: BTreeMap<String, f64>,
    scenario: Option<String>,
    strength: Option<f64>,
    diversity: Option<f64>,
}

impl Setting {
    /// What a page gets that sets nothing.
    pub fn default_named(name: &str) -> Self {
        Self { name: name.to_owned(), strategy: StrategyName::default(), options: RecommendOptions::default() }
    }

    /// Reads `strategy` (`kernel`, `ema` or `mean`), `weights`, `scenario`, `strength` and `diversity`, all optional.
    ///
    /// # Errors
    ///
    /// Text that is no TOML, or has other keys (the message lists the known ones).
    pub fn from_toml(name: &str, text: &str) -> Result<Self, EvaluateError> {
        let raw: Raw = toml::from_str(text)
            .map_err(|error| EvaluateError::setting(format!("setting {name}: {}", error.to_string().trim_end())))?;
        let Raw { strategy, weights, scenario, strength, diversity } = raw;
        let options = RecommendOptions { weights, scenario, strength, diversity, ..RecommendOptions::default() };
        Ok(Self { name: name.to_owned(), strategy, options })
    }

    /// Its name in the report.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn strategy(&self) -> Box<dyn Strategy> {
        match self.strategy {
            StrategyName::Kernel => Box::new(Kernel::default()),
            StrategyName::Ema => Box::new(Ema),
            StrategyName::Mean => Box::new(Mean),
        }
    }
}
