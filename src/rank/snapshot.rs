//! A person as bytes: the events, what they come to, and the sums over the catalog that make a first list slow.
//!
//! A snapshot saves time and nothing else. It is taken only by the program, catalog and settings that made it, and only whole; the list
//! is then that of the events derived anew, to the bit. Whoever keeps one answers for its events being those that are kept.

use std::collections::BTreeMap;
use std::fmt;

use super::fields::{DislikeField, InterestField};
use super::recommender::{Person, Recommender, View};
use super::terms::Liked;
use crate::catalog::Catalog;
use crate::profile::{
    Event, EventLog, Places, Reader, Writer, checksum, pack_events, pack_taste, unpack_events, unpack_taste,
};
use crate::vector::Mask;

const MAGIC: &[u8; 8] = b"homebody";
/// What the program was built from, where its build says (`cargo xtask wasm` does): a change of any formula makes other snapshots.
const BUILD: &str = match option_env!("HOMEBODY_SOURCES") {
    Some(sources) => sources,
    None => env!("CARGO_PKG_VERSION"),
};
/// Fewer events are derived as fast as a snapshot of them is read.
const LEAST_EVENTS: usize = 64;

/// Why a snapshot was not taken. The events say all that it would have said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotError {
    /// It is of another catalog, other settings or another build of this program.
    Foreign,
    /// It was cut off or changed.
    Damaged,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "expected a snapshot of this catalog by this version, got one of another",
            Self::Damaged => "expected a whole snapshot of a profile, got a damaged one",
        })
    }
}

impl std::error::Error for SnapshotError {}

impl Recommender {
    /// The events and all that was derived from them, for [`restore`](Self::restore) to take up. Nothing where that would save no time: of
    /// few events, or before a list was made of them.
    pub fn snapshot(&self) -> Option<Vec<u8>> {
        let listed = self.spaces.is_empty() || self.cache.interests.iter().any(InterestField::is_current);
        if self.log().len() < LEAST_EVENTS || !listed {
            return None;
        }
        let mut out = Writer::default();
        pack_events(self.log().events(), &mut out);
        self.person.pack(&self.catalog, self.log(), &mut out)?;
        self.cache.interests.iter().for_each(|field| field.pack(&mut out));
        self.cache.dislikes.iter().for_each(|field| field.pack(&mut out));
        let body = out.into_bytes();
        let head = [*MAGIC, self.snapshot_key().to_le_bytes(), checksum(&body).to_le_bytes()];
        Some([head.as_flattened(), &body].concat())
    }

    /// Takes the events of a snapshot and those that were recorded since instead of those it has, and all that was derived from the former;
    /// the latter then come to what they would have come to one by one.
    ///
    /// # Errors
    ///
    /// A snapshot that does not fit or is damaged, or events that no log takes; then everything stays as it was.
    pub fn restore(&mut self, snapshot: &[u8], since: Vec<Event>) -> Result<(), SnapshotError> {
        let (head, body) = snapshot.split_at_checked(24).ok_or(SnapshotError::Damaged)?;
        let (heads, _) = head.as_chunks::<8>();
        if heads[0] != *MAGIC || u64::from_le_bytes(heads[1]) != self.snapshot_key() {
            return Err(SnapshotError::Foreign);
        }
        if u64::from_le_bytes(heads[2]) != checksum(body) {
            return Err(SnapshotError::Damaged);
        }
        let unpacked = Unpacked::from(self, &mut Reader::new(body)).ok_or(SnapshotError::Damaged)?;
        let Unpacked { mut log, person, interests, dislikes } = unpacked;
        let complete = since.is_empty();
        log.merge(since).map_err(|_| SnapshotError::Damaged)?;
        self.set_derived(log, person);
        self.cache.interests = interests;
        self.cache.dislikes = dislikes;
        if !complete || self.effects().fades() {
            // It is of fewer events, or was derived on another day, maybe; the sums see for themselves whether they still hold.
            self.derive();
        }
        Ok(())
    }

