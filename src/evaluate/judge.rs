//! Everybody's lists, from every system.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::about::About;
use super::content::{Content, normalize};
use super::crowd::{Crowd, EASE_MOST_ITEMS, choices};
use super::data::{Deed, Interactions};
use super::error::EvaluateError;
use super::learn::learned_of;
use super::lists::with_lists;
use super::metrics::{Quality, intra_list_diversity, miscalibration, novelty, popularity_bias};
use super::report::{Judged, JudgedPeople, Outcome, Report, report};
use super::setting::Setting;
use super::split::{Case, Part, Protocol, Split, hash};
use crate::catalog::{Catalog, Categories, ColumnType, Prior, Space};
use crate::collaborative::{Figures, LearnOptions, NoiseSource};
use crate::profile::Event;
use crate::rank::{Features, Recommender, Settings, chosen_values, prior_values};
use crate::ranker::Ranker;
use crate::vector::Mask;

/// What is to be evaluated, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// What is known and what is to be guessed.
    pub protocol: Protocol,
    /// The settings of the ranking to be judged; the first one is the one whose lists can be handed out.
    pub settings: Vec<Setting>,
    /// Whether the baselines are judged too.
    pub baselines: bool,
    /// Whether, and how, each fold learns a collaborative space from its crowd, as `homebody build --interactions` would.
    pub learn: Option<LearnOptions>,
    /// A model that puts the best of the first setting's list into an order of its own; it is judged beside the settings.
    pub ranker: Option<Arc<Ranker>>,
    /// Let each of a person's latest choices look as if made from a list of so many places (see `lists`), for settings that learn from them.
    pub list_places: Option<usize>,
    /// The only cases that are judged; all of them without it.
    pub part: Option<Part>,
    /// Of those who can be judged at most so many people are, a sample that the seed decides. The crowd is everybody's all the same.
    pub most_people: usize,
    /// Whether the lists of the first setting are kept, four bytes for each item of each list.
    pub keep_lists: bool,
    /// What random choices begin with.
    pub seed: u64,
    /// How many threads work.
    pub jobs: usize,
}

/// One list of the first setting: for judges of one's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Whose list it is.
    pub user: String,
    /// How many events were known, in the protocol that tells those apart.
    pub known: Option<usize>,
    /// When the list was asked for, in milliseconds since 1970.
    pub time: i64,
    /// The rows of all ranked items, best first.
    pub ranked: Vec<u32>,
}

/// What came out.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The figures.
    pub report: Report,
    /// The lists of the first setting, in the order of the people and of time; none unless they were to be kept.
    pub scores: Vec<Scores>,
}

/// The metrics look at so many places, besides the reciprocal rank, which looks at all.
pub(crate) const PLACES: [usize; 2] = [10, 20];

/// A system that ranks.
enum System {
    Ours(usize),
    /// The first setting's list, its top put in order by the ranker.
    Reranked,
    Random,
    Popularity,
    RecentPopularity,
    /// Cosine to the mean of the liked items' vectors, as they are.
    MeanOfHistory,
    /// Cosine to a moving average of the liked items' vectors, as they are: what tutorials teach.
    RawEma,
    /// Sum over the nearest liked items, by centred content.
    ItemKnn,
    Ease,
}

impl System {
    fn name(&self, settings: &[Setting]) -> String {
        match self {
            Self::Ours(at) => settings[*at].name().to_owned(),
            Self::Reranked => format!("{} and ranker", settings[0].name()),
            Self::Random => "random".to_owned(),
            Self::Popularity => "popularity".to_owned(),
            Self::RecentPopularity => "recent popularity".to_owned(),
            Self::MeanOfHistory => "mean of history".to_owned(),
            Self::RawEma => "raw EMA".to_owned(),
            Self::ItemKnn => "item-kNN on content".to_owned(),
            Self::Ease => "EASE trained on everybody".to_owned(),
        }
    }
}

