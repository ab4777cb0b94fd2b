//! A set of rows on whichever device multiplies it rightly and soonest.

use std::cell::RefCell;
use std::sync::Arc;

use super::super::error::{VectorError, VectorErrorKind};
use super::super::gpu::{Gpu, GpuOptions, GpuVectors, PendingSums, Unchanging};
use super::super::kernel::MAX_QUERIES;
use super::super::scorer::{Query, Scorer, best_scorer, check_query};
use super::super::set::{Precision, VectorSet};
use super::known_answer::check_sums;
use super::products::finished;
use super::{Adapter, Device, DeviceChoice, DeviceStatus, Measured, TIMED, Tried, median};

/// Rows that stay as they are, of which a ranker wants all products: a vector space of a catalog. A GPU is believed, measured and
/// given up as in [`DeviceIndex`](super::DeviceIndex). Only int8 rows are sent to one, since only their products are the same bits
/// on every device: the order of a list never depends on the device.
///
/// ```
/// # use std::{future::Future as _, sync::Arc, task::{Context, Poll, Waker}};
/// # use homebody::{DeviceSet, Precision, VectorSet};
/// let mut rows = VectorSet::new(2, Precision::Int8)?;
/// rows.push_quantized(&[1.0, 0.0,  0.0, 1.0])?;
/// let set = DeviceSet::new(Arc::new(rows));
/// let mut products = std::pin::pin!(set.products(&[&[0.0, 2.0]]));
/// // On the CPU there is nothing to wait for.
/// let products = products.as_mut().poll(&mut Context::from_waker(Waker::noop()));
/// assert!(matches!(products, Poll::Ready(Ok(products)) if products[0] == 0.0 && (products[1] - 2.0).abs() < 1e-4));
/// # Ok::<(), homebody::VectorError>(())
/// ```
pub struct DeviceSet {
    set: Arc<VectorSet>,
    scorer: Box<dyn Scorer>,
    state: RefCell<State>,
}

struct State {
    source: Unchanging,
    on: Adapter,
}

/// Rows of the set that serve as a known question.
const QUESTIONS: usize = 3;

impl DeviceSet {
    /// A set that is multiplied on the CPU, until [`choose`](Self::choose) finds better.
    pub fn new(set: Arc<VectorSet>) -> Self {
        let state = State { source: Unchanging::new(Arc::clone(&set)), on: Adapter::default() };
        Self { set, scorer: best_scorer(), state: RefCell::new(state) }
    }

    /// The rows.
    pub fn set(&self) -> &Arc<VectorSet> {
        &self.set
    }

    /// What multiplies, and why.
    pub fn status(&self) -> DeviceStatus {
        self.state.borrow().on.status()
    }

    /// Asks for a GPU where the choice needs one, and returns its name. `None`: there is nothing to choose.
    ///
    /// # Errors
    /// If a GPU was asked for by name and there is none, or the rows are float32.
    pub async fn find_gpu(&self, choice: DeviceChoice, options: GpuOptions) -> Result<Option<String>, VectorError> {
        if self.set.precision() != Precision::Int8 || self.set.is_empty() {
            return match choice {
                DeviceChoice::Gpu if !self.set.is_empty() => {
                    let reason =
                        "float32 vectors are ranked on the CPU, so that every device gives the same list".into();
                    Err(VectorErrorKind::NoGpu { reason }.into())
                }
                _ => Ok(None),
            };
        }
        let asked = super::ask(choice, self.set.value_bytes(), options).await?;
        Ok(self.state.borrow_mut().on.take(asked))
    }

    /// What a measurement is remembered by: GPU, CPU and rows, `version` being what says which rows they are.
    pub fn measured_as(&self, version: &str) -> String {
        let state = self.state.borrow();
        let gpu = state.on.status.adapter.as_deref().unwrap_or("no GPU");
        let (rows, dims) = (self.set.len(), self.set.dims());
        format!("{gpu}|{}|products|{rows}×{dims}|{version}", self.scorer.name())
    }

    /// Decides what multiplies from now on, as [`DeviceIndex::choose`](super::DeviceIndex::choose).
    ///
    /// # Errors
    /// If a GPU was asked for by name and cannot be used. The CPU multiplies then.
    pub async fn choose(
        &self,
        choice: DeviceChoice,
        remembered: Option<Measured>,
        clock: &dyn Fn() -> f64,
    ) -> Result<(), VectorError> {
        super::choose(self, choice, remembered, clock).await
    }

