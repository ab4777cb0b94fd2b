//! A setting of the ranking, to be judged: what a site could change.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::EvaluateError;
use crate::catalog::{Catalog, DEFAULT_SCENARIO, EffectRule, Manifest, PairwiseModel, Scenario};
use crate::profile::{Effects, Ema, Kernel, Mean, Strategy};
use crate::rank::{RankError, RecommendOptions, effects_with};

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
    pub(crate) strategy: StrategyName,
    pub(crate) options: RecommendOptions,
    /// What events say, over what the catalog has for them.
    pub(crate) effects: BTreeMap<String, EffectRule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StrategyName {
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
    rotation: Option<f64>,
    session_recency: Option<bool>,
    learn: Option<bool>,
    #[serde(default)]
    effects: BTreeMap<String, EffectRule>,
}

impl Setting {
    /// What a page gets that sets nothing.
    pub fn default_named(name: &str) -> Self {
        let (strategy, options) = (StrategyName::default(), RecommendOptions::default());
        Self { name: name.to_owned(), strategy, options, effects: BTreeMap::new() }
    }

    /// Reads `strategy` (`kernel`, `ema` or `mean`), `weights`, `scenario`, `strength`, `diversity`, `rotation`,
    /// `session_recency`, `learn` and `effects` (by event type, as in a schema), all optional.
    ///
    /// # Errors
    ///
    /// Text that is no TOML, or has other keys (the message lists the known ones).
    pub fn from_toml(name: &str, text: &str) -> Result<Self, EvaluateError> {
        let raw: Raw = toml::from_str(text)
            .map_err(|error| EvaluateError::setting(format!("setting {name}: {}", error.to_string().trim_end())))?;
        let Raw { strategy, weights, scenario, strength, diversity, rotation, session_recency, learn, effects } = raw;
        let options = RecommendOptions {
            weights,
            scenario,
            strength,
            diversity,
            rotation,
            session_recency,
            learn,
            ..RecommendOptions::default()
        };
        Ok(Self { name: name.to_owned(), strategy, options, effects })
    }

    /// The text that [`from_toml`](Self::from_toml) reads as this setting.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| text.push_str(&(line + "\n"));
        if self.strategy != StrategyName::default() {
            line(format!("strategy = \"{}\"", self.strategy.name()));
        }
        if let Some(scenario) = &self.options.scenario {
            line(format!("scenario = {}", quoted(scenario)));
        }
        let RecommendOptions { strength, diversity, rotation, session_recency, learn, .. } = self.options;
        for (name, share) in [("strength", strength), ("diversity", diversity), ("rotation", rotation)] {
            share.into_iter().for_each(|share| line(format!("{name} = {share:?}")));
        }
        for (name, yes) in [("session_recency", session_recency), ("learn", learn)] {
            yes.into_iter().for_each(|yes| line(format!("{name} = {yes}")));
        }
        if !self.options.weights.is_empty() {
            line("\n[weights]".to_owned());
            self.options.weights.iter().for_each(|(name, weight)| line(format!("{} = {weight:?}", quoted(name))));
        }
        for (kind, rule) in &self.effects {
            line(format!("\n[effects.{}]", quoted(kind)));
            let EffectRule { weight, alpha, half_life_days, spaces, statement, seen, marks, full } = rule;
            for (name, number) in
                [("weight", weight), ("alpha", alpha), ("half_life_days", half_life_days), ("full", full)]
            {
                number.iter().for_each(|number| line(format!("{name} = {number:?}")));
            }
            for (name, yes) in [("statement", statement), ("seen", seen)] {
                yes.iter().for_each(|yes| line(format!("{name} = {yes}")));
            }
            marks.iter().for_each(|marks| line(format!("marks = {marks:?}")));
            if let Some(spaces) = spaces {
                let names: Vec<String> = spaces.iter().map(|name| quoted(name)).collect();
                line(format!("spaces = [{}]", names.join(", ")));
            }
        }
        text
    }

    /// The manifest with this setting as its default; what its default scenario says beyond what a setting can say stays. The strategy is
    /// no part of it: a page has only the default one.
    pub(crate) fn applied_to(&self, manifest: &Manifest, model: Option<PairwiseModel>) -> Manifest {
        let was = manifest.scenarios.get(DEFAULT_SCENARIO).cloned().unwrap_or_default();
        let options = &self.options;
        let mut weights = was.weights.clone();
        weights.extend(options.weights.iter().map(|(name, weight)| (name.clone(), *weight)));
        let scenario = Scenario {
            weights,
            strength: options.strength.or(was.strength),
            diversity: options.diversity.or(was.diversity),
            rotation: options.rotation.or(was.rotation),
            session_recency: options.session_recency.or(was.session_recency),
            learn: options.learn.or(was.learn),
            ..was
        };
        manifest.with_defaults(scenario, &self.effects, model)
    }

    /// The same under another name.
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// The table of effects: the catalog's, with what the setting says of it.
    pub(crate) fn effects(&self, catalog: &Catalog) -> Result<Effects, RankError> {
        effects_with(catalog, &self.effects)
    }

    /// Its name in the report.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its strategy.
    pub(crate) fn strategy_name(&self) -> &'static str {
        self.strategy.name()
    }

    pub(crate) fn strategy(&self) -> Box<dyn Strategy> {
        match self.strategy {
            StrategyName::Kernel => Box::new(Kernel::default()),
            StrategyName::Ema => Box::new(Ema),
            StrategyName::Mean => Box::new(Mean),
        }
    }
}

