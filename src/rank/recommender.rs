//! A catalog and a person, put together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::asked::{check_learning, presets};
use super::cache::Recent;
use super::column::AffinityColumn;
use super::error::RankError;
use super::fields::{DislikeField, InterestField};
use super::filter::Filter;
use super::learning::LearningCache;
use super::limits::Variants;
use super::options::RecommendOptions;
use super::rotation::ignored;
use super::term::{Term, TermKind, Terms};
use super::terms::Liked;
use super::vectors::VectorSpace;
use crate::catalog::Catalog;
#[cfg(feature = "cli")]
use crate::catalog::Prior;
use crate::profile::{
    Effects, Event, EventLog, Evidence, IdSource, Kernel, Merged, NewEvent, ProfileError, RandomIds, Strategy, Taste,
    day, read_profile, write_profile,
};
use crate::vector::{Mask, Scorer, VectorSet, best_scorer};

/// What a [`Recommender`] is made of besides catalog and events. Every part can be exchanged.
pub struct Settings {
    /// What events mean; without it, what the catalog says.
    pub effects: Option<Effects>,
    /// How likes become interests.
    pub strategy: Box<dyn Strategy>,
    /// What multiplies vectors.
    pub scorer: Box<dyn Scorer>,
    /// Where event ids come from.
    pub ids: Box<dyn IdSource>,
}

impl Default for Settings {
    /// The catalog's table of effects, a [`Kernel`] over the liked items, the fastest scorer, random ids.
    ///
    /// Why the kernel and not one moving average: measured on four data sets it ranks 4 to 48 % better, and on this project's
    /// own films a person with two tastes gets both instead of what lies between them (`docs/ranking.md`).
    fn default() -> Self {
        Self {
            effects: None,
            strategy: Box::new(Kernel::default()),
            scorer: best_scorer(),
            ids: Box::new(RandomIds::new()),
        }
    }
}

/// Ranks a catalog for one person. No I/O and no clock: events come from wherever they are kept, the time is handed in.
///
/// The same catalog, events, call and time give the same list, in a browser and at a terminal, whatever was called before.
/// Calls take `&mut self` because they keep what they computed: a call that differs from the last only in weights,
/// limits or filters does not look at a vector again.
pub struct Recommender {
    pub(crate) catalog: Catalog,
    pub(crate) terms: Vec<Term>,
    pub(crate) spaces: Vec<VectorSpace>,
    pub(crate) text_space: Option<usize>,
    /// The prior of an evaluation, in place of the catalog's own.
    pub(crate) prior: Option<Vec<f64>>,
    pub(crate) variants: Option<Variants>,
    /// The catalog's scenarios.
    pub(crate) presets: BTreeMap<String, RecommendOptions>,
    pub(crate) effects: Effects,
    pub(crate) strategy: Box<dyn Strategy>,
    pub(crate) scorer: Box<dyn Scorer>,
    ids: Box<dyn IdSource>,
    log: EventLog,
    /// The present as far as effects fade by it; before the first call, that of the last event.
    today: Option<i64>,
    pub(crate) person: Person,
    pub(crate) cache: Cache,
}

/// What the log comes to in this catalog.
#[derive(Debug)]
pub(crate) struct Person {
    /// By all events.
    pub(super) whole: View,
    /// For terms that some events do not touch, by the others; for collaborative ones by marks on their own scale.
    pub(super) narrowed: BTreeMap<usize, View>,
    /// All items but those that count as seen.
    pub(crate) unseen: Mask,
    /// When items were shown since the person last did anything with them, by row.
    pub(crate) ignored: BTreeMap<usize, Vec<i64>>,
}

/// What the person likes and dislikes, as one term sees it.
#[derive(Debug, PartialEq)]
pub(crate) struct View {
    pub(crate) taste: Taste,
    /// The likes whose items the catalog has, in the order of [`Taste::likes`].
    pub(crate) likes: Vec<Liked>,
    /// Which of [`Taste::likes`] each of them is.
    pub(super) evidence: Vec<usize>,
    /// The dislikes whose items the catalog has, in the order of [`Taste::dislikes`].
    pub(crate) dislikes: Vec<Liked>,
}

