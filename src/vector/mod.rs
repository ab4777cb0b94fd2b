//! Which vectors are near?
//!
//! Exact similarity search at the speed of memory. [`VectorSet`] keeps rows, int8 with a scale each or float32, where the
//! buffers they came in lie. A [`Scorer`] multiplies queries with all of them; scorers for different instruction sets
//! give the same answers. [`Mask`] says which rows count, [`top_k`] which are best;
//! [`Index`] is all of it with ids, [`DeviceIndex`] an index that is searched on a GPU where that is faster, and [`Ahead`] a scorer
//! whose products were made on a GPU before they are asked for.
//!
//! ```
//! use homebody::{Precision, VectorSet, best_scorer, top_k};
//! let mut set = VectorSet::new(2, Precision::Int8)?;
//! set.push_quantized(&[1.0, 0.0,  0.6, 0.8,  0.0, 1.0])?;
//! let mut dots = vec![0.0; set.len()];
//! best_scorer().dots(&set, &[&[0.0, 1.0]], None, &mut dots)?;
//! assert_eq!(top_k(&dots, 2).iter().map(|hit| hit.row).collect::<Vec<_>>(), [2, 1]);
//! # Ok::<(), homebody::VectorError>(())
//! ```
//!
//! What it does not do: approximate, train, or know what the vectors mean.

mod ahead;
mod device;
mod error;
mod gpu;
mod ids;
mod index;
mod int8;
mod kernel;
mod mask;
mod metric;
mod nearest;
mod prune;
mod quantize;
mod scorer;
mod set;
mod topk;

pub use ahead::{Ahead, Wanted};
pub use device::{Device, DeviceChoice, DeviceIndex, DeviceSet, DeviceStatus, Measured, Search};
pub use error::{VectorError, VectorErrorKind};
pub use gpu::{Gpu, GpuOptions, GpuStats, PassTimes};
pub use index::{Index, Neighbor};
pub use mask::Mask;
pub use metric::Metric;
pub use quantize::MAX_NORM;
#[cfg(feature = "cli")]
pub(crate) use quantize::quantize_row;
pub use scorer::{Scorer, available_scorers, best_scorer};
pub use set::{Precision, VectorSet};
pub use topk::{Scored, TopK, top_k};
