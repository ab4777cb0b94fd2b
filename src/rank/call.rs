//! The calls: which items, which terms with which weights, the sum, the list.

use std::collections::HashMap;
use std::sync::Arc;

use super::asked::Asked;
use super::column::AffinityColumn;
use super::error::{RankError, RankErrorKind, listed};
use super::hit::{Hit, Part, Recommendation};
use super::options::{OnboardingOptions, Position, RecommendOptions, SearchOptions};
use super::recommender::Recommender;
use super::rotation;
use super::sum::{PartColumn, RankedRow};
use super::term::{DISLIKE, ROTATION, Term, TermKind};
use crate::catalog::{Column, LARGEST_WEIGHT};
use crate::vector::Mask;

/// Whose taste the personal terms speak of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Subject {
    /// The person's.
    Person,
    /// That of somebody who likes nothing but the item of this row.
    Item(usize),
}

/// What a call comes to before anything is scored.
pub(crate) struct Call<'a> {
    pub(crate) subject: Subject,
    /// The centred query of a search.
    pub(super) query: Option<Vec<f32>>,
    /// One weight per term.
    pub(super) weights: Vec<f64>,
    pub(super) asked: &'a Asked,
    pub(super) now_ms: i64,
    /// What a second stage made of the best of the first, by row.
    reranked: Option<&'a HashMap<usize, f64>>,
}

impl<'a> Call<'a> {
    /// A call without a text.
    pub(crate) fn of_person(subject: Subject, weights: Vec<f64>, asked: &'a Asked, now_ms: i64) -> Self {
        Self { subject, query: None, weights, asked, now_ms, reranked: None }
    }

    /// The same with a second stage.
    pub(crate) fn reranked(self, scores: &'a HashMap<usize, f64>) -> Self {
        Self { reranked: Some(scores), ..self }
    }
}

/// A term that takes part in a call.
pub(crate) struct Active {
    pub(crate) term: usize,
    pub(crate) weight: f64,
    pub(crate) column: Arc<AffinityColumn>,
}

impl Active {
    pub(crate) fn contribution(&self, row: usize) -> f64 {
        self.weight * self.column.values[row]
    }

    pub(crate) fn part(&self) -> PartColumn<'_> {
        PartColumn { weight: self.weight, affinities: &self.column.values }
    }
}

impl Recommender {
    /// The items that suit the person best.
    ///
    /// Without events the personal terms say nothing, and the list is what prior, numbers and recency make of it.
    ///
    /// # Errors
    ///
    /// A weight or column that the catalog does not have (the message lists those it has), a weight that is not finite, a
    /// filter that does not fit its column. Nothing to choose from is no error: the list is then empty, with a note.
    pub fn recommend(&mut self, options: &RecommendOptions, now_ms: i64) -> Result<Recommendation, RankError> {
        self.set_present(now_ms);
        let asked = self.asked(&self.by_default(options), false)?;
        let weights = self.personal_weights(&asked, now_ms)?;
        self.rank(&Call::of_person(Subject::Person, weights, &asked, now_ms), None)
    }

    /// The items nearest to a text (its vector, from the catalog's model), as far as asked for in the light of the person.
    ///
    /// The personal terms have `personalize` times their weights. What is a value of the item alone (rating, recency,
    /// prior, …) counts only where the call gives it a weight: with `personalize` 0 and no weights the order is that
    /// of the similarity alone.
    ///
    /// # Errors
    ///
    /// A catalog without a text space, a vector of the wrong length or not finite, the option `learn`, and what
    /// [`recommend`](Self::recommend) refuses.
    pub fn search(&mut self, query: &[f32], options: &SearchOptions, now_ms: i64) -> Result<Recommendation, RankError> {
        options.check()?;
        if options.ranking.learn == Some(true) {
            return Err(only_for_recommend("learn", "what is learned from lists is weights of recommendations"));
        }
        let Some(space) = self.text_space else {
            let message = "expected a catalog with a text space to search in, got one without";
            return Err(RankError::new(RankErrorKind::UnfitCatalog, message));
        };
        let query = Some(self.spaces[space].centre_query(query)?);
        self.set_present(now_ms);
        let asked = self.asked(&options.ranking, true)?;
        let strength = self.strength(&asked);
        let share = |term: &Term| if term.kind.is_personal() { options.personalize } else { 1.0 };
        let weigh = |term: &Term, weight: f64| weight * share(term) * strength.of(term);
        let default = |term: &Term, weight: f64| match &term.kind {
            TermKind::Query => weight,
            kind if kind.is_personal() => weigh(term, weight),
            _ => 0.0,
        };
        let weights = self.weights_for(&asked, default, weigh)?;
        self.rank(&Call { query, ..Call::of_person(Subject::Person, weights, &asked, now_ms) }, None)
    }