/// A session is over when nothing was liked for this long.
pub(crate) const SESSION_MS: i64 = 3_600_000;
/// Within a session a like counts this much for each later one. Fading always looks good where the last like of all is to be
/// guessed (+15 %) and bad on an honest split (−10 to −19 %): what was liked last says what somebody is doing now, not who
/// they are.
const SESSION_FADE: f64 = 0.95;
/// The same in the collaborative space, see `docs/crowd.md`.
const CROWD_FADE: f64 = 0.93;

/// Which column it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ColumnKey {
    /// Of the items alone: a term.
    Item(usize),
    /// A term on a day.
    Day(usize, i64),
    /// A term at a place (the bits of its coordinates).
    Place(usize, u64, u64),
    /// A term for the person as they are now.
    Person(usize),
    /// A term for the person, within a session or after it.
    Session(usize, bool),
    /// A term for the person at a minute.
    Minute(usize, i64),
    /// A term for the item of this row.
    Anchor(usize, usize),
    /// A centred query.
    Query(Vec<f32>),
}

pub(crate) struct Cache {
    /// None: the term says nothing.
    pub(crate) columns: Recent<ColumnKey, Option<Arc<AffinityColumn>>>,
    pub(crate) filters: Recent<Filter, Arc<Mask>>,
    pub(crate) interests: Vec<InterestField>,
    /// The same, faded as within a session.
    pub(crate) sessions: Vec<InterestField>,
    pub(crate) dislikes: Vec<DislikeField>,
    pub(crate) learning: LearningCache,
}

/// What an import did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// Events that were not in the log before.
    pub added: usize,
    /// Events that were there already.
    pub skipped: usize,
    /// Added events whose items this catalog does not have: they are kept, and say nothing for now.
    pub unknown_items: usize,
    /// Added events of types that are not in the table of effects: likewise.
    pub unknown_types: usize,
}

/// What an import would add, so that it can be made durable first.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportPlan {
    /// The events that are not in the log yet.
    pub events: Vec<Event>,
    /// What merging them will have done.
    pub report: ImportReport,
}

impl Recommender {
    /// A recommender without events.
    ///
    /// # Errors
    ///
    /// A catalog with a space named like a built-in term (`query`, `dislike`, `momentum`, `rotation`,
    /// `prior`), or with a scenario, a segment or a table of effects
    /// that does not fit it.
    pub fn new(catalog: Catalog, settings: Settings) -> Result<Self, RankError> {
        let Terms { terms, spaces, text_space } = Terms::of(&catalog)?;
        let presets = presets(&catalog, &terms)?;
        check_learning(catalog.learning())?;
        super::beginning::check_segments(&catalog)?;
        // Room for the columns of the items, of the person, and of a few queries or anchors.
        let columns = Recent::new(2 * terms.len() + 6);
        /// As many filters as someone goes back and forth between.
        const FILTERS: usize = 8;
        let interests = spaces.iter().map(|_| InterestField::default()).collect();
        let sessions = spaces.iter().map(|_| InterestField::default()).collect();
        let dislikes = spaces.iter().map(|_| DislikeField::default()).collect();
        let learning = LearningCache::default();
        let cache = Cache { columns, filters: Recent::new(FILTERS), interests, sessions, dislikes, learning };
        let Settings { effects, strategy, scorer, ids } = settings;
        let own = super::effects::table(&catalog, &terms)?;
        let effects = effects.unwrap_or(own);
        let variants = Variants::of(&catalog);
        let log = EventLog::new();
        let person = Person::of(&catalog, &terms, &effects, &log, 0);
        Ok(Self {
            catalog,
            terms,
            spaces,
            text_space,
            prior: None,
            variants,
            presets,
            effects,
            strategy,
            scorer,
            ids,
            log,
            today: None,
            person,
            cache,
        })
    }

    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The events.
    pub fn log(&self) -> &EventLog {
        &self.log
    }