/// What the seed of noise differs by from that of the lists.
const NOISE: u64 = 0x6e_6f69_7365;
/// How far a tutorial's moving average goes toward each new item.
const RAW_ALPHA: f32 = 0.3;
/// So many of the liked items that are most like an item speak for it.
const NEIGHBOURS: usize = 20;

/// Everything that all threads look at.
pub(super) struct World<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) data: &'a Interactions,
    pub(super) split: Split,
    crowds: Vec<Crowd>,
    /// The catalog of each fold, with what can be learned from its crowd.
    catalogs: Vec<Catalog>,
    /// What each fold's crowd says of the items one by one, where that is learned.
    figures: Vec<Option<Figures>>,
    content: Option<Content>,
    categories: Option<&'a Categories>,
    /// How many places the lists have that people are made to have chosen from, if they are.
    pub(super) list_places: Option<usize>,
    seed: u64,
}

impl<'a> World<'a> {
    /// Divides what people did, and lets each fold learn what its crowd may know.
    ///
    /// # Errors
    ///
    /// Nobody has both something known and something to be guessed.
    pub(super) fn new(
        catalog: &'a Catalog,
        data: &'a Interactions,
        protocol: Protocol,
        learn: Option<LearnOptions>,
        most_people: usize,
        seed: u64,
    ) -> Result<Self, EvaluateError> {
        let split = Split::of(protocol, data, catalog.len(), seed, most_people);
        if split.cases.is_empty() {
            let people = data.people.len();
            return Err(EvaluateError::nothing(format!(
                "{}: expected people with both something known and something to be guessed, found none among {people}; a \
                 person is judged with at least one event and, later, one good item",
                protocol.name()
            )));
        }
        let content = Content::of(catalog);
        let most_likes = learn.unwrap_or_default().most_likes;
        let crowd = |fold| Crowd::of(fold, &data.people, catalog.len(), most_likes);
        let crowds: Vec<Crowd> = split.folds.iter().map(crowd).collect();
        let about = learn.and_then(|_| About::of(catalog, content.as_ref()));
        let (mut catalogs, mut figures) = (Vec::new(), Vec::new());
        for (fold, crowd) in crowds.iter().enumerate() {
            // Each split has noise of its own, and the same in each run.
            let seeded = NoiseSource::Seeded(hash(seed ^ NOISE, &[fold as u64]));
            let learn = learn.map(|options| LearnOptions {
                privacy: options.privacy.map(|privacy| privacy.with_source(seeded)),
                ..options
            });
            let likes = || choices(&split.folds[fold], &data.people);
            let (catalog, own) = with_learned(catalog, crowd, &likes, about.as_ref(), learn)?;
            catalogs.push(catalog);
            figures.push(own);
        }
        let categories = catalog
            .columns()
            .iter()
            .find(|column| column.column_type() == ColumnType::Tags)
            .and_then(|column| column.categories());
        let list_places = None;
        Ok(Self { catalog, data, split, crowds, catalogs, figures, content, categories, list_places, seed })
    }

    /// The cases that a request is about, by index.
    pub(super) fn cases(&self, request: &Request) -> Vec<usize> {
        match request.part {
            None => (0..self.split.cases.len()).collect(),
            Some(part) => self.split.part(request.protocol, part, request.seed),
        }
    }

    /// The catalog of each fold.
    pub(super) fn catalogs(&self) -> &[Catalog] {
        &self.catalogs
    }

