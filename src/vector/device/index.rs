//! An index on whichever device answers rightly and soonest.
//!
//! The CPU always can; a GPU is used once it has answered a known question on the real vectors ([`DeviceIndex::choose`]) and,
//! unless it was asked for by name, has been measured to be faster. Whatever goes wrong with it later, in the middle of a
//! search too, is answered by the CPU and told in the notes. Answers are the same on every device, to the bit.

use std::cell::RefCell;

use super::super::error::VectorError;
use super::super::gpu::{Gpu, GpuOptions, GpuVectors, MAX_CANDIDATES, PendingBest, Rounding, certify, slack};
use super::super::index::{Index, Neighbor, Prepared};
use super::super::kernel::MAX_QUERIES;
use super::super::mask::Mask;
use super::super::metric::Metric;
use super::super::scorer::{Query, check_mask};
use super::{Adapter, Device, DeviceChoice, DeviceStatus, Measured, TIMED, Tried, known_answer, median};

/// An [`Index`] and the device that searches it. All methods take `&self`, so that changes can come while an answer is on its
/// way: one that was computed from vectors that are no longer there is computed anew.
///
/// ```
/// # use homebody::{DeviceIndex, Index, Metric, Precision};
/// # use std::task::{Context, Poll, Waker};
/// let index = DeviceIndex::new(Index::new(2, Precision::Int8, Metric::Cosine)?);
/// index.change(|index| index.add(&["east", "north"], &[2.0, 0.0,  0.0, 0.5]))?;
/// let search = index.begin(&[&[0.6, 0.8]], 1, None)?;
/// let mut answer = std::pin::pin!(index.end(search, |hits| hits[0][0].id.to_owned()));
/// // On the CPU there is nothing to wait for.
/// let answer = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
/// assert!(matches!(answer, Poll::Ready(Ok(id)) if id == "north"));
/// # use std::future::Future as _;
/// # Ok::<(), homebody::VectorError>(())
/// ```
pub struct DeviceIndex {
    pub(super) state: RefCell<State>,
}

pub(super) struct State {
    pub(super) index: Index,
    pub(super) on: Adapter,
}

/// A search that was begun: pass it to [`DeviceIndex::end`].
pub struct Search {
    queries: Vec<Vec<f32>>,
    limit: usize,
    mask: Option<Mask>,
    version: u64,
    pending: Vec<PendingBest>,
}

impl DeviceIndex {
    /// An index that is searched on the CPU, until [`choose`](Self::choose) finds better.
    pub fn new(index: Index) -> Self {
        Self { state: RefCell::new(State { index, on: Adapter::default() }) }
    }

    /// Reads the index.
    pub fn read<T>(&self, work: impl FnOnce(&Index) -> T) -> T {
        work(&self.state.borrow().index)
    }

    /// Changes the index. A GPU is told with the next search.
    pub fn change<T>(&self, work: impl FnOnce(&mut Index) -> T) -> T {
        work(&mut self.state.borrow_mut().index)
    }

    /// What searches, and why.
    pub fn status(&self) -> DeviceStatus {
        self.state.borrow().on.status()
    }

    /// Asks for a GPU where the choice needs one, and returns its name. `None`: there is nothing to choose.
    ///
    /// # Errors
    /// If a GPU was asked for by name and there is none.
    pub async fn find_gpu(&self, choice: DeviceChoice, options: GpuOptions) -> Result<Option<String>, VectorError> {
        let bytes = self.read(|index| index.set().value_bytes());
        let found = super::ask(choice, bytes, options).await?;
        Ok(self.state.borrow_mut().on.take(found))
    }

    /// What a measurement is remembered by: GPU, kernel and vectors. One of other vectors, if only of as many, says little.
    pub fn measured_as(&self) -> String {
        let State { index, on } = &*self.state.borrow();
        let gpu = on.status.adapter.as_deref().unwrap_or("no GPU");
        let (precision, kernel) = (index.precision().name(), index.kernel_name());
        format!("{gpu}|{kernel}|{precision}|{}×{}|{:016x}", index.len(), index.dims(), index.fingerprint())
    }

