//! One suite over all back ends: scalar, every instruction set of this processor, and the GPU (Vulkan; Mesa's llvmpipe will
//! do) with `dot4I8Packed` and without, in one binding and in several.
//!
//! Without an adapter the GPU's part says why and passes, unless `HOMEBODY_REQUIRE_GPU` is `1`, as `npm test` sets it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use homebody::{
    Device, DeviceChoice, DeviceIndex, DeviceSet, GpuOptions, Index, Mask, Metric, Precision, Scorer, VectorSet,
    available_scorers, top_k,
};

/// Dims around the lane widths (4 to 32) and word borders of all back ends, and both ends of what is allowed.
const DIMS: [usize; 15] = [2, 3, 4, 5, 8, 15, 16, 17, 31, 33, 64, 127, 384, 385, 4096];
const METRICS: [Metric; 3] = [Metric::Cosine, Metric::Dot, Metric::L2];

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        std::thread::yield_now();
    }
}

/// Seeded values in −1..1.
fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / 8_388_608.0 - 1.0
        })
        .collect()
}

fn set(dims: usize, precision: Precision, values: &[f32]) -> VectorSet {
    let mut set = VectorSet::new(dims, precision).unwrap();
    set.push_rows(values).unwrap();
    set
}

fn index(dims: usize, precision: Precision, metric: Metric, values: &[f32]) -> Index {
    let ids: Vec<String> = (0..values.len() / dims).map(|row| format!("{row:06}")).collect();
    let mut index = Index::new(dims, precision, metric).unwrap();
    index.add(&ids.iter().map(String::as_str).collect::<Vec<_>>(), values).unwrap();
    index
}

/// Masks that leave none, one, some and all.
fn masks(rows: usize) -> Vec<Option<Mask>> {
    let mut some = Mask::none(rows);
    (0..rows).filter(|row| row % 3 == 1 || row / 64 % 5 == 2).for_each(|row| some.set(row, true));
    let mut one = Mask::none(rows);
    if rows > 0 {
        one.set(rows * 2 / 3, true);
    }
    vec![None, Some(Mask::none(rows)), Some(one), Some(some), Some(Mask::all(rows))]
}

type Found = Vec<Vec<(String, f32)>>;

fn plain(hits: Vec<Vec<homebody::Neighbor<'_>>>) -> Found {
    hits.into_iter().map(|hits| hits.into_iter().map(|hit| (hit.id.to_owned(), hit.score)).collect()).collect()
}

fn search(index: &DeviceIndex, queries: &[&[f32]], limit: usize, mask: Option<&Mask>) -> Found {
    let search = index.begin(queries, limit, mask).unwrap();
    block_on(index.end(search, plain)).unwrap()
}

