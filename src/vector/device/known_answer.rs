//! The question that a GPU has to answer before it is believed: real vectors, real queries, compared with the scalar kernel.

use super::super::Precision;
use super::super::gpu::{Candidates, Rounding, TILE, certify};
use super::super::index::{Index, Prepared};
use super::super::kernel::{Kernel as _, Scalar};
use super::super::mask::Mask;
use super::super::scorer::Query;
use super::super::set::{Rows, VectorSet};
use super::index::{DeviceIndex, State, rounding};

/// Tiles whose sums are compared, spread over all: 4,096 rows, which scalar code multiplies in some milliseconds.
const SAMPLE_TILES: usize = 64;
/// Vectors of the index that serve as queries.
const QUERIES: usize = 3;
/// Changes of the index that may interrupt the question before it is given up.
const TRIES: usize = 5;

/// Whether the GPU multiplies and chooses as it should.
pub(super) async fn check(index: &DeviceIndex) -> Result<(), String> {
    for _ in 0..TRIES {
        let begun = {
            let State { index, on } = &mut *index.state.borrow_mut();
            let gpu = on.gpu.as_mut().ok_or("it is gone")?;
            if index.is_empty() {
                return Ok(());
            }
            let questions = questions(index)?;
            let queries: Vec<Query> = questions.iter().map(|(_, prepared)| prepared.query.clone()).collect();
            let sums = gpu.begin_sums(index, &queries, None)?;
            // Once of all rows and once of every second word of the mask, the last row left out.
            let mut half = Mask::none(index.len());
            (0..index.len() - 1).filter(|row| (row / 64).is_multiple_of(2)).for_each(|row| half.set(row, true));
            let mut best = Vec::with_capacity(2);
            for mask in [None, Some(half)] {
                let pending = gpu.begin_best(index, &queries, 10, mask.as_ref())?;
                best.push((mask, pending));
            }
            (index.version(), questions, sums, best)
        };
        let (version, questions, sums, pending) = begun;
        let sums = sums.read().await?;
        let mut best = Vec::with_capacity(pending.len());
        for (mask, pending) in pending {
            best.push((mask, pending.read().await?));
        }
        let State { index, on } = &*index.state.borrow();
        if index.version() != version {
            continue;
        }
        let max_norm = on.gpu.as_ref().map_or(f64::INFINITY, super::GpuVectors::max_norm);
        for (at, (values, prepared)) in questions.iter().enumerate() {
            check_sums(index.set(), &prepared.query, &sums[at * index.len()..][..index.len()])?;
            for (mask, best) in &best {
                check_best(index, values, mask.as_ref(), &best[at], rounding(index, values, max_norm))?;
            }
        }
        return Ok(());
    }
    Err("the vectors kept changing while it was tried".into())
}

/// Everything that the CPU finds clearly above the GPU's last candidate has to be among the candidates, and nothing that is off.
fn check_best(
    index: &Index,
    query: &[f32],
    mask: Option<&Mask>,
    best: &Candidates,
    rounding: Rounding,
) -> Result<(), String> {
    let counts = |row: usize| row < index.len() && mask.is_none_or(|mask| mask.get(row));
    if let Some(row) = best.rows.iter().find(|row| !counts(**row as usize)) {
        return Err(format!("it proposes row {row}, which is not there or not asked for"));
    }
    let hits = index.search(&[query], 10, mask).map_err(|error| error.to_string())?.remove(0);
    let above = Candidates { rows: Vec::new(), overflow: false, ..best.clone() };
    let left_out = hits.iter().find(|hit| {
        certify(&above, Some(hit.score), rounding) && !best.rows.iter().any(|row| index.id(*row as usize) == hit.id)
    });
    match left_out {
        Some(hit) => Err(format!("it left out {:?}, which is among the best ten of a known question", hit.id)),
        None => Ok(()),
    }
}

/// Vectors of the index, as queries.
fn questions(index: &Index) -> Result<Vec<(Vec<f32>, Prepared)>, String> {
    (0..QUERIES.min(index.len()))
        .map(|at| {
            let mut values = vec![0.0; index.dims()];
            index.set().row_into(at * (index.len() - 1) / QUERIES.max(2), &mut values);
            let prepared = index.prepare(at, &[&values]).map_err(|error| error.to_string())?;
            Ok((values, prepared.into_iter().next().ok_or("there is no query")?))
        })
        .collect()
}