    /// Lets all threads work on these cases (by index), and returns what came of each, in their order. `progress` is called with
    /// the number of cases done and that of all.
    ///
    /// # Errors
    ///
    /// The first that the work returns.
    pub(super) fn each<T: Send>(
        &self,
        cases: &[usize],
        settings: &[Setting],
        jobs: usize,
        progress: &(dyn Fn(usize, usize) + Sync),
        work: impl Fn(&mut Judge<'_>, &Case) -> Result<T, EvaluateError> + Sync,
    ) -> Result<Vec<T>, EvaluateError> {
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<(usize, T)>> = Mutex::default();
        let failure: Mutex<Option<EvaluateError>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..jobs.max(1) {
                scope.spawn(|| {
                    let thread = || -> Result<(), EvaluateError> {
                        let mut judge = Judge::new(self, settings);
                        loop {
                            // In pieces, so that a thread stays in one fold for a while.
                            const PIECE: usize = 16;
                            let begin = next.fetch_add(PIECE, Ordering::Relaxed);
                            let end = (begin + PIECE).min(cases.len());
                            if begin >= end {
                                return Ok(());
                            }
                            for (at, case) in cases.iter().enumerate().take(end).skip(begin) {
                                let made = work(&mut judge, &self.split.cases[*case])?;
                                let mut results = results.lock().expect("no thread panics with the results");
                                results.push((at, made));
                                progress(results.len(), cases.len());
                            }
                        }
                    };
                    if let Err(error) = thread() {
                        next.store(cases.len(), Ordering::Relaxed);
                        failure.lock().expect("no thread panics with the failure").get_or_insert(error);
                    }
                });
            }
        });
        if let Some(error) = failure.into_inner().expect("no thread panicked") {
            return Err(error);
        }
        let mut results = results.into_inner().expect("no thread panicked");
        results.sort_by_key(|(at, _)| *at);
        Ok(results.into_iter().map(|(_, made)| made).collect())
    }
}

/// Judges the settings of a request, and the baselines, on everybody who can be judged.
///
/// `progress` is called from several threads with the number of lists made and that of all to be made.
///
/// # Errors
///
/// Nobody has both something known and something to be guessed; a setting that the catalog refuses.
pub fn evaluate(
    catalog: &Catalog,
    data: &Interactions,
    request: &Request,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Evaluation, EvaluateError> {
    let world = World::new(catalog, data, request.protocol, request.learn, request.most_people, request.seed)?;
    let world = World { list_places: request.list_places, ..world };
    let systems = systems(request, world.content.is_some(), catalog.len());
    let cases = world.cases(request);
    if cases.is_empty() {
        let message = format!(
            "{}: expected lists in this part of the people or of the time, found none",
            request.protocol.name()
        );
        return Err(EvaluateError::nothing(message));
    }
    let results = world.each(&cases, &request.settings, request.jobs, progress, |judge, case| {
        let (outcomes, ranked) = judge.judge(&systems, case, request.ranker.as_deref())?;
        let kept = |row: usize| u32::try_from(row).expect("rows are numbered with 32 bits");
        let ranked: Vec<u32> = if request.keep_lists { ranked.into_iter().map(kept).collect() } else { Vec::new() };
        Ok((case.person, case.group, case.time, outcomes, ranked))
    })?;
    let mut scores = Vec::new();
    let mut judged = Vec::with_capacity(results.len());
    for (person, group, time, outcomes, ranked) in results {
        if request.keep_lists {
            scores.push(Scores { user: data.people[person].user.clone(), known: group, time, ranked });
        }
        judged.push(Judged { person, group, outcomes });
    }
    let names: Vec<String> = systems.iter().map(|system| system.name(&request.settings)).collect();
    let ours = systems.iter().filter(|system| matches!(system, System::Ours(_) | System::Reranked)).count();
    let people = JudgedPeople { judged: world.split.judged, able: world.split.able };
    let listable = world.split.listable(catalog.len());
    let report = report(request, data.report, people, &names, ours, &judged, listable);
    Ok(Evaluation { report, scores })
}

/// A catalog's factors may know what is to be guessed: each fold learns its own, from its crowd alone. The catalog with them, and
/// the figures, which its columns do not have.
fn with_learned(
    catalog: &Catalog,
    crowd: &Crowd,
    likes: &dyn Fn() -> Vec<Vec<u32>>,
    about: Option<&About>,
    learn: Option<LearnOptions>,
) -> Result<(Catalog, Option<Figures>), EvaluateError> {
    let bare = catalog.without_crowd();
    let Some(options) = learn else { return Ok((bare, None)) };
    let learned = learned_of(crowd, &likes(), about, &options).map_err(|error| EvaluateError::privacy(&error))?;
    let bare = bare.with_chosen_prior();
    let catalog = match &learned.factors {
        Some(factors) => bare.with_space(Space::from(factors)),
        None => bare,
    };
    Ok((catalog, learned.figures))
}

fn systems(request: &Request, has_content: bool, items: usize) -> Vec<System> {
    let mut systems: Vec<System> = (0..request.settings.len()).map(System::Ours).collect();
    systems.extend(request.ranker.is_some().then_some(System::Reranked));
    if request.baselines {
        systems.extend([System::Random, System::Popularity, System::RecentPopularity]);
        if has_content {
            systems.extend([System::MeanOfHistory, System::RawEma, System::ItemKnn]);
        }
        if items <= EASE_MOST_ITEMS {
            systems.push(System::Ease);
        }
    }
    systems
}

/// One thread's view.
pub(super) struct Judge<'a> {
    world: &'a World<'a>,
    settings: &'a [Setting],
    /// One per setting.
    recommenders: Vec<Recommender>,
    fold: Option<usize>,
}

