//! An index on whichever device answers rightly and soonest.
//!
//! The CPU always can; a GPU is used once it has answered a known question on the real vectors ([`DeviceIndex::choose`]) and,
//! unless it was asked for by name, has been measured to be faster. Whatever goes wrong with it later, in the middle of a
//! search too, is answered by the CPU and told in the notes. Answers are the same on every device, to the bit.

mod known_answer;
mod products;

use std::cell::RefCell;

use super::error::{VectorError, VectorErrorKind};
use super::gpu::{
    Gpu, GpuOptions, GpuStats, GpuVectors, MAX_CANDIDATES, PassTimes, PendingBest, Rounding, certify, slack,
};
use super::index::{Index, Metric, Neighbor, Prepared};
use super::kernel::MAX_QUERIES;
use super::mask::Mask;
use super::scorer::{Query, check_mask};

/// What searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The processor, with the widest instructions that it has.
    Cpu,
    /// A GPU; the CPU only scores its candidates anew.
    Gpu,
}

impl Device {
    /// The name in `status`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// Whichever is measured to be faster.
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU, or an error.
    Gpu,
}

impl DeviceChoice {
    /// The choice of that name.
    ///
    /// # Errors
    /// If there is none; the error lists those there are.
    pub fn from_name(name: &str) -> Result<Self, VectorError> {
        match name {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu),
            _ => Err(VectorErrorKind::UnknownOption {
                option: "device",
                found: name.into(),
                known: &["auto", "cpu", "gpu"],
            }
            .into()),
        }
    }
}

/// How long a search took on each device: the median of a few.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// On the CPU.
    pub cpu_ms: f64,
    /// On the GPU, from the call to the answer.
    pub gpu_ms: f64,
}

impl Measured {
    /// The faster one.
    pub fn faster(self) -> Device {
        if self.gpu_ms < self.cpu_ms { Device::Gpu } else { Device::Cpu }
    }
}

/// What searches, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceStatus {
    /// What searches now.
    pub device: Device,
    /// The GPU's name, once one was found, whether it is used or not.
    pub adapter: Option<String>,
    /// Whether that adapter says that it computes on the CPU.
    pub software: bool,
    /// How the devices compare, if they were measured or the measurement was remembered.
    pub measured: Option<Measured>,
    /// What the GPU was made to do.
    pub stats: GpuStats,
    /// How long the passes of its last search took, where it tells.
    pub pass_times: Option<PassTimes>,
    /// What was decided and what went wrong, in sentences.
    pub notes: Vec<String>,
}

/// Below this many bytes of vectors no GPU is asked for when the choice is left to us: the CPU reads them in half a
/// millisecond, which submitting work and reading the answer back takes alone.
const MIN_GPU_BYTES: usize = 8 << 20;
/// Searches that are timed on each device; the median counts.
const TIMED: usize = 5;

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
    state: RefCell<State>,
}

