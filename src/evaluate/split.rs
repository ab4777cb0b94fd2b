//! What is known and what is to be guessed: the protocols.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::data::{Deed, History, Interactions};
use crate::vector::Mask;

/// How people's histories are divided into what is known and what a good list would have had.
///
/// In each of them the list ranks every item of the catalog that a page would: all but those that count as seen by what is known. Only what
/// says something of the person is counted as an event; the ranking knows of the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Leave-one-out by time. Everybody's last good item is to be guessed from everything before it. Everybody else's whole history is known.
    LeaveLastOut,
    /// A random 80/20 hold-out per person. A random fifth of each person's events is taken out; the good items in it are to be guessed from the other four fifths.
    User80,
    /// Strong generalization (Marlin 2004; Liang et al. 2018). A random fifth of the people is judged, and nothing of theirs is in the crowd's figures: what a catalog's owner can
    /// really ship. The last fifth of each judged history is to be guessed from what came before.
    Strong,
    /// A global temporal split, walked forward in time: at each of ten moments, everything before is known (of everybody), and what people chose up to
    /// the next moment is to be guessed. Nobody's future is seen.
    Rolling,
    /// The cold start of people. As `Strong`, but of a judged person only the first 1, 3, 5 or 10 events are known, and all good items after those are
    /// to be guessed.
    ColdStart,
    /// The cold start of items. A random fifth of the items is new: the crowd's figures and what is known of anybody have none of them, and only they
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
    taught: Taught,
    /// The only items that are ranked, where not all are.
    pub(crate) only: Option<Arc<Mask>>,
}

/// Which deeds the crowd knows: a rule and no copy, for there may be tens of millions of them, in each of ten folds.
#[derive(Debug, Clone)]
enum Taught {
    Everything,
    /// All but those with one item of each person; nothing is taken out where it says [`NOTHING`].
    AllBut(Vec<u32>),
    /// The four fifths of each person's items that this seed leaves.
    FourFifths(u64),
    /// Everything of the people whom this seed does not have judged.
    OtherPeople(u64),
    /// What was before this time.
    Before(i64),
    /// All but those with these items.
    OtherItems(Arc<Mask>),
}

/// No row of a catalog.
const NOTHING: u32 = u32::MAX;

impl Fold {
    /// One that knows everything.
    pub(crate) fn all() -> Self {
        Self { taught: Taught::Everything, only: None }
    }

    /// What the crowd knows of these deeds of a person: of those that say something.
    pub(crate) fn known<'a>(&'a self, person: usize, deeds: &'a [Deed]) -> impl Iterator<Item = &'a Deed> {
        let knows = move |deed: &&Deed| match &self.taught {
            Taught::Everything => true,
            Taught::AllBut(rows) => rows[person] as usize != deed.row(),
            Taught::FourFifths(seed) => !chosen(*seed, &[person as u64, deed.row() as u64]),
            Taught::OtherPeople(seed) => !chosen(*seed, &[person as u64]),
            Taught::Before(moment) => deed.time < *moment,
            Taught::OtherItems(new) => !new.get(deed.row()),
        };
        deeds.iter().filter(|deed| deed.speaks()).filter(knows)
    }
}

/// A protocol put into practice.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    /// By fold, then by person.
    pub(crate) cases: Vec<Case>,
    pub(crate) folds: Vec<Fold>,
    /// How many people are judged.
    pub(crate) judged: usize,
    /// How many could be.
    pub(crate) able: usize,
}

/// A fifth is judged or new.
const FIFTH: u64 = 5;
/// What the seed of the sample of people differs by from that of the split.
const SAMPLE: u64 = 0x7361_6d70_6c65;
/// How many events are known of somebody new.
const FIRST_EVENTS: [usize; 4] = [1, 3, 5, 10];
/// The moments of the rolling protocol, as shares of all events that came before: the first half only ever teaches.
const MOMENTS: [f64; 10] = [0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95];

/// What a protocol asks of one person, and in which fold.
type Ask<'a> = Box<dyn Fn(usize, &[Deed]) -> Vec<Case> + 'a>;