impl StrategyName {
    fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Ema => "ema",
            Self::Mean => "mean",
        }
    }
}

/// As TOML's basic strings are; all escapes of a JSON string are among theirs.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{CatalogDraft, CatalogFile, CatalogReader, MANIFEST_FILE, Rows, Schema, read_rows};
    use crate::rank::effects_of;

    /// The files of a catalog of two items, whose schema has these rules for events.
    fn files(effects: &str) -> Vec<CatalogFile> {
        let schema = format!(
            "name = \"a\"\nid = \"id\"\n[columns.kind]\ntype = \"tags\"\n[[space]]\nname = \"kind\"\nkind = \"category\"\n\
             column = \"kind\"\nmany = true\n{effects}"
        );
        let mut rows = Rows::new();
        let lines = "{\"id\":\"a\",\"kind\":[\"x\"]}\n{\"id\":\"b\",\"kind\":[\"y\"]}\n";
        read_rows("a.jsonl", lines.as_bytes().to_vec(), &mut rows).unwrap();
        let schema = Schema::from_toml(&schema).unwrap();
        let draft = CatalogDraft::new(&schema, &rows, &[]).unwrap();
        draft.finish(None, &[]).unwrap()
    }

    fn opened(manifest: &[u8], files: &[CatalogFile]) -> Catalog {
        let mut reader = CatalogReader::new(manifest).unwrap();
        let data = files.iter().filter(|file| file.path != MANIFEST_FILE);
        data.for_each(|file| reader.add(&file.path, file.bytes.clone()).unwrap());
        reader.finish().unwrap()
    }

    #[test]
    fn what_is_applied_means_what_was_judged() {
        let rules = "[effects.rate]\nmarks = [1, 5.5, 10]\nweight = 0.9\n[effects.applaud]\nweight = 0.8\n[effects.stay]\nweight = 0.5\n\
                     full = 60\n[effects.view]\nseen = true\nspaces = [\"kind\"]\nalpha = 0.2\n";
        let found = "[effects.rate]\nhalf_life_days = 90\n[effects.applaud]\nhalf_life_days = 30\n[effects.stay]\nmarks = [0, 1, 2]\n\
                     [effects.view]\nweight = 0.3\n[effects.click]\nweight = 0.4\n";
        let files = files(rules);
        let own = files.iter().find(|file| file.path == MANIFEST_FILE).unwrap();
        let (catalog, setting) = (opened(&own.bytes, &files), Setting::from_toml("s", found).unwrap());
        let judged = setting.effects(&catalog).unwrap();
        let applied = opened(&setting.applied_to(catalog.manifest(), None).to_bytes(), &files);
        assert_eq!(effects_of(&applied).unwrap(), judged);
        assert!(judged.get("rate").unwrap().accepts(Some(10.0)) && !judged.get("stay").unwrap().accepts(Some(3.0)));
        assert_eq!(judged.get("applaud").unwrap().weight, 0.8);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let full = "strategy = \"ema\"\nscenario = \"home\"\nstrength = 0.5\ndiversity = 0.25\nrotation = 1.0\nsession_recency = \
                    true\nlearn = true\n[weights]\nprior = 1\n\"a \\\"b\\\" c\" = -0.125\n[effects.rate]\nhalf_life_days = 90\nmarks = [1, 2.5, 5]\n\
                    [effects.applaud]\nweight = 0.3\nseen = true\nspaces = [\"text\"]\n";
        for text in ["", full] {
            let setting = Setting::from_toml("s", text).unwrap();
            assert_eq!(Setting::from_toml("s", &setting.to_toml()).unwrap(), setting, "{}", setting.to_toml());
        }
        assert!(
            Setting::from_toml("s", "[effects.rate]\nhalf_life = 90").unwrap_err().to_string().contains("half_life")
        );
    }
}
