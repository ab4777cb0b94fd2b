//! Lists that were never shown: data that says what people chose, and not of what, made into such that says both.
//!
//! Each of the latest choices is taken as if made from a list of what the ranking would have shown at that time, with the chosen item at its
//! own place or, if it would not have been on the list, at the last one. It is no record of what anybody saw: it says whether learning from
//! choices helps on lists like ours, and favours no setting that it is compared with.

use super::data::{Deed, Interactions};
use crate::catalog::Catalog;
use crate::profile::{Event, IMPRESSION};
use crate::rank::{RankError, RecommendOptions, Recommender};
use crate::vector::Mask;

/// So many of the latest choices have a list.
const CHOICES: usize = 30;

/// The events of what is known, with impressions of a list of so many places before each of the latest choices.
pub(super) fn with_lists(
    recommender: &mut Recommender,
    catalog: &Catalog,
    data: &Interactions,
    known: &[Deed],
    places: usize,
) -> Result<Vec<Event>, RankError> {
    let mut events: Vec<Event> = known.iter().enumerate().map(|(at, deed)| data.event(deed, catalog, at)).collect();
    let is_new = |at: usize| known[..at].iter().all(|before| !before.speaks() || before.row() != known[at].row());
    let choices: Vec<usize> = (1..known.len()).filter(|at| known[*at].good() && is_new(*at)).collect();
    let mut shown = Vec::new();
    for at in choices.into_iter().rev().take(CHOICES).rev() {
        let (before, chosen) = (&events[..at], &known[at]);
        recommender.set_events(before.iter().cloned()).expect("events of an interaction are events");
        let mut mask = Mask::all(catalog.len());
        known[..at].iter().filter(|deed| deed.holds_back()).for_each(|deed| mask.set(deed.row(), false));
        let mut list = recommender.order(&RecommendOptions::default(), chosen.time, &mask, None)?;
        list.truncate(places);
        if !list.contains(&chosen.row()) {
            list.pop();
            list.push(chosen.row());
        }
        shown.extend(list.into_iter().zip(1..).map(|(row, place)| Event {
            // Events of one time are in the order of ids: after the one before the choice, and before the choice.
            id: format!("{}~{place:04}", events[at - 1].id),
            item: catalog.id(row).to_owned(),
            kind: IMPRESSION.to_owned(),
            value: Some(f64::from(place)),
            time: chosen.time,
            catalog: catalog.version().to_owned(),
        }));
    }
    events.extend(shown);
    Ok(events)
}