impl Split {
    /// Of the people who can be judged at most `most_people` are, a sample that `seed` decides; what the crowd knows does not depend
    /// on who is in it.
    pub(crate) fn of(protocol: Protocol, data: &Interactions, rows: usize, seed: u64, most_people: usize) -> Self {
        let people = &data.people;
        let (folds, ask): (Vec<Fold>, Ask<'_>) = match protocol {
            Protocol::LeaveLastOut => leave_last_out(people),
            Protocol::User80 => user80(seed),
            Protocol::Strong => apart(seed, strong),
            Protocol::Rolling => rolling(people),
            Protocol::ColdStart => apart(seed, cold_start),
            Protocol::NewItems => new_items(rows, seed),
        };
        // Cases have copies of what is known, so that those of people who are not judged are made twice rather than kept.
        let mut judged: Vec<usize> = (0..people.len()).filter(|at| !ask(*at, &people[*at].deeds).is_empty()).collect();
        let able = judged.len();
        if able > most_people {
            judged.sort_by_key(|person| hash(seed ^ SAMPLE, &[*person as u64]));
            judged.truncate(most_people);
            judged.sort_unstable();
        }
        let mut cases: Vec<Case> = judged.iter().flat_map(|at| ask(*at, &people[*at].deeds)).collect();
        cases.sort_by_key(|case| case.fold);
        Self { cases, folds, judged: judged.len(), able }
    }
}

impl Split {
    /// How many of these items may be on a list at all: those that some fold ranks.
    pub(crate) fn listable(&self, rows: usize) -> usize {
        let may = |row: &usize| self.folds.iter().any(|fold| fold.only.as_ref().is_none_or(|only| only.get(*row)));
        (0..rows).filter(may).count()
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

/// A case, unless nothing is known, or nothing is left to be guessed once what a page would hold back is taken out.
fn case(person: usize, known: Vec<Deed>, later: &[Deed], fold: usize, time: i64) -> Option<Case> {
    let held_back: BTreeSet<usize> = known.iter().filter(|deed| deed.holds_back()).map(|deed| deed.row()).collect();
    let good: BTreeSet<usize> =
        later.iter().filter(|deed| deed.good() && !held_back.contains(&deed.row())).map(|deed| deed.row()).collect();
    let is_known = known.iter().any(|deed| deed.speaks());
    (is_known && !good.is_empty()).then_some(Case { person, known, good, time, fold, group: None })
}

/// The deeds up to and with the one that is the `count`th to say something, and what came after it; nothing if there are fewer.
fn first_events(deeds: &[Deed], count: usize) -> Option<(&[Deed], &[Deed])> {
    let speaking = deeds.iter().enumerate().filter(|(_, deed)| deed.speaks()).map(|(at, _)| at + 1);
    let cut = std::iter::once(0).chain(speaking).nth(count)?;
    Some(deeds.split_at(cut))
}

/// When somebody next did something.
fn next_time(later: &[Deed]) -> Option<i64> {
    later.iter().find(|deed| deed.speaks()).map(|deed| deed.time)
}

fn leave_last_out(people: &[History]) -> (Vec<Fold>, Ask<'_>) {
    let ask = |person: usize, deeds: &[Deed]| -> Option<Case> {
        let at = deeds.iter().rposition(|deed| deed.good())?;
        // What came after it is neither known nor asked for; every trace of the item itself is taken out.
        let before: Vec<Deed> = deeds[..at].iter().filter(|deed| deed.row() != deeds[at].row()).copied().collect();
        case(person, before, &deeds[at..=at], 0, deeds[at].time)
    };
    let taken_out = |(person, history): (usize, &History)| {
        let row = ask(person, &history.deeds).and_then(|case| case.good.first().copied());
        row.map_or(NOTHING, |row| u32::try_from(row).expect("rows are numbered with 32 bits"))
    };
    let taught = Taught::AllBut(people.iter().enumerate().map(taken_out).collect());
    (vec![Fold { taught, only: None }], Box::new(move |person, deeds| ask(person, deeds).into_iter().collect()))
}

fn user80<'a>(seed: u64) -> (Vec<Fold>, Ask<'a>) {
    let ask = move |person: usize, deeds: &[Deed]| -> Vec<Case> {
        let out = |deed: &Deed| chosen(seed, &[person as u64, deed.row() as u64]);
        let (later, known): (Vec<Deed>, Vec<Deed>) = deeds.iter().copied().partition(out);
        case(person, known, &later, 0, deeds.last().map_or(0, |deed| deed.time)).into_iter().collect()
    };
    (vec![Fold { taught: Taught::FourFifths(seed), only: None }], Box::new(ask))
}

/// A fifth of the people are judged and are no part of the crowd.
fn apart<'a>(seed: u64, ask: impl Fn(usize, &[Deed]) -> Vec<Case> + 'a) -> (Vec<Fold>, Ask<'a>) {
    let ask = move |person: usize, deeds: &[Deed]| match chosen(seed, &[person as u64]) {
        true => ask(person, deeds),
        false => Vec::new(),
    };
    (vec![Fold { taught: Taught::OtherPeople(seed), only: None }], Box::new(ask))
}

