//! Why an item is on the list, for people: the part that sets it apart, told with the numbers behind it.

use super::call::{Active, Subject};
use super::crowd::CrowdSpace;
use super::hit::{Reason, ReasonItem, ReasonKind};
use super::options::Position;
use super::recommender::Recommender;
use super::term::TermKind;
use super::terms::{Liked, distance_km};
use super::vectors::cosine;
use crate::catalog::{Column, ColumnType, Prefer, Prior};
use crate::profile::{DESCRIBE, Evidence};

/// How many of the person's items a reason names as data.
const TOLD: usize = 3;
/// From this share on, one item alone is the reason.
const ALONE: f64 = 0.6;
/// From this share on, a second item is worth naming.
const WORTH_NAMING: f64 = 0.2;

impl Recommender {
    /// The reason for a row: of the parts that speak for it (weight, affinity and so the contribution above 0), the one that
    /// exceeds its own mean over the catalog the most. What all items have in common is no reason.
    pub(crate) fn reason(
        &self,
        row: usize,
        active: &[Active],
        subject: Subject,
        position: Option<Position>,
    ) -> Option<Reason> {
        let mut merits: Vec<(f64, &Active)> = active
            .iter()
            .filter(|active| active.weight > 0.0 && active.column.values[row] > 0.0)
            .map(|active| (active.contribution(row) - active.weight * active.column.mean, active))
            .filter(|(merit, _)| *merit > 0.0)
            .collect();
        // A stable sort: of equal merits the earlier term is told.
        merits.sort_by(|a, b| b.0.total_cmp(&a.0));
        merits.into_iter().find_map(|(_, active)| self.told(row, active.term, subject, position))
    }

    /// The part as a sentence; nothing if there is nothing to tell (a score from a missing value, say).
    fn told(&self, row: usize, term: usize, subject: Subject, position: Option<Position>) -> Option<Reason> {
        let part = self.terms[term].name.clone();
        let plain = |kind, text, value| Some(Reason { kind, part: part.clone(), text, value, items: Vec::new() });
        match (&self.terms[term].kind, subject) {
            (TermKind::Query, _) => plain(ReasonKind::Query, "Close to what you searched for".to_owned(), None),
            (TermKind::Dislike | TermKind::Rotation, _) => None,
            (TermKind::Momentum, _) => self.told_momentum(row, part),
            (TermKind::Vector(_), Subject::Item(anchor)) => {
                let text = format!("Similar to {}", self.quoted(anchor));
                Some(Reason { kind: ReasonKind::Similar, part, text, value: None, items: vec![self.item(anchor, 1.0)] })
            }
            (TermKind::Vector(space), Subject::Person) => self.told_interest(row, term, *space, part),
            (TermKind::Collaborative(space), subject) => self.told_crowd(row, term, space, subject, part),
            (TermKind::Category { column }, subject) => self.told_category(row, term, column, subject, part),
            (TermKind::Number { column, scale }, subject) => {
                let value = shown(self.named(column)?, row)?;
                let label = label(column);
                let text = match (scale.prefer, subject) {
                    (Prefer::High, _) => format!("High {label}: {value}"),
                    (Prefer::Low, _) => format!("Low {label}: {value}"),
                    (Prefer::Near, Subject::Person) => format!("The {label}, {value}, is near what you usually choose"),
                    (Prefer::Near, Subject::Item(anchor)) => {
                        format!("The {label}, {value}, is near that of {}", self.quoted(anchor))
                    }
                };
                plain(ReasonKind::Number, text, Some(value))
            }
            (TermKind::Recency { column, .. }, _) => {
                let value = shown(self.named(column)?, row)?;
                plain(ReasonKind::Recency, format!("Recent: {} {value}", label(column)), Some(value))
            }
            (TermKind::Geo { latitude, longitude, .. }, _) => {
                let place = Position {
                    latitude: self.named(latitude)?.number(row)?,
                    longitude: self.named(longitude)?.number(row)?,
                };
                let value = number(distance_km(position?, place).round());
                plain(ReasonKind::Geo, format!("{value} km away"), Some(value))
            }
            (TermKind::Prior, _) => {
                let (text, value) = match self.catalog.prior()? {
                    Prior::Rated { rating, count, .. } => {
                        let rating = shown(self.named(rating)?, row)?;
                        let count = shown(self.named(count)?, row)?;
                        (format!("Well liked: {rating} on average of {count} ratings"), rating)
                    }
                    Prior::Chosen { popularity, .. } => {
                        let people = shown(self.named(popularity)?, row)?;
                        (format!("Popular: {people} people chose it"), people)
                    }
                };
                plain(ReasonKind::Prior, text, Some(value))
            }
        }
    }

