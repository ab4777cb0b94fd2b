//! How data lies on the GPU, on the host's side.

use bytemuck::{Pod, Zeroable};

use super::super::kernel::MAX_QUERIES;
use super::super::scorer::Query;
use super::super::set::{Rows, VectorSet};
use super::TILE;

/// The uniform of `shaders/dots_*.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct DotParams {
    pub(super) rows: u32,
    pub(super) first_row: u32,
    pub(super) words: u32,
    pub(super) tiles: u32,
    pub(super) stride: u32,
    pub(super) masked: u32,
    pub(super) raw: u32,
    pub(super) unused: u32,
    pub(super) factors: [f32; MAX_QUERIES],
}

/// The uniform of `shaders/topk_*.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct TopParams {
    pub(super) rows: u32,
    pub(super) stride: u32,
    pub(super) wanted: u32,
    pub(super) capacity: u32,
    pub(super) ticket: u32,
    pub(super) unused: [u32; 3],
}

const _: () = assert!(size_of::<DotParams>() == 64 && size_of::<TopParams>() == 32);

/// Bins of a query in `shaders/topk_*.wgsl`.
pub(super) const BINS: usize = 2048;
/// Bytes of a query's state there.
pub(super) const STATE_BYTES: usize = 16;
/// Words before the found rows of a query.
pub(super) const FOUND_HEADER: usize = 4;
/// Invocations in a workgroup of the top-k shaders: every adapter has 256.
pub(super) const TOP_LANES: usize = 256;

/// Words that a row takes.
pub(super) fn row_words(set: &VectorSet) -> usize {
    match set.precision() {
        super::super::Precision::Int8 => set.dims().div_ceil(4),
        super::super::Precision::Float32 => set.dims(),
    }
}

/// Writes the rows of one tile, words interleaved, into `words` and (scale, subtrahend) of each into `data`; returns the
/// greatest squared length where the set is float32, else 0. Rows beyond the end stay zeros.
pub(super) fn write_tile(
    set: &VectorSet,
    tile: usize,
    subtrahends: &[f32],
    words: &mut [u32],
    data: &mut [[f32; 2]],
) -> f64 {
    words.fill(0);
    data.fill([0.0; 2]);
    let mut longest = 0.0_f64;
    for (lane, row) in (tile * TILE..set.len().min((tile + 1) * TILE)).enumerate() {
        let subtrahend = subtrahends.get(row).copied().unwrap_or(0.0);
        match set.block(row, 1) {
            Rows::Int8(rows) => {
                let values: Vec<i8> = rows.row(0, 0..set.dims()).flatten().copied().collect();
                for (word, four) in values.chunks(4).enumerate() {
                    let mut bytes = [0; 4];
                    for (byte, value) in bytes.iter_mut().zip(four) {
                        *byte = *value as u8;
                    }
                    words[word * TILE + lane] = u32::from_le_bytes(bytes);
                }
                data[lane] = [rows.scales[0], subtrahend];
            }
            Rows::Float32 { values } => {
                let mut norm2 = 0.0;
                for (word, value) in values.iter().enumerate() {
                    words[word * TILE + lane] = value.to_bits();
                    norm2 += f64::from(*value) * f64::from(*value);
                }
                longest = longest.max(norm2);
                data[lane] = [1.0, subtrahend];
            }
        }
    }
    longest
}

/// How the dots shader wants queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueryForm {
    /// High and low bytes, four to a word.
    Split,
    /// int16, two to a word.
    Halves,
    /// As they are.
    Float32,
}

/// Queries in the shader's order; places without a query are zeros.
pub(super) fn query_words(queries: &[Query], words: usize, form: QueryForm) -> Vec<u32> {
    let per_word = if form == QueryForm::Float32 { 1 } else { 2 };
    let mut out = vec![0_u32; words * MAX_QUERIES * per_word];
    for (slot, query) in queries.iter().enumerate() {
        match query {
            Query::Float32(values) => {
                for (word, value) in values.iter().enumerate() {
                    out[word * MAX_QUERIES + slot] = value.to_bits();
                }
            }
            Query::Int8(query) => {
                for (word, four) in query.values.chunks(4).enumerate() {
                    let at = (word * MAX_QUERIES + slot) * 2;
                    for (place, value) in four.iter().enumerate() {
                        if form == QueryForm::Split {
                            let (high, low) = split(*value);
                            out[at] |= u32::from(high as u8) << (8 * place);
                            out[at + 1] |= u32::from(low as u8) << (8 * place);
                        } else {
                            out[at + place / 2] |= u32::from(*value as u16) << (16 * (place % 2));
                        }
                    }
                }
            }
        }
    }
    out
}

/// `value = 256 · high + low`, for |value| ≤ 32,639.
fn split(value: i16) -> (i8, i8) {
    let low = value as i8;
    (((value - i16::from(low)) >> 8) as i8, low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_value_splits_into_two_bytes() {
        for value in -32_639..=32_639_i16 {
            let (high, low) = split(value);
            assert_eq!(i32::from(high) * 256 + i32::from(low), i32::from(value));
        }
    }
}