impl<'a> Judge<'a> {
    fn new(world: &'a World<'a>, settings: &'a [Setting]) -> Self {
        Self { world, settings, recommenders: Vec::new(), fold: None }
    }

    /// Takes the catalog and the figures of a fold.
    fn enter(&mut self, fold: usize) -> Result<(), EvaluateError> {
        let world = self.world;
        let crowd = &world.crowds[fold];
        let recommender = |setting: &Setting| {
            let refused = |error| EvaluateError::setting(format!("setting {}: {error}", setting.name()));
            let catalog = &world.catalogs[fold];
            let effects = Some(setting.effects(catalog).map_err(refused)?);
            let settings = Settings { effects, strategy: setting.strategy(), ..Settings::default() };
            let mut recommender = Recommender::new(catalog.clone(), settings).map_err(refused)?;
            recommender.set_prior(|prior| match prior {
                Prior::Rated { smoothing, .. } => prior_values(&crowd.liking, &crowd.said, *smoothing),
                Prior::Chosen { .. } => {
                    let [counts, trend, expected] = world.figures[fold].as_ref().map(prior_figures).unwrap_or_default();
                    chosen_values(&counts, &trend, &expected, world.catalog.len())
                }
            });
            Ok(recommender)
        };
        self.recommenders = self.settings.iter().map(recommender).collect::<Result<_, _>>()?;
        self.fold = Some(fold);
        Ok(())
    }

    /// What each system makes of a case, and the whole list of the first setting.
    fn judge(
        &mut self,
        systems: &[System],
        case: &Case,
        ranker: Option<&Ranker>,
    ) -> Result<(Vec<Outcome>, Vec<usize>), EvaluateError> {
        let candidates = self.candidates(case);
        let mut first = Vec::new();
        let mut outcomes = Vec::with_capacity(systems.len());
        for system in systems {
            let list = match system {
                System::Ours(at) => self.ours(*at, case, &candidates)?,
                System::Reranked => self.reranked(case, &candidates, ranker.expect("only with a ranker"))?,
                other => ordered(&self.scores(other, case), &candidates),
            };
            outcomes.push(self.outcome(&list, case));
            if first.is_empty() {
                first = list;
            }
        }
        Ok((outcomes, first))
    }

    /// What is ranked: all but what counts as seen, as in a page.
    pub(super) fn candidates(&self, case: &Case) -> Mask {
        let mut candidates = match &self.world.split.folds[case.fold].only {
            Some(only) => Mask::clone(only),
            None => Mask::all(self.world.catalog.len()),
        };
        case.known.iter().filter(|deed| deed.holds_back()).for_each(|deed| candidates.set(deed.row(), false));
        candidates
    }

    /// The list of a setting.
    pub(super) fn ours(&mut self, setting: usize, case: &Case, candidates: &Mask) -> Result<Vec<usize>, EvaluateError> {
        self.list(setting, case, candidates, None)
    }

