//! What people did, as an evaluation needs it: by person, in the order of time, with rows instead of ids.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::catalog::Catalog;
use crate::profile::{Effects, Event};

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
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Deed {
    pub(crate) row: usize,
    pub(crate) time: i64,
    pub(crate) kind: String,
    pub(crate) value: Option<f64>,
    /// How much it speaks for the item, −1 (against it) to 1.
    pub(crate) signed: f64,
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
    /// Lines whose item the catalog does not have.
    pub unknown_items: usize,
    /// Lines of a type that the table of effects does not have, or with a value that the type cannot have.
    pub unknown_types: usize,
    /// Lines that say again what another line says: same person, item, type and time.
    pub duplicates: usize,
    /// Lines from after the present.
    pub future: usize,
}

/// Interactions of many people with one catalog.
#[derive(Debug, Clone)]
pub struct Interactions {
    /// Ascending by the person's id.
    pub(crate) people: Vec<History>,
    pub(crate) report: DataReport,
}

impl Interactions {
    /// Sorts interactions by person and time. Of lines with one time the earlier one in the file is the earlier event.
    pub fn new(
        catalog: &Catalog,
        effects: &Effects,
        interactions: impl IntoIterator<Item = Interaction>,
        now_ms: i64,
    ) -> Self {
        let mut report = DataReport::default();
        let mut people: BTreeMap<String, Vec<Deed>> = BTreeMap::new();
        let mut known = HashSet::new();
        for one in interactions {
            report.interactions += 1;
            let Some(row) = catalog.row(&one.item) else {
                report.unknown_items += 1;
                continue;
            };
            let fits = effects.check(&one.kind, one.value).is_ok();
            let Some(effect) = effects.get(&one.kind).filter(|_| fits) else {
                report.unknown_types += 1;
                continue;
            };
            if one.time > now_ms {
                report.future += 1;
                continue;
            }
            if !known.insert((one.user.clone(), row, one.kind.clone(), one.time)) {
                report.duplicates += 1;
                continue;
            }
            let signed = effect.signed(one.value);
            let deed = Deed { row, time: one.time, kind: one.kind, value: one.value, signed };
            people.entry(one.user).or_default().push(deed);
            report.used += 1;
        }
        let people: Vec<History> = people
            .into_iter()
            .map(|(user, mut deeds)| {
                deeds.sort_by_key(|deed| deed.time);
                History { user, deeds }
            })
            .collect();
        report.users = people.len();
        let items: HashSet<usize> = people.iter().flat_map(|one| one.deeds.iter().map(|deed| deed.row)).collect();
        report.items = items.len();
        Self { people, report }
    }

    /// What was read and what was left out.
    pub fn report(&self) -> DataReport {
        self.report
    }
}

impl Deed {
    /// Whether it speaks for the item: then the item is one that a good list would have had.
    pub(crate) fn good(&self) -> bool {
        self.signed > 0.0
    }

    /// The deed as an event of a profile; `at` is its place there, which orders events of one time.
    pub(crate) fn event(&self, catalog: &Catalog, at: usize) -> Event {
        Event {
            id: format!("{at:08}"),
            item: catalog.id(self.row).to_owned(),
            kind: self.kind.clone(),
            value: self.value,
            time: self.time,
            catalog: catalog.version().to_owned(),
        }
    }
}
