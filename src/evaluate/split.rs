//! What is known and what is to be guessed: the protocols.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::data::{Deed, History, Interactions};
use crate::vector::Mask;

/// How people's histories are divided into what is known and what a good list would have had.
///
/// In each of them the list ranks every item of the catalog that the person did nothing with in what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Everybody's last good item is to be guessed from everything before it. Everybody else's whole history is known.
    LeaveLastOut,
    /// A random fifth of each person's events is taken out; the good items in it are to be guessed from the other four fifths.
    User80,
    /// A random fifth of the people is judged, and nothing of theirs is in the crowd's figures: what a catalog's owner can
    /// really ship. The last fifth of each judged history is to be guessed from what came before.
    Strong,
    /// Walked forward in time: at each of ten moments, everything before is known (of everybody), and what people chose up to
    /// the next moment is to be guessed. Nobody's future is seen.
    Rolling,
    /// As `Strong`, but of a judged person only the first 1, 3, 5 or 10 events are known, and all good items after those are
    /// to be guessed.
    ColdStart,
    /// A random fifth of the items is new: the crowd's figures and what is known of anybody have none of them, and only they
    /// are ranked.
    NewItems,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::LeaveLastOut, Self::User80, Self::Strong, Self::Rolling, Self::ColdStart, Self::NewItems];

    /// As the command line writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeaveLastOut => "leave-last-out",
            Self::User80 => "user80",
            Self::Strong => "strong",
            Self::Rolling => "rolling",
            Self::ColdStart => "cold-start",
            Self::NewItems => "new-items",
        }
    }
}

/// What a list is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Index into the people.
    pub(crate) person: usize,
    /// The oldest first.
    pub(crate) known: Vec<Deed>,
    /// What a good list would have at its top.
    pub(crate) good: BTreeSet<usize>,
    /// When the list is asked for.
    pub(crate) time: i64,
    /// Index into the folds.
    pub(crate) fold: usize,
    /// What is reported apart within a protocol: how many events were known.
    pub(crate) group: Option<usize>,
}

/// What the crowd's figures may be made of.
#[derive(Debug, Clone)]
pub(crate) struct Fold {
    /// By person; empty for those who are judged apart from the crowd.
    pub(crate) crowd: Vec<Vec<Deed>>,
    /// The only items that are ranked, where not all are.
    pub(crate) only: Option<Arc<Mask>>,
}

/// A protocol put into practice.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    pub(crate) cases: Vec<Case>,
    pub(crate) folds: Vec<Fold>,
}

/// A fifth is judged or new.
const FIFTH: u64 = 5;
/// How many events are known of somebody new.
const FIRST_EVENTS: [usize; 4] = [1, 3, 5, 10];
/// The moments of the rolling protocol, as shares of all events that came before: the first half only ever teaches.
const MOMENTS: [f64; 10] = [0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95];

impl Split {
    pub(crate) fn of(protocol: Protocol, data: &Interactions, rows: usize, seed: u64) -> Self {
        match protocol {
            Protocol::LeaveLastOut => leave_last_out(&data.people),
            Protocol::User80 => user80(&data.people, seed),
            Protocol::Strong => strong(&data.people, seed),
            Protocol::Rolling => rolling(&data.people),
            Protocol::ColdStart => cold_start(&data.people, seed),
            Protocol::NewItems => new_items(&data.people, rows, seed),
        }
    }
}

/// A part of a protocol's cases: on one a setting or a model is found, on the other it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What a search sees: the earlier moments, or half of the people.
    Search,
    /// What it does not see: the last fifth of the time, or the other people.
    Test,
}

/// The rolling protocol's moments from this one on are the test: the last fifth of all events.
const FIRST_TEST_FOLD: usize = 6;

impl Split {
    /// The cases of a part, by index.
    pub(crate) fn part(&self, protocol: Protocol, part: Part, seed: u64) -> Vec<usize> {
        let is_test = |case: &Case| match protocol {
            Protocol::Rolling => case.fold >= FIRST_TEST_FOLD,
            // Another seed than that by which people are judged at all.
            _ => hash(seed ^ 0x7e57, &[case.person as u64]).is_multiple_of(2),
        };
        (0..self.cases.len()).filter(|at| is_test(&self.cases[*at]) == (part == Part::Test)).collect()
    }
}

/// A case, unless nothing is known, or nothing is left to be guessed once what is known already is taken out.
fn case(person: usize, known: Vec<Deed>, later: &[Deed], fold: usize, time: i64) -> Option<Case> {
    let known_rows: BTreeSet<usize> = known.iter().map(|deed| deed.row()).collect();
    let good: BTreeSet<usize> =
        later.iter().filter(|deed| deed.good() && !known_rows.contains(&deed.row())).map(|deed| deed.row()).collect();
    (!known.is_empty() && !good.is_empty()).then_some(Case { person, known, good, time, fold, group: None })
}