    /// What the events come to, item by item.
    pub fn taste(&self) -> &Taste {
        &self.person.whole().taste
    }

    /// Takes this as the present, which decides how much is left of events whose effects fade. Calls that are handed the time
    /// do so by themselves.
    pub fn set_present(&mut self, now_ms: i64) {
        let today = Some(day(now_ms));
        if self.effects.fades() && self.today != today {
            self.today = today;
            self.derive();
        }
    }

    /// The table of effects.
    pub fn effects(&self) -> &Effects {
        &self.effects
    }

    /// The name of what multiplies vectors, for `status`.
    pub fn scorer_name(&self) -> &'static str {
        self.scorer.name()
    }

    /// The rows of each space that compares vectors, with its name: what products are needed of, for whoever makes them
    /// elsewhere.
    pub fn vector_sets(&self) -> Vec<(&str, Arc<VectorSet>)> {
        let set = |term: &Term| match &term.kind {
            TermKind::Vector(space) => Some(Arc::clone(self.spaces[*space].vectors())),
            TermKind::Collaborative(space) => Some(Arc::clone(space.vectors())),
            _ => None,
        };
        self.terms.iter().filter_map(|term| Some((&*term.name, set(term)?))).collect()
    }

    /// The name of the strategy.
    pub fn strategy_name(&self) -> &'static str {
        self.strategy.name()
    }

    /// Takes another strategy from now on.
    pub fn set_strategy(&mut self, strategy: Box<dyn Strategy>) {
        self.strategy = strategy;
        self.cache.forget_person();
    }

    /// Takes these values for what everybody likes from now on, 0 to 1 per row, and not those of the catalog's columns, which may
    /// know what is to be guessed. Without a prior in the catalog it does nothing.
    #[cfg(feature = "cli")]
    pub(crate) fn set_prior(&mut self, values: impl FnOnce(&Prior) -> Vec<f64>) {
        if let Some(prior) = self.catalog.prior() {
            self.prior = Some(values(prior));
            self.cache.columns.retain(|key| !matches!(key, ColumnKey::Item(_)));
        }
    }

    /// Takes another table of effects from now on; the events are seen anew.
    pub fn set_effects(&mut self, effects: Effects) {
        self.effects = effects;
        self.cache.learning = LearningCache::default();
        self.derive();
    }

    /// What `look` sees at a time when only these events had been; then everything is as before.
    pub(crate) fn rewound<T>(
        &mut self,
        events: &[Event],
        then_ms: i64,
        now_ms: i64,
        look: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let mut log = EventLog::new();
        log.merge(events.iter().cloned()).expect("events of this log are events");
        let (log, today) = (std::mem::replace(&mut self.log, log), self.today);
        self.today = Some(day(then_ms));
        self.derive();
        let seen = look(self);
        (self.log, self.today) = (log, today);
        self.derive();
        self.set_present(now_ms);
        seen
    }

    /// The default weights by name: all names that a call's `weights` may have.
    pub fn weights(&self) -> BTreeMap<&str, f64> {
        self.terms.iter().map(|term| (term.name.as_str(), term.weight)).collect()
    }

    /// Checks an event and completes it with id, time and catalog version, without recording it. For callers that make it
    /// durable first and [`merge`](Self::merge) it then.
    ///
    /// # Errors
    ///
    /// An unknown event type (the message lists the known ones) or item, a value or a time that cannot be.
    pub fn prepare(&mut self, event: NewEvent, now_ms: i64) -> Result<Event, ProfileError> {
        let catalog = &self.catalog;
        let knows = |item: &str| catalog.row(item).is_some();
        event.into_event(&self.effects, catalog.version(), knows, &mut *self.ids, now_ms)
    }

    /// Records an event: [`prepare`](Self::prepare) and [`merge`](Self::merge).
    ///
    /// # Errors
    ///
    /// As [`prepare`](Self::prepare).
    pub fn record(&mut self, event: NewEvent, now_ms: i64) -> Result<Event, ProfileError> {
        let event = self.prepare(event, now_ms)?;
        self.merge([event.clone()])?;
        Ok(event)
    }

    /// Adds events that are not in the log yet. They may speak of items that this catalog does not have and be of types
    /// that the table does not have: those are kept and say nothing.
    ///
    /// # Errors
    ///
    /// An event with an empty id, an impossible time or a value that is not finite; then nothing is added.
    pub fn merge(&mut self, events: impl IntoIterator<Item = Event>) -> Result<Merged, ProfileError> {
        let merged = self.log.merge(events)?;
        self.derive();
        Ok(merged)
    }

    /// Takes these events instead of those it has.
    ///
    /// # Errors
    ///
    /// As [`merge`](Self::merge); then the log stays as it was.
    pub fn set_events(&mut self, events: impl IntoIterator<Item = Event>) -> Result<(), ProfileError> {
        let mut log = EventLog::new();
        log.merge(events)?;
        self.log = log;
        self.derive();
        Ok(())
    }

    /// Removes one event and gives it back. The ranking is then exactly what it would be had it never been.
    ///
    /// # Errors
    ///
    /// No event has this id.
    pub fn undo(&mut self, id: &str) -> Result<Event, ProfileError> {
        let event = self.log.undo(id)?;
        self.derive();
        Ok(event)
    }

    /// Removes several events, all or none.
    ///
    /// # Errors
    ///
    /// No event has one of these ids; then nothing is removed.
    pub fn undo_all(&mut self, ids: &[String]) -> Result<(), ProfileError> {
        let mut log = self.log.clone();
        for id in ids {
            log.undo(id)?;
        }
        self.log = log;
        self.derive();
        Ok(())
    }

    /// Removes all events.
    pub fn erase(&mut self) {
        self.log.clear();
        self.derive();
    }

    /// The events as a document for the person to keep (see [`write_profile`]).
    ///
    /// # Errors
    ///
    /// `now_ms` is no time that a calendar has.
    pub fn export(&self, now_ms: i64) -> Result<String, ProfileError> {
        write_profile(self.log.events(), self.catalog.version(), now_ms)
    }

    /// What importing this document would add.
    ///
    /// # Errors
    ///
    /// Bytes that are no exported profile, a damaged one, or one from a newer version.
    pub fn plan_import(&self, document: &[u8]) -> Result<ImportPlan, ProfileError> {
        let events = read_profile(document)?;
        let total = events.len();
        let mut unique = EventLog::new();
        unique.merge(events)?;
        let events: Vec<Event> =
            unique.events().iter().filter(|event| self.log.get(&event.id).is_none()).cloned().collect();
        let report = ImportReport {
            added: events.len(),
            skipped: total - events.len(),
            unknown_items: events.iter().filter(|event| self.catalog.row(&event.item).is_none()).count(),
            unknown_types: events.iter().filter(|event| self.effects.get(&event.kind).is_none()).count(),
        };
        Ok(ImportPlan { events, report })
    }

    /// Merges an exported profile.
    ///
    /// # Errors
    ///
    /// As [`plan_import`](Self::plan_import); then nothing is changed.
    pub fn import(&mut self, document: &[u8]) -> Result<ImportReport, ProfileError> {
        let ImportPlan { events, report } = self.plan_import(document)?;
        self.merge(events)?;
        Ok(report)
    }

    /// Takes a log and what it comes to.
    pub(super) fn set_derived(&mut self, log: EventLog, person: Person) {
        self.cache.forget_person();
        self.log = log;
        self.person = person;
    }

    pub(super) fn derive(&mut self) {
        let today = self.today.unwrap_or_else(|| self.log.events().last().map_or(0, |event| day(event.time)));
        let person = Person::of(&self.catalog, &self.terms, &self.effects, &self.log, today);
        if person.whole != self.person.whole || person.narrowed != self.person.narrowed {
            self.cache.forget_columns_of_person();
        } else if person.ignored != self.person.ignored {
            self.cache.columns.retain(|key| !matches!(key, ColumnKey::Minute(..)));
        }
        self.person = person;
    }
}

