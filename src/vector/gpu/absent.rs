//! No GPU: this build is without the feature `gpu`. The signatures are those of `device.rs`, `vectors.rs` and `search.rs`.

use super::super::error::{VectorError, VectorErrorKind};
use super::super::mask::Mask;
use super::super::scorer::Query;
use super::answer::{Candidates, GpuOptions, GpuStats, PassTimes};
use super::source::Source;

/// A GPU that can be used; in this build there is none.
#[derive(Debug)]
pub enum Gpu {}

impl Gpu {
    /// Asks for a GPU, in vain.
    ///
    /// # Errors
    /// Always.
    pub async fn request(_options: GpuOptions) -> Result<Self, VectorError> {
        Err(VectorErrorKind::NoGpu { reason: "this build has no feature gpu".into() }.into())
    }

    /// The adapter's name.
    pub fn adapter(&self) -> &str {
        match *self {}
    }

    /// Whether the adapter computes on the CPU.
    pub fn is_software(&self) -> bool {
        match *self {}
    }

    /// Whether int8 products are made with `dot4I8Packed`.
    pub fn is_packed(&self) -> bool {
        match *self {}
    }

    /// Whether it tells how long its passes take.
    pub fn times_passes(&self) -> bool {
        match *self {}
    }

    /// Gives the GPU up.
    pub fn destroy(&self) {
        match *self {}
    }
}

/// Vectors on a GPU.
pub(crate) enum GpuVectors {}

/// An answer on its way.
pub(crate) enum PendingBest {}

impl PendingBest {
    pub(crate) async fn read(self) -> Result<Vec<Candidates>, String> {
        match self {}
    }
}

/// Sums on their way.
pub(crate) enum PendingSums {}

impl PendingSums {
    pub(crate) async fn read(self) -> Result<Vec<u32>, String> {
        match self {}
    }
}

impl GpuVectors {
    pub(crate) fn new(gpu: Gpu, _source: &mut impl Source) -> Result<Self, String> {
        match gpu {}
    }

    pub(crate) fn gpu(&self) -> &Gpu {
        match *self {}
    }

    pub(crate) fn stats(&self) -> GpuStats {
        match *self {}
    }

    pub(crate) fn pass_times(&self) -> Option<PassTimes> {
        match *self {}
    }

    pub(crate) fn max_norm(&self) -> f64 {
        match *self {}
    }

    pub(crate) fn count_rescan(&mut self) {
        match *self {}
    }

    pub(crate) fn begin_best(
        &mut self,
        _source: &mut impl Source,
        _queries: &[Query],
        _wanted: usize,
        _mask: Option<&Mask>,
    ) -> Result<PendingBest, String> {
        match *self {}
    }

    pub(crate) fn most_queries(&self) -> usize {
        match *self {}
    }

    pub(crate) fn begin_sums(
        &mut self,
        _source: &mut impl Source,
        _queries: &[Query],
        _mask: Option<&Mask>,
    ) -> Result<PendingSums, String> {
        match *self {}
    }
}