fn leave_last_out(people: &[History]) -> Split {
    let mut cases = Vec::new();
    let mut crowd = Vec::new();
    for (person, history) in people.iter().enumerate() {
        let deeds = &history.deeds;
        let last = deeds.iter().rposition(|deed| deed.good());
        let made = last.and_then(|at| {
            // What came after it is neither known nor asked for; every trace of the item itself is taken out.
            let before: Vec<Deed> = deeds[..at].iter().filter(|deed| deed.row() != deeds[at].row()).cloned().collect();
            case(person, before, &deeds[at..=at], 0, deeds[at].time)
        });
        crowd.push(match &made {
            Some(case) => deeds.iter().filter(|deed| !case.good.contains(&deed.row())).cloned().collect(),
            None => deeds.clone(),
        });
        cases.extend(made);
    }
    Split { cases, folds: vec![Fold { crowd, only: None }] }
}

fn user80(people: &[History], seed: u64) -> Split {
    let mut cases = Vec::new();
    let mut crowd = Vec::new();
    for (person, history) in people.iter().enumerate() {
        let out = |deed: &Deed| chosen(seed, &[person as u64, deed.row() as u64]);
        let (later, known): (Vec<Deed>, Vec<Deed>) = history.deeds.iter().cloned().partition(out);
        crowd.push(known.clone());
        let time = history.deeds.last().map_or(0, |deed| deed.time);
        cases.extend(case(person, known, &later, 0, time));
    }
    Split { cases, folds: vec![Fold { crowd, only: None }] }
}

fn strong(people: &[History], seed: u64) -> Split {
    apart(people, seed, |person, deeds| {
        let cut = deeds.len() * 4 / 5;
        case(person, deeds[..cut].to_vec(), &deeds[cut..], 0, deeds.get(cut).map_or(0, |deed| deed.time))
            .into_iter()
            .collect()
    })
}

fn cold_start(people: &[History], seed: u64) -> Split {
    apart(people, seed, |person, deeds| {
        let first = |count: usize| {
            let (known, later) = deeds.split_at_checked(count)?;
            let case = case(person, known.to_vec(), later, 0, later.first()?.time)?;
            Some(Case { group: Some(count), ..case })
        };
        FIRST_EVENTS.into_iter().filter_map(first).collect()
    })
}

/// A fifth of the people are judged and are no part of the crowd.
fn apart(people: &[History], seed: u64, cases_of: impl Fn(usize, &[Deed]) -> Vec<Case>) -> Split {
    let mut cases = Vec::new();
    let mut crowd = Vec::new();
    for (person, history) in people.iter().enumerate() {
        let judged = chosen(seed, &[person as u64]);
        crowd.push(if judged { Vec::new() } else { history.deeds.clone() });
        if judged {
            cases.extend(cases_of(person, &history.deeds));
        }
    }
    Split { cases, folds: vec![Fold { crowd, only: None }] }
}

fn rolling(people: &[History]) -> Split {
    let mut times: Vec<i64> = people.iter().flat_map(|one| one.deeds.iter().map(|deed| deed.time)).collect();
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied();
    let mut moments: Vec<i64> = MOMENTS.iter().filter_map(|share| at(*share)).collect();
    moments.dedup();
    let mut split = Split { cases: Vec::new(), folds: Vec::new() };
    for (fold, moment) in moments.iter().enumerate() {
        let next = moments.get(fold + 1).copied().unwrap_or(i64::MAX);
        let mut crowd = Vec::new();
        for (person, history) in people.iter().enumerate() {
            let begin = history.deeds.partition_point(|deed| deed.time < *moment);
            let end = history.deeds.partition_point(|deed| deed.time < next);
            let known = history.deeds[..begin].to_vec();
            crowd.push(known.clone());
            split.cases.extend(case(person, known, &history.deeds[begin..end], fold, *moment));
        }
        split.folds.push(Fold { crowd, only: None });
    }
    split
}

fn new_items(people: &[History], rows: usize, seed: u64) -> Split {
    let mut only = Mask::none(rows);
    (0..rows).filter(|row| chosen(seed, &[*row as u64])).for_each(|row| only.set(row, true));
    let mut cases = Vec::new();
    let mut crowd = Vec::new();
    for (person, history) in people.iter().enumerate() {
        let (new, old): (Vec<Deed>, Vec<Deed>) = history.deeds.iter().cloned().partition(|deed| only.get(deed.row()));
        crowd.push(old.clone());
        let time = history.deeds.last().map_or(0, |deed| deed.time);
        cases.extend(case(person, old, &new, 0, time));
    }
    Split { cases, folds: vec![Fold { crowd, only: Some(Arc::new(only)) }] }
}

/// Whether this is in the fifth that is taken out: the same for the same seed, whatever else there is.
fn chosen(seed: u64, keys: &[u64]) -> bool {
    hash(seed, keys).is_multiple_of(FIFTH)
}

