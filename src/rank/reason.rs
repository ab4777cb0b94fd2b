//! Why an item is on the list, for people: the part that sets it apart, told with the numbers behind it.
//!
//! Reasons are made for a whole page. What they need of the person (what each like gives to each row of the page) is computed in
//! one pass over the likes, of which there may be thousands.

use std::collections::HashMap;

use super::call::{Active, Subject};
use super::crowd::CrowdSpace;
use super::hit::{Reason, ReasonFacts, ReasonItem, ReasonKind};
use super::options::Position;
use super::phrases::{english, number};
use super::recommender::Recommender;
use super::term::TermKind;
use super::terms::{Liked, distance_km};
use super::vectors::cosine;
use crate::catalog::{Categories, Column, ColumnType, Prefer, Prior};
use crate::profile::{MOST_LIKES, too_old};

/// How many of the person's items a reason names as data.
const TOLD: usize = 3;
/// From this share on, one item alone is the reason.
const ALONE: f64 = 0.6;
/// From this share on, a second item is worth naming.
const WORTH_NAMING: f64 = 0.2;
/// Rows that reasons are made for at a time: a bound on memory for long lists.
const TOGETHER: usize = 64;

impl Recommender {
    /// The reason for each of these rows: of the parts that speak for it (weight, affinity and so the contribution above 0), the one
    /// that exceeds its own mean over the catalog the most. What all items have in common is no reason.
    pub(crate) fn reasons(
        &self,
        rows: &[usize],
        active: &[Active],
        subject: Subject,
        position: Option<Position>,
    ) -> Vec<Option<Reason>> {
        let together = rows.chunks(TOGETHER).flat_map(|rows| {
            let mut page = Page { of: self, rows, subject, position, carriers: HashMap::new(), tastes: HashMap::new() };
            (0..rows.len()).map(|at| page.reason(at, active)).collect::<Vec<_>>()
        });
        together.collect()
    }

    pub(crate) fn item(&self, row: usize, share: f64) -> ReasonItem {
        let title = self.title(row).map(str::to_owned);
        ReasonItem { id: self.catalog.id(row).to_owned(), title, share, event: None, value: None }
    }

    /// What people call the item: the display column `title` or `name`, or else the first display column of text.
    pub(crate) fn title(&self, row: usize) -> Option<&str> {
        let shown = || self.catalog.columns().iter().filter(|c| c.display && c.column_type() == ColumnType::Text);
        let called = |name: &str| shown().find(|column| column.name() == name);
        called("title").or_else(|| called("name")).or_else(|| shown().next())?.text(row)
    }
}

/// Rows of a list, and what their reasons have in common.
struct Page<'a> {
    of: &'a Recommender,
    rows: &'a [usize],
    subject: Subject,
    position: Option<Position>,
    /// Per term, per row: the items of the person that carry it.
    carriers: HashMap<usize, Vec<Carriers>>,
    /// Per term of a category: what the person's choices say of its values, and how many of them have one.
    tastes: HashMap<usize, Option<(Vec<f64>, usize)>>,
}

/// The items that carry a part, the most important ones only.
#[derive(Debug, Clone, Default)]
struct Carriers {
    total: f64,
    /// Of one row and place among the likes each, the greatest value first; of equal ones the lesser row.
    told: Vec<(f64, usize, usize)>,
}

impl Carriers {
    /// Adds what one item carries, if it carries anything.
    fn add(&mut self, value: f64, row: usize, at: usize) {
        if value <= 0.0 {
            return;
        }
        self.total += value;
        let comes_before = |other: &(f64, usize, usize)| value > other.0 || (value == other.0 && row < other.1);
        let place = self.told.iter().position(comes_before).unwrap_or(self.told.len());
        if place < TOLD {
            self.told.truncate(TOLD - 1);
            self.told.insert(place, (value, row, at));
        }
    }

    fn share(&self, place: usize) -> f64 {
        self.told.get(place).map_or(0.0, |told| told.0 / self.total)
    }

    /// How many of them the sentence names: the second one where it is worth it and the first is not enough.
    fn named(&self) -> usize {
        if self.share(0) < ALONE && self.share(1) >= WORTH_NAMING { 2 } else { 1 }
    }
}

