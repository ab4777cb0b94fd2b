//! Rows that cannot be among the best, told from their first values.
//!
//! A search wants the best `k` rows only. Once `k` are known, a row counts only if it can reach the least of them, and its
//! first values tell a good deal about that: by Cauchy and Schwarz, the values behind a place add at most the length of the
//! row behind it times the length of the query behind it. So the first values of a block are multiplied, the rows whose
//! bound falls short are dropped, and only the others are read to their end. Nothing is estimated: a row that is dropped
//! scores less than the k-th best, so answers are the same to the bit as without.
//!
//! How much is saved depends on the data. Where the bound drops too little, looking at it rests for some blocks.
//!
//! # Why the bound holds in float32
//!
//! With `p` the sum so far, `r` the row's length behind the cut (as a code and a unit, rounded up) and `t` the query's, the
//! bound is `p + r·t`, computed in float32. Conversion of `p` errs by at most 64 (half a unit at 2³¹); the other roundings by
//! at most 2⁻²⁴ of `|p| + r·t` each. [`PAD`] is more than what `p` has in that, [`SLACK`] more than what `r·t` has. So the
//! float32 bound is no less than the exact sum, and because rounding never reverses an order, what the sum is converted and
//! multiplied to is no more than what the bound is multiplied to. Scales are not negative here: they are of our own making.

use super::int8::Int8Rows;
use super::kernel::{Kernel, MAX_QUERIES};
use super::mask::{Mask, set_bits};
use super::quantize::Int8Query;
use super::scorer::{BLOCK, SPARSE, each_block};
use super::set::{Rows, VectorSet};

/// Places at which a row may be dropped.
const CUTS: usize = 2;
/// Where they are: 5/12 and 3/4 of the row. For 384 dims the first is behind two and a half cache lines: up to there
/// processors skip the rest of the row, from three lines on they fetch all of it in advance. The second is for data whose
/// best are not far above the rest.
const PLACES: [(usize, usize); CUTS] = [(5, 12), (3, 4)];
/// Cuts are at multiples of this, the widest step of any kernel.
const STEP: usize = super::kernel::MAX_WIDTH;
/// Blocks for which a cut rests once it left more than [`ENOUGH`] of a block: what it costs in vain shrinks to a ninth.
const REST: u32 = 8;
/// Of the rows that come to a cut, the share that may pass it for the cut to be worth its while: numerator and denominator.
const ENOUGH: (u32, u32) = (3, 4);
/// Added to a bound, in units of the sum.
const PAD: f32 = 512.0;
/// What `r·t` is multiplied with.
const SLACK: f64 = 1.0 + 1.0 / (1 << 20) as f64;

/// How long each row of an int8 set is behind each cut, in a byte.
#[derive(Debug)]
pub(crate) struct Tails {
    /// Ascending; none where rows are too short to be cut.
    cuts: Vec<Cut>,
}

#[derive(Debug)]
struct Cut {
    /// Values before it.
    place: usize,
    /// Length per unit of a code: the longest tail there can be has code 255 or less.
    unit: f64,
    codes: Vec<u8>,
}

impl Cut {
    fn code(&self, row: Int8Rows<'_>) -> u8 {
        let square = |value: &i8| i32::from(*value) * i32::from(*value);
        // 4096 · 128² is far from what an i32 holds.
        let norm2: i32 = row.row(0, self.place..usize::MAX).flat_map(|values| values.iter().map(square)).sum();
        (f64::from(norm2).sqrt() / self.unit).ceil() as u8
    }
}

impl Tails {
    pub(crate) fn new(dims: usize) -> Self {
        let mut cuts: Vec<Cut> = Vec::new();
        for (numerator, denominator) in PLACES {
            let place = dims * numerator / denominator / STEP * STEP;
            // 128 is the greatest magnitude; one unit less than there are codes, so that rounding up stays a byte.
            let unit = 128.0 * ((dims - place) as f64).sqrt() / 254.0;
            if place > cuts.last().map_or(0, |cut| cut.place) {
                cuts.push(Cut { place, unit, codes: Vec::new() });
            }
        }
        Self { cuts }
    }

