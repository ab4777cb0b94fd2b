//! Similarity on a GPU: WebGPU in the browser, Vulkan natively.
//!
//! [`Gpu`] is an adapter that was asked for and got; [`GpuVectors`] a copy of a [`VectorSet`](super::VectorSet) on it, sent
//! once and brought up to date tile by tile. A search writes its queries, runs `shaders/*.wgsl` in one submit and reads a few
//! hundred bytes back: the *candidates*, some more rows than were asked for.
//!
//! What is said to the caller never comes from the GPU. The CPU scores the candidates anew, so that scores and ties are the
//! same bits on every device, and [`certify`] proves from a bound on the GPU's rounding that no row that is not among
//! them can belong to the answer; where that cannot be proved (thousands of equal vectors), the CPU scans.
//!
//! Without the feature `gpu` the same names are there and say that there is none.
//!
//! What it does not do: decide whether to be used. That is [`DeviceIndex`](super::DeviceIndex) and
//! [`DeviceSet`](super::DeviceSet).

mod answer;
mod certify;
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "only a GPU reads it"))]
mod source;

#[cfg(feature = "gpu")]
mod device;
#[cfg(feature = "gpu")]
mod layout;
#[cfg(feature = "gpu")]
mod oneshot;
#[cfg(feature = "gpu")]
mod search;
#[cfg(feature = "gpu")]
mod shaders;
#[cfg(feature = "gpu")]
mod timing;
#[cfg(feature = "gpu")]
mod vectors;

#[cfg(not(feature = "gpu"))]
mod absent;

pub(crate) use answer::{Candidates, MAX_CANDIDATES, slack};
pub use answer::{GpuOptions, GpuStats, PassTimes};
pub(crate) use certify::{Rounding, certify};
pub(crate) use source::{Source, Unchanging};

#[cfg(feature = "gpu")]
pub use device::Gpu;
#[cfg(feature = "gpu")]
pub(crate) use {search::PendingBest, search::PendingSums, vectors::GpuVectors};

#[cfg(not(feature = "gpu"))]
pub use absent::Gpu;
#[cfg(not(feature = "gpu"))]
pub(crate) use absent::{GpuVectors, PendingBest, PendingSums};

/// Rows of a tile: those that one workgroup scores, and the bits of a mask's word.
pub(crate) const TILE: usize = 64;