    /// The items most like one item, the item itself left out. The person does not count, but for what they have seen; other
    /// terms than likeness count where the call gives them a weight.
    ///
    /// # Errors
    ///
    /// An item that the catalog does not have, the options `strength`, `compare`, `learn` and `session_recency`, and what
    /// [`recommend`](Self::recommend) refuses.
    pub fn similar(
        &mut self,
        item: &str,
        options: &RecommendOptions,
        now_ms: i64,
    ) -> Result<Recommendation, RankError> {
        if options.strength.is_some() || options.compare {
            let message =
                "options `strength` and `compare`: expected neither, since likeness to an item is nothing personal";
            return Err(RankError::new(RankErrorKind::BadOption, message));
        }
        if options.learn == Some(true) {
            return Err(only_for_recommend("learn", "likeness to an item is nothing personal"));
        }
        if options.session_recency == Some(true) {
            let message = "option `sessionRecency`: expected it in a recommendation or a search, got it for likeness to an item, which has no \
                           session; leave it out";
            return Err(RankError::new(RankErrorKind::BadOption, message));
        }
        self.set_present(now_ms);
        let asked = self.asked(options, false)?;
        let Some(row) = self.catalog.row(item) else {
            let message = format!("expected the id of an item of this catalog, got `{item}`");
            return Err(RankError::new(RankErrorKind::UnknownItem, message));
        };
        let default = |term: &Term, weight: f64| match &term.kind {
            TermKind::Dislike | TermKind::Momentum | TermKind::Rotation => 0.0,
            kind if kind.is_personal() => weight,
            _ => 0.0,
        };
        let weights = self.weights_for(&asked, default, |_, given| given)?;
        self.rank(&Call::of_person(Subject::Item(row), weights, &asked, now_ms), Some(row))
    }

    /// Items for a new person to choose from: well liked by everybody (the prior; without one, whatever the terms of the
    /// items alone say), and far from each other.
    ///
    /// # Errors
    ///
    /// A filter that [`recommend`](Self::recommend) refuses.
    pub fn onboarding(&mut self, options: &OnboardingOptions, now_ms: i64) -> Result<Recommendation, RankError> {
        let asked =
            self.asked(&RecommendOptions { filter: options.filter.clone(), ..RecommendOptions::default() }, false)?;
        let mask = self.eligible(&asked)?;
        let prior = self.terms.iter().position(|term| matches!(term.kind, TermKind::Prior));
        let weights: Vec<f64> = (self.terms.iter().enumerate())
            .map(|(at, term)| match prior {
                Some(prior) => f64::from(u8::from(at == prior)),
                None if term.kind.is_personal() => 0.0,
                None => term.weight,
            })
            .collect();
        let call = Call::of_person(Subject::Person, weights, &asked, now_ms);
        let active = self.active(&call)?;
        /// To choose from, per pick: enough for all kinds to be among them, few enough for all of them to be well liked.
        const POOL_PER_PICK: usize = 20;
        let (scores, most) = (self.scores(&active), options.n.saturating_mul(POOL_PER_PICK));
        let pool: Vec<RankedRow> = self.best_first(&scores, &mask, most).take(most).collect();
        let least = pool.last().map_or(0.0, |last| last.score);
        let range = pool.first().map_or(0.0, |first| first.score - least);
        let goodness = |ranked: &RankedRow| if range > 0.0 { (ranked.score - least) / range } else { 1.0 };
        let goodness: Vec<f64> = pool.iter().map(goodness).collect();
        let likeness = self.likeness(&pool);
        let picked = super::diversity::picks(&goodness, &likeness, options.n);
        let hits = picked.into_iter().map(|at| self.hit(pool[at])).collect();
        let note = self.note(&mask, &asked);
        Ok(Recommendation { hits, eligible: mask.count(), cursor: None, note })
    }

    /// The items with these ids, in this order, without a score; nothing where the catalog has no such item.
    pub fn get(&self, ids: &[String]) -> Vec<Option<Hit>> {
        let hit = |id: &String| {
            let row = self.catalog.row(id)?;
            Some(self.hit(RankedRow { row, score: 0.0 }))
        };
        ids.iter().map(hit).collect()
    }

