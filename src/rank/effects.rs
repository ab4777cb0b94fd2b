//! What events mean in a catalog: the library's table, with what the catalog's owner says of it.

use std::collections::BTreeMap;

use super::error::{RankError, RankErrorKind, listed};
use super::term::Term;
#[cfg(feature = "cli")]
use super::term::Terms;
use crate::catalog::{Catalog, EffectRule};
use crate::profile::{Effect, Effects, ValueUse};

/// The space that `homebody build --interactions` makes. An effect may name it in a catalog that was built without.
const LEARNED_LATER: &str = "collaborative";

/// The table of a catalog, checked.
///
/// # Errors
///
/// An effect on a space that the catalog does not have or that is not personal, one with a number out of its range, or a type of
/// its own without a weight.
pub(crate) fn table(catalog: &Catalog, terms: &[Term]) -> Result<Effects, RankError> {
    ruled(catalog, terms, catalog.effects(), "correct the schema and build the catalog anew")
}

/// The library's table, changed by these rules; `cure` is what to do about a rule that cannot be.
fn ruled(
    catalog: &Catalog,
    terms: &[Term],
    rules: &BTreeMap<String, EffectRule>,
    cure: &str,
) -> Result<Effects, RankError> {
    let mut effects = Effects::default();
    let spaces: Vec<&str> = personal_spaces(catalog, terms);
    for (kind, rule) in rules {
        let unfit = |what: String| {
            let message = format!("effect of `{kind}`: {what}; {cure}");
            RankError::new(RankErrorKind::UnfitCatalog, message)
        };
        let unknown = rule.spaces.iter().flatten().find(|space| !spaces.contains(&space.as_str()));
        if let Some(unknown) = unknown {
            let known = listed(&spaces);
            return Err(unfit(format!("unknown space `{unknown}`; known, and personal, are {known}")));
        }
        if rule.spaces.as_ref().is_some_and(Vec::is_empty) {
            return Err(unfit("expected at least one space, got none; leave `spaces` out for all of them".to_owned()));
        }
        let effect = effect(kind, rule, &effects).map_err(unfit)?;
        effects.set(kind, effect).map_err(|error| unfit(error.to_string()))?;
    }
    Ok(effects)
}

/// The table of a catalog, for whoever reads events without ranking.
///
/// # Errors
///
/// As [`table`], and a catalog whose spaces are named like built-in terms.
#[cfg(feature = "cli")]
pub(crate) fn effects_of(catalog: &Catalog) -> Result<Effects, RankError> {
    table(catalog, &Terms::of(catalog)?.terms)
}

/// The table of a catalog with other rules over its own, for a setting that is judged: that of a catalog with both in one.
///
/// # Errors
///
/// As [`effects_of`], of the rules too.
#[cfg(feature = "cli")]
pub(crate) fn effects_with(catalog: &Catalog, rules: &BTreeMap<String, EffectRule>) -> Result<Effects, RankError> {
    let Terms { terms, .. } = Terms::of(catalog)?;
    // What is wrong with the catalog's own is told as that.
    table(catalog, &terms)?;
    ruled(catalog, &terms, &EffectRule::all_over(rules, catalog.effects()), "correct the setting")
}

/// The names that `spaces` of an effect may have.
fn personal_spaces<'a>(catalog: &'a Catalog, terms: &[Term]) -> Vec<&'a str> {
    let personal = |name: &str| terms.iter().any(|term| term.name == name && term.kind.is_personal());
    let mut spaces: Vec<&str> =
        catalog.spaces().iter().map(|space| space.name.as_str()).filter(|name| personal(name)).collect();
    if !spaces.contains(&LEARNED_LATER) {
        spaces.push(LEARNED_LATER);
    }
    spaces
}

fn effect(kind: &str, rule: &EffectRule, effects: &Effects) -> Result<Effect, String> {
    let mut effect = match (effects.get(kind), rule.weight) {
        (Some(known), _) => known.clone(),
        (None, Some(weight)) => Effect {
            weight,
            alpha: 0.0,
            statement: false,
            seen: false,
            value: ValueUse::Ignored,
            half_life_days: None,
            spaces: None,
        },
        (None, None) => {
            let known: Vec<&str> = effects.types().collect();
            return Err(format!(
                "expected a weight, since it is a type of its own, got none; known are {}",
                listed(&known)
            ));
        }
    };
    effect.weight = rule.weight.unwrap_or(effect.weight);
    effect.alpha = rule.alpha.unwrap_or(effect.alpha);
    effect.statement = rule.statement.unwrap_or(effect.statement);
    effect.seen = rule.seen.unwrap_or(effect.seen);
    effect.half_life_days = rule.half_life_days.or(effect.half_life_days);
    effect.spaces = rule.spaces.clone().or(effect.spaces);
    effect.value = match (rule.marks, rule.full) {
        (None, None) => effect.value,
        (Some([low, middle, high]), None) => ValueUse::Mark { low, middle, high },
        (None, Some(full)) => ValueUse::Amount { full },
        (Some(_), Some(_)) => return Err("expected `marks` or `full`, got both".to_owned()),
    };
    Ok(effect)
}