/// SplitMix64 (Steele, Lea and Flood 2014) over the keys: even, and independent of platform and order of calls.
pub(crate) fn hash(seed: u64, keys: &[u64]) -> u64 {
    keys.iter().fold(mix(seed), |state, key| mix(state ^ key))
}

fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// People p0, p1, … who did something with the rows of their list, a second apart; negative rows are not good.
    fn people(histories: &[&[i32]]) -> Interactions {
        let people = histories.iter().enumerate().map(|(person, rows)| History {
            user: format!("p{person}"),
            deeds: (rows.iter().enumerate())
                .map(|(at, row)| {
                    let time = 1_700_000_000_000 + 1000 * (at as i64 * histories.len() as i64 + person as i64);
                    Deed::of(row.unsigned_abs() as usize, time, if *row >= 0 { 1.0 } else { -1.0 })
                })
                .collect(),
        });
        Interactions::of_people(people.collect())
    }

    fn rows(deeds: &[Deed]) -> Vec<usize> {
        deeds.iter().map(|deed| deed.row()).collect()
    }

    #[test]
    fn the_last_good_item_is_left_out() {
        let data = people(&[&[3, 1, 2, -4], &[5], &[-6, 7], &[-1, -2]]);
        let split = Split::of(Protocol::LeaveLastOut, &data, 10, 0);
        let told: Vec<_> = split.cases.iter().map(|case| (case.person, rows(&case.known), case.good.clone())).collect();
        assert_eq!(told, [(0, vec![3, 1], BTreeSet::from([2])), (2, vec![6], BTreeSet::from([7]))]);
        assert_eq!(rows(&split.folds[0].crowd[0]), [3, 1, 4], "the crowd does not know what is asked for");
        assert_eq!(rows(&split.folds[0].crowd[1]), [5], "who is not judged is in the crowd");
    }

    #[test]
    fn rolling_never_sees_the_future() {
        let long: Vec<i32> = (0..40).collect();
        let data = people(&[&long, &long, &long]);
        let split = Split::of(Protocol::Rolling, &data, 40, 0);
        assert_eq!(split.folds.len(), 10);
        for case in &split.cases {
            let latest = case.known.iter().map(|deed| deed.time).max().unwrap();
            assert!(latest < case.time);
            let crowd = split.folds[case.fold].crowd.iter().flatten().map(|deed| deed.time).max().unwrap();
            assert!(crowd < case.time);
            let history = &data.people[case.person].deeds;
            assert!(
                case.good.iter().all(|row| history.iter().any(|deed| deed.row() == *row && deed.time >= case.time))
            );
        }
        let asked: usize = split.cases.iter().map(|case| case.good.len()).sum();
        assert_eq!(asked, 60, "each good item of the second half is asked for once");
    }

    #[test]
    fn judged_people_are_not_in_the_crowd() {
        let long: Vec<i32> = (0..30).collect();
        let histories: Vec<&[i32]> = (0..100).map(|_| long.as_slice()).collect();
        let data = people(&histories);
        for protocol in [Protocol::Strong, Protocol::ColdStart] {
            let split = Split::of(protocol, &data, 30, 1);
            assert!((10..30).contains(&(split.cases.len() / if protocol == Protocol::Strong { 1 } else { 4 })));
            assert!(split.cases.iter().all(|case| split.folds[0].crowd[case.person].is_empty()));
        }
        let split = Split::of(Protocol::ColdStart, &data, 30, 1);
        for case in &split.cases {
            assert_eq!(Some(case.known.len()), case.group);
            assert_eq!(case.good.len(), 30 - case.known.len());
        }
    }

    #[test]
    fn new_items_are_unknown_to_everybody_and_the_only_ones_ranked() {
        let long: Vec<i32> = (0..50).collect();
        let data = people(&[&long, &long]);
        let split = Split::of(Protocol::NewItems, &data, 50, 2);
        let only = split.folds[0].only.as_ref().unwrap();
        assert!((4..20).contains(&only.count()));
        for case in &split.cases {
            assert!(case.known.iter().all(|deed| !only.get(deed.row())));
            assert!(case.good.iter().all(|row| only.get(*row)));
        }
        assert!(split.folds[0].crowd.iter().flatten().all(|deed| !only.get(deed.row())));
    }

    #[test]
    fn four_fifths_are_known_and_the_seed_decides_which() {
        let long: Vec<i32> = (0..100).collect();
        let data = people(&[&long]);
        let split = Split::of(Protocol::User80, &data, 100, 3);
        assert_eq!(split.cases[0].known.len() + split.cases[0].good.len(), 100);
        assert!((70..90).contains(&split.cases[0].known.len()));
        assert_eq!(split.cases[0].good, Split::of(Protocol::User80, &data, 100, 3).cases[0].good);
        assert_ne!(split.cases[0].good, Split::of(Protocol::User80, &data, 100, 4).cases[0].good);
    }
}