impl<'a> Page<'a> {
    fn reason(&mut self, at: usize, active: &[Active]) -> Option<Reason> {
        let row = self.rows[at];
        let mut merits: Vec<(f64, usize)> = active
            .iter()
            .filter(|active| active.weight > 0.0 && active.column.values[row] > 0.0)
            .map(|active| (active.contribution(row) - active.weight * active.column.mean, active.term))
            .filter(|(merit, _)| *merit > 0.0)
            .collect();
        // A stable sort: of equal merits the earlier term is told.
        merits.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut reason = merits.into_iter().find_map(|(_, term)| self.told(at, term))?;
        reason.text = english(&reason);
        Some(reason)
    }

    /// The part as data; nothing if there is nothing to tell (a score from a missing value, say).
    fn told(&mut self, at: usize, term: usize) -> Option<Reason> {
        let (of, row) = (self.of, self.rows[at]);
        let reason = |kind, value, items, facts| {
            let part = of.terms[term].name.clone();
            Some(Reason { kind, part, text: String::new(), value, items, facts })
        };
        let anchor = match self.subject {
            Subject::Person => Vec::new(),
            Subject::Item(anchor) => vec![of.item(anchor, 1.0)],
        };
        let nothing = ReasonFacts::default();
        match (&of.terms[term].kind, self.subject) {
            (TermKind::Query, _) => reason(ReasonKind::Query, None, Vec::new(), nothing),
            (TermKind::Dislike | TermKind::Rotation, _) => None,
            (TermKind::Momentum, _) => {
                let carriers = self.carriers(term, at)?;
                reason(ReasonKind::Momentum, None, of.items_of(&carriers), nothing)
            }
            (TermKind::Vector(_), Subject::Item(_)) => reason(ReasonKind::Similar, None, anchor, nothing),
            (TermKind::Vector(_), Subject::Person) => {
                let carriers = self.carriers(term, at)?;
                let facts = ReasonFacts { named: Some(carriers.named()), ..nothing };
                let mut items = of.items_of(&carriers);
                let view = of.person.seen_by(term);
                for (item, (_, _, like)) in items.iter_mut().zip(&carriers.told) {
                    let evidence = view.evidence(*like);
                    (item.event, item.value) = (Some(evidence.kind.clone()), evidence.value);
                }
                reason(ReasonKind::Interest, None, items, facts)
            }
            (TermKind::Collaborative(_), _) => {
                let carriers = self.carriers(term, at)?;
                let facts = ReasonFacts { named: Some(carriers.named()), ..nothing };
                reason(ReasonKind::Crowd, None, of.items_of(&carriers), facts)
            }
            (TermKind::Category { column }, _) => {
                let column = of.named(column)?;
                let known = of.catalog.len() - column.missing();
                let (value, carriers, facts) = self.told_category(row, term, column.categories()?, known)?;
                reason(ReasonKind::Category, Some(value), of.items_of(&carriers), facts)
            }
            (TermKind::Number { column, scale }, _) => {
                let named = of.named(column)?;
                let column = Some(column.clone());
                let facts = ReasonFacts { column, prefer: Some(scale.prefer), number: named.number(row), ..nothing };
                // What it is near to: what the person usually chooses, or one item.
                let items = if scale.prefer == Prefer::Near { anchor } else { Vec::new() };
                reason(ReasonKind::Number, Some(shown(named, row)?), items, facts)
            }
            (TermKind::Recency { column, .. }, _) => {
                let value = shown(of.named(column)?, row)?;
                let facts = ReasonFacts { column: Some(column.clone()), ..nothing };
                reason(ReasonKind::Recency, Some(value), Vec::new(), facts)
            }
            (TermKind::Geo { latitude, longitude, .. }, _) => {
                let place = Position {
                    latitude: of.named(latitude)?.number(row)?,
                    longitude: of.named(longitude)?.number(row)?,
                };
                let kilometres = distance_km(self.position?, place).round();
                let facts = ReasonFacts { kilometres: Some(kilometres), ..nothing };
                reason(ReasonKind::Geo, Some(number(kilometres)), Vec::new(), facts)
            }
            (TermKind::Prior, _) => {
                let figure = |column: &str| of.named(column)?.number(row);
                let facts = match of.catalog.prior()? {
                    Prior::Rated { rating, count, .. } => {
                        ReasonFacts { rating: Some(figure(rating)?), count: Some(figure(count)?), ..nothing }
                    }
                    Prior::Chosen { popularity, .. } => ReasonFacts { people: Some(figure(popularity)?), ..nothing },
                };
                let value = facts.rating.or(facts.people).map(number);
                reason(ReasonKind::Prior, value, Vec::new(), facts)
            }
        }
    }