    pub(crate) fn rank(&mut self, call: &Call<'_>, left_out: Option<usize>) -> Result<Recommendation, RankError> {
        let asked = call.asked;
        let mut eligible = self.eligible(asked)?;
        if let Some(row) = left_out {
            eligible.set(row, false);
        }
        let mut mask = eligible.clone();
        self.leave_out_shown(&mut mask, asked);
        if let (Some(variants), Some(row)) = (&self.variants, left_out) {
            // Of what is compared with, no variant either.
            variants.leave_out(&mut mask, std::iter::once(row));
        }
        let active = self.active(call)?;
        let wanted = asked.offset.saturating_add(asked.limit);
        // One more than is wanted tells whether the list goes on.
        let scores = self.scores(&active);
        let mut ranked = self.ordered(&scores, &mask, asked, wanted.saturating_add(1), call.reranked);
        let goes_on = ranked.len() > wanted;
        ranked.truncate(wanted);
        let page = ranked.get(asked.offset..).unwrap_or_default();
        let rows: Vec<usize> = page.iter().map(|ranked| ranked.row).collect();
        // The score stays the sum of the parts, whatever a second stage made of the order.
        let mut hits: Vec<Hit> =
            rows.iter().map(|row| self.hit(RankedRow { row: *row, score: scores[*row] })).collect();
        if let Some(second) = call.reranked {
            hits.iter_mut().zip(&rows).for_each(|(hit, row)| hit.rerank = second.get(row).copied());
        }
        if asked.explain {
            self.explain(&mut hits, &rows, &active, call.subject, asked.position);
        }
        if asked.compare {
            self.compare(&mut hits, &rows, &scores, &active, &eligible);
        }
        let cursor = (goes_on && !hits.is_empty()).then(|| {
            let shown = asked.cursor.with(ranked.iter().map(|ranked| ranked.row));
            shown.to_text(self.catalog.version())
        });
        let note = if hits.is_empty() && asked.limit > 0 { self.note(&mask, asked) } else { None };
        Ok(Recommendation { hits, eligible: eligible.count(), cursor, note })
    }

    /// Takes what was on the pages before out of the mask, and the variants of it.
    pub(crate) fn leave_out_shown(&self, mask: &mut Mask, asked: &Asked) {
        asked.cursor.rows.iter().for_each(|row| mask.set(*row, false));
        if let Some(variants) = &self.variants {
            variants.leave_out(mask, asked.cursor.rows.iter().copied());
        }
    }

    /// All rows of the mask in the order of [`recommend`](Self::recommend), or of a second stage's scores by row, without hits: for an
    /// evaluation, which decides by itself what is known and ranks everything else.
    #[cfg(feature = "cli")]
    pub(crate) fn order(
        &mut self,
        options: &RecommendOptions,
        now_ms: i64,
        mask: &Mask,
        reranked: Option<&HashMap<usize, f64>>,
    ) -> Result<Vec<usize>, RankError> {
        self.set_present(now_ms);
        let mut asked = self.asked(&self.by_default(options), false)?;
        // A setting is judged as the defaults that a catalog would have by it, not as what a call insists on.
        asked.given.clear();
        let weights = self.personal_weights(&asked, now_ms)?;
        let call = Call::of_person(Subject::Person, weights, &asked, now_ms);
        let active = self.active(&call)?;
        let scores = self.scores(&active);
        Ok(self.ordered(&scores, mask, &asked, mask.len(), reranked).into_iter().map(|ranked| ranked.row).collect())
    }

    pub(crate) fn personal_weights(&mut self, asked: &Asked, now_ms: i64) -> Result<Vec<f64>, RankError> {
        let strength = self.strength(asked);
        let personal = |term: &Term, weight: f64| weight * strength.of(term);
        let mut weights = self.weights_for(asked, personal, personal)?;
        if asked.learn
            && let Some(factors) = self.learned_factors(now_ms)?
        {
            for ((term, weight), factor) in self.terms.iter().zip(&mut weights).zip(factors) {
                *weight *= if asked.given.contains(&term.name) { 1.0 } else { factor };
            }
            self.rotate(asked, &mut weights, personal);
        }
        Ok(weights)
    }