/// The GPUs of the suite, named: both int8 shaders, and bindings so small that vectors are split.
fn on_gpus(test: impl Fn(&str, GpuOptions)) {
    let whole = GpuOptions::default();
    let probe = DeviceIndex::new(index(2, Precision::Int8, Metric::Dot, &[1.0, 0.0]));
    match block_on(probe.find_gpu(DeviceChoice::Gpu, whole)) {
        Ok(name) => println!("adapter: {}", name.unwrap_or_default()),
        Err(error) => {
            let required = std::env::var("HOMEBODY_REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "a GPU is required here: {error}");
            println!("skipped: {error}");
            return;
        }
    }
    test("packed", whole);
    test("unpacked", GpuOptions { packed: false, ..whole });
    test("split", GpuOptions { max_binding_bytes: 256 << 10, ..whole });
}

fn on_gpu(index: Index, options: GpuOptions) -> DeviceIndex {
    let index = DeviceIndex::new(index);
    block_on(index.find_gpu(DeviceChoice::Gpu, options)).unwrap();
    block_on(index.choose(DeviceChoice::Gpu, None, &|| 0.0)).unwrap();
    assert_eq!(index.status().device, Device::Gpu);
    index
}

#[test]
fn every_scorer_agrees_with_scalar() {
    let scorers = available_scorers();
    let (scalar, others) = scorers.split_first().unwrap();
    println!("scorers: {:?}", scorers.iter().map(|scorer| scorer.name()).collect::<Vec<_>>());
    for dims in DIMS {
        for rows in [0, 1, 63, 64, 65, 200] {
            let values = noise(1, dims * rows);
            let queries: Vec<_> = (0..9).map(|seed| noise(seed + 2, dims)).collect();
            for count in [1, 2, 8, 9] {
                let queries: Vec<&[f32]> = queries[..count].iter().map(|query| &query[..]).collect();
                for precision in [Precision::Int8, Precision::Float32] {
                    let set = set(dims, precision, &values);
                    for mask in masks(rows) {
                        let expected = dots(&**scalar, &set, &queries, mask.as_ref());
                        for scorer in others {
                            let found = dots(&**scorer, &set, &queries, mask.as_ref());
                            let what = format!("{}: {dims} dims, {rows} rows, {count} queries", scorer.name());
                            agree(&set, &queries, &expected, &found, 24, &what);
                        }
                    }
                }
            }
        }
    }
}

fn dots(scorer: &dyn Scorer, set: &VectorSet, queries: &[&[f32]], mask: Option<&Mask>) -> Vec<f32> {
    let mut out = vec![f32::NAN; queries.len() * set.len()];
    scorer.dots(set, queries, mask, &mut out).unwrap();
    out
}

/// int8 to the bit, float32 within dims · 2^−bits · Σ|qᵢ·xᵢ| (twice, for both are rounded).
fn agree(set: &VectorSet, queries: &[&[f32]], expected: &[f32], found: &[f32], bits: i32, what: &str) {
    assert_eq!(expected.len(), found.len(), "{what}");
    if set.precision() == Precision::Int8 {
        assert_eq!(expected, found, "{what}");
        return;
    }
    let mut row = vec![0.0; set.dims()];
    for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
        set.row_into(at % set.len(), &mut row);
        let size: f64 = row.iter().zip(queries[at / set.len()]).map(|(a, b)| f64::from((a * b).abs())).sum();
        let bound = 2.0 * (set.dims() as f64 + 2.0) * 2.0_f64.powi(-bits) * size;
        let apart = (f64::from(*expected) - f64::from(*found)).abs();
        assert!(expected == found || apart <= bound, "{what}: row {at}: {expected} and {found}, {apart:e} > {bound:e}");
    }
}