    /// What carries a term for a row; nothing where nothing does.
    fn carriers(&mut self, term: usize, at: usize) -> Option<Carriers> {
        if !self.carriers.contains_key(&term) {
            let carriers = match &self.of.terms[term].kind {
                TermKind::Vector(space) => self.interest_carriers(term, *space),
                TermKind::Momentum => self.momentum_carriers(),
                TermKind::Collaborative(space) => self.crowd_carriers(term, space),
                _ => vec![Carriers::default(); self.rows.len()],
            };
            self.carriers.insert(term, carriers);
        }
        let carriers = &self.carriers[&term][at];
        (!carriers.told.is_empty()).then(|| carriers.clone())
    }

    /// The liked items that carry the interest part.
    fn interest_carriers(&self, term: usize, space: usize) -> Vec<Carriers> {
        let (of, space) = (self.of, &self.of.spaces[space]);
        let mut carriers = vec![Carriers::default(); self.rows.len()];
        let vectors = self.vectors(|row, out| space.centred_into(row, out), space.dims());
        let mut vector = vec![0.0; space.dims()];
        let likes = &of.person.seen_by(term).likes;
        // Those that the kernel looks at.
        let old = too_old(likes.len(), MOST_LIKES);
        for (like, liked) in likes.iter().enumerate().skip(old) {
            if !space.centred_into(liked.row, &mut vector) {
                continue;
            }
            for (carriers, item) in carriers.iter_mut().zip(&vectors) {
                let cosine = item.as_ref().map_or(0.0, |item| cosine(item, &vector));
                // An item on the other side of the catalog's mean is no reason, whatever a kernel's tail gives for it.
                if cosine > 0.0 {
                    carriers.add(liked.mass * of.strategy.response(cosine), liked.row, like);
                }
            }
        }
        carriers
    }

    /// The lately liked items that are on each row's side of the catalog, over all vector spaces.
    fn momentum_carriers(&self) -> Vec<Carriers> {
        let (of, rows) = (self.of, self.rows.len());
        let mut order: Vec<usize> = Vec::new();
        let mut places: HashMap<usize, usize> = HashMap::new();
        // Row by row of the likes: what it gives to each row of the page.
        let mut values: Vec<f64> = Vec::new();
        for (at, term) in of.terms.iter().enumerate() {
            let TermKind::Vector(space) = term.kind else { continue };
            let space = &of.spaces[space];
            let vectors = self.vectors(|row, out| space.centred_into(row, out), space.dims());
            let mut vector = vec![0.0; space.dims()];
            for liked in super::momentum::recent(space, &of.person.seen_by(at).likes) {
                if !space.centred_into(liked.row, &mut vector) {
                    continue;
                }
                let place = *places.entry(liked.row).or_insert_with(|| {
                    order.push(liked.row);
                    values.resize(order.len() * rows, 0.0);
                    order.len() - 1
                });
                for (value, item) in values[place * rows..][..rows].iter_mut().zip(&vectors) {
                    *value += item.as_ref().map_or(0.0, |item| liked.mass * cosine(item, &vector));
                }
            }
        }
        let mut carriers = vec![Carriers::default(); rows];
        for (place, (row, values)) in order.iter().zip(values.chunks(rows.max(1))).enumerate() {
            carriers.iter_mut().zip(values).for_each(|(carriers, value)| carriers.add(*value, *row, place));
        }
        carriers
    }

