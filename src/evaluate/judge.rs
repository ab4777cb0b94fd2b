//! Everybody's lists, from every system.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::content::{Content, normalize};
use super::crowd::{Crowd, EASE_MOST_ITEMS};
use super::data::{Deed, Interactions};
use super::error::EvaluateError;
use super::learn::{factors_of, figures_of};
use super::metrics::{Quality, intra_list_diversity, miscalibration, novelty, popularity_bias};
use super::report::{Judged, Outcome, Report, report};
use super::setting::Setting;
use super::split::{Case, Protocol, Split, hash};
use crate::catalog::{Catalog, Categories, ColumnType, Prior, Space};
use crate::collaborative::LearnOptions;
use crate::rank::{Recommender, Settings, chosen_values, prior_values};
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
    /// How many events were known, in the protocol that asks several times.
    pub known: Option<usize>,
    /// All ranked items, best first.
    pub ranked: Vec<String>,
}

/// What came out.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The figures.
    pub report: Report,
    /// The lists of the first setting, in the order of the people and of time.
    pub scores: Vec<Scores>,
}

/// The metrics look at so many places, besides the reciprocal rank, which looks at all.
pub(crate) const PLACES: [usize; 2] = [10, 20];

/// A system that ranks.
enum System {
    Ours(usize),
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

/// How far a tutorial's moving average goes toward each new item.
const RAW_ALPHA: f32 = 0.3;
/// So many of the liked items that are most like an item speak for it.
const NEIGHBOURS: usize = 20;

/// Everything that all threads look at.
struct World<'a> {
    catalog: &'a Catalog,
    data: &'a Interactions,
    split: &'a Split,
    crowds: Vec<Crowd>,
    /// The catalog of each fold, with what can be learned from its crowd.
    catalogs: Vec<Catalog>,
    content: Option<Content>,
    categories: Option<&'a Categories>,
    request: &'a Request,
    systems: Vec<System>,
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
    let split = Split::of(request.protocol, data, catalog.len(), request.seed);
    if split.cases.is_empty() {
        let people = data.people.len();
        return Err(EvaluateError::nothing(format!(
            "{}: expected people with both something known and something to be guessed, found none among {people}; a person \
             is judged with at least one event and, later, one good item",
            request.protocol.name()
        )));
    }
    let content = Content::of(catalog);
    let crowds: Vec<Crowd> = split.folds.iter().map(|fold| Crowd::of(fold, catalog.len())).collect();
    let catalogs = crowds.iter().map(|crowd| with_factors(catalog, crowd, content.as_ref(), request)).collect();
    let world = World {
        catalog,
        data,
        split: &split,
        crowds,
        catalogs,
        categories: catalog
            .columns()
            .iter()
            .find(|column| column.column_type() == ColumnType::Tags)
            .and_then(|column| column.categories()),
        systems: systems(request, content.is_some(), catalog.len()),
        content,
        request,
    };
    let next = AtomicUsize::new(0);
    /// Place, outcomes by system, and the first system's whole list.
    type Made = (usize, Vec<Outcome>, Vec<usize>);
    let results: Mutex<Vec<Made>> = Mutex::default();
    let failure: Mutex<Option<EvaluateError>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..request.jobs.max(1) {
            scope.spawn(|| {
                let work = || -> Result<(), EvaluateError> {
                    let mut judge = Judge::new(&world);
                    loop {
                        // In pieces, so that a thread stays in one fold for a while.
                        const PIECE: usize = 16;
                        let begin = next.fetch_add(PIECE, Ordering::Relaxed);
                        let end = (begin + PIECE).min(split.cases.len());
                        if begin >= end {
                            return Ok(());
                        }
                        for at in begin..end {
                            let (outcomes, ranked) = judge.judge(&split.cases[at])?;
                            let mut results = results.lock().expect("no thread panics with the results");
                            results.push((at, outcomes, ranked));
                            progress(results.len(), split.cases.len());
                        }
                    }
                };
                if let Err(error) = work() {
                    next.store(split.cases.len(), Ordering::Relaxed);
                    failure.lock().expect("no thread panics with the failure").get_or_insert(error);
                }
            });
        }
    });
    if let Some(error) = failure.into_inner().expect("no thread panicked") {
        return Err(error);
    }
    let mut results = results.into_inner().expect("no thread panicked");
    results.sort_by_key(|(at, _, _)| *at);
    let mut scores = Vec::with_capacity(results.len());
    let mut judged = Vec::with_capacity(results.len());
    for (at, outcomes, ranked) in results {
        let case = &split.cases[at];
        let ranked = ranked.into_iter().map(|row| catalog.id(row).to_owned()).collect();
        scores.push(Scores { user: data.people[case.person].user.clone(), known: case.group, ranked });
        judged.push(Judged { group: case.group, outcomes });
    }
    let names: Vec<String> = world.systems.iter().map(|system| system.name(&request.settings)).collect();
    let report = report(request, data.report, &names, request.settings.len(), &judged, catalog.len());
    Ok(Evaluation { report, scores })
}

