//! What is asked of a GPU and what comes back, with or without one.

use super::super::Precision;

/// What a GPU may be asked to do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GpuOptions {
    /// The most bytes that one binding holds; larger sets are split. The adapter's own limit counts where it is smaller.
    pub max_binding_bytes: u64,
    /// Whether `dot4I8Packed` is used where the shader language has it.
    pub packed: bool,
}

impl Default for GpuOptions {
    fn default() -> Self {
        // 128 MiB is what WebGPU guarantees; asking for more would fail on half of the phones.
        Self { max_binding_bytes: 128 << 20, packed: true }
    }
}

/// What the GPU was made to do so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GpuStats {
    /// Searches of up to eight queries that it took part in.
    pub searches: u64,
    /// Searches whose candidates could not be proved complete, so that the CPU scanned after all.
    pub rescans: u64,
    /// Dispatches.
    pub passes: u64,
    /// Submits of work; one a search.
    pub submits: u64,
    /// Buffers read back; one a search.
    pub read_backs: u64,
    /// Bytes of vectors sent, first and again when they changed.
    pub item_bytes: u64,
    /// Bytes of queries, masks and parameters sent.
    pub question_bytes: u64,
    /// Bytes read back.
    pub answer_bytes: u64,
    /// Bindings that the vectors are split over.
    pub parts: u64,
}

/// How long the passes of a search took on the GPU, by its own clock; browsers round it to a tenth of a millisecond.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PassTimes {
    /// Products of all queries with all rows.
    pub products_ms: f64,
    /// Three rounds of counting and choosing.
    pub selection_ms: f64,
    /// Gathering the rows that were chosen.
    pub collection_ms: f64,
}

/// The rows that a GPU proposes for one query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidates {
    /// In no particular order.
    pub(crate) rows: Vec<u32>,
    /// No row that is on and not among `rows` scores this or more on the GPU; `None` when there is no such row.
    pub(crate) least: Option<f32>,
    /// More rows were equal than there was room for, and `rows` lacks some.
    pub(crate) overflow: bool,
}

/// More candidates than this are not asked for: scoring them anew would cost what a scan does.
pub(crate) const MAX_CANDIDATES: usize = 4096;

/// How many rows beyond the limit are asked for, so that the last candidate lies clearly below the last hit.
pub(crate) fn slack(precision: Precision, limit: usize) -> usize {
    match precision {
        // The GPU's int8 scores are within a few units of the last place.
        Precision::Int8 => limit / 8 + 22,
        // Its float32 sums may be off by dims roundings, and the certificate assumes the worst.
        Precision::Float32 => limit / 4 + 118,
    }
}

/// The score whose key, as the shaders make it, is `key`.
#[cfg(feature = "gpu")]
pub(crate) fn score_of_key(key: u32) -> f32 {
    f32::from_bits(if key & 0x8000_0000 != 0 { key & 0x7fff_ffff } else { !key })
}
