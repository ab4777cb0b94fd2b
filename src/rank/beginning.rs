//! How somebody begins of whom nothing is known: a history from elsewhere, a few words, a segment.
//!
//! Each becomes events on items, which is what everything else goes by: they are kept, told as reasons, muted and undone like
//! any others, and nothing but the log has to be read to rank again. A description needs the model once, when it is made.

use std::collections::BTreeSet;

use serde::Serialize;

use super::error::{RankError, RankErrorKind, listed};
use super::filter::Filter;
use super::hit::Recommendation;
use super::options::{RecommendOptions, SearchOptions};
use super::recommender::{ImportPlan, ImportReport, Recommender, SESSION_MS};
use crate::profile::{DESCRIBE, Event, MUTE, NewEvent, ProfileError};

/// So many items stand for a description or a segment: enough to be a direction and not one film, few enough for it to be one.
const STANDING_FOR: usize = 10;

/// A segment of the catalog, for people to choose from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentInfo {
    /// Its name, for the call that chooses it.
    pub name: String,
    /// For people.
    pub label: String,
    /// How many items are of it.
    pub items: usize,
}

impl Recommender {
    /// What likes of these items (a history from elsewhere, the oldest first) would add. Items that are liked already are
    /// skipped, those that the catalog does not have are counted and left out.
    ///
    /// The events are dated more than an hour back, so that they are no session.
    ///
    /// # Errors
    ///
    /// A present that no event can have.
    pub fn plan_items(&mut self, ids: &[String], now_ms: i64) -> Result<ImportPlan, ProfileError> {
        let mut report = ImportReport::default();
        let mut known: BTreeSet<String> = self.taste().likes.iter().map(|liked| liked.item.clone()).collect();
        let begin = now_ms - SESSION_MS - ids.len() as i64;
        let mut events = Vec::new();
        for (at, id) in ids.iter().enumerate() {
            if self.catalog.row(id).is_none() {
                report.unknown_items += 1;
            } else if known.insert(id.clone()) {
                let time = Some(begin + at as i64);
                events
                    .push(self.prepare(NewEvent { item: id.clone(), kind: "like".into(), value: None, time }, now_ms)?);
            } else {
                report.skipped += 1;
            }
        }
        report.added = events.len();
        Ok(ImportPlan { events, report })
    }

    /// The events that stand for a description (its vector, from the catalog's model): on the items nearest to it, by how near
    /// they are.
    ///
    /// # Errors
    ///
    /// What [`search`](Self::search) refuses.
    pub fn plan_description(&mut self, query: &[f32], now_ms: i64) -> Result<Vec<Event>, RankError> {
        let ranking = RecommendOptions { limit: STANDING_FOR, include_seen: Some(true), ..RecommendOptions::default() };
        let found = self.search(query, &SearchOptions { ranking, personalize: 0.0 }, now_ms)?;
        Ok(self.standing_for(&found, now_ms))
    }

    /// The ids of the events that mute these items.
    pub fn mutes_of(&self, items: &[String]) -> Vec<String> {
        let mutes = self.log().events().iter().filter(|event| event.kind == MUTE && items.contains(&event.item));
        mutes.map(|event| event.id.clone()).collect()
    }

    /// The segments of the catalog.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let info = |(name, segment): (&String, &crate::catalog::Segment)| {
            let filter = Filter::from_json(&segment.filter).ok()?;
            let items = filter.mask(&self.catalog).ok()?.count();
            Some(SegmentInfo { name: name.clone(), label: segment.label.clone(), items })
        };
        self.catalog.segments().iter().filter_map(info).collect()
    }

    /// The events that stand for a segment: on the items of it that everybody likes best.
    ///
    /// # Errors
    ///
    /// A segment that the catalog does not have (the message lists those it has).
    pub fn plan_segment(&mut self, name: &str, now_ms: i64) -> Result<Vec<Event>, RankError> {
        let Some(segment) = self.catalog.segments().get(name) else {
            let known: Vec<&String> = self.catalog.segments().keys().collect();
            let message = format!("unknown segment `{name}`; known are {}", listed(&known));
            return Err(RankError::new(RankErrorKind::UnknownSegment, message));
        };
        let options = RecommendOptions {
            limit: STANDING_FOR,
            filter: Some(Filter::from_json(&segment.filter)?),
            strength: Some(0.0),
            include_seen: Some(true),
            ..RecommendOptions::default()
        };
        let mut found = self.recommend(&options, now_ms)?;
        found.hits.iter_mut().for_each(|hit| hit.score = 1.0);
        Ok(self.standing_for(&found, now_ms))
    }

    /// An event per hit, its value the hit's share of the best score.
    fn standing_for(&mut self, found: &Recommendation, now_ms: i64) -> Vec<Event> {
        let best = found.hits.first().map_or(0.0, |hit| hit.score);
        let near = found.hits.iter().filter(|hit| hit.score > 0.0);
        let event = |hit: &super::hit::Hit| NewEvent {
            item: hit.id.clone(),
            kind: DESCRIBE.to_owned(),
            value: Some(hit.score / best),
            time: None,
        };
        let events: Vec<NewEvent> = near.map(event).collect();
        events
            .into_iter()
            .map(|event| self.prepare(event, now_ms).expect("an item of the catalog, a share and the present"))
            .collect()
    }
}

/// Checks the segments of a catalog as a caller's filters would be.
///
/// # Errors
///
/// A filter that the catalog does not fit.
pub(crate) fn check_segments(catalog: &crate::catalog::Catalog) -> Result<(), RankError> {
    for (name, segment) in catalog.segments() {
        let unfit = |error: RankError| {
            let message = format!("segment `{name}`: {error}; correct the schema and build the catalog anew");
            RankError::new(RankErrorKind::UnfitCatalog, message)
        };
        Filter::from_json(&segment.filter).and_then(|filter| filter.mask(catalog)).map_err(unfit)?;
    }
    Ok(())
}