impl Person {
    fn of(catalog: &Catalog, terms: &[Term], effects: &Effects, log: &EventLog, today: i64) -> Self {
        let view = |effects: &Effects| View::of(catalog, Taste::derive_on(log.events(), effects, today));
        let marks = log.events().iter().any(|event| effects.is_mark(&event.kind));
        let narrow = |(at, term): (usize, &Term)| {
            let narrowed = effects.narrowed_to(&term.name);
            // The factors were learned from marks above the middle of the scale, whoever gave them, and so are they added up.
            if marks && matches!(term.kind, TermKind::Collaborative(_)) {
                let taste = Taste::derive_as_marked(log.events(), narrowed.as_ref().unwrap_or(effects), today);
                return Some((at, View::of(catalog, taste)));
            }
            Some((at, view(&narrowed?)))
        };
        let personal = terms.iter().enumerate().filter(|(_, term)| term.kind.is_of_space());
        let narrowed = personal.filter_map(narrow).collect();
        let whole = view(effects);
        let mut unseen = Mask::all(catalog.len());
        for item in &whole.taste.seen {
            if let Some(row) = catalog.row(item) {
                unseen.set(row, false);
            }
        }
        let ignored = ignored(catalog, log.events());
        Self { whole, narrowed, unseen, ignored }
    }

