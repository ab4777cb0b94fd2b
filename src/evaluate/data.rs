//! What people did, as an evaluation needs it: by person, in the order of time, with rows instead of ids.
//!
//! Tens of millions of lines have to fit: each is 24 bytes beside one copy of every person's id, and half as many again while they are
//! sorted. No text of a line is kept.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::catalog::Catalog;
use crate::profile::{Effect, Effects, Event, MUTE};

/// One line of a file of interactions.
#[derive(Debug, Clone, PartialEq)]
pub struct Interaction {
    /// Who did it.
    pub user: String,
    /// The item's id.
    pub item: String,
    /// The event type.
    pub kind: String,
    /// A mark or an amount.
    pub value: Option<f64>,
    /// Milliseconds since 1970.
    pub time: i64,
}

/// One thing that somebody did with an item of the catalog.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Deed {
    pub(crate) time: i64,
    row: u32,
    /// NaN where there is none.
    value: f32,
    signed: f32,
    /// Its place in the table of effects, which is in the order of names.
    kind: u16,
    /// Whether it states an opinion, which replaces the ones before.
    statement: bool,
    /// Whether the item then counts as seen.
    seen: bool,
}

/// Everything one person did, the oldest first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct History {
    pub(crate) user: String,
    pub(crate) deeds: Vec<Deed>,
}

/// What was read and what was left out, so that nothing disappears without being said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DataReport {
    /// Lines of the file.
    pub interactions: usize,
    /// Lines that are used.
    pub used: usize,
    /// People with at least one of those.
    pub users: usize,
    /// Items with at least one of those.
    pub items: usize,
    /// Lines that are no interaction.
    pub bad_lines: usize,
    /// Lines whose item the catalog does not have.
    pub unknown_items: usize,
    /// Lines of a type that the table of effects does not have, or with a value that the type cannot have.
    pub unknown_types: usize,
    /// Lines that say again what another line says: same person, item, type and time.
    pub duplicates: usize,
    /// Lines from after the present.
    pub future: usize,
    /// How many of the used lines are of the one person who has most.
    pub most_of_one_user: usize,
}

/// Interactions of many people with one catalog.
#[derive(Debug, Clone)]
pub struct Interactions {
    /// Ascending by the person's id.
    pub(crate) people: Vec<History>,
    pub(crate) report: DataReport,
    /// The names of the event types, in the order of the table of effects.
    kinds: Vec<String>,
}

impl Interactions {
    /// Sorts interactions by person and time. Of lines with one time the earlier one in the file is the earlier event.
    pub fn new(
        catalog: &Catalog,
        effects: &Effects,
        interactions: impl IntoIterator<Item = Interaction>,
        now_ms: i64,
    ) -> Self {
        let mut reader = InteractionsReader::new(catalog, effects, now_ms);
        for one in interactions {
            reader.push(&one.user, &one.item, &one.kind, one.value, one.time);
        }
        reader.finish()
    }

    /// What was read and what was left out.
    pub fn report(&self) -> DataReport {
        self.report
    }

    /// A deed as an event of a profile; `at` is its place there, which orders events of one time.
    pub(crate) fn event(&self, deed: &Deed, catalog: &Catalog, at: usize) -> Event {
        Event {
            id: format!("{at:08}"),
            item: catalog.id(deed.row()).to_owned(),
            kind: self.kinds[usize::from(deed.kind)].clone(),
            value: (!deed.value.is_nan()).then(|| f64::from(deed.value)),
            time: deed.time,
            catalog: catalog.version().to_owned(),
        }
    }

    /// The event types that occur, in the order of their names.
    pub(crate) fn kinds_in_use(&self) -> Vec<&str> {
        let mut used = vec![false; self.kinds.len()];
        let deeds = self.people.iter().flat_map(|history| &history.deeds);
        deeds.for_each(|deed| used[usize::from(deed.kind)] = true);
        self.kinds.iter().zip(used).filter(|(_, used)| *used).map(|(kind, _)| kind.as_str()).collect()
    }

    /// What these people did, each a list; without what only a reader of files knows.
    #[cfg(test)]
    pub(crate) fn of_people(people: Vec<History>) -> Self {
        Self { people, report: DataReport::default(), kinds: vec!["like".to_owned()] }
    }
}

/// Takes interactions one by one, from wherever they are read, and keeps of each no more than an evaluation needs.
pub struct InteractionsReader<'a> {
    rows: HashMap<&'a str, u32>,
    kinds: Vec<(&'a str, &'a Effect)>,
    now_ms: i64,
    users: HashMap<Box<str>, u32>,
    said: Vec<Said>,
    report: DataReport,
}

/// One line, as it waits for the others.
struct Said {
    time: i64,
    user: u32,
    row: u32,
    value: f32,
    kind: u16,
}

impl<'a> InteractionsReader<'a> {
    /// Nothing yet. What lies after `now_ms` will be left out.
    pub fn new(catalog: &'a Catalog, effects: &'a Effects, now_ms: i64) -> Self {
        let rows = (0..catalog.len()).map(|row| (catalog.id(row), number(row))).collect();
        let kinds = effects.types().filter_map(|kind| Some((kind, effects.get(kind)?))).collect();
        Self { rows, kinds, now_ms, users: HashMap::new(), said: Vec::new(), report: DataReport::default() }
    }