    /// One weight per term: the defaults of the scenario, and the caller's.
    fn weights_for(
        &self,
        asked: &Asked,
        default: impl Fn(&Term, f64) -> f64,
        given: impl Fn(&Term, f64) -> f64,
    ) -> Result<Vec<f64>, RankError> {
        for (name, weight) in &asked.weights {
            if !self.terms.iter().any(|term| term.name == *name) {
                let known: Vec<&str> = self.terms.iter().map(|term| term.name.as_str()).collect();
                let message = format!("unknown weight `{name}`; known are {}", listed(&known));
                return Err(RankError::new(RankErrorKind::UnknownWeight, message));
            }
            let refuse = |expected: String| {
                let message = format!("weight `{name}`: expected {expected}, got {weight}");
                Err(RankError::new(RankErrorKind::BadWeight, message))
            };
            if !(-LARGEST_WEIGHT..=LARGEST_WEIGHT).contains(weight) {
                return refuse(format!("a finite number from -{LARGEST_WEIGHT} to {LARGEST_WEIGHT}"));
            }
            if [DISLIKE, ROTATION].contains(&name.as_str()) && *weight < 0.0 {
                return refuse("a number of 0 or more (what is disliked or was ignored must never rise)".to_owned());
            }
        }
        let weight = |term: &Term| match asked.weights.get(&term.name) {
            Some(weight) => given(term, *weight),
            None => default(term, term.weight),
        };
        let mut weights: Vec<f64> = self.terms.iter().map(weight).collect();
        self.rotate(asked, &mut weights, given);
        Ok(weights)
    }

    /// Weighs rotation against the other weights of the call, if it is asked for as a share of what they can make up for.
    fn rotate(&self, asked: &Asked, weights: &mut [f64], given: impl Fn(&Term, f64) -> f64) {
        let Some(share) = asked.rotation else { return };
        let unit = rotation::unit(&self.terms, weights);
        for (term, weight) in self.terms.iter().zip(weights).filter(|(term, _)| matches!(term.kind, TermKind::Rotation))
        {
            *weight = given(term, share * unit);
        }
    }

    /// What may be on the list: filter first, then candidates and what was seen.
    pub(crate) fn eligible(&mut self, asked: &Asked) -> Result<Mask, RankError> {
        let mut mask = match &asked.filter {
            None => Mask::all(self.catalog.len()),
            Some(filter) => match self.cache.filters.get(filter) {
                Some(mask) => Mask::clone(&mask),
                None => {
                    let mask = filter.mask(&self.catalog)?;
                    self.cache.filters.put(filter.clone(), Arc::new(mask.clone()));
                    mask
                }
            },
        };
        if let Some(rows) = &asked.candidates {
            let mut chosen = Mask::none(self.catalog.len());
            rows.iter().for_each(|row| chosen.set(*row, true));
            mask.and(&chosen);
        }
        if !asked.include_seen {
            mask.and(&self.person.unseen);
        }
        Ok(mask)
    }

    /// Why there is nothing to show.
    fn note(&self, mask: &Mask, asked: &Asked) -> Option<String> {
        let note = match mask.count() {
            0 if self.catalog.is_empty() => "The catalog has no items.".to_owned(),
            0 if !asked.cursor.rows.is_empty() => "Every item was on the pages before.".to_owned(),
            0 if asked.candidates.is_some() => {
                "None of the candidates passes the filter, or every one that does was seen already.".to_owned()
            }
            0 if asked.filter.is_some() => {
                "No item passes the filter, or every one that does was seen already.".to_owned()
            }
            0 => "Every item was seen already.".to_owned(),
            count if asked.offset >= count => format!("There are only {count} items; the page begins after them."),
            _ => return None,
        };
        Some(note)
    }

    pub(crate) fn named(&self, column: &str) -> Option<&Column> {
        self.catalog.column(column)
    }

    fn hit(&self, ranked: RankedRow) -> Hit {
        let RankedRow { row, score } = ranked;
        let id = self.catalog.id(row).to_owned();
        Hit { id, score, item: self.catalog.display(row), parts: None, baseline: None, rerank: None, reason: None }
    }

    /// What the scores of these hits are made of, and what sets each of them apart.
    fn explain(
        &self,
        hits: &mut [Hit],
        rows: &[usize],
        active: &[Active],
        subject: Subject,
        position: Option<Position>,
    ) {
        let reasons = self.reasons(rows, active, subject, position);
        for ((hit, row), reason) in hits.iter_mut().zip(rows).zip(reasons) {
            let part = |active: &Active| Part {
                name: self.terms[active.term].name.clone(),
                affinity: active.column.values[*row],
                weight: active.weight,
                contribution: active.contribution(*row),
            };
            hit.parts = Some(active.iter().map(part).collect());
            hit.reason = reason;
        }
    }
}

fn only_for_recommend(option: &str, why: &str) -> RankError {
    let message = format!("option `{option}`: expected it in a recommendation alone, since {why}; leave it out");
    RankError::new(RankErrorKind::BadOption, message)
}

pub(crate) fn parts(active: &[Active]) -> Vec<PartColumn<'_>> {
    active.iter().map(Active::part).collect()
}