    /// What all events come to.
    pub(crate) fn whole(&self) -> &View {
        &self.whole
    }

    /// What the events that touch this term come to.
    pub(crate) fn seen_by(&self, term: usize) -> &View {
        self.narrowed.get(&term).unwrap_or(&self.whole)
    }
}

impl View {
    fn of(catalog: &Catalog, taste: Taste) -> Self {
        let liked = |one: &Evidence| catalog.row(&one.item).map(|row| Liked { row, mass: one.mass });
        let known = taste.likes.iter().enumerate().filter_map(|(at, one)| Some((liked(one)?, at)));
        let (likes, evidence) = known.unzip();
        let dislikes = taste.dislikes.iter().filter_map(liked).collect();
        Self { likes, evidence, dislikes, taste }
    }

    /// What speaks for the item of this place in `likes`.
    pub(crate) fn evidence(&self, like: usize) -> &Evidence {
        &self.taste.likes[self.evidence[like]]
    }

    /// How much of a like is left for each later one: all of it, unless the person liked something within the last hour.
    pub(crate) fn session_fade(&self, now_ms: i64) -> f64 {
        if self.is_in_session(now_ms) { SESSION_FADE } else { 1.0 }
    }

    /// The same for the collaborative space.
    pub(crate) fn crowd_fade(&self, now_ms: i64) -> f64 {
        if self.is_in_session(now_ms) { CROWD_FADE } else { 1.0 }
    }

    fn is_in_session(&self, now_ms: i64) -> bool {
        self.taste.likes.last().is_some_and(|last| now_ms.saturating_sub(last.time) < SESSION_MS)
    }
}

impl Cache {
    /// The fields stay: they check for themselves what they can go on from.
    fn forget_columns_of_person(&mut self) {
        self.interests.iter_mut().chain(&mut self.sessions).for_each(InterestField::expire);
        self.columns
            .retain(|key| !matches!(key, ColumnKey::Person(_) | ColumnKey::Session(..) | ColumnKey::Minute(..)));
    }

    fn forget_person(&mut self) {
        self.learning = LearningCache::default();
        self.forget_columns_of_person();
        self.interests.iter_mut().chain(&mut self.sessions).for_each(InterestField::clear);
        self.dislikes.iter_mut().for_each(DislikeField::clear);
    }
}

impl fmt::Debug for Recommender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recommender")
            .field("catalog", &self.catalog)
            .field("events", &self.log.len())
            .field("strategy", &self.strategy.name())
            .field("scorer", &self.scorer.name())
            .finish_non_exhaustive()
    }
}