    /// Decides what searches from now on: sends the vectors to the GPU that was found, has it answer a known question, and
    /// measures both devices, unless `remembered` has what was measured before. `clock` gives milliseconds.
    ///
    /// # Errors
    /// If a GPU was asked for by name and cannot be used. The CPU searches then.
    pub async fn choose(
        &self,
        choice: DeviceChoice,
        remembered: Option<Measured>,
        clock: &dyn Fn() -> f64,
    ) -> Result<(), VectorError> {
        super::choose(self, choice, remembered, clock).await
    }

    /// Begins a search: checks what is asked and, on a GPU, submits it. See [`Index::search`] for the rest.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn begin(&self, queries: &[&[f32]], limit: usize, mask: Option<&Mask>) -> Result<Search, VectorError> {
        let on_gpu = self.state.borrow().on.status.device == Device::Gpu;
        self.begin_on(queries, limit, mask, on_gpu)
    }

    fn begin_on(
        &self,
        queries: &[&[f32]],
        limit: usize,
        mask: Option<&Mask>,
        on_gpu: bool,
    ) -> Result<Search, VectorError> {
        let state = &mut *self.state.borrow_mut();
        check_mask(state.index.set(), mask)?;
        let prepared = state.index.prepare(0, queries)?;
        let mut pending = Vec::new();
        let limited = limit.min(state.index.len());
        let wanted = limited + slack(state.index.precision(), limited);
        if on_gpu && limited > 0 && wanted <= MAX_CANDIDATES {
            let State { index, on } = &mut *state;
            let submit = |batch: &[Prepared]| {
                let queries: Vec<Query> = batch.iter().map(|prepared| prepared.query.clone()).collect();
                let gpu = on.gpu.as_mut().ok_or("it is gone")?;
                gpu.begin_best(index, &queries, wanted, mask)
            };
            match prepared.chunks(MAX_QUERIES).map(submit).collect() {
                Ok(submitted) => pending = submitted,
                Err(reason) => state.put_aside(&reason),
            }
        }
        Ok(Search {
            queries: queries.iter().map(|query| query.to_vec()).collect(),
            limit,
            mask: mask.cloned(),
            version: state.index.version(),
            pending,
        })
    }

    /// Waits for the answer and hands it to `finish`: for each query the nearest, nearest first, equal scores by id.
    ///
    /// # Errors
    /// If the vectors were changed since the search began, so that its mask fits no more.
    pub async fn end<T>(
        &self,
        mut search: Search,
        finish: impl FnOnce(Vec<Vec<Neighbor<'_>>>) -> T,
    ) -> Result<T, VectorError> {
        let mut candidates = Vec::with_capacity(search.queries.len());
        for pending in std::mem::take(&mut search.pending) {
            match pending.read().await {
                Ok(read) => candidates.extend(read),
                Err(reason) => {
                    self.put_aside(&reason);
                    break;
                }
            }
        }
        let state = &mut *self.state.borrow_mut();
        let queries: Vec<&[f32]> = search.queries.iter().map(|query| &query[..]).collect();
        if candidates.len() != queries.len() || search.version != state.index.version() {
            return state.index.search(&queries, search.limit, search.mask.as_ref()).map(finish);
        }
        let State { index, on } = state;
        let max_norm = on.gpu.as_ref().map_or(f64::INFINITY, GpuVectors::max_norm);
        let mut found = Vec::with_capacity(queries.len());
        let mut wrong = None;
        for (query, candidates) in queries.iter().zip(&candidates) {
            let mut mask = Mask::none(index.len());
            // Which rows there are, and which of them count, is not taken from a GPU.
            let counts = |row: usize| row < index.len() && search.mask.as_ref().is_none_or(|mask| mask.get(row));
            if let Some(row) = candidates.rows.iter().find(|row| !counts(**row as usize)) {
                wrong = Some(format!("it proposes row {row}, which is not there or not asked for"));
                break;
            }
            candidates.rows.iter().for_each(|row| mask.set(*row as usize, true));
            let best = index.search(&[query], search.limit, Some(&mask))?.remove(0);
            let limited = search.limit.min(index.len());
            let worst = best.get(limited - 1).map(|hit| hit.score);
            if certify(candidates, worst, rounding(index, query, max_norm)) {
                found.push(best);
            } else {
                if let Some(gpu) = &mut on.gpu {
                    gpu.count_rescan();
                }
                found.push(index.search(&[query], search.limit, search.mask.as_ref())?.remove(0));
            }
        }
        if let Some(reason) = wrong {
            drop(found);
            state.put_aside(&reason);
            return state.index.search(&queries, search.limit, search.mask.as_ref()).map(finish);
        }
        Ok(finish(found))
    }

    /// Gives the GPU and its memory back. What is under way and all later searches are answered by the CPU.
    pub fn release_gpu(&self) {
        if let Some(gpu) = &self.state.borrow().on.gpu {
            gpu.gpu().destroy();
        }
    }
}

