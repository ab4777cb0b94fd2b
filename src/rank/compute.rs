//! What each term says of every item: computed once for what it depends on, and kept.

use std::sync::Arc;

use super::call::{Active, Call, Subject};
use super::column::AffinityColumn;
use super::error::RankError;
use super::options::Position;
use super::recommender::{ColumnKey, Recommender};
use super::rotation::MINUTE_MS;
use super::term::TermKind;
use super::terms::{
    Liked, category_affinities, category_column, geo_column, prior_column, recency_column, recency_reference,
};
use crate::catalog::Reference;

impl Recommender {
    /// The terms that take part: those with a weight that have something to say.
    ///
    /// # Errors
    ///
    /// Products are made elsewhere and not at hand. Every term is looked at all the same, so that everything that is wanted
    /// is known at once.
    pub(crate) fn active(&mut self, call: &Call<'_>) -> Result<Vec<Active>, RankError> {
        let mut active = Vec::new();
        let mut pending = None;
        for term in 0..self.terms.len() {
            let weight = call.weights[term];
            if weight == 0.0 {
                continue;
            }
            match self.column(term, call) {
                Ok(Some(column)) => active.push(Active { term, weight, column }),
                Ok(None) => {}
                Err(error) => pending = Some(error),
            }
        }
        pending.map_or(Ok(active), Err)
    }

    /// The column of a term; nothing if it says nothing in this call.
    fn column(&mut self, term: usize, call: &Call<'_>) -> Result<Option<Arc<AffinityColumn>>, RankError> {
        let Some(key) = self.column_key(term, call) else { return Ok(None) };
        if let Some(column) = self.cache.columns.get(&key) {
            return Ok(column);
        }
        let column = self.compute(term, call)?.map(Arc::new);
        self.cache.columns.put(key, column.clone());
        Ok(column)
    }

    /// What the column of a term is known by; nothing if the term says nothing in this call.
    fn column_key(&self, term: usize, call: &Call<'_>) -> Option<ColumnKey> {
        Some(match (&self.terms[term].kind, call.subject) {
            (TermKind::Query, _) => ColumnKey::Query(call.query.clone()?),
            (TermKind::Geo { .. }, _) => {
                let Position { latitude, longitude } = call.asked.position?;
                ColumnKey::Place(term, latitude.to_bits(), longitude.to_bits())
            }
            (TermKind::Recency { column, reference: Reference::Now, .. }, _) => {
                let day = recency_reference(self.named(column)?, Reference::Now, call.now_ms);
                ColumnKey::Day(term, day as i64)
            }
            // Dislikes are the person's even where likeness to an item is asked for.
            (TermKind::Dislike, _) => ColumnKey::Person(term),
            (TermKind::Collaborative(_) | TermKind::Vector(_), Subject::Person) => {
                ColumnKey::Session(term, self.fade(term, call) < 1.0)
            }
            (TermKind::Momentum, Subject::Item(_)) => return None,
            (TermKind::Rotation, _) => ColumnKey::Minute(term, call.now_ms.div_euclid(MINUTE_MS)),
            (kind, Subject::Person) if kind.is_personal() => ColumnKey::Person(term),
            (kind, Subject::Item(row)) if kind.is_personal() => ColumnKey::Anchor(term, row),
            _ => ColumnKey::Item(term),
        })
    }

    fn compute(&mut self, term: usize, call: &Call<'_>) -> Result<Option<AffinityColumn>, RankError> {
        let anchor;
        let chosen: &[Liked] = match call.subject {
            Subject::Person => &self.person.seen_by(term).likes,
            Subject::Item(row) => {
                anchor = [Liked { row, mass: 1.0 }];
                &anchor
            }
        };
        let rows = self.catalog.len();
        let column = match &self.terms[term].kind {
            TermKind::Vector(space) => match call.subject {
                Subject::Person => return self.interest_column(term, *space, self.fade(term, call)),
                Subject::Item(row) => {
                    let Some((_, vector)) = self.spaces[*space].centred(std::iter::once(row)).pop() else {
                        return Ok(None);
                    };
                    Some(self.cosine_column(*space, &vector, Some(row))?)
                }
            },
            TermKind::Collaborative(space) => match call.subject {
                Subject::Person => {
                    let view = self.person.seen_by(term);
                    space.person(&*self.scorer, &view.likes, view.crowd_fade(call.now_ms))?
                }
                Subject::Item(row) => space.item(&*self.scorer, row)?,
            },
            TermKind::Query => {
                let (Some(space), Some(query)) = (self.text_space, &call.query) else { return Ok(None) };
                return self.cosine_column(space, query, None).map(Some);
            }
            TermKind::Dislike => return self.dislike_column(term),
            TermKind::Momentum => self.momentum_column()?,
            TermKind::Rotation if self.person.ignored.is_empty() => None,
            TermKind::Rotation => {
                let minute = call.now_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
                return Ok(Some(super::rotation::column(&self.person.ignored, rows, minute)));
            }
            _ => self.own_column(term, call, chosen),
        };
        let Some(mut column) = column else { return Ok(None) };
        if call.subject == Subject::Person && self.terms[term].kind.is_personal() {
            let below_zero = matches!(
                self.terms[term].kind,
                TermKind::Category { .. } | TermKind::Collaborative(_) | TermKind::Momentum
            );
            let least = if below_zero { -1.0 } else { 0.0 };
            self.sink_disliked(term, &mut column, least);
        }
        Ok(Some(column))
    }