    /// What a snapshot depends on besides the events, as one number.
    fn snapshot_key(&self) -> u64 {
        let effects = serde_json::to_string(self.effects()).expect("a table of numbers is always JSON");
        let terms = self.terms.iter().map(|term| term.name.clone());
        let spaces = self.spaces.iter().map(|space| format!("{}:{}", space.name, space.dims()));
        let parts: Vec<String> = [BUILD.to_owned(), self.catalog.version().to_owned(), self.catalog.len().to_string()]
            .into_iter()
            .chain([self.strategy.key(), self.scorer_name().to_owned(), effects])
            .chain(terms)
            .chain(spaces)
            .collect();
        checksum(parts.join("\n").as_bytes())
    }
}

struct Unpacked {
    log: EventLog,
    person: Person,
    interests: Vec<InterestField>,
    dislikes: Vec<DislikeField>,
}

impl Unpacked {
    fn from(recommender: &Recommender, from: &mut Reader<'_>) -> Option<Self> {
        let (catalog, spaces) = (&recommender.catalog, &recommender.spaces);
        let log = EventLog::of(unpack_events(from)?)?;
        let person = Person::unpack(catalog, recommender.terms.len(), log.events(), from)?;
        let interests = spaces.iter().map(|space| InterestField::unpack(space.dims(), catalog.len(), from));
        let interests = interests.collect::<Option<_>>()?;
        let dislikes = spaces.iter().map(|_| DislikeField::unpack(catalog.len(), from)).collect::<Option<_>>()?;
        from.is_at_end().then_some(Self { log, person, interests, dislikes })
    }
}

impl Person {
    fn pack(&self, catalog: &Catalog, log: &EventLog, out: &mut Writer) -> Option<()> {
        let places = Places::of(log.events());
        self.whole().pack(catalog, &places, out)?;
        out.count(self.narrowed.len());
        for (term, view) in &self.narrowed {
            out.count(*term);
            view.pack(catalog, &places, out)?;
        }
        let mut seen = Mask::all(catalog.len());
        self.unseen.rows().for_each(|row| seen.set(row, false));
        out.count(seen.count());
        seen.rows().for_each(|row| out.count(row));
        out.count(self.ignored.len());
        for (row, times) in &self.ignored {
            out.count(*row);
            out.count(times.len());
            times.iter().for_each(|time| out.number(*time as u64));
        }
        Some(())
    }

    fn unpack(catalog: &Catalog, terms: usize, events: &[Event], from: &mut Reader<'_>) -> Option<Self> {
        let rows = catalog.len();
        let whole = View::unpack(rows, events, from)?;
        let mut narrowed = BTreeMap::new();
        for _ in 0..from.count(1)? {
            narrowed.insert(from.below(terms)?, View::unpack(rows, events, from)?);
        }
        let mut unseen = Mask::all(rows);
        for _ in 0..from.count(1)? {
            unseen.set(from.below(rows)?, false);
        }
        let mut ignored = BTreeMap::new();
        for _ in 0..from.count(2)? {
            let row = from.below(rows)?;
            let times = (0..from.count(1)?).map(|_| i64::try_from(from.number()?).ok());
            ignored.insert(row, times.collect::<Option<Vec<i64>>>()?);
        }
        Some(Self { whole, narrowed, unseen, ignored })
    }
}

impl View {
    fn pack(&self, catalog: &Catalog, places: &Places<'_>, out: &mut Writer) -> Option<()> {
        pack_taste(&self.taste, places, out)?;
        // The row of each, one more; 0 for an item that the catalog does not have.
        for one in self.taste.likes.iter().chain(&self.taste.dislikes) {
            out.count(catalog.row(&one.item).map_or(0, |row| row + 1));
        }
        Some(())
    }

    fn unpack(rows: usize, events: &[Event], from: &mut Reader<'_>) -> Option<Self> {
        let taste = unpack_taste(from, events)?;
        let mut view = Self { taste, likes: Vec::new(), evidence: Vec::new(), dislikes: Vec::new() };
        for (at, one) in view.taste.likes.iter().enumerate() {
            if let Some(row) = from.below(rows + 1)?.checked_sub(1) {
                view.likes.push(Liked { row, mass: one.mass });
                view.evidence.push(at);
            }
        }
        for one in &view.taste.dislikes {
            if let Some(row) = from.below(rows + 1)?.checked_sub(1) {
                view.dislikes.push(Liked { row, mass: one.mass });
            }
        }
        Some(view)
    }
}