/// A catalog's factors may know what is to be guessed: each fold learns its own, from its crowd alone.
fn with_factors(catalog: &Catalog, crowd: &Crowd, content: Option<&Content>, request: &Request) -> Catalog {
    let bare = catalog.without_crowd();
    let bare = if request.learn.is_some() { bare.with_chosen_prior() } else { bare };
    match request.learn.and_then(|options| factors_of(crowd, content, &options)) {
        Some(factors) => bare.with_space(Space::from(&factors)),
        None => bare,
    }
}

fn systems(request: &Request, has_content: bool, items: usize) -> Vec<System> {
    let mut systems: Vec<System> = (0..request.settings.len()).map(System::Ours).collect();
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
struct Judge<'a> {
    world: &'a World<'a>,
    /// One per setting.
    recommenders: Vec<Recommender>,
    fold: Option<usize>,
}

impl<'a> Judge<'a> {
    fn new(world: &'a World<'a>) -> Self {
        Self { world, recommenders: Vec::new(), fold: None }
    }

    /// Takes the catalog and the figures of a fold.
    fn enter(&mut self, fold: usize) -> Result<(), EvaluateError> {
        let world = self.world;
        let crowd = &world.crowds[fold];
        let recommender = |setting: &Setting| {
            let settings = Settings { strategy: setting.strategy(), ..Settings::default() };
            let mut recommender = Recommender::new(world.catalogs[fold].clone(), settings)
                .map_err(|error| EvaluateError::setting(format!("setting {}: {error}", setting.name())))?;
            recommender.set_prior(|prior| match prior {
                Prior::Rated { smoothing, .. } => prior_values(&crowd.liking, &crowd.said, *smoothing),
                Prior::Chosen { .. } => {
                    let figures = world.request.learn.and_then(|options| figures_of(crowd, &options));
                    let figures = figures.map(|figures| {
                        let counts =
                            figures.popularity.iter().map(|count| count.map_or(f64::NAN, |n| n as f64)).collect();
                        (counts, figures.trend.iter().map(|trend| trend.unwrap_or(f64::NAN)).collect())
                    });
                    let (counts, trend): (Vec<f64>, Vec<f64>) = figures.unwrap_or_default();
                    chosen_values(&counts, &trend, world.catalog.len())
                }
            });
            Ok(recommender)
        };
        self.recommenders = world.request.settings.iter().map(recommender).collect::<Result<_, _>>()?;
        self.fold = Some(fold);
        Ok(())
    }

    /// What each system makes of a case, and the whole list of the first setting.
    fn judge(&mut self, case: &Case) -> Result<(Vec<Outcome>, Vec<usize>), EvaluateError> {
        let world = self.world;
        if self.fold != Some(case.fold) {
            self.enter(case.fold)?;
        }
        let mut candidates = match &world.split.folds[case.fold].only {
            Some(only) => Mask::clone(only),
            None => Mask::all(world.catalog.len()),
        };
        case.known.iter().for_each(|deed| candidates.set(deed.row(), false));
        let mut first = Vec::new();
        let mut outcomes = Vec::with_capacity(world.systems.len());
        for system in &world.systems {
            let list = match system {
                System::Ours(at) => self.ours(*at, case, &candidates)?,
                other => ordered(&self.scores(other, case), &candidates),
            };
            outcomes.push(self.outcome(&list, case));
            if first.is_empty() {
                first = list;
            }
        }
        Ok((outcomes, first))
    }

    fn ours(&mut self, setting: usize, case: &Case, candidates: &Mask) -> Result<Vec<usize>, EvaluateError> {
        let world = self.world;
        let setting_options = &world.request.settings[setting];
        let recommender = &mut self.recommenders[setting];
        let refused = |error: &dyn std::fmt::Display| {
            EvaluateError::setting(format!("setting {}: {error}", setting_options.name()))
        };
        let events = case.known.iter().enumerate().map(|(at, deed)| world.data.event(deed, world.catalog, at));
        recommender.set_events(events).map_err(|error| refused(&error))?;
        recommender.order(&setting_options.options, case.time, candidates).map_err(|error| refused(&error))
    }

    fn scores(&self, system: &System, case: &Case) -> Vec<f64> {
        let crowd = &self.world.crowds[case.fold];
        let rows = self.world.catalog.len();
        let liked = liked(&case.known);
        match system {
            System::Ours(_) => unreachable!("ours rank by themselves"),
            System::Random => {
                let seed = hash(self.world.request.seed, &[case.person as u64, case.time as u64]);
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
            System::Ease => crowd.ease(&liked),
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

/// The rows that the person likes at the end of what is known, each once, in the order in which they were last spoken for.
fn liked(known: &[Deed]) -> Vec<usize> {
    let mut liked: Vec<usize> = Vec::new();
    for deed in known {
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