    /// The liked items that carry the interest part, with their shares of it.
    fn told_interest(&self, row: usize, term: usize, space: usize, part: String) -> Option<Reason> {
        let space = &self.spaces[space];
        let item = space.centred(std::iter::once(row)).pop()?.1;
        let mut vector = vec![0.0; space.dims()];
        let likes = self.person.seen_by(term).taste.likes.iter().filter_map(|evidence| {
            let liked = self.catalog.row(&evidence.item)?;
            let cosine = if space.centred_into(liked, &mut vector) { cosine(&item, &vector) } else { 0.0 };
            // An item on the other side of the catalog's mean is no reason, whatever a kernel's tail gives for it.
            (cosine > 0.0).then(|| (evidence.mass * self.strategy.response(cosine), liked, evidence))
        });
        let carriers = ranked_shares(likes.collect());
        let (first_share, _, first) = *carriers.first()?;
        let text = match carriers.get(1) {
            Some((share, _, second)) if first_share < ALONE && *share >= WORTH_NAMING => {
                let (first, second) = (self.did(first), self.did(second));
                // "liked A and B" and not "liked A and liked B".
                format!(
                    "Because you {first} and {}",
                    second.strip_prefix("liked ").filter(|_| first.starts_with("liked ")).unwrap_or(&second)
                )
            }
            _ => format!("Because you {}", self.did(first)),
        };
        let items = carriers.iter().take(TOLD).map(|(share, liked, _)| self.item(*liked, *share)).collect();
        Some(Reason { kind: ReasonKind::Interest, part, text, value: None, items })
    }

    /// The lately liked items that are on the item's side of the catalog.
    fn told_momentum(&self, row: usize, part: String) -> Option<Reason> {
        let mut carriers: Vec<(f64, usize, ())> = Vec::new();
        for (at, term) in self.terms.iter().enumerate() {
            let TermKind::Vector(space) = term.kind else { continue };
            let space = &self.spaces[space];
            let (Some((_, item)), likes) = (space.centred(std::iter::once(row)).pop(), &self.person.seen_by(at).likes)
            else {
                continue;
            };
            for liked in super::momentum::recent(space, likes) {
                let (_, vector) = space.centred(std::iter::once(liked.row)).pop()?;
                let value = liked.mass * cosine(&item, &vector);
                match carriers.iter_mut().find(|carrier| carrier.1 == liked.row) {
                    Some(carrier) => carrier.0 += value,
                    None => carriers.push((value, liked.row, ())),
                }
            }
        }
        carriers.retain(|carrier| carrier.0 > 0.0);
        let carriers = ranked_shares(carriers);
        let (_, first, ()) = *carriers.first()?;
        let text = format!("Like what you chose lately, {} for one", self.quoted(first));
        let items = carriers.iter().take(TOLD).map(|(share, liked, ())| self.item(*liked, *share)).collect();
        Some(Reason { kind: ReasonKind::Momentum, part, text, value: None, items })
    }

    /// The liked items that people choose together with this one, with their shares.
    fn told_crowd(
        &self,
        row: usize,
        term: usize,
        space: &CrowdSpace,
        subject: Subject,
        part: String,
    ) -> Option<Reason> {
        let kind = ReasonKind::Crowd;
        let anchor;
        let chosen: &[Liked] = match subject {
            Subject::Person => &self.person.seen_by(term).likes,
            Subject::Item(row) => {
                anchor = [Liked { row, mass: 1.0 }];
                &anchor
            }
        };
        let carriers = chosen.iter().map(|liked| (liked.mass.sqrt() * space.together(liked.row, row), liked.row, ()));
        let carriers = ranked_shares(carriers.filter(|(value, _, ())| *value > 0.0).collect());
        let (first_share, first, ()) = *carriers.first()?;
        let text = match carriers.get(1) {
            Some((share, second, ())) if first_share < ALONE && *share >= WORTH_NAMING => {
                format!("Goes with {} and {}, by what people choose", self.quoted(first), self.quoted(*second))
            }
            _ => format!("Goes with {}, by what people choose", self.quoted(first)),
        };
        let items = carriers.iter().take(TOLD).map(|(share, liked, ())| self.item(*liked, *share)).collect();
        Some(Reason { kind, part, text, value: None, items })
    }

