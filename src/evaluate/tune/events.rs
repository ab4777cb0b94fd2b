//! What of the events' meaning is searched for: each change is a setting of its own, whose columns are made anew.

use crate::catalog::EffectRule;
use crate::evaluate::judge::World;
use crate::evaluate::setting::{Setting, StrategyName};

/// A change of a setting; nothing where it changes nothing.
pub(super) type Change = Box<dyn Fn(&Setting) -> Option<Setting>>;

/// After so many days an event may say half: a month, a season, a year.
const HALF_LIVES_DAYS: [f64; 3] = [30.0, 90.0, 365.0];
/// An event may count so much more or less.
const FACTORS: [f64; 2] = [0.5, 2.0];

/// The changes that are tried one after the other, each over those that helped.
pub(super) fn changes(world: &World<'_>, start: &Setting) -> Vec<Change> {
    let mut changes: Vec<Change> = vec![Box::new(|setting| {
        let mut changed = setting.clone();
        changed.options.session_recency = Some(!setting.options.session_recency.unwrap_or(false));
        Some(changed)
    })];
    let Ok(effects) = start.effects(world.catalog) else { return changes };
    let occurring = world.data.kinds_in_use();
    let speaking = occurring.iter().filter_map(|kind| Some((kind.to_string(), effects.get(kind)?.clone())));
    for (kind, effect) in speaking.filter(|(_, effect)| effect.weight != 0.0) {
        for days in HALF_LIVES_DAYS {
            changes.push(rule(&kind, move |rule| rule.half_life_days = Some(days)));
        }
        for weight in FACTORS.map(|factor| effect.weight * factor).into_iter().filter(|weight| weight.abs() <= 1.0) {
            changes.push(rule(&kind, move |rule| rule.weight = Some(weight)));
        }
        // Only a moving average goes by them.
        if start.strategy == StrategyName::Ema {
            for alpha in FACTORS.map(|factor| effect.alpha * factor).into_iter().filter(|alpha| *alpha <= 1.0) {
                changes.push(rule(&kind, move |rule| rule.alpha = Some(alpha)));
            }
        }
    }
    changes
}

fn rule(kind: &str, change: impl Fn(&mut EffectRule) + 'static) -> Change {
    let kind = kind.to_owned();
    Box::new(move |setting| {
        let mut changed = setting.clone();
        change(changed.effects.entry(kind.clone()).or_default());
        (changed != *setting).then_some(changed)
    })
}