    /// The liked items that people choose together with each row.
    fn crowd_carriers(&self, term: usize, space: &CrowdSpace) -> Vec<Carriers> {
        let mut carriers = vec![Carriers::default(); self.rows.len()];
        let vectors = self.vectors(
            |row, out| {
                space.factors_into(row, out);
                true
            },
            space.dims(),
        );
        let mut factors = vec![0.0; space.dims()];
        let mut anchor = [Liked { row: 0, mass: 1.0 }];
        for (like, liked) in self.chosen(term, &mut anchor).iter().enumerate() {
            space.factors_into(liked.row, &mut factors);
            for (carriers, item) in carriers.iter_mut().zip(&vectors) {
                let together = item.as_ref().map_or(0.0, |item| cosine(item, &factors));
                carriers.add(liked.mass.sqrt() * together, liked.row, like);
            }
        }
        carriers
    }

    /// The vectors of the page's rows; nothing for a row of which `into` says that it has none.
    fn vectors(&self, into: impl Fn(usize, &mut [f32]) -> bool, dims: usize) -> Vec<Option<Vec<f32>>> {
        let vector = |row: &usize| {
            let mut vector = vec![0.0f32; dims];
            into(*row, &mut vector).then_some(vector)
        };
        self.rows.iter().map(vector).collect()
    }

    /// The category of the item that the person chooses the most beyond the catalog's base rate, and who carries it.
    fn told_category(
        &mut self,
        row: usize,
        term: usize,
        categories: &Categories,
        known: usize,
    ) -> Option<(String, Carriers, ReasonFacts)> {
        let mut anchor = [Liked { row: 0, mass: 1.0 }];
        if !self.tastes.contains_key(&term) {
            let chosen = self.chosen(term, &mut anchor);
            let with_value = chosen.iter().filter(|liked| !categories.codes(liked.row).is_empty()).count();
            let affinities = super::terms::category_affinities(categories, known, chosen);
            self.tastes.insert(term, affinities.map(|affinities| (affinities, with_value)));
        }
        let (affinities, with_value) = self.tastes[&term].as_ref()?;
        let code = *categories
            .codes(row)
            .iter()
            .reduce(|best, code| if affinities[*code as usize] > affinities[*best as usize] { code } else { best })?;
        let mut carriers = Carriers::default();
        let mut matching = 0;
        for (like, liked) in self.chosen(term, &mut anchor).iter().enumerate() {
            if categories.codes(liked.row).contains(&code) {
                matching += 1;
                carriers.add(liked.mass, liked.row, like);
            }
        }
        let facts = ReasonFacts { matching: Some(matching), chosen: Some(*with_value), ..ReasonFacts::default() };
        (matching > 0).then(|| (categories.value(code).to_owned(), carriers, facts))
    }

    /// What a term compares with: the person's likes, or the one item.
    fn chosen<'l>(&self, term: usize, anchor: &'l mut [Liked; 1]) -> &'l [Liked]
    where
        'a: 'l,
    {
        match self.subject {
            Subject::Person => &self.of.person.seen_by(term).likes,
            Subject::Item(row) => {
                anchor[0].row = row;
                anchor
            }
        }
    }
}

impl Recommender {
    /// The carriers as the items of a reason, with their shares.
    fn items_of(&self, carriers: &Carriers) -> Vec<ReasonItem> {
        carriers.told.iter().map(|(value, row, _)| self.item(*row, value / carriers.total)).collect()
    }
}

/// A value as people write it; nothing if it is missing.
fn shown(column: &Column, row: usize) -> Option<String> {
    match column.column_type() {
        ColumnType::Number | ColumnType::Integer => column.number(row).map(number),
        _ => column.value(row).as_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_carriers_are_told_and_ties_go_to_the_lesser_row() {
        let mut carriers = Carriers::default();
        for (at, (value, row)) in [(1.0, 7), (2.0, 9), (0.5, 1), (-3.0, 2), (1.0, 3), (0.0, 4)].into_iter().enumerate()
        {
            carriers.add(value, row, at);
        }
        assert_eq!(carriers.told, [(2.0, 9, 1), (1.0, 3, 4), (1.0, 7, 0)]);
        assert_eq!((carriers.total, carriers.share(0)), (4.5, 2.0 / 4.5));
    }
}