    fn list(
        &mut self,
        setting: usize,
        case: &Case,
        candidates: &Mask,
        reranked: Option<&HashMap<usize, f64>>,
    ) -> Result<Vec<usize>, EvaluateError> {
        let Setting { options, .. } = &self.settings[setting];
        let list = self.person(setting, case)?.order(options, case.time, candidates, reranked);
        list.map_err(|error| self.refused(setting, &error))
    }

    fn refused(&self, setting: usize, error: &dyn std::fmt::Display) -> EvaluateError {
        EvaluateError::setting(format!("setting {}: {error}", self.settings[setting].name()))
    }

    /// The first setting's list with its top in the ranker's order.
    fn reranked(&mut self, case: &Case, candidates: &Mask, ranker: &Ranker) -> Result<Vec<usize>, EvaluateError> {
        let features = self.shortlist(case, candidates)?;
        let scores = ranker.scores(&features).map_err(|error| EvaluateError::setting(error.to_string()))?;
        let catalog = self.world.catalog;
        let by_row =
            features.ids.iter().zip(scores).filter_map(|(id, score)| Some((catalog.row(id)?, score))).collect();
        self.list(0, case, candidates, Some(&by_row))
    }

    /// The features of the top of the first setting's list.
    pub(super) fn shortlist(&mut self, case: &Case, candidates: &Mask) -> Result<Features, EvaluateError> {
        let Setting { options, .. } = &self.settings[0];
        let features = self.person(0, case)?.shortlist_of(candidates, options, case.time);
        features.map_err(|error| self.refused(0, &error))
    }

    /// The recommender of a setting, for the person of a case with what is known of them.
    pub(super) fn person(&mut self, setting: usize, case: &Case) -> Result<&mut Recommender, EvaluateError> {
        if self.fold != Some(case.fold) {
            self.enter(case.fold)?;
        }
        let world = self.world;
        let recommender = &mut self.recommenders[setting];
        let refused = |error: &dyn std::fmt::Display| {
            EvaluateError::setting(format!("setting {}: {error}", self.settings[setting].name()))
        };
        let events: Vec<Event> = match world.list_places {
            None => case.known.iter().enumerate().map(|(at, deed)| world.data.event(deed, world.catalog, at)).collect(),
            Some(places) => with_lists(recommender, world.catalog, world.data, &case.known, places)
                .map_err(|error| refused(&error))?,
        };
        recommender.set_events(events).map_err(|error| refused(&error))?;
        Ok(recommender)
    }

    fn scores(&self, system: &System, case: &Case) -> Vec<f64> {
        let crowd = &self.world.crowds[case.fold];
        let rows = self.world.catalog.len();
        let liked = liked(&case.known);
        match system {
            System::Ours(_) | System::Reranked => unreachable!("ours rank by themselves"),
            System::Random => {
                let seed = hash(self.world.seed, &[case.person as u64, case.time as u64]);
                (0..rows).map(|row| (hash(seed, &[row as u64]) >> 11) as f64).collect()
            }
            System::Popularity => crowd.counts.clone(),
            System::RecentPopularity => crowd.recent.clone(),
            System::MeanOfHistory | System::RawEma => {
                let content = self.world.content.as_ref().expect("only with content");
                let step = if matches!(system, System::RawEma) { Some(RAW_ALPHA) } else { None };
                average(content, &liked, step).map_or_else(|| vec![0.0; rows], |query| content.cosines(&query))
            }
            System::ItemKnn => {
                let content = self.world.content.as_ref().expect("only with content");
                let near: Vec<&[f32]> = liked.iter().map(|row| content.near(*row)).collect();
                let score = |row: usize| {
                    let mut cosines: Vec<f32> = near.iter().map(|near| near[row].max(0.0)).collect();
                    cosines.sort_unstable_by(|a, b| b.total_cmp(a));
                    cosines.iter().take(NEIGHBOURS).map(|cosine| f64::from(*cosine)).sum()
                };
                (0..rows).map(score).collect()
            }
            System::Ease => crowd.ease(&liked, || choices(&self.world.split.folds[case.fold], &self.world.data.people)),
        }
    }

