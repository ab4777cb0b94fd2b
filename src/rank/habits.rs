//! How the lists do with this person, from the events alone: what was shown, what was taken up, and whether that changes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::momentum::mean;
use super::outcomes::outcomes;
use super::recommender::Recommender;
use super::term::TermKind;
use super::terms::Liked;
use crate::profile::IMPRESSION;

/// With fewer impressions than this in each half, a share is an accident.
const LEAST_IMPRESSIONS: usize = 50;
/// With fewer liked items than this, so are halves of them.
const LEAST_LIKES: usize = 10;
/// Halves in time may be so much less alike than halves at random, in cosine, before it counts as a drift.
const INTERESTS_DRIFT: f64 = 0.2;
/// A difference of shares counts from so many standard errors on: by chance it is beyond that once in twenty times.
const STANDARD_ERRORS: f64 = 2.0;

/// Impressions of one place in the list, and what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HitShare {
    /// The place, 1 for the first; nothing where the events do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// How often something was shown there.
    pub impressions: usize,
    /// How often the person then spoke for it within a day, and before it was shown again: a choice counts for the last impression before it.
    pub hits: usize,
    /// `hits / impressions`.
    pub share: f64,
}

/// A change over time, beside what it has to exceed to be one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// How much changed from the older half to the recent one.
    pub value: f64,
    /// What chance alone may bring.
    pub threshold: f64,
    /// Whether the size of the value is above the threshold.
    pub exceeded: bool,
}

impl Drift {
    fn new(value: f64, threshold: f64) -> Self {
        Self { value, threshold, exceeded: value.abs() > threshold }
    }
}

/// The impressions of a log.
pub(crate) struct Habits {
    pub(crate) impressions: usize,
    pub(crate) by_position: Vec<HitShare>,
    /// Items of the catalog that were shown at least once.
    pub(crate) shown: usize,
    pub(crate) hit_share_drift: Option<Drift>,
    pub(crate) interests_drift: Option<Drift>,
}

impl Recommender {
    pub(crate) fn habits(&self) -> Habits {
        let events = self.log().events();
        let taken_up = outcomes(events, &self.effects);
        let mut outcomes: Vec<(Option<u32>, bool)> = Vec::new();
        let mut shown = BTreeSet::new();
        for (event, hit) in events.iter().zip(taken_up).filter(|(event, _)| event.kind == IMPRESSION) {
            let place = event.value.filter(|place| place.fract() == 0.0 && (1.0..=1e6).contains(place));
            outcomes.push((place.map(|place| place as u32), hit));
            shown.extend(self.catalog.row(&event.item));
        }
        let mut by_position: BTreeMap<Option<u32>, (usize, usize)> = BTreeMap::new();
        for (position, hit) in &outcomes {
            let counts = by_position.entry(*position).or_default();
            counts.0 += 1;
            counts.1 += usize::from(*hit);
        }
        let share = |(position, (impressions, hits)): (Option<u32>, (usize, usize))| HitShare {
            position,
            impressions,
            hits,
            share: hits as f64 / impressions as f64,
        };
        Habits {
            impressions: outcomes.len(),
            by_position: by_position.into_iter().map(share).collect(),
            shown: shown.len(),
            hit_share_drift: hit_share_drift(&outcomes),
            interests_drift: self.interests_drift(),
        }
    }

    /// How much less alike the older and the recent half of the likes are than every other one of them and the rest.
    fn interests_drift(&self) -> Option<Drift> {
        let (term, space) = self.terms.iter().enumerate().find_map(|(at, term)| match term.kind {
            TermKind::Vector(space) => Some((at, &self.spaces[space])),
            _ => None,
        })?;
        let likes = self.person.seen_by(term).likes.iter();
        let likes: Vec<Liked> = likes.filter(|liked| space.has(liked.row)).copied().collect();
        if likes.len() < LEAST_LIKES {
            return None;
        }
        let alike = |a: &[Liked], b: &[Liked]| cosine(&mean(space, a), &mean(space, b));
        let (older, recent) = likes.split_at(likes.len() / 2);
        let every_other = |from: usize| likes.iter().skip(from).step_by(2).copied().collect::<Vec<Liked>>();
        let at_random = alike(&every_other(0), &every_other(1));
        Some(Drift::new(at_random - alike(older, recent), INTERESTS_DRIFT))
    }
}

fn hit_share_drift(outcomes: &[(Option<u32>, bool)]) -> Option<Drift> {
    let (older, recent) = outcomes.split_at(outcomes.len() / 2);
    if older.len() < LEAST_IMPRESSIONS {
        return None;
    }
    let share = |half: &[(Option<u32>, bool)]| half.iter().filter(|(_, hit)| *hit).count() as f64 / half.len() as f64;
    let all = share(outcomes);
    let error = (all * (1.0 - all) * (1.0 / older.len() as f64 + 1.0 / recent.len() as f64)).sqrt();
    Some(Drift::new(share(recent) - share(older), STANDARD_ERRORS * error))
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 }
}