#[test]
fn the_index_finds_what_sorting_everything_finds() {
    for (dims, rows) in [(2, 0), (2, 1), (5, 64), (17, 1000), (384, 300), (8, 100_003)] {
        let values = noise(3, dims * rows);
        let query = noise(4, dims);
        for precision in [Precision::Int8, Precision::Float32] {
            let index = index(dims, precision, Metric::Dot, &values);
            let scalar = &available_scorers()[0];
            for mask in masks(rows) {
                let on = mask.as_ref().map_or(rows, Mask::count);
                let dots = dots(&**scalar, &set(dims, precision, &values), &[&query], mask.as_ref());
                for k in [0, 1, 10, 64, rows, rows + 7] {
                    let found = index.search(&[&query], k, mask.as_ref()).unwrap().remove(0);
                    assert_eq!(found.len(), k.min(on), "{dims} dims, {rows} rows, k {k}");
                    for (hit, best) in found.iter().zip(top_k(&dots, k)) {
                        // Where two scores are within the bound of each other, their order may differ in float32.
                        let same = hit.id == format!("{:06}", best.row) || precision == Precision::Float32;
                        let close = (hit.score - best.score).abs() <= dims as f32 * 3e-7;
                        assert!(same && close, "{dims} dims, {rows} rows, k {k}: {hit:?}, {best:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_gpu_answers_as_the_cpu_does() {
    on_gpus(|name, options| {
        // The packed shader meets all dims, the others those that differ in kind.
        for dims in DIMS.into_iter().filter(|dims| name == "packed" || [3, 8, 16, 385].contains(dims)) {
            for rows in if dims == 8 { vec![1, 63, 64, 65, 129, 1000, 100_003] } else { vec![1, 300] } {
                let values = noise(5, dims * rows);
                let queries: Vec<_> = (0..9).map(|seed| noise(seed + 6, dims)).collect();
                let queries: Vec<&[f32]> = queries.iter().map(|query| &query[..]).collect();
                for precision in [Precision::Int8, Precision::Float32] {
                    // Keys of 100,003 rows for eight queries do not fit into the small bindings.
                    if name == "split" && (rows > 7000 || dims * 256 > 256 << 10) {
                        continue;
                    }
                    for metric in METRICS {
                        let cpu = index(dims, precision, metric, &values);
                        let gpu = on_gpu(index(dims, precision, metric, &values), options);
                        for mask in masks(rows) {
                            for k in [0, 1, 10, rows + 5] {
                                for count in [1, 9] {
                                    let queries = &queries[..count];
                                    let expected = plain(cpu.search(queries, k, mask.as_ref()).unwrap());
                                    let found = search(&gpu, queries, k, mask.as_ref());
                                    assert_eq!(
                                        expected, found,
                                        "{name}: {metric:?}, {precision:?}, {dims} dims, {rows} rows, k {k}, {count} \
                                         queries"
                                    );
                                }
                                if rows > 1000 {
                                    break;
                                }
                            }
                        }
                        let status = gpu.status();
                        assert_eq!((status.device, &status.notes[..]), (Device::Gpu, &[][..]), "{name}");
                        assert!(status.stats.searches > 0);
                        // Two dims have so few different vectors that some are equal.
                        assert!(dims <= 3 || status.stats.rescans == 0, "{name}: {:?}, {dims} dims", status.stats);
                    }
                }
            }
        }
    });
}

#[test]
fn all_products_of_a_gpu_are_those_of_scalar() {
    on_gpus(|name, options| {
        for (dims, rows) in [(2, 70), (33, 500), (384, 300), (385, 65)] {
            let values = noise(7, dims * rows);
            let queries: Vec<_> = (0..10).map(|seed| noise(seed + 8, dims)).collect();
            let queries: Vec<&[f32]> = queries.iter().map(|query| &query[..]).collect();
            for precision in [Precision::Int8, Precision::Float32] {
                let gpu = on_gpu(index(dims, precision, Metric::Dot, &values), options);
                let set = set(dims, precision, &values);
                for mask in masks(rows) {
                    let expected = dots(&*available_scorers()[0], &set, &queries, mask.as_ref());
                    let found = block_on(gpu.products(&queries, mask.as_ref())).unwrap();
                    agree(&set, &queries, &expected, &found, 23, &format!("{name}: {dims} dims, {rows} rows"));
                }
            }
        }
    });
}

#[test]
fn equal_and_zero_vectors_are_ordered_by_id_on_every_device() {
    on_gpus(|name, options| {
        let rows = 3000;
        for (what, values) in [("equal", [0.5, -0.25, 1.0].repeat(rows)), ("zero", vec![0.0; 3 * rows])] {
            for precision in [Precision::Int8, Precision::Float32] {
                for metric in METRICS {
                    let cpu = index(3, precision, metric, &values);
                    let gpu = on_gpu(index(3, precision, metric, &values), options);
                    for query in [[1.0, 2.0, 3.0], [0.0; 3], [-1.0, 0.0, 0.0]] {
                        let found = search(&gpu, &[&query], 12, None);
                        let ids: Vec<_> = found[0].iter().map(|(id, _)| &id[..]).collect();
                        let expected: Vec<_> = (0..12).map(|row| format!("{row:06}")).collect();
                        assert_eq!(ids, expected, "{name}: {what}, {precision:?}, {metric:?}");
                        assert_eq!(found, plain(cpu.search(&[&query], 12, None).unwrap()));
                    }
                    // Thousands of equals are no proof, so the CPU had to look.
                    assert_eq!(gpu.status().stats.rescans, 3, "{name}: {what}, {precision:?}, {metric:?}");
                }
            }
        }
    });
}

#[test]
fn every_product_of_a_set_is_the_same_bits_on_every_device() {
    on_gpus(|name, options| {
        for (dims, rows) in [(2, 1), (3, 63), (17, 65), (64, 4097), (385, 300)] {
            let rows_of = Arc::new(set(dims, Precision::Int8, &noise(13, dims * rows)));
            let gpu = DeviceSet::new(Arc::clone(&rows_of));
            block_on(gpu.find_gpu(DeviceChoice::Gpu, options)).unwrap();
            block_on(gpu.choose(DeviceChoice::Gpu, None, &|| 0.0)).unwrap();
            assert_eq!(gpu.status().device, Device::Gpu);
            let before = gpu.status().stats;
            let queries: Vec<_> = (0..9).map(|seed| noise(seed + 2, dims)).collect();
            let queries: Vec<&[f32]> = queries.iter().map(|query| &query[..]).collect();
            for count in [1, 8, 9] {
                let expected = dots(&*homebody::best_scorer(), &rows_of, &queries[..count], None);
                let found = block_on(gpu.products(&queries[..count])).unwrap();
                assert!(expected == found, "{name}: {dims} dims, {rows} rows, {count} queries");
            }
            let after = gpu.status().stats;
            assert_eq!(after.submits - before.submits, 4, "{name}: eight queries share a submit");
            assert_eq!(after.item_bytes, before.item_bytes, "{name}: rows are sent once");
            assert_eq!(block_on(gpu.products(&[&[0.0]])).unwrap_err().code(), "vector-length");

            gpu.release_gpu();
            let found = block_on(gpu.products(&queries)).unwrap();
            assert!(found == dots(&*homebody::best_scorer(), &rows_of, &queries, None), "{name}: by the CPU");
            let status = gpu.status();
            assert!(status.device == Device::Cpu && status.notes[0].contains("put aside"), "{name}: {status:?}");
        }
    });
}

#[test]
fn a_set_is_measured_on_both_devices_and_the_faster_one_is_remembered() {
    on_gpus(|name, options| {
        // Large enough for a GPU to be asked for.
        let rows = Arc::new(set(384, Precision::Int8, &noise(14, 384 * 23_000)));
        let clock = std::time::Instant::now();
        let now = || clock.elapsed().as_secs_f64() * 1000.0;
        let first = DeviceSet::new(Arc::clone(&rows));
        assert!(block_on(first.find_gpu(DeviceChoice::Auto, options)).unwrap().is_some(), "{name}");
        block_on(first.choose(DeviceChoice::Auto, None, &now)).unwrap();
        let status = first.status();
        let measured = status.measured.unwrap_or_else(|| panic!("{name}: {:?}", status.notes));
        assert_eq!(status.device, measured.faster(), "{name}: {:?}", status.notes);
        let again = DeviceSet::new(Arc::clone(&rows));
        block_on(again.find_gpu(DeviceChoice::Auto, options)).unwrap();
        assert_eq!(again.measured_as("7"), first.measured_as("7"));
        assert_ne!(again.measured_as("8"), first.measured_as("7"));
        block_on(again.choose(DeviceChoice::Auto, Some(measured), &|| unreachable!("nothing is measured again")))
            .unwrap();
        assert_eq!(again.status().device, status.device, "{name}");
        assert!(again.status().notes[0].ends_with("as measured before."), "{:?}", again.status().notes);

        let few = DeviceSet::new(Arc::new(set(2, Precision::Int8, &[1.0, 0.0])));
        assert_eq!(block_on(few.find_gpu(DeviceChoice::Auto, options)).unwrap(), None, "too few to ask a GPU");
        let float32 = DeviceSet::new(Arc::new(set(2, Precision::Float32, &[1.0, 0.0])));
        assert_eq!(block_on(float32.find_gpu(DeviceChoice::Auto, options)).unwrap(), None);
        assert_eq!(block_on(float32.find_gpu(DeviceChoice::Gpu, options)).unwrap_err().code(), "vector-no-gpu");
    });
}

#[test]
fn what_is_not_finite_is_refused_before_any_device_sees_it() {
    let mut cpu = index(2, Precision::Int8, Metric::Cosine, &[1.0, 0.0]);
    assert_eq!(cpu.add(&["x"], &[f32::NAN, 0.0]).unwrap_err().code(), "vector-not-finite");
    assert_eq!(cpu.search(&[&[f32::NAN, 0.0]], 1, None).unwrap_err().code(), "vector-not-finite");
    let device = DeviceIndex::new(cpu);
    let code = |result: Result<homebody::Search, homebody::VectorError>| result.map(drop).unwrap_err().code();
    assert_eq!(code(device.begin(&[&[0.0, f32::INFINITY]], 1, None)), "vector-not-finite");
    assert_eq!(code(device.begin(&[&[0.0]], 1, None)), "vector-length");
    assert_eq!(code(device.begin(&[&[0.0, 1.0]], 1, Some(&Mask::all(2)))), "vector-mask-length");
}

#[test]
fn a_search_is_one_submit_and_one_small_read_back() {
    on_gpus(|name, options| {
        let (dims, rows) = (64, 5000);
        let values = noise(9, dims * rows);
        for precision in [Precision::Int8, Precision::Float32] {
            let gpu = on_gpu(index(dims, precision, Metric::Cosine, &values), options);
            let before = gpu.status().stats;
            let bytes = rows.next_multiple_of(64) * (dims * if precision == Precision::Int8 { 1 } else { 4 } + 8);
            assert_eq!(before.item_bytes, bytes as u64, "{name}: vectors are sent once");
            let query = noise(10, dims);
            search(&gpu, &[&query], 10, None);
            let after = gpu.status().stats;
            assert_eq!(after.searches - before.searches, 1);
            assert_eq!(after.submits - before.submits, 1, "{name}");
            assert_eq!(after.read_backs - before.read_backs, 1, "{name}");
            assert_eq!(after.passes - before.passes, 7 + after.parts, "{name}");
            assert_eq!(name == "split", after.parts > 1, "{name}");
            assert_eq!(after.item_bytes, before.item_bytes, "{name}: and not again");
            assert_eq!(after.rescans, 0, "{name}: the GPU's candidates were proved complete");
            let status = gpu.status();
            let times = status.pass_times.expect("Mesa's adapters have timestamps");
            assert!(
                times.products_ms > 0.0 && times.selection_ms > 0.0 && times.collection_ms > 0.0,
                "{name}: {times:?}"
            );
            let answer = after.answer_bytes - before.answer_bytes;
            assert!(answer <= 2048, "{name}: {answer} bytes came back");
            let queries = vec![&query[..]; 9];
            search(&gpu, &queries, 10, None);
            assert_eq!(gpu.status().stats.submits - after.submits, 2, "eight queries share a pass");
        }
    });
}

#[test]
fn changes_reach_the_gpu_without_sending_everything_again() {
    on_gpus(|name, options| {
        let (dims, rows) = (48, 1500);
        for precision in [Precision::Int8, Precision::Float32] {
            for metric in METRICS {
                let values = noise(11, dims * rows);
                let mut cpu = index(dims, precision, metric, &values);
                let gpu = on_gpu(index(dims, precision, metric, &values), options);
                let query = noise(12, dims);
                let mut both = |work: &dyn Fn(&mut Index)| {
                    work(&mut cpu);
                    gpu.change(|index| work(index));
                    let found = search(&gpu, &[&query], 20, None);
                    assert_eq!(found, plain(cpu.search(&[&query], 20, None).unwrap()), "{name}: {metric:?}");
                    found
                };
                let before = gpu.status().stats.item_bytes;
                let found = both(&|index| index.replace("000700", &query).unwrap());
                if metric != Metric::Dot {
                    assert_eq!(found[0][0].0, "000700");
                }
                let tile = 64 * (dims * if precision == Precision::Int8 { 1 } else { 4 } + 8) as u64;
                assert_eq!(gpu.status().stats.item_bytes - before, tile, "{name}: one tile");
                both(&|index| index.remove(&["000700", "000001", "001499"]).unwrap());
                let more = noise(13, dims * 300);
                let ids: Vec<_> = (0..300).map(|id| format!("more-{id}")).collect();
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                both(&|index| index.add(&ids, &more).unwrap());
                both(&|index| index.remove(&ids[..250]).unwrap());
                let every: Vec<_> = (0..rows).map(|row| format!("{row:06}")).collect();
                both(&|index| {
                    let left: Vec<_> = every.iter().map(String::as_str).filter(|id| index.contains(id)).collect();
                    index.remove(&left).unwrap();
                });
                assert_eq!(gpu.status().device, Device::Gpu);
            }
        }
    });
}

#[test]
fn a_search_that_is_overtaken_by_a_change_answers_for_what_is_there() {
    on_gpus(|_, options| {
        let gpu = on_gpu(index(16, Precision::Int8, Metric::Cosine, &noise(14, 16 * 200)), options);
        let query = noise(15, 16);
        let begun = gpu.begin(&[&query], 5, None).unwrap();
        let best = search(&gpu, &[&query], 1, None)[0][0].0.clone();
        gpu.change(|index| index.remove(&[&best]).unwrap());
        let found = block_on(gpu.end(begun, plain)).unwrap();
        assert_eq!(found, gpu.read(|index| plain(index.search(&[&query], 5, None).unwrap())));
    });
}

#[test]
fn a_gpu_that_is_lost_in_the_middle_is_answered_for_by_the_cpu() {
    on_gpus(|name, options| {
        let (dims, rows) = (32, 2000);
        let values = noise(16, dims * rows);
        let gpu = on_gpu(index(dims, Precision::Int8, Metric::Cosine, &values), options);
        let query = noise(17, dims);
        let expected =
            plain(index(dims, Precision::Int8, Metric::Cosine, &values).search(&[&query], 10, None).unwrap());
        let begun = gpu.begin(&[&query], 10, None).unwrap();
        gpu.release_gpu();
        assert_eq!(block_on(gpu.end(begun, plain)).unwrap(), expected, "{name}");
        let status = gpu.status();
        assert_eq!(status.device, Device::Cpu, "{name}");
        assert!(matches!(&status.notes[..], [note] if note.contains("put aside")), "{name}: {:?}", status.notes);
        assert_eq!(search(&gpu, &[&query], 10, None), expected, "{name}: and so are the next");
        assert_eq!(gpu.status().notes, status.notes, "{name}: told once");
    });
}

#[test]
fn auto_measures_and_says_what_it_found() {
    on_gpus(|name, options| {
        // Keys of so many rows do not fit into the small bindings.
        if name == "split" {
            return;
        }
        // More than the 8 MiB below which no GPU is asked for.
        let (dims, rows) = (384, 25_000);
        let values = noise(18, dims * rows);
        for (gpu_is_faster, expected) in [(true, Device::Gpu), (false, Device::Cpu)] {
            let device = DeviceIndex::new(index(dims, Precision::Int8, Metric::Cosine, &values));
            let name = block_on(device.find_gpu(DeviceChoice::Auto, options)).unwrap().expect("an adapter");
            // A clock that every call moves: three calls a round, the first span the CPU's, the second the GPU's.
            let calls = std::cell::Cell::new(0_u32);
            let clock = || {
                let at = calls.replace(calls.get() + 1);
                let (cpu, gpu) = if gpu_is_faster { (9.0, 1.0) } else { (1.0, 9.0) };
                f64::from(at / 3) * 100.0 + [0.0, cpu, cpu + gpu][at as usize % 3]
            };
            block_on(device.choose(DeviceChoice::Auto, None, &clock)).unwrap();
            let status = device.status();
            assert_eq!(status.device, expected, "{:?}", status.notes);
            let note = status.notes.last().unwrap();
            assert!(note.contains(&name) && note.contains("9.00 ms") && note.contains("1.00 ms"), "{note}");
            // Remembered, it is not measured again.
            let again = DeviceIndex::new(index(dims, Precision::Int8, Metric::Cosine, &values));
            block_on(again.find_gpu(DeviceChoice::Auto, options)).unwrap();
            block_on(again.choose(DeviceChoice::Auto, status.measured, &|| panic!("measured again"))).unwrap();
            assert_eq!(again.status().device, expected);
        }
        let few = DeviceIndex::new(index(2, Precision::Int8, Metric::Cosine, &[1.0, 0.0]));
        assert_eq!(block_on(few.find_gpu(DeviceChoice::Auto, options)).unwrap(), None, "too few to ask a GPU");
    });
}