    /// Where rows may be dropped: what lies before one of these should lie together.
    pub(crate) fn places(&self) -> Vec<usize> {
        self.cuts.iter().map(|cut| cut.place).collect()
    }

    /// Takes the next row's values.
    pub(crate) fn push(&mut self, row: Int8Rows<'_>) {
        for cut in &mut self.cuts {
            let code = cut.code(row);
            cut.codes.push(code);
        }
    }

    /// Takes other values of a row.
    pub(crate) fn replace(&mut self, at: usize, row: Int8Rows<'_>) {
        for cut in &mut self.cuts {
            cut.codes[at] = cut.code(row);
        }
    }

    /// Follows a row's removal by the last one's taking its place.
    pub(crate) fn swap_remove(&mut self, at: usize) {
        for cut in &mut self.cuts {
            cut.codes.swap_remove(at);
        }
    }
}

/// Who keeps the best.
pub(crate) trait Best {
    /// Whether so many are kept that others have to reach something.
    fn is_full(&self) -> bool;

    /// Which of the rows from `first` on count if these are their products, or less.
    fn reached(&self, query: usize, first: usize, dots: &[f32]) -> u64;

    /// Takes the products of the rows from `first` on that are live; what `dots` has of others means nothing.
    fn take(&mut self, query: usize, first: usize, live: u64, dots: &[f32]);
}

/// Hands `best` every row of an int8 set that is on and may be among the best, as [`scan`](super::scorer::scan) would, if not in
/// the same order. Queries (1 to [`MAX_QUERIES`]), mask and set must have been checked, and `tails` be those of the set.
pub(crate) fn scan_best(
    kernel: &dyn Kernel,
    set: &VectorSet,
    tails: &Tails,
    queries: &[&Int8Query],
    mask: Option<&Mask>,
    best: &mut impl Best,
) {
    let mut values = [&[][..]; MAX_QUERIES];
    for (values, query) in values.iter_mut().zip(queries) {
        *values = &query.values;
    }
    let values = &values[..queries.len()];
    let mut sums = [0; MAX_QUERIES * BLOCK];
    let mut few = Few::new(kernel, queries, set.dims());
    // For each cut and query the greatest that a unit of a row's code can add.
    let most: Vec<[f32; MAX_QUERIES]> = tails.cuts.iter().map(|cut| most(cut, queries)).collect();
    let mut resting = [0; CUTS];
    let mut dots = [0.0; BLOCK];
    each_block(set, mask, |first, mut live, rows| {
        let Rows::Int8(rows) = rows else { unreachable!("queries are those of an int8 set") };
        let scales = rows.scales;
        let sums = &mut sums[..queries.len() * rows.len()];
        let dots = &mut dots[..rows.len()];
        // Which rows may still count, query by query.
        let mut lives = [live; MAX_QUERIES];
        let lives = &mut lives[..queries.len()];
        let mut done = 0;
        for ((cut, most), resting) in tails.cuts.iter().zip(&most).zip(&mut resting) {
            if live.count_ones() < SPARSE {
                // A bound for each row of the block takes longer than the rest of these few.
                break;
            }
            if *resting > 0 {
                *resting -= 1;
                continue;
            }
            if !best.is_full() {
                break;
            }
            rows.sums(kernel, done..cut.place, values, sums);
            done = cut.place;
            let codes = &cut.codes[first..];
            let mut reached = 0;
            for (at, query) in queries.iter().enumerate() {
                if lives[at] != 0 {
                    bounds(&sums[at * rows.len()..], codes, most[at], scales, query.scale, dots);
                    lives[at] &= best.reached(at, first, dots);
                    reached |= lives[at];
                }
            }
            let before = live.count_ones();
            live &= reached;
            if live.count_ones() * ENOUGH.1 > before * ENOUGH.0 {
                *resting = REST;
            }
        }
        if live.count_ones() < SPARSE {
            for (query, live) in lives.iter().enumerate() {
                for at in set_bits(*live) {
                    let sum = if done == 0 { 0 } else { sums[query * rows.len() + at] };
                    few.push(One { query, row: first + at, rows: rows.slice(at, 1), done, sum }, best);
                }
            }
            return;
        }
        rows.sums(kernel, done..set.dims(), values, sums);
        for (at, query) in queries.iter().enumerate() {
            for ((dot, sum), scale) in dots.iter_mut().zip(&sums[at * rows.len()..]).zip(scales) {
                *dot = (*sum as f32 * scale) * query.scale;
            }
            best.take(at, first, lives[at], dots);
        }
    });
    few.finish(best);
}