fn strong(person: usize, deeds: &[Deed]) -> Vec<Case> {
    let events = deeds.iter().filter(|deed| deed.speaks()).count();
    let ask = || {
        let (known, later) = first_events(deeds, events * 4 / 5)?;
        case(person, known.to_vec(), later, 0, next_time(later)?)
    };
    ask().into_iter().collect()
}

fn cold_start(person: usize, deeds: &[Deed]) -> Vec<Case> {
    let first = |count: usize| {
        let (known, later) = first_events(deeds, count)?;
        let case = case(person, known.to_vec(), later, 0, next_time(later)?)?;
        Some(Case { group: Some(count), ..case })
    };
    FIRST_EVENTS.into_iter().filter_map(first).collect()
}

fn rolling(people: &[History]) -> (Vec<Fold>, Ask<'_>) {
    let speaking = people.iter().flat_map(|one| &one.deeds).filter(|deed| deed.speaks());
    let mut times: Vec<i64> = speaking.map(|deed| deed.time).collect();
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied();
    let mut moments: Vec<i64> = MOMENTS.iter().filter_map(|share| at(*share)).collect();
    moments.dedup();
    let folds = moments.iter().map(|moment| Fold { taught: Taught::Before(*moment), only: None }).collect();
    let ask = move |person: usize, deeds: &[Deed]| {
        let until = |moment: i64| deeds.partition_point(|deed| deed.time < moment);
        let one = |(fold, moment): (usize, &i64)| {
            let (begin, end) = (until(*moment), until(moments.get(fold + 1).copied().unwrap_or(i64::MAX)));
            // Most people did nothing in most of the time: what is known is not copied for nothing.
            (begin < end).then(|| case(person, deeds[..begin].to_vec(), &deeds[begin..end], fold, *moment)).flatten()
        };
        moments.iter().enumerate().filter_map(one).collect()
    };
    (folds, Box::new(ask))
}