    /// Takes one interaction, or counts why not.
    pub fn push(&mut self, user: &str, item: &str, kind: &str, value: Option<f64>, time: i64) {
        self.report.interactions += 1;
        let Some(&row) = self.rows.get(item) else {
            self.report.unknown_items += 1;
            return;
        };
        // Kept as float32, in which a value must be finite too.
        let sayable = value.is_none_or(|value| (value as f32).is_finite());
        let known = self.kinds.iter().position(|(name, effect)| sayable && *name == kind && effect.accepts(value));
        let Some(kind) = known.and_then(|at| u16::try_from(at).ok()) else {
            self.report.unknown_types += 1;
            return;
        };
        if time > self.now_ms {
            self.report.future += 1;
            return;
        }
        let user = match self.users.get(user) {
            Some(user) => *user,
            None => {
                let next = number(self.users.len());
                self.users.insert(user.into(), next);
                next
            }
        };
        let value = value.map_or(f32::NAN, |value| value as f32);
        self.said.push(Said { time, user, row, value, kind });
    }

    /// Counts a line that is no interaction.
    pub fn push_bad(&mut self) {
        self.report.interactions += 1;
        self.report.bad_lines += 1;
    }

    /// Sorts what was taken by person and time, and drops what is there twice.
    pub fn finish(self) -> Interactions {
        let Self { rows, kinds, users, mut said, mut report, .. } = self;
        let mut names: Vec<(Box<str>, u32)> = users.into_iter().collect();
        names.sort_unstable();
        let mut places = vec![0u32; names.len()];
        names.iter().enumerate().for_each(|(place, (_, user))| places[*user as usize] = number(place));
        said.iter_mut().for_each(|one| one.user = places[one.user as usize]);
        // Stable: of one time, the order of the lines stays.
        said.sort_by_key(|one| (one.user, one.time));
        let mut chosen = vec![false; rows.len()];
        let mut people = Vec::with_capacity(names.len());
        // From the end, so that what became a person's deeds is given back: all is never there twice.
        while let (Some(last), Some((user, _))) = (said.last(), names.pop()) {
            let begin = said.partition_point(|one| one.user < last.user);
            let lines = &said[begin..];
            let mut deeds = Vec::with_capacity(lines.len());
            for moment in lines.chunk_by(|a, b| a.time == b.time) {
                let mut known = HashSet::new();
                for one in moment {
                    if moment.len() > 1 && !known.insert((one.row, one.kind)) {
                        report.duplicates += 1;
                        continue;
                    }
                    let value = (!one.value.is_nan()).then(|| f64::from(one.value));
                    let (name, effect) = kinds[usize::from(one.kind)];
                    let Said { time, row, value: kept, kind, .. } = *one;
                    chosen[row as usize] = true;
                    // What is muted was not seen by that: a profile has it so too.
                    let (statement, seen) = (effect.statement, effect.seen && name != MUTE);
                    let signed = effect.signed(value) as f32;
                    deeds.push(Deed { time, row, value: kept, signed, kind, statement, seen });
                }
            }
            report.used += deeds.len();
            report.most_of_one_user = report.most_of_one_user.max(deeds.len());
            people.push(History { user: user.into(), deeds });
            said.truncate(begin);
            if said.capacity() - said.len() > GIVEN_BACK {
                said.shrink_to_fit();
            }
        }
        people.reverse();
        report.users = people.len();
        report.items = chosen.iter().filter(|chosen| **chosen).count();
        Interactions { people, report, kinds: kinds.into_iter().map(|(kind, _)| kind.to_owned()).collect() }
    }
}

/// So many lines are given back at once: 24 MB.
const GIVEN_BACK: usize = 1 << 20;

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("fewer than four billion items and people")
}

impl Deed {
    /// The item.
    pub(crate) fn row(&self) -> usize {
        self.row as usize
    }

    /// How much it speaks for the item, −1 (against it) to 1.
    pub(crate) fn signed(&self) -> f64 {
        f64::from(self.signed)
    }

    /// Whether it speaks for the item: then the item is one that a good list would have had.
    pub(crate) fn good(&self) -> bool {
        self.signed > 0.0
    }

    /// Whether it says anything of the person: an impression, a mute or an event without a weight is nothing that they did, though the
    /// ranking knows of it. A mark in the middle of its scale is a statement all the same.
    pub(crate) fn speaks(&self) -> bool {
        self.statement || self.signed != 0.0
    }

    /// Whether it states an opinion, which replaces the ones before.
    pub(crate) fn states(&self) -> bool {
        self.statement
    }

    /// Whether a page would not recommend the item again.
    pub(crate) fn holds_back(&self) -> bool {
        self.seen
    }

    /// A like (or as much of one as `signed` says), made up.
    #[cfg(test)]
    pub(crate) fn of(row: usize, time: i64, signed: f64) -> Self {
        let (statement, seen) = (true, true);
        Self { time, row: number(row), value: f32::NAN, signed: signed as f32, kind: 0, statement, seen }
    }

    /// The same at another time.
    #[cfg(test)]
    pub(crate) fn at(self, time: i64) -> Self {
        Self { time, ..self }
    }

    /// A view (or an impression, with a weight of 0), made up.
    #[cfg(test)]
    pub(crate) fn passing(row: usize, time: i64, signed: f64) -> Self {
        Self { statement: false, seen: false, ..Self::of(row, time, signed) }
    }
}
