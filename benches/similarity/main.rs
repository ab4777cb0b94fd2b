//! Similarity natively: one thread, 100,000 × 384, k = 10, int8 and float32, every instruction set, and the GPU.
//!
//! Measures a whole search (quantizing the query, scan, top-k, ids) beside a plain read of the same bytes in the same run. Does
//! not measure many threads, or building an index. Run: `npm run bench -- similarity`, or this half alone with
//! `cargo bench --profile release --bench similarity`. The other half, in Chromium, is `run.mjs`.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use homebody::{DeviceChoice, DeviceIndex, GpuOptions, Index, Metric, Precision, VectorSet, available_scorers};

const DIMS: usize = 384;
const ROWS: usize = 100_000;
const CENTRES: usize = 200;
const ROUNDS: usize = 31;

fn main() {
    let values = clustered();
    let query = noise(99, DIMS);
    println!("{ROWS} x {DIMS}, k = 10, one thread; median of {ROUNDS} (least to most), milliseconds");
    let bytes = vec![1_u64; ROWS * DIMS / 8];
    let read = row("read of the int8 bytes", None, || {
        black_box(sum(black_box(&bytes)));
    });
    let floats = vec![1_u64; ROWS * DIMS / 2];
    let read_floats = row("read of the float32 bytes", None, || {
        black_box(sum(black_box(&floats)));
    });
    for (precision, read) in [(Precision::Int8, read), (Precision::Float32, read_floats)] {
        let name = precision.name();
        let mut set = VectorSet::new(DIMS, precision).expect("dims in range");
        set.push_rows(&values).expect("finite rows");
        let mut out = vec![0.0; ROWS];
        for scorer in available_scorers() {
            row(&format!("{name}: all products, {}", scorer.name()), Some(read), || {
                scorer.dots(&set, &[&query], None, &mut out).expect("a good query");
            });
        }
        let index = index(precision, &values);
        row(&format!("{name}: Index::search"), Some(read), || {
            drop(black_box(index.search(&[&query], 10, None).expect("a good query")));
        });
        let queries: Vec<_> = (0..8).map(|seed| noise(seed, DIMS)).collect();
        let queries: Vec<&[f32]> = queries.iter().map(|query| &query[..]).collect();
        let eight = row(&format!("{name}: eight queries, eight passes"), None, || {
            for query in &queries {
                drop(black_box(index.search(&[query], 10, None).expect("a good query")));
            }
        });
        row(&format!("{name}: eight queries, one pass"), Some(eight), || {
            drop(black_box(index.search(&queries, 10, None).expect("good queries")));
        });
        on_gpu(precision, index, &query);
    }
}

fn on_gpu(precision: Precision, index: Index, query: &[f32]) {
    let device = DeviceIndex::new(index);
    let name = match block_on(device.find_gpu(DeviceChoice::Gpu, GpuOptions::default())) {
        Ok(name) => name.unwrap_or_default(),
        Err(error) => return println!("no GPU: {error}"),
    };
    if let Err(error) = block_on(device.choose(DeviceChoice::Gpu, None, &|| 0.0)) {
        return println!("{name} cannot be used: {error}");
    }
    println!("adapter: {name}");
    let before = device.status().stats;
    let precision = precision.name();
    row(&format!("{precision}: GPU, search"), None, || {
        let search = device.begin(&[query], 10, None).expect("a good query");
        block_on(device.end(search, |hits| drop(black_box(hits)))).expect("an answer");
    });
    match device.status().pass_times {
        Some(times) => println!("passes of the last search, by the GPU's clock: {times:?}"),
        None => println!("this adapter has no timestamps"),
    }
    row(&format!("{precision}: GPU, all products and their read-back"), None, || {
        drop(black_box(block_on(device.products(&[query], None)).expect("an answer")));
    });
    let stats = device.status().stats;
    println!("{stats:?}, of which before: {before:?}");
}

/// Times `work` and prints a row; returns its median.
fn row(name: &str, baseline: Option<f64>, mut work: impl FnMut()) -> f64 {
    work();
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times[ROUNDS / 2];
    let against = baseline.map_or(String::new(), |baseline| format!("  {:.2} x", median / baseline));
    println!("  {name:<48} {median:>8.2} ({:.2} to {:.2}){against}", times[0], times[ROUNDS - 1]);
    median
}

/// A plain read: eight sums side by side, which compile to SIMD.
fn sum(words: &[u64]) -> u64 {
    let mut sums = [0_u64; 8];
    for eight in words.chunks_exact(8) {
        for (sum, word) in sums.iter_mut().zip(eight) {
            *sum = sum.wrapping_add(*word);
        }
    }
    sums.iter().fold(0, |sum, part| sum.wrapping_add(*part))
}

fn index(precision: Precision, values: &[f32]) -> Index {
    let ids: Vec<String> = (0..ROWS).map(|row| row.to_string()).collect();
    let mut index = Index::new(DIMS, precision, Metric::Cosine).expect("dims in range");
    index.add(&ids.iter().map(String::as_str).collect::<Vec<_>>(), values).expect("finite rows");
    index
}

/// Rows around seeded centres.
fn clustered() -> Vec<f32> {
    let centres = noise(1, CENTRES * DIMS);
    let mut values = noise(2, ROWS * DIMS);
    for (row, values) in values.chunks_exact_mut(DIMS).enumerate() {
        let centre = &centres[row * 7919 % CENTRES * DIMS..][..DIMS];
        values.iter_mut().zip(centre).for_each(|(value, centre)| *value = centre + 0.7 * *value);
    }
    values
}

/// Seeded values in −1..1.
fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / 8_388_608.0 - 1.0
        })
        .collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        std::thread::yield_now();
    }
}
