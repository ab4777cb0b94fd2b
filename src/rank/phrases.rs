//! Reasons as English sentences. They are made of nothing but what a [`Reason`] says as data, so that whoever speaks another
//! language can say as much; `js/phrases.ts` has the same sentences, and a test compares them.

use super::hit::{Reason, ReasonItem, ReasonKind};
use crate::catalog::Prefer;
use crate::profile::DESCRIBE;

/// The sentence for a reason, whatever its `text` is.
pub(crate) fn english(reason: &Reason) -> String {
    let facts = &reason.facts;
    let value = reason.value.as_deref().unwrap_or_default();
    let first = || reason.items.first().map(quoted).unwrap_or_default();
    let both = facts.named == Some(2);
    match reason.kind {
        ReasonKind::Interest => match reason.items.as_slice() {
            [one, other, ..] if both => {
                let (one, other) = (did(one), did(other));
                // "liked A and B" and not "liked A and liked B".
                let other = other.strip_prefix("liked ").filter(|_| one.starts_with("liked ")).unwrap_or(&other);
                format!("Because you {one} and {other}")
            }
            items => format!("Because you {}", items.first().map(did).unwrap_or_default()),
        },
        ReasonKind::Momentum => format!("Like what you chose lately, {} for one", first()),
        ReasonKind::Query => "Close to what you searched for".to_owned(),
        ReasonKind::Similar => format!("Similar to {}", first()),
        ReasonKind::Crowd => match reason.items.as_slice() {
            [one, other, ..] if both => {
                format!("Goes with {} and {}, by what people choose", quoted(one), quoted(other))
            }
            _ => format!("Goes with {}, by what people choose", first()),
        },
        ReasonKind::Prior => match (facts.rating, facts.count, facts.people) {
            (Some(rating), Some(count), _) => {
                format!("Well liked: {} on average of {} ratings", number(rating), number(count))
            }
            (_, _, people) => format!("Popular: {} people chose it", number(people.unwrap_or_default())),
        },
        ReasonKind::Category => match (facts.matching, facts.chosen) {
            (Some(matching), Some(chosen)) if matching > 1 => {
                format!("{value}, like {matching} of the {chosen} you chose")
            }
            _ => format!("{value}, like {}", first()),
        },
        ReasonKind::Number => {
            let label = label(facts.column.as_deref().unwrap_or_default());
            match (facts.prefer, reason.items.first()) {
                (Some(Prefer::Low), _) => format!("Low {label}: {value}"),
                (Some(Prefer::Near), None) => format!("The {label}, {value}, is near what you usually choose"),
                (Some(Prefer::Near), Some(item)) => format!("The {label}, {value}, is near that of {}", quoted(item)),
                _ => format!("High {label}: {value}"),
            }
        }
        ReasonKind::Recency => format!("Recent: {} {value}", label(facts.column.as_deref().unwrap_or_default())),
        ReasonKind::Geo => format!("{} km away", number(facts.kilometres.unwrap_or_default())),
    }
}

/// What the person did with an item, to follow "you".
fn did(item: &ReasonItem) -> String {
    let title = quoted(item);
    match (item.event.as_deref().unwrap_or_default(), item.value) {
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

fn quoted(item: &ReasonItem) -> String {
    format!("“{}”", item.title.as_deref().unwrap_or(&item.id))
}

/// A column's name as words.
fn label(column: &str) -> String {
    column.replace(['_', '-'], " ")
}

/// At most two decimals; from five digits on, in groups of three (years have four).
pub(crate) fn number(value: f64) -> String {
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
}