/// What the products can be at most: a row's sum so far, and what its tail can add.
fn bounds(sums: &[i32], codes: &[u8], most: f32, scales: &[f32], scale: f32, dots: &mut [f32]) {
    for (((dot, sum), code), row) in dots.iter_mut().zip(sums).zip(codes).zip(scales) {
        *dot = ((*sum as f32 + f32::from(*code) * most + PAD) * row) * scale;
    }
}

/// Rows that are read one by one, for one query each. They lie far apart, and each would be waited for: so some are collected,
/// and a value of each of their cache lines is looked at, which processors do for many at a time, before any is multiplied.
struct Few<'a> {
    kernel: &'a dyn Kernel,
    queries: &'a [&'a Int8Query],
    dims: usize,
    waiting: Vec<One<'a>>,
}

/// A row for a query.
struct One<'a> {
    query: usize,
    row: usize,
    /// Only this one.
    rows: Int8Rows<'a>,
    /// So many values are in the sum.
    done: usize,
    sum: i32,
}

impl<'a> Few<'a> {
    /// As many as are read together: their lines (at most 64 × 4096 values) fit the second-level cache.
    const MOST: usize = 64;
    /// The bytes of a cache line, or of half of one.
    const LINE: usize = 64;

    fn new(kernel: &'a dyn Kernel, queries: &'a [&'a Int8Query], dims: usize) -> Self {
        Self { kernel, queries, dims, waiting: Vec::with_capacity(Self::MOST) }
    }

    fn push(&mut self, one: One<'a>, best: &mut impl Best) {
        self.waiting.push(one);
        if self.waiting.len() == Self::MOST {
            self.finish(best);
        }
    }

    fn finish(&mut self, best: &mut impl Best) {
        let mut seen = 0;
        for one in &self.waiting {
            for values in one.rows.row(0, one.done..self.dims) {
                seen ^= values.iter().step_by(Self::LINE).chain(values.last()).fold(0, |seen, value| seen ^ value);
            }
        }
        std::hint::black_box(seen);
        for one in self.waiting.drain(..) {
            let query = self.queries[one.query];
            let sum = one.sum + one.rows.sum(self.kernel, 0, one.done..self.dims, &query.values);
            best.take(one.query, one.row, 1, &[(sum as f32 * one.rows.scales[0]) * query.scale]);
        }
    }
}

fn most(cut: &Cut, queries: &[&Int8Query]) -> [f32; MAX_QUERIES] {
    std::array::from_fn(|at| {
        let tail = queries.get(at).map_or(&[][..], |query| &query.values[cut.place..]);
        let norm2: f64 = tail.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
        (norm2.sqrt() * cut.unit * SLACK) as f32
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;

    use super::super::int8::Int8Values;
    use super::super::kernel::available;
    use super::super::scorer::tests::noise;
    use super::super::scorer::{Query, scan};
    use super::super::topk::{Scored, TopK, reaching};
    use super::*;
    use crate::vector::Precision;

    type Order = fn(usize, usize) -> std::cmp::Ordering;

    struct Plain(Vec<TopK<Order>>);

    impl Plain {
        fn new(queries: usize, k: usize) -> Self {
            Self((0..queries).map(|_| TopK::new(k, (|a, b| a.cmp(&b)) as Order)).collect())
        }

        fn rows(self) -> Vec<Vec<Scored>> {
            self.0.into_iter().map(TopK::into_sorted).collect()
        }
    }

    impl Best for Plain {
        fn is_full(&self) -> bool {
            self.0.iter().all(|best| best.threshold() > f32::NEG_INFINITY)
        }

        fn reached(&self, query: usize, _first: usize, dots: &[f32]) -> u64 {
            reaching(dots, self.0[query].threshold())
        }

        fn take(&mut self, query: usize, first: usize, live: u64, dots: &[f32]) {
            self.0[query].offer_block(first, dots, live);
        }
    }

    /// A kernel that counts what it is asked for.
    struct Counting {
        kernel: Box<dyn Kernel>,
        values: AtomicUsize,
        calls: AtomicUsize,
    }

    impl Counting {
        fn new() -> Self {
            Self { kernel: available().pop().unwrap(), values: AtomicUsize::new(0), calls: AtomicUsize::new(0) }
        }
    }

    impl Kernel for Counting {
        fn name(&self) -> &'static str {
            "counting"
        }

        fn sums_int8(&self, values: &[i8], stride: usize, queries: &[&[i16]], sums: &mut [i32]) {
            self.values.fetch_add(sums.len() * queries[0].len(), Relaxed);
            self.calls.fetch_add(1, Relaxed);
            self.kernel.sums_int8(values, stride, queries, sums);
        }

        fn dots_float32(&self, _values: &[f32], _queries: &[&[f32]], _dots: &mut [f32]) {
            unreachable!("sets are int8 here");
        }
    }

    fn set(dims: usize, rows: &[f32]) -> (VectorSet, Tails) {
        let places = Tails::new(dims).places();
        set_in_parts(dims, rows, places)
    }

    fn set_in_parts(dims: usize, rows: &[f32], places: Vec<usize>) -> (VectorSet, Tails) {
        let mut set = VectorSet::in_parts(dims, Precision::Int8, places).unwrap();
        set.push_rows(rows).unwrap();
        let mut tails = Tails::new(dims);
        for row in 0..set.len() {
            let Rows::Int8(values) = set.block(row, 1) else { unreachable!() };
            tails.push(values);
        }
        (set, tails)
    }

    /// Rows around 20 centres.
    fn clustered(seed: u32, dims: usize, rows: usize) -> Vec<f32> {
        let centres = noise(7, 20 * dims);
        let mut values = noise(seed, rows * dims);
        for (row, values) in values.chunks_mut(dims).enumerate() {
            let centre = &centres[(row * 7 + seed as usize) % 20 * dims..];
            values.iter_mut().zip(centre).for_each(|(value, centre)| *value = *value * 0.6 + centre);
        }
        values
    }

    /// The best of all rows, each read to its end.
    fn whole(set: &VectorSet, queries: &[Query], mask: Option<&Mask>, k: usize) -> Vec<Vec<Scored>> {
        let mut best = Plain::new(queries.len(), k);
        let kernel = available().pop().unwrap();
        scan(&*kernel, set, queries, mask, &mut |query, first, live, dots| best.take(query, first, live, dots));
        best.rows()
    }

    fn pruned(
        kernel: &dyn Kernel,
        set: &VectorSet,
        tails: &Tails,
        queries: &[Query],
        mask: Option<&Mask>,
        k: usize,
    ) -> Vec<Vec<Scored>> {
        let mut best = Plain::new(queries.len(), k);
        let queries: Vec<&Int8Query> = queries.iter().filter_map(Query::int8).collect();
        scan_best(kernel, set, tails, &queries, mask, &mut best);
        best.rows()
    }

    fn queries(set: &VectorSet, values: &[f32]) -> Vec<Query> {
        values.chunks(set.dims()).map(|query| Query::new(set, query)).collect()
    }

    #[test]
    fn the_best_are_those_of_a_whole_scan_to_the_bit() {
        for dims in [2, 76, 77, 96, 100, 384, 385, 1000] {
            for rows in [clustered(1, dims, 1500), noise(2, dims * 700), vec![0.25; dims * 200]] {
                let (whole_rows, _) = set_in_parts(dims, &rows, Vec::new());
                let (set, tails) = set(dims, &rows);
                let queries = queries(&set, &clustered(3, dims, 8));
                let mut few = Mask::none(set.len());
                (0..set.len()).step_by(9).for_each(|row| few.set(row, true));
                let mut most = Mask::all(set.len());
                (0..set.len()).step_by(9).for_each(|row| most.set(row, false));
                for mask in [None, Some(&few), Some(&most), Some(&Mask::none(set.len()))] {
                    for (count, k) in [(1, 1), (1, 10), (1, 300), (3, 10), (8, 10)] {
                        let expected = whole(&set, &queries[..count], mask, k);
                        for kernel in available() {
                            for set in [&set, &whole_rows] {
                                let found = pruned(&*kernel, set, &tails, &queries[..count], mask, k);
                                assert_eq!(found, expected, "{}: {dims} dims, {count} queries, {k}", kernel.name());
                            }
                        }
                    }
                }
            }
        }
    }

    /// Where Cauchy and Schwarz hold with equality there is nothing to spare: rows that score just the least that counts, all
    /// of it from behind the cuts.
    #[test]
    fn rows_that_make_up_for_everything_at_their_end_are_found() {
        for dims in [96, 384, 4096] {
            for place in Tails::new(dims).cuts.iter().map(|cut| cut.place) {
                let query: Vec<f32> = noise(5, dims);
                // Early ones are good at their beginning and set what has to be reached.
                let early: Vec<f32> =
                    query.iter().enumerate().map(|(at, value)| if at < place { *value } else { 0.0 }).collect();
                let late: Vec<f32> = query.iter().zip(&early).map(|(value, early)| value - early).collect();
                let norm2 = |values: &[f32]| values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
                let even = norm2(&early) / norm2(&late);
                for above in [-1e-2, -1e-5, -1e-7, 0.0, 1e-7, 1e-5, 1e-2] {
                    let mut rows = early.repeat(64);
                    rows.extend(noise(6, dims * 256).iter().map(|value| value * 0.01));
                    rows.extend(late.iter().map(|value| (f64::from(*value) * even * (1.0 + above)) as f32));
                    let (set, tails) = set(dims, &rows);
                    let queries = queries(&set, &query);
                    let expected = whole(&set, &queries, None, 20);
                    let found = expected[0][0].row == set.len() - 1;
                    assert!(
                        f64::abs(above) < 1e-3 || found == (above > 0.0),
                        "{dims} dims, {above}: not the case it is for"
                    );
                    for kernel in available() {
                        assert_eq!(
                            pruned(&*kernel, &set, &tails, &queries, None, 20),
                            expected,
                            "{dims}, {place}, {above}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn most_of_what_is_far_is_never_read_and_a_cut_in_vain_rests() {
        let dims = 384;
        let counted = |rows: &[f32], places: Vec<usize>| {
            let (set, tails) = set_in_parts(dims, rows, places);
            let kernel = Counting::new();
            let queries = queries(&set, &clustered(3, dims, 1));
            pruned(&kernel, &set, &tails, &queries, None, 10);
            (kernel.values.into_inner() as f64 / set.len() as f64, kernel.calls.into_inner() as f64 / set.len() as f64)
        };
        let (values, _) = counted(&clustered(1, dims, 6400), Tails::new(dims).places());
        assert!(values < 230.0, "{values} values a row");
        // Nothing stands out of noise: every value once, and hardly more calls than the one a block that it takes without cuts.
        let (values, calls) = counted(&noise(1, dims * 6400), Vec::new());
        assert_eq!(values, 384.0);
        assert!(calls * 64.0 < 1.4, "{} calls a block", calls * 64.0);
    }

    #[test]
    fn codes_are_no_less_than_lengths() {
        for dims in [96, 384, 4096] {
            for row in [vec![-128; dims], vec![127; dims], vec![0; dims], (0..dims).map(|at| (at * 37) as i8).collect()]
            {
                let mut values = Int8Values::with_capacity(dims, &[], 1);
                values.push(&row);
                for cut in &Tails::new(dims).cuts {
                    let length = row[cut.place..].iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
                    let code = f64::from(cut.code(values.rows(&[1.0]))) * cut.unit;
                    assert!(length <= code && code < length + cut.unit, "{dims} dims: {length} as {code}");
                }
            }
        }
    }
}