fn new_items<'a>(rows: usize, seed: u64) -> (Vec<Fold>, Ask<'a>) {
    let mut only = Mask::none(rows);
    (0..rows).filter(|row| chosen(seed, &[*row as u64])).for_each(|row| only.set(row, true));
    let only = Arc::new(only);
    let fold = Fold { taught: Taught::OtherItems(Arc::clone(&only)), only: Some(Arc::clone(&only)) };
    let ask = move |person: usize, deeds: &[Deed]| {
        let (new, old): (Vec<Deed>, Vec<Deed>) = deeds.iter().copied().partition(|deed| only.get(deed.row()));
        case(person, old, &new, 0, deeds.last().map_or(0, |deed| deed.time)).into_iter().collect()
    };
    (vec![fold], Box::new(ask))
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

    const ALL: usize = usize::MAX;

    fn rows<'a>(deeds: impl IntoIterator<Item = &'a Deed>) -> Vec<usize> {
        deeds.into_iter().map(|deed| deed.row()).collect()
    }

    /// What the crowd of a fold knows, by person.
    fn crowd(split: &Split, fold: usize, data: &Interactions) -> Vec<Vec<Deed>> {
        let known =
            |(person, history): (usize, &History)| split.folds[fold].known(person, &history.deeds).copied().collect();
        data.people.iter().enumerate().map(known).collect()
    }

    #[test]
    fn the_last_good_item_is_left_out() {
        let data = people(&[&[3, 1, 2, -4], &[5], &[-6, 7], &[-1, -2]]);
        let split = Split::of(Protocol::LeaveLastOut, &data, 10, 0, ALL);
        let told: Vec<_> = split.cases.iter().map(|case| (case.person, rows(&case.known), case.good.clone())).collect();
        assert_eq!(told, [(0, vec![3, 1], BTreeSet::from([2])), (2, vec![6], BTreeSet::from([7]))]);
        assert_eq!(rows(&crowd(&split, 0, &data)[0]), [3, 1, 4], "the crowd does not know what is asked for");
        assert_eq!(rows(&crowd(&split, 0, &data)[1]), [5], "who is not judged is in the crowd");
    }

    #[test]
    fn rolling_never_sees_the_future() {
        let long: Vec<i32> = (0..40).collect();
        let data = people(&[&long, &long, &long]);
        let split = Split::of(Protocol::Rolling, &data, 40, 0, ALL);
        assert_eq!(split.folds.len(), 10);
        for case in &split.cases {
            let latest = case.known.iter().map(|deed| deed.time).max().unwrap();
            assert!(latest < case.time);
            let crowd = crowd(&split, case.fold, &data).iter().flatten().map(|deed| deed.time).max().unwrap();
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
            let split = Split::of(protocol, &data, 30, 1, ALL);
            assert!((10..30).contains(&(split.cases.len() / if protocol == Protocol::Strong { 1 } else { 4 })));
            assert!(split.cases.iter().all(|case| crowd(&split, 0, &data)[case.person].is_empty()));
        }
        let split = Split::of(Protocol::ColdStart, &data, 30, 1, ALL);
        for case in &split.cases {
            assert_eq!(Some(case.known.len()), case.group);
            assert_eq!(case.good.len(), 30 - case.known.len());
        }
    }

    #[test]
    fn new_items_are_unknown_to_everybody_and_the_only_ones_ranked() {
        let long: Vec<i32> = (0..50).collect();
        let data = people(&[&long, &long]);
        let split = Split::of(Protocol::NewItems, &data, 50, 2, ALL);
        let only = split.folds[0].only.as_ref().unwrap();
        assert!((4..20).contains(&only.count()));
        for case in &split.cases {
            assert!(case.known.iter().all(|deed| !only.get(deed.row())));
            assert!(case.good.iter().all(|row| only.get(*row)));
        }
        assert!(crowd(&split, 0, &data).iter().flatten().all(|deed| !only.get(deed.row())));
        assert_eq!(split.listable(50), only.count());
        assert_eq!(Split::of(Protocol::Rolling, &data, 50, 2, ALL).listable(50), 50);
    }

    #[test]
    fn what_says_nothing_is_no_event_and_what_was_only_looked_at_can_be_guessed() {
        // Somebody is shown every item right before they like it; others are shown ten items for each that they like.
        let shown = |rows: &[usize], times: usize| -> Vec<Deed> {
            let deeds = rows.iter().enumerate().flat_map(|(at, row)| {
                let time = 1_700_000_000_000 + 1000 * at as i64;
                let impressions = (0..times).map(move |n| Deed::passing((row + n) % 30, time, 0.0));
                impressions.chain([Deed::of(*row, time + 1, 1.0)])
            });
            deeds.collect()
        };
        let history = |(person, deeds): (usize, Vec<Deed>)| History { user: format!("p{person:03}"), deeds };
        let long: Vec<usize> = (0..20).collect();
        let bare = Interactions::of_people((0..60).map(|at| history((at, shown(&long, 0)))).collect());
        let noisy = Interactions::of_people((0..60).map(|at| history((at, shown(&long, [1, 10][at % 2])))).collect());
        for protocol in Protocol::ALL {
            let told = |data: &Interactions| -> Vec<_> {
                let split = Split::of(protocol, data, 30, 1, ALL);
                let speaking = |case: &Case| rows(case.known.iter().filter(|deed| deed.speaks()));
                split.cases.iter().map(|case| (case.person, case.group, speaking(case), case.good.clone())).collect()
            };
            assert!(!told(&bare).is_empty());
            assert_eq!(told(&noisy), told(&bare), "{}", protocol.name());
        }
        let kept = Split::of(Protocol::Strong, &noisy, 30, 1, ALL);
        assert!(kept.cases[0].known.iter().any(|deed| !deed.speaks()), "the ranking knows of them");

        // Looked at and later bought: a page still recommends it, and so it can be guessed; what was liked already cannot.
        let deeds = vec![
            Deed::of(1, 0, 1.0),
            Deed::passing(2, 1, 0.1),
            Deed::of(3, 2, 1.0),
            Deed::of(4, 3, 1.0),
            Deed::of(2, 4, 1.0),
            Deed::of(1, 5, 1.0),
        ];
        let case = &strong(0, &deeds)[0];
        assert_eq!((rows(&case.known), case.good.clone()), (vec![1, 2, 3, 4], BTreeSet::from([2])));
        assert!(case_of_nothing().is_none(), "who was only shown things is not known");
    }

    fn case_of_nothing() -> Option<Case> {
        case(0, vec![Deed::passing(1, 0, 0.0)], &[Deed::of(2, 1, 1.0)], 0, 1)
    }

    #[test]
    fn four_fifths_are_known_and_the_seed_decides_which() {
        let long: Vec<i32> = (0..100).collect();
        let data = people(&[&long]);
        let split = Split::of(Protocol::User80, &data, 100, 3, ALL);
        assert_eq!(split.cases[0].known.len() + split.cases[0].good.len(), 100);
        assert!((70..90).contains(&split.cases[0].known.len()));
        assert_eq!(split.cases[0].good, Split::of(Protocol::User80, &data, 100, 3, ALL).cases[0].good);
        assert_ne!(split.cases[0].good, Split::of(Protocol::User80, &data, 100, 4, ALL).cases[0].good);
    }

    #[test]
    fn a_sample_of_people_is_asked_what_all_of_them_would_be() {
        let histories: Vec<Vec<i32>> =
            (0..120).map(|person| (0..30).map(|n| (person * 7 + n * 3) % 50).collect()).collect();
        let data = people(&histories.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for protocol in Protocol::ALL {
            let all = Split::of(protocol, &data, 50, 5, ALL);
            let some = Split::of(protocol, &data, 50, 5, 10);
            assert_eq!((all.judged, some.judged, some.able), (all.able, 10, all.able), "{}", protocol.name());
            let told = |case: &Case| (case.person, case.fold, case.time, rows(&case.known), case.good.clone());
            let asked: Vec<_> = all.cases.iter().map(told).collect();
            assert!(some.cases.iter().all(|case| asked.contains(&told(case))));
            let people: BTreeSet<usize> = some.cases.iter().map(|case| case.person).collect();
            assert_eq!(people.len(), 10);
            assert_eq!(some.cases.len(), all.cases.iter().filter(|case| people.contains(&case.person)).count());
            let known = |split: &Split, fold: usize| -> Vec<Vec<usize>> {
                crowd(split, fold, &data).iter().map(rows).collect()
            };
            for fold in 0..all.folds.len() {
                assert_eq!(known(&some, fold), known(&all, fold), "the crowd is who it was");
            }
            let other = Split::of(protocol, &data, 50, 6, 10);
            let others: BTreeSet<usize> = other.cases.iter().map(|case| case.person).collect();
            assert_ne!(people, others, "the seed decides who");
        }
    }
}