    /// The column of a term that needs no vectors.
    fn own_column(&self, term: usize, call: &Call<'_>, chosen: &[Liked]) -> Option<AffinityColumn> {
        let rows = self.catalog.len();
        Some(match &self.terms[term].kind {
            TermKind::Number { column, scale } => scale.column(self.named(column)?, chosen)?,
            TermKind::Category { column } => {
                let column = self.named(column)?;
                let categories = column.categories()?;
                let affinities = category_affinities(categories, rows - column.missing(), chosen)?;
                category_column(categories, rows, &affinities)
            }
            TermKind::Recency { column, half_life_days, reference } => {
                let column = self.named(column)?;
                recency_column(column, *half_life_days, recency_reference(column, *reference, call.now_ms))
            }
            TermKind::Geo { latitude, longitude, half_distance_km } => {
                geo_column(self.named(latitude)?, self.named(longitude)?, *half_distance_km, call.asked.position?)
            }
            TermKind::Prior => match &self.prior {
                Some(values) => AffinityColumn::new(values.clone()),
                None => prior_column(&self.catalog, self.catalog.prior()?),
            },
            _ => return None,
        })
    }

    /// The least affinity for each item that the person dislikes. What they said of the item itself outdoes what could be
    /// guessed from its neighbours, and it makes sure that disliking an item cannot raise it, whatever a like taken back
    /// with it does to the background.
    fn sink_disliked(&self, term: usize, column: &mut AffinityColumn, least: f64) {
        column.set(self.person.seen_by(term).dislikes.iter().map(|disliked| disliked.row), least);
    }

    fn cosine_column(&self, space: usize, centred: &[f32], own: Option<usize>) -> Result<AffinityColumn, RankError> {
        self.spaces[space].ready(&*self.scorer, &[centred])?;
        let mut raw = Vec::new();
        self.spaces[space].cosines(&*self.scorer, &[centred], |_, cosines| raw = cosines.to_vec());
        Ok(AffinityColumn::calibrated(raw, own.into_iter()))
    }

    /// What is left of a like for each later one, as this call has it.
    fn fade(&self, term: usize, call: &Call<'_>) -> f64 {
        match self.terms[term].kind {
            TermKind::Vector(_) if !call.asked.session_recency => 1.0,
            _ => self.person.seen_by(term).session_fade(call.now_ms),
        }
    }

    fn interest_column(&mut self, term: usize, space: usize, fade: f64) -> Result<Option<AffinityColumn>, RankError> {
        let view = self.person.seen_by(term);
        let fields = if fade < 1.0 { &mut self.cache.sessions } else { &mut self.cache.interests };
        let field = &mut fields[space];
        if !field.is_current_at(fade) {
            let items = super::vectors::SpaceItems { catalog: &self.catalog, space: &self.spaces[space] };
            let interests = self.strategy.interests(&view.taste, &items);
            if interests.is_empty() {
                return Ok(None);
            }
            let rows = self.catalog.len();
            field.update(interests, fade, &*self.strategy, &self.spaces[space], &*self.scorer, rows)?;
        }
        let own = view.likes.iter().map(|liked| liked.row);
        let mut column = AffinityColumn::calibrated(field.sum().to_vec(), own);
        self.sink_disliked(term, &mut column, -1.0);
        Ok(Some(column))
    }

    /// Nearness to where the person is heading, the mean over the vector spaces; nothing where there is too little to tell.
    fn momentum_column(&self) -> Result<Option<AffinityColumn>, RankError> {
        let mut columns = Vec::new();
        for (at, own) in self.terms.iter().enumerate() {
            let TermKind::Vector(space) = own.kind else { continue };
            let likes = &self.person.seen_by(at).likes;
            if let Some(heading) = super::momentum::heading(&self.spaces[space], likes) {
                self.spaces[space].ready(&*self.scorer, &[&heading])?;
                let mut raw = Vec::new();
                self.spaces[space].cosines(&*self.scorer, &[&heading], |_, cosines| raw = cosines.to_vec());
                columns.push(AffinityColumn::calibrated(raw, likes.iter().map(|liked| liked.row)));
            }
        }
        let share = 1.0 / columns.len() as f64;
        let mean = |row: usize| columns.iter().map(|column| share * column.values[row]).sum();
        Ok((!columns.is_empty()).then(|| AffinityColumn::new((0..self.catalog.len()).map(mean).collect())))
    }

    /// The mean over the vector spaces, at most 1, below zero.
    fn dislike_column(&mut self, term: usize) -> Result<Option<AffinityColumn>, RankError> {
        if self.person.whole().dislikes.is_empty() {
            return Ok(None);
        }
        let rows = self.catalog.len();
        let mut sums = vec![0.0; rows];
        for (at, own) in self.terms.iter().enumerate() {
            let TermKind::Vector(space) = own.kind else { continue };
            let dislikes = &self.person.seen_by(at).dislikes;
            let field = self.cache.dislikes[space].update(dislikes, &self.spaces[space], &*self.scorer, rows)?;
            let share = 1.0 / self.spaces.len() as f64;
            sums.iter_mut().zip(field).for_each(|(sum, own)| *sum += share * own);
        }
        let mut column = AffinityColumn::new(sums.iter().map(|sum| 0.0 - sum.min(1.0)).collect());
        self.sink_disliked(term, &mut column, -1.0);
        Ok(Some(column))
    }
}