    fn outcome(&self, list: &[usize], case: &Case) -> Outcome {
        let crowd = &self.world.crowds[case.fold];
        let top = &list[..PLACES[0].min(list.len())];
        let categories = |rows: &mut dyn Iterator<Item = usize>| {
            let mut masses = std::collections::BTreeMap::new();
            if let Some(categories) = self.world.categories {
                for row in rows {
                    let codes = categories.codes(row);
                    codes.iter().for_each(|code| *masses.entry(*code).or_insert(0.0) += 1.0 / codes.len() as f64);
                }
            }
            masses
        };
        let own = categories(&mut liked(&case.known).into_iter());
        let shown = categories(&mut top.iter().copied());
        let content = self.world.content.as_ref();
        Outcome {
            quality: PLACES.map(|k| Quality::of(list, &case.good, k)),
            diversity: content.and_then(|content| intra_list_diversity(top, |a, b| content.likeness(a, b))),
            novelty: novelty(top, &crowd.counts, crowd.people),
            popularity_bias: popularity_bias(top, &crowd.counts, crowd.people),
            miscalibration: miscalibration(&own, &shown),
            top: top.to_vec(),
        }
    }
}

/// The numbers of the columns that a prior of figures is of, NaN where there is none: counts with noise have no trend, and are in its place.
fn prior_figures(figures: &Figures) -> [Vec<f64>; 3] {
    let numbers =
        |column: &Vec<Option<f64>>| column.iter().map(|value| value.unwrap_or(f64::NAN)).collect::<Vec<f64>>();
    let counts: Vec<f64> = figures.popularity.iter().map(|count| count.map_or(f64::NAN, |n| n as f64)).collect();
    let trend = figures.trend.as_ref().map_or_else(|| counts.clone(), numbers);
    [counts, trend, figures.expected.as_ref().map(numbers).unwrap_or_default()]
}

/// The rows that the person likes at the end of what is known, each once, in the order in which they were last spoken for.
fn liked(known: &[Deed]) -> Vec<usize> {
    let mut liked: Vec<usize> = Vec::new();
    for deed in known.iter().filter(|deed| deed.speaks()) {
        liked.retain(|row| *row != deed.row());
        if deed.good() {
            liked.push(deed.row());
        }
    }
    liked
}

/// The mean of the vectors, or with `alpha` their moving average; nothing without a vector.
fn average(content: &Content, rows: &[usize], alpha: Option<f32>) -> Option<Vec<f32>> {
    let mut average: Option<Vec<f32>> = None;
    for vector in rows.iter().map(|row| content.raw(*row)).filter(|vector| vector.iter().any(|x| *x != 0.0)) {
        match (&mut average, alpha) {
            (None, _) => average = Some(vector.to_vec()),
            (Some(average), None) => average.iter_mut().zip(vector).for_each(|(sum, x)| *sum += x),
            (Some(average), Some(alpha)) => {
                average.iter_mut().zip(vector).for_each(|(v, x)| *v = (1.0 - alpha) * *v + alpha * x);
                normalize(average);
            }
        }
    }
    if let Some(average) = &mut average {
        normalize(average);
    }
    average
}

/// The rows of the mask by score, of equal scores the lesser row (and so the lesser id) first.
fn ordered(scores: &[f64], mask: &Mask) -> Vec<usize> {
    let mut rows: Vec<usize> = mask.rows().collect();
    rows.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_again_is_still_liked() {
        let shown = |row: usize| Deed::passing(row, 2, 0.0);
        let known = [Deed::of(1, 0, 1.0), Deed::passing(2, 1, 0.2), shown(1), shown(2), shown(3)];
        assert_eq!(liked(&known), [1, 2]);
        // A mark in the middle says that it is liked no more.
        assert!(liked(&[Deed::of(1, 0, 1.0), Deed::of(1, 1, 0.0)]).is_empty());
    }
}