/// Compares the sums of a sample of rows with the scalar kernel's: int8 exactly, float32 within the shader's bound.
pub(super) fn check_sums(set: &VectorSet, query: &Query, sums: &[u32]) -> Result<(), String> {
    let step = set.len().div_ceil(TILE).div_ceil(SAMPLE_TILES).max(1);
    let rows = (0..set.len()).filter(|row| (row / TILE).is_multiple_of(step));
    for row in rows {
        match (set.block(row, 1), query) {
            (Rows::Int8(rows), Query::Int8(query)) => {
                let mut expected = [0];
                rows.sums(&Scalar, 0..set.dims(), &[&query.values], &mut expected);
                if sums[row] as i32 != expected[0] {
                    return Err(format!("it says {} where {} is right (row {row})", sums[row] as i32, expected[0]));
                }
            }
            (Rows::Float32 { values }, Query::Float32(query)) => {
                let mut expected = [0.0];
                Scalar.dots_float32(values, &[query], &mut expected);
                let found = f32::from_bits(sums[row]);
                let size: f64 = values.iter().zip(query).map(|(a, b)| f64::from((a * b).abs())).sum();
                let bound = (set.dims() as f64 + 2.0) * 2.0_f64.powi(-23) * size + f64::from(f32::MIN_POSITIVE);
                let apart = (f64::from(found) - f64::from(expected[0])).abs();
                if apart.is_nan() || apart > bound * 1.01 {
                    return Err(format!("it says {found} where {} is right (row {row})", expected[0]));
                }
            }
            _ => unreachable!("prepared for this set, which is {}", Precision::name(set.precision())),
        }
    }
    Ok(())
}

#[cfg(all(test, feature = "gpu"))]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::super::super::Metric;
    use super::super::super::gpu::{Gpu, GpuOptions, GpuVectors};
    use super::super::super::scorer::tests::noise;
    use super::super::{Device, Tried};
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return value;
            }
        }
    }

    /// Every way to be wrong that a driver has shown: sums off by a little, rows off by one, a mask that hides too much.
    #[test]
    fn a_gpu_that_is_wrong_is_put_aside_with_a_note() {
        // tests/vector.rs turns a missing adapter into a failure; here the right one is only a means.
        let options = GpuOptions { packed: false, ..GpuOptions::default() };
        if let Err(error) = block_on(Gpu::request(options)) {
            println!("skipped: {error}");
            return;
        }
        let breaks = [
            ("bitcast<u32>(sum)", "bitcast<u32>(sum)", None),
            ("bitcast<u32>(sum)", "bitcast<u32>(sum + 1)", Some("is right")),
            ("word < params.words", "word + 1u < params.words", Some("is right")),
            ("on = ((mask[slot / 32u]", "on = true || ((mask[slot / 32u]", Some("not asked for")),
            ("on = ((mask[slot / 32u]", "on = slot % 32u < 8u && ((mask[slot / 32u]", Some("left out")),
            ("sums[q] += dot", "if (slot == 999u) { sums[q] = 2000000000; }\n sums[q] += dot", Some("is right")),
            ("let start = tile *", "let start = (tile / 2u) *", Some("is right")),
            ("key(score)", "key(-score)", Some("left out")),
            ("select(key(score)", "select(select(0u, key(score), slot % 2u == 0u)", Some("left out")),
        ];
        for (from, to, expected) in breaks {
            let dims = 40;
            let ids: Vec<_> = (0..1000).map(|id| id.to_string()).collect();
            let mut index = Index::new(dims, Precision::Int8, Metric::Cosine).unwrap();
            index.add(&ids.iter().map(String::as_str).collect::<Vec<_>>(), &noise(1, dims * 1000)).unwrap();
            let device = DeviceIndex::new(index);
            let gpu = block_on(Gpu::request(options)).unwrap();
            {
                let State { index, on } = &mut *device.state.borrow_mut();
                on.gpu = Some(GpuVectors::broken(gpu, index, from, to).unwrap());
            }
            let answered = block_on(check(&device));
            match expected {
                None => assert_eq!(answered, Ok(())),
                Some(text) => {
                    let reason = answered.expect_err(to);
                    assert!(reason.contains(text), "{to}: {reason}");
                    device.put_aside(&reason);
                    let status = device.status();
                    assert!(status.device == Device::Cpu && status.notes[0].contains(&reason), "{:?}", status.notes);
                }
            }
        }
    }
}