    /// The category of the item that the person chooses the most beyond the catalog's base rate, and who carries it.
    fn told_category(&self, row: usize, term: usize, column: &str, subject: Subject, part: String) -> Option<Reason> {
        let column = self.named(column)?;
        let categories = column.categories()?;
        let anchor;
        let chosen: &[Liked] = match subject {
            Subject::Person => &self.person.seen_by(term).likes,
            Subject::Item(row) => {
                anchor = [Liked { row, mass: 1.0 }];
                &anchor
            }
        };
        let affinities = super::terms::category_affinities(categories, self.catalog.len() - column.missing(), chosen)?;
        let code = *categories
            .codes(row)
            .iter()
            .reduce(|best, code| if affinities[*code as usize] > affinities[*best as usize] { code } else { best })?;
        let carriers = chosen.iter().filter(|liked| categories.codes(liked.row).contains(&code));
        let carriers = ranked_shares(carriers.map(|liked| (liked.mass, liked.row, ())).collect());
        let with_value = chosen.iter().filter(|liked| !categories.codes(liked.row).is_empty()).count();
        let value = categories.value(code).to_owned();
        let text = match carriers.as_slice() {
            [] => return None,
            [(_, only, ())] => format!("{value}, like {}", self.quoted(*only)),
            several => format!("{value}, like {} of the {with_value} you chose", several.len()),
        };
        let items = carriers.iter().take(TOLD).map(|(share, liked, ())| self.item(*liked, *share)).collect();
        Some(Reason { kind: ReasonKind::Category, part, text, value: Some(value), items })
    }

    /// What the person did with an item, to follow "you".
    fn did(&self, evidence: &Evidence) -> String {
        let title = match self.catalog.row(&evidence.item) {
            Some(row) => self.quoted(row),
            None => evidence.item.clone(),
        };
        match (evidence.kind.as_str(), evidence.value) {
            ("like", _) => format!("liked {title}"),
            ("rate", Some(mark)) => format!("rated {title} {}", number(mark)),
            ("buy", _) => format!("bought {title}"),
            ("cart", _) => format!("put {title} in your cart"),
            ("share", _) => format!("shared {title}"),
            (DESCRIBE, _) => format!("described something like {title}"),
            ("view" | "click" | "dwell", _) => format!("looked at {title}"),
            _ => format!("chose {title}"),
        }
    }

    pub(crate) fn item(&self, row: usize, share: f64) -> ReasonItem {
        ReasonItem { id: self.catalog.id(row).to_owned(), title: self.title(row).map(str::to_owned), share }
    }

    fn quoted(&self, row: usize) -> String {
        format!("“{}”", self.title(row).unwrap_or_else(|| self.catalog.id(row)))
    }

    /// What people call the item: the display column `title` or `name`, or else the first display column of text.
    pub(crate) fn title(&self, row: usize) -> Option<&str> {
        let shown = || self.catalog.columns().iter().filter(|c| c.display && c.column_type() == ColumnType::Text);
        let called = |name: &str| shown().find(|column| column.name() == name);
        called("title").or_else(|| called("name")).or_else(|| shown().next())?.text(row)
    }
}

/// Values as shares of their sum, the largest first; of equal ones the lesser row.
fn ranked_shares<T>(mut carriers: Vec<(f64, usize, T)>) -> Vec<(f64, usize, T)> {
    let total: f64 = carriers.iter().map(|carrier| carrier.0).sum();
    carriers.iter_mut().for_each(|carrier| carrier.0 /= total);
    carriers.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    carriers
}

/// A column's name as words.
fn label(column: &str) -> String {
    column.replace(['_', '-'], " ")
}

/// A value as people write it; nothing if it is missing.
fn shown(column: &Column, row: usize) -> Option<String> {
    match column.column_type() {
        ColumnType::Number | ColumnType::Integer => column.number(row).map(number),
        _ => column.value(row).as_str().map(str::to_owned),
    }
}

/// At most two decimals; from five digits on, in groups of three (years have four).
fn number(value: f64) -> String {
    /// What has five digits.
    const GROUPED: f64 = 10_000.0;
    let rounded = (value * 100.0).round() / 100.0;
    if rounded.abs() < GROUPED {
        return rounded.to_string();
    }
    let digits = format!("{:.0}", rounded.abs());
    let mut grouped = String::from(if rounded < 0.0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let written: Vec<String> =
            [8.7, 8.666_666, 3.0, 1982.0, 10_000.0, 1_234_567.8, -25_000.0, 0.0].into_iter().map(number).collect();
        assert_eq!(written, ["8.7", "8.67", "3", "1982", "10,000", "1,234,568", "-25,000", "0"]);
    }

    #[test]
    fn shares_add_up_and_ties_go_to_the_lesser_row() {
        let shares = ranked_shares(vec![(1.0, 7, ()), (2.0, 9, ()), (1.0, 3, ())]);
        assert_eq!(shares, [(0.5, 9, ()), (0.25, 3, ()), (0.25, 7, ())]);
    }
}