    /// `products[q · rows + i]`: the product of query q with row i, the bits of [`Scorer::dots`].
    ///
    /// # Errors
    /// If a query has another length than the rows or is not finite.
    pub async fn products(&self, queries: &[&[f32]]) -> Result<Vec<f32>, VectorError> {
        for (at, query) in queries.iter().enumerate() {
            check_query(&self.set, at, query)?;
        }
        let prepared: Vec<Query> = queries.iter().map(|query| Query::new(&self.set, query)).collect();
        if self.state.borrow().on.status.device == Device::Gpu {
            match self.sums(&prepared).await {
                Ok(sums) => {
                    let prepared: Vec<&Query> = prepared.iter().collect();
                    return Ok(finished(&self.set, &prepared, &sums, None));
                }
                Err(reason) => self.put_aside(&reason),
            }
        }
        self.on_cpu(queries)
    }

    /// Gives the GPU and its memory back. What is under way and all later products are made by the CPU.
    pub fn release_gpu(&self) {
        if let Some(gpu) = &self.state.borrow().on.gpu {
            gpu.gpu().destroy();
        }
    }

    fn on_cpu(&self, queries: &[&[f32]]) -> Result<Vec<f32>, VectorError> {
        let mut out = vec![0.0; queries.len() * self.set.len()];
        self.scorer.dots(&self.set, queries, None, &mut out)?;
        Ok(out)
    }

    /// The sums of a GPU, which must be there.
    async fn sums(&self, queries: &[Query]) -> Result<Vec<u32>, String> {
        let pending: Vec<PendingSums> = {
            let State { source, on } = &mut *self.state.borrow_mut();
            let gpu = on.gpu.as_mut().ok_or("it is gone")?;
            let together = gpu.most_queries();
            let begin = |batch: &[Query]| gpu.begin_sums(source, batch, None);
            queries.chunks(together).map(begin).collect::<Result<_, String>>()?
        };
        let mut sums = Vec::with_capacity(queries.len() * self.set.len());
        for pending in pending {
            sums.extend(pending.read().await?);
        }
        let expected = queries.len() * self.set.len();
        if sums.len() != expected {
            return Err(format!("it gave {} sums where {expected} were asked for", sums.len()));
        }
        Ok(sums)
    }

    /// Rows spread over the set.
    fn rows_as_queries(&self, count: usize) -> Vec<Vec<f32>> {
        let row = |at: usize| {
            let mut row = vec![0.0; self.set.dims()];
            self.set.row_into(at * (self.set.len() - 1) / count, &mut row);
            row
        };
        (0..count).map(row).collect()
    }
}

impl Tried for DeviceSet {
    fn on<T>(&self, work: impl FnOnce(&mut Adapter) -> T) -> T {
        work(&mut self.state.borrow_mut().on)
    }

    fn send(&self, gpu: Gpu) -> Result<(), String> {
        let State { source, on } = &mut *self.state.borrow_mut();
        on.gpu = Some(GpuVectors::new(gpu, source)?);
        Ok(())
    }

    async fn check(&self) -> Result<(), String> {
        let queries: Vec<Query> =
            self.rows_as_queries(QUESTIONS).iter().map(|row| Query::new(&self.set, row)).collect();
        let sums = self.sums(&queries).await?;
        let rows = self.set.len();
        queries.iter().zip(sums.chunks(rows)).try_for_each(|(query, sums)| check_sums(&self.set, query, sums))
    }

    /// As many products as one pass makes, on each device.
    async fn measure(&self, clock: &dyn Fn() -> f64) -> Result<Option<Measured>, String> {
        let rows = self.rows_as_queries(MAX_QUERIES);
        let rows: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
        let queries: Vec<Query> = rows.iter().map(|row| Query::new(&self.set, row)).collect();
        let (mut cpu, mut gpu) = (Vec::new(), Vec::new());
        // One more than is counted: the first finds cold caches and makes buffers.
        for round in 0..=TIMED {
            let started = clock();
            self.on_cpu(&rows).map_err(|error| error.to_string())?;
            let between = clock();
            let sums = self.sums(&queries).await?;
            finished(&self.set, &queries.iter().collect::<Vec<_>>(), &sums, None);
            let ended = clock();
            if round > 0 {
                cpu.push(between - started);
                gpu.push(ended - between);
            }
        }
        Ok(Some(Measured { cpu_ms: median(cpu), gpu_ms: median(gpu) }))
    }

    fn let_go(&self) {
        self.state.borrow_mut().on.let_go();
    }
}