struct State {
    index: Index,
    /// A GPU that was found and not looked at yet.
    found: Option<Gpu>,
    gpu: Option<GpuVectors>,
    status: DeviceStatus,
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
        let status = DeviceStatus {
            device: Device::Cpu,
            adapter: None,
            software: false,
            measured: None,
            stats: GpuStats::default(),
            pass_times: None,
            notes: Vec::new(),
        };
        Self { state: RefCell::new(State { index, found: None, gpu: None, status }) }
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
        let state = self.state.borrow();
        let stats = state.gpu.as_ref().map_or(state.status.stats, GpuVectors::stats);
        let pass_times = state.gpu.as_ref().map_or(state.status.pass_times, GpuVectors::pass_times);
        DeviceStatus { stats, pass_times, ..state.status.clone() }
    }

    /// Asks for a GPU where the choice needs one, and returns its name. `None`: there is nothing to choose.
    ///
    /// # Errors
    /// If a GPU was asked for by name and there is none.
    pub async fn find_gpu(&self, choice: DeviceChoice, options: GpuOptions) -> Result<Option<String>, VectorError> {
        let bytes = self.read(|index| index.set().value_bytes());
        if choice == DeviceChoice::Cpu || (choice == DeviceChoice::Auto && bytes < MIN_GPU_BYTES) {
            return Ok(None);
        }
        match Gpu::request(options).await {
            Ok(gpu) => {
                let mut state = self.state.borrow_mut();
                let name = gpu.adapter().to_owned();
                state.status.adapter = Some(name.clone());
                state.status.software = gpu.is_software();
                state.found = Some(gpu);
                Ok(Some(name))
            }
            Err(error) if choice == DeviceChoice::Gpu => Err(error),
            Err(error) => {
                self.state.borrow_mut().status.notes.push(format!("The CPU is used: {error}."));
                Ok(None)
            }
        }
    }

    /// What a measurement is remembered by: GPU, kernel and vectors. One of other vectors, if only of as many, says little.
    pub fn measured_as(&self) -> String {
        let State { index, status, .. } = &*self.state.borrow();
        let gpu = status.adapter.as_deref().unwrap_or("no GPU");
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
        let Some(gpu) = self.state.borrow_mut().found.take() else {
            return Ok(());
        };
        if choice == DeviceChoice::Cpu {
            return Ok(());
        }
        let name = gpu.adapter().to_owned();
        if let (DeviceChoice::Auto, Some(measured)) = (choice, remembered)
            && measured.faster() == Device::Cpu
        {
            gpu.destroy();
            let mut state = self.state.borrow_mut();
            state.status.measured = Some(measured);
            state.status.notes.push(decision(&name, measured, "as measured before"));
            return Ok(());
        }
        let sent = {
            let State { index, gpu: place, .. } = &mut *self.state.borrow_mut();
            GpuVectors::new(gpu, index).map(|vectors| *place = Some(vectors))
        };
        let answered = match sent {
            Ok(()) => known_answer::check(self).await,
            Err(reason) => Err(reason),
        };
        if let Err(reason) = answered {
            self.put_aside(&reason);
            return match choice {
                DeviceChoice::Gpu => Err(VectorErrorKind::NoGpu { reason: format!("{name}: {reason}") }.into()),
                _ => Ok(()),
            };
        }
        if choice == DeviceChoice::Gpu {
            self.state.borrow_mut().status.device = Device::Gpu;
            return Ok(());
        }
        let measured = match remembered {
            Some(measured) => measured,
            None => match self.measure(clock).await {
                Ok(measured) => measured,
                // Put aside while it was measured; the notes say why.
                Err(()) => return Ok(()),
            },
        };
        let how = if remembered.is_some() { "as measured before" } else { "as measured" };
        let mut state = self.state.borrow_mut();
        state.status.measured = Some(measured);
        state.status.notes.push(decision(&name, measured, how));
        match measured.faster() {
            Device::Gpu => state.status.device = Device::Gpu,
            Device::Cpu => state.let_go(),
        }
        Ok(())
    }

    async fn measure(&self, clock: &dyn Fn() -> f64) -> Result<Measured, ()> {
        let query = self.read(|index| {
            let mut query = vec![0.0; index.dims()];
            // Emptied since it was sent: there is nothing to measure.
            (!index.is_empty()).then(|| index.set().row_into(index.len() / 2, &mut query))?;
            Some(query)
        });
        let query = query.ok_or(())?;
        let (mut cpu, mut gpu) = (Vec::new(), Vec::new());
        // One more than is counted: the first search finds cold caches and makes buffers.
        for round in 0..=TIMED {
            let started = clock();
            self.read(|index| index.search(&[&query], 10, None).map(drop)).map_err(drop)?;
            let between = clock();
            let search = self.begin_on(&[&query], 10, None, true).map_err(drop)?;
            self.end(search, |_| ()).await.map_err(drop)?;
            let ended = clock();
            if round > 0 {
                cpu.push(between - started);
                gpu.push(ended - between);
            }
        }
        if self.state.borrow().gpu.is_none() {
            return Err(());
        }
        Ok(Measured { cpu_ms: median(cpu), gpu_ms: median(gpu) })
    }

    /// Begins a search: checks what is asked and, on a GPU, submits it. See [`Index::search`] for the rest.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn begin(&self, queries: &[&[f32]], limit: usize, mask: Option<&Mask>) -> Result<Search, VectorError> {
        let on_gpu = self.state.borrow().status.device == Device::Gpu;
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
            let State { index, gpu, .. } = &mut *state;
            let submit = |batch: &[Prepared]| {
                let queries: Vec<Query> = batch.iter().map(|prepared| prepared.query.clone()).collect();
                let gpu = gpu.as_mut().ok_or("it is gone")?;
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
        let State { index, gpu, .. } = state;
        let max_norm = gpu.as_ref().map_or(f64::INFINITY, GpuVectors::max_norm);
        let mut found = Vec::with_capacity(queries.len());
        for (query, candidates) in queries.iter().zip(&candidates) {
            let mut mask = Mask::none(index.len());
            candidates.rows.iter().for_each(|row| mask.set(*row as usize, true));
            let best = index.search(&[query], search.limit, Some(&mask))?.remove(0);
            let limited = search.limit.min(index.len());
            let worst = best.get(limited - 1).map(|hit| hit.score);
            if certify(candidates, worst, rounding(index, query, max_norm)) {
                found.push(best);
            } else {
                if let Some(gpu) = gpu {
                    gpu.count_rescan();
                }
                found.push(index.search(&[query], search.limit, search.mask.as_ref())?.remove(0));
            }
        }
        Ok(finish(found))
    }

    /// Gives the GPU and its memory back. What is under way and all later searches are answered by the CPU.
    pub fn release_gpu(&self) {
        if let Some(gpu) = &self.state.borrow().gpu {
            gpu.gpu().destroy();
        }
    }

    fn put_aside(&self, reason: &str) {
        self.state.borrow_mut().put_aside(reason);
    }
}

impl State {
    /// The GPU is not used any more, and the notes say why.
    fn put_aside(&mut self, reason: &str) {
        let name = self.status.adapter.as_deref().unwrap_or("The GPU");
        let note = format!("The GPU was put aside and the CPU is used: {name}: {reason}.");
        if !self.status.notes.contains(&note) {
            self.status.notes.push(note);
        }
        self.let_go();
    }

    fn let_go(&mut self) {
        self.status.device = Device::Cpu;
        self.index.unwatch();
        if let Some(gpu) = self.gpu.take() {
            self.status.stats = gpu.stats();
            self.status.pass_times = gpu.pass_times();
            // The memory now, not whenever the last reference goes.
            gpu.gpu().destroy();
        }
    }
}

fn rounding(index: &Index, query: &[f32], max_norm: f64) -> Rounding {
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

fn decision(adapter: &str, measured: Measured, how: &str) -> String {
    let Measured { cpu_ms, gpu_ms } = measured;
    let used = if measured.faster() == Device::Gpu { "GPU" } else { "CPU" };
    format!("The {used} is used: a search takes {cpu_ms:.2} ms on the CPU and {gpu_ms:.2} ms on {adapter}, {how}.")
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