impl Tried for DeviceIndex {
    fn on<T>(&self, work: impl FnOnce(&mut Adapter) -> T) -> T {
        work(&mut self.state.borrow_mut().on)
    }

    fn send(&self, gpu: Gpu) -> Result<(), String> {
        let State { index, on } = &mut *self.state.borrow_mut();
        on.gpu = Some(GpuVectors::new(gpu, index)?);
        Ok(())
    }

    async fn check(&self) -> Result<(), String> {
        known_answer::check(self).await
    }

    async fn measure(&self, clock: &dyn Fn() -> f64) -> Result<Option<Measured>, String> {
        let query = self.read(|index| {
            let mut query = vec![0.0; index.dims()];
            // Emptied since it was sent: there is nothing to measure.
            (!index.is_empty()).then(|| index.set().row_into(index.len() / 2, &mut query))?;
            Some(query)
        });
        let Some(query) = query else { return Ok(None) };
        let told = |error: VectorError| error.to_string();
        let (mut cpu, mut gpu) = (Vec::new(), Vec::new());
        // One more than is counted: the first search finds cold caches and makes buffers.
        for round in 0..=TIMED {
            let started = clock();
            self.read(|index| index.search(&[&query], 10, None).map(drop)).map_err(told)?;
            let between = clock();
            let search = self.begin_on(&[&query], 10, None, true).map_err(told)?;
            self.end(search, |_| ()).await.map_err(told)?;
            let ended = clock();
            if round > 0 {
                cpu.push(between - started);
                gpu.push(ended - between);
            }
        }
        // Put aside while it was measured, it has been answered for by the CPU, and the notes say why.
        let is_there = self.state.borrow().on.gpu.is_some();
        Ok(is_there.then(|| Measured { cpu_ms: median(cpu), gpu_ms: median(gpu) }))
    }

    fn let_go(&self) {
        self.state.borrow_mut().let_go();
    }
}

impl State {
    /// The GPU is not used any more, and the notes say why.
    pub(super) fn put_aside(&mut self, reason: &str) {
        self.on.note_failure(reason);
        self.let_go();
    }

    fn let_go(&mut self) {
        self.index.unwatch();
        self.on.let_go();
    }
}

pub(super) fn rounding(index: &Index, query: &[f32], max_norm: f64) -> Rounding {
    let norm = query.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    let prepared = index.prepare(0, &[query]).ok().and_then(|mut prepared| prepared.pop());
    Rounding {
        precision: index.precision(),
        dims: index.dims(),
        // A little more than the truth, for normalizing rounds too.
        query_norm: if index.metric() == Metric::Cosine { 1.000_001 } else { norm },
        query_scale: match prepared.map(|prepared| prepared.query) {
            Some(Query::Int8(query)) => f64::from(query.scale),
            _ => 1.0,
        },
        max_norm,
        distance: index.metric() == Metric::L2,
    }
}
