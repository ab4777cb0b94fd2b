//! Vectors with ids: what `VectorIndex` is in the browser.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::error::{VectorError, VectorErrorKind};
use super::gpu::{Source, TILE};
use super::ids::Ids;
use super::kernel::{self, Kernel, MAX_QUERIES};
use super::mask::{Mask, set_bits};
use super::metric::Metric;
use super::nearest::Nearest;
use super::prune::{Best, Tails, scan_best};
use super::quantize::{Int8Query, checked_norm2};
use super::scorer::{Query, check_mask, check_query, scan};
use super::set::{Precision, Rows, VectorSet};
use super::topk::TopK;

/// An id and how near it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbor<'a> {
    /// The id.
    pub id: &'a str,
    /// Its similarity, see [`Metric`].
    pub score: f32,
}

/// Vectors by id, searched exactly. Adding, replacing and removing cost no more than the rows concerned; there is nothing
/// to rebuild.
///
/// ```
/// use homebody::{Index, Metric, Precision};
/// let mut index = Index::new(2, Precision::Int8, Metric::Cosine)?;
/// index.add(&["east", "north"], &[2.0, 0.0,  0.0, 0.5])?;
/// let hits = index.search(&[&[0.6, 0.8]], 1, None)?;
/// assert_eq!(hits[0][0].id, "north");
/// # Ok::<(), homebody::VectorError>(())
/// ```
pub struct Index {
    set: VectorSet,
    metric: Metric,
    /// Squared lengths of the rows as kept, for [`Metric::L2`] only.
    norms2: Vec<f32>,
    /// What lets a search pass over most of most rows; empty unless vectors are int8.
    tails: Tails,
    ids: Ids,
    kernel: Box<dyn Kernel>,
    /// Changes so far: an answer that was computed elsewhere from other vectors can be told.
    version: u64,
    /// Tiles of rows that changed since somebody asked, if anybody keeps a copy.
    touched: Option<BTreeSet<usize>>,
}

/// A query ready to be multiplied, and its squared length as it came.
pub(crate) struct Prepared {
    pub(crate) query: Query,
    pub(crate) length2: f64,
}

impl Index {
    /// An empty index of vectors of `dims` (2..=4096) values.
    ///
    /// # Errors
    /// If `dims` is out of range.
    pub fn new(dims: usize, precision: Precision, metric: Metric) -> Result<Self, VectorError> {
        let tails = Tails::new(dims);
        Ok(Self {
            set: VectorSet::in_parts(dims, precision, tails.places())?,
            metric,
            norms2: Vec::new(),
            tails,
            ids: Ids::default(),
            kernel: kernel::available().pop().expect("the scalar kernel runs everywhere"),
            version: 0,
            touched: None,
        })
    }

    /// Vectors in the index.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Values per vector.
    pub fn dims(&self) -> usize {
        self.set.dims()
    }

    /// How vectors are kept.
    pub fn precision(&self) -> Precision {
        self.set.precision()
    }

    /// How vectors compare.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Whether there is a vector of that id.
    pub fn contains(&self, id: &str) -> bool {
        self.ids.row(id).is_some()
    }

    /// Adds vectors, one after another in `vectors`.
    ///
    /// # Errors
    /// If there is not one id per vector, an id is there already or comes twice, or a value is not finite. Nothing is added
    /// then.
    pub fn add(&mut self, ids: &[&str], vectors: &[f32]) -> Result<(), VectorError> {
        let dims = self.dims();
        if !vectors.len().is_multiple_of(dims) {
            return Err(VectorErrorKind::PartialRow { dims, values: vectors.len() }.into());
        }
        let count = vectors.len() / dims;
        if ids.len() != count {
            return Err(VectorErrorKind::Ids { rows: count, ids: ids.len() }.into());
        }
        let before = self.len();
        self.ids.add(ids)?;
        let pushed = match self.metric {
            Metric::Cosine => unit_rows(dims, vectors).and_then(|rows| self.set.push_rows(&rows)),
            Metric::Dot | Metric::L2 => self.set.push_rows(vectors),
        };
        if let Err(error) = pushed {
            self.ids.truncate(before);
            return Err(error);
        }
        if self.metric == Metric::L2 {
            let norms: Vec<f32> = (before..before + count).map(|row| self.norm2(row)).collect();
            self.norms2.extend(norms);
        }
        for row in before..before + count {
            if let Rows::Int8(values) = self.set.block(row, 1) {
                self.tails.push(values);
            }
        }
        self.touch(before..before + count);
        Ok(())
    }

    /// Puts another vector in the place of the one of that id.
    ///
    /// # Errors
    /// If there is no such id, or the vector is of another length or not finite. The former vector stays then.
    pub fn replace(&mut self, id: &str, vector: &[f32]) -> Result<(), VectorError> {
        let row = self.ids.known_row(id)?;
        match self.metric {
            Metric::Cosine if vector.len() == self.dims() => {
                let unit = unit_rows(self.dims(), vector)?;
                self.set.replace_row(row, &unit)?;
            }
            _ => self.set.replace_row(row, vector)?,
        }
        if self.metric == Metric::L2 {
            self.norms2[row] = self.norm2(row);
        }
        if let Rows::Int8(values) = self.set.block(row, 1) {
            self.tails.replace(row, values);
        }
        self.touch(row..row + 1);
        Ok(())
    }

    /// Removes the vectors of those ids; an id that comes twice counts once.
    ///
    /// # Errors
    /// If an id is not there. Nothing is removed then.
    pub fn remove(&mut self, ids: &[&str]) -> Result<(), VectorError> {
        for id in ids {
            self.ids.known_row(id)?;
        }
        for id in ids {
            let Some(row) = self.ids.row(id) else { continue };
            self.set.swap_remove_row(row)?;
            let last = self.len() - 1;
            self.ids.swap_remove(row);
            if self.metric == Metric::L2 {
                self.norms2.swap_remove(row);
            }
            if self.precision() == Precision::Int8 {
                self.tails.swap_remove(row);
            }
            self.touch(row..row + 1);
            self.touch(last..last + 1);
        }
        Ok(())
    }

    /// The mask that leaves only those ids.
    ///
    /// # Errors
    /// If an id is not there.
    pub fn mask(&self, ids: &[&str]) -> Result<Mask, VectorError> {
        let mut mask = Mask::none(self.len());
        for id in ids {
            mask.set(self.ids.known_row(id)?, true);
        }
        Ok(mask)
    }

    /// The nearest `limit` vectors to each query, nearest first, equal scores by id. All queries share passes over the
    /// vectors, up to eight at a time. Rows whose bit in `mask` is off are passed over.
    ///
    /// # Errors
    /// If a query is of another length or not finite, or the mask was made for another number of rows.
    pub fn search(
        &self,
        queries: &[&[f32]],
        limit: usize,
        mask: Option<&Mask>,
    ) -> Result<Vec<Vec<Neighbor<'_>>>, VectorError> {
        check_mask(&self.set, mask)?;
        let mut found = Vec::with_capacity(queries.len());
        for (batch, queries) in queries.chunks(MAX_QUERIES).enumerate() {
            let both = self.prepare(batch * MAX_QUERIES, queries)?;
            if limit == 0 {
                // Nothing would ever be enough to pass over a row.
                found.resize(found.len() + queries.len(), Vec::new());
                continue;
            }
            let lengths2 = both.iter().map(|prepared| prepared.length2 as f32).collect();
            let prepared: Vec<Query> = both.into_iter().map(|prepared| prepared.query).collect();
            let by_id = |a: usize, b: usize| self.ids.name(a).cmp(self.ids.name(b));
            let best = queries.iter().map(|_| TopK::new(limit.min(self.len()), by_id)).collect();
            let Self { set, metric, norms2, .. } = self;
            let mut nearest = Nearest { set, metric: *metric, norms2, queries, lengths2, best };
            let int8: Vec<&Int8Query> = prepared.iter().filter_map(Query::int8).collect();
            if int8.is_empty() {
                scan(&*self.kernel, &self.set, &prepared, mask, &mut |query, first, live, dots| {
                    nearest.take(query, first, live, dots);
                });
            } else {
                scan_best(&*self.kernel, &self.set, &self.tails, &int8, mask, &mut nearest);
            }
            found.extend(nearest.best.into_iter().map(|best| {
                let rows = best.into_sorted().into_iter();
                rows.map(|hit| Neighbor { id: self.ids.name(hit.row), score: hit.score }).collect()
            }));
        }
        Ok(found)
    }

    /// Checks queries and brings them into the form that rows are multiplied with; `first` numbers them in errors.
    pub(crate) fn prepare(&self, first: usize, queries: &[&[f32]]) -> Result<Vec<Prepared>, VectorError> {
        let prepare = |(at, query): (usize, &&[f32])| {
            let length2 = check_query(&self.set, first + at, query)?;
            let query = match self.metric {
                Metric::Cosine => Query::new(&self.set, &scaled(query, length2)),
                Metric::Dot | Metric::L2 => Query::new(&self.set, query),
            };
            Ok(Prepared { query, length2 })
        };
        queries.iter().enumerate().map(prepare).collect()
    }

    /// Every product, as [`DeviceIndex::products`](super::DeviceIndex::products) has it.
    pub(crate) fn products(&self, queries: &[&[f32]], mask: Option<&Mask>) -> Result<Vec<f32>, VectorError> {
        check_mask(&self.set, mask)?;
        let len = self.len();
        let mut out = vec![f32::NEG_INFINITY; queries.len() * len];
        for (batch, queries) in queries.chunks(MAX_QUERIES).enumerate() {
            let prepared = self.prepare(batch * MAX_QUERIES, queries)?;
            let prepared: Vec<Query> = prepared.into_iter().map(|prepared| prepared.query).collect();
            scan(&*self.kernel, &self.set, &prepared, mask, &mut |query, first, live, dots| {
                let out = &mut out[(batch * MAX_QUERIES + query) * len + first..][..dots.len()];
                set_bits(live).for_each(|at| out[at] = dots[at]);
            });
        }
        Ok(out)
    }

    /// The rows as kept.
    pub(crate) fn set(&self) -> &VectorSet {
        &self.set
    }

    /// The id of a row.
    pub(crate) fn id(&self, row: usize) -> &str {
        self.ids.name(row)
    }

    /// What multiplies on the CPU.
    pub(crate) fn kernel_name(&self) -> &'static str {
        self.kernel.name()
    }

    /// A number that tells these vectors, as they are kept, from others. No cryptography: nobody gains by having two indexes
    /// taken for the same. Other versions of this crate may come to another number.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.metric.name().hash(&mut hasher);
        self.dims().hash(&mut hasher);
        for (_, rows) in self.set.chunks() {
            match rows {
                Rows::Int8(rows) => {
                    rows.pieces(0..self.dims()).for_each(|piece| i8::hash_slice(piece.values, &mut hasher));
                    rows.scales.iter().for_each(|scale| hasher.write_u32(scale.to_bits()));
                }
                Rows::Float32 { values } => values.iter().for_each(|value| hasher.write_u32(value.to_bits())),
            }
        }
        hasher.finish()
    }

    /// How often the vectors were changed.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Keeps no list any more.
    pub(crate) fn unwatch(&mut self) {
        self.touched = None;
    }

    fn touch(&mut self, rows: std::ops::Range<usize>) {
        self.version += 1;
        if let Some(touched) = &mut self.touched {
            touched.extend(rows.start / TILE..rows.end.div_ceil(TILE));
        }
    }

    fn norm2(&self, row: usize) -> f32 {
        let mut values = vec![0.0; self.dims()];
        self.set.row_into(row, &mut values);
        values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() as f32
    }
}

/// Rows brought to unit length; a zero row stays.
fn unit_rows(dims: usize, rows: &[f32]) -> Result<Vec<f32>, VectorError> {
    let mut units = Vec::with_capacity(rows.len());
    for (at, row) in rows.chunks_exact(dims).enumerate() {
        units.extend(scaled(row, checked_norm2(at, row)?));
    }
    Ok(units)
}

fn scaled(vector: &[f32], length2: f64) -> Vec<f32> {
    let factor = if length2 > 0.0 { length2.sqrt().recip() } else { 0.0 };
    vector.iter().map(|value| (f64::from(*value) * factor) as f32).collect()
}

impl Source for Index {
    fn set(&self) -> &VectorSet {
        &self.set
    }

    fn metric(&self) -> Metric {
        self.metric
    }

    fn norms2(&self) -> &[f32] {
        &self.norms2
    }

    fn watch(&mut self) {
        self.touched = Some((0..self.len().div_ceil(TILE)).collect());
    }

    fn take_touched(&mut self) -> BTreeSet<usize> {
        self.touched.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::scorer::tests::noise;
    use proptest::prelude::*;

    fn ids(from: usize, count: usize) -> Vec<String> {
        (from..from + count).map(|id| format!("item-{id}")).collect()
    }

    fn refs(ids: &[String]) -> Vec<&str> {
        ids.iter().map(String::as_str).collect()
    }

    /// The similarity as the metric defines it, in f64.
    fn truth(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        match metric {
            Metric::Cosine if dot(a, a) == 0.0 || dot(b, b) == 0.0 => 0.0,
            Metric::Cosine => dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
            Metric::Dot => dot(a, b),
            Metric::L2 => -a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>(),
        }
    }

    #[test]
    fn other_vectors_have_another_fingerprint() {
        let print = |metric, precision, vectors: &[f32]| {
            let mut index = Index::new(2, precision, metric).unwrap();
            index.add(&["a", "b"], vectors).unwrap();
            index.fingerprint()
        };
        let (int8, float32) = (Precision::Int8, Precision::Float32);
        let prints = [
            print(Metric::Dot, int8, &[1.0, 2.0, 3.0, 4.0]),
            print(Metric::Dot, int8, &[1.0, 2.0, 3.0, 5.0]),
            // The same bytes with another scale.
            print(Metric::Dot, int8, &[1.0, 2.0, 6.0, 8.0]),
            print(Metric::Cosine, int8, &[1.0, 2.0, 3.0, 4.0]),
            print(Metric::Dot, float32, &[1.0, 2.0, 3.0, 4.0]),
            print(Metric::Dot, float32, &[1.0, 2.0, 3.0, 5.0]),
        ];
        for (at, one) in prints.iter().enumerate() {
            assert!(!prints[..at].contains(one), "{at}");
        }
        assert_eq!(prints[0], print(Metric::Dot, int8, &[1.0, 2.0, 3.0, 4.0]));
    }

    #[test]
    fn nearest_first_in_every_metric_and_precision() {
        let dims = 33;
        let rows = noise(7, dims * 300);
        let query = noise(8, dims);
        for metric in [Metric::Cosine, Metric::Dot, Metric::L2] {
            for (precision, bound) in [(Precision::Float32, 1e-5), (Precision::Int8, 0.1)] {
                let mut index = Index::new(dims, precision, metric).unwrap();
                index.add(&refs(&ids(0, 300)), &rows).unwrap();
                let hits = index.search(&[&query], 300, None).unwrap().remove(0);
                assert_eq!(hits.len(), 300);
                assert!(hits.is_sorted_by(|a, b| a.score > b.score || (a.score == b.score && a.id < b.id)));
                for hit in &hits {
                    let row: usize = hit.id[5..].parse().unwrap();
                    let expected = truth(metric, &query, &rows[row * dims..][..dims]);
                    let error = (f64::from(hit.score) - expected).abs();
                    assert!(error <= bound * expected.abs().max(1.0), "{metric:?} {precision:?} {hit:?} {expected}");
                }
            }
        }
    }

    #[test]
    fn a_cosine_is_never_above_one() {
        for precision in [Precision::Int8, Precision::Float32] {
            let mut index = Index::new(24, precision, Metric::Cosine).unwrap();
            let rows = noise(5, 24 * 500);
            index.add(&refs(&ids(0, 500)), &rows).unwrap();
            for (at, row) in rows.chunks(24).enumerate() {
                let opposite: Vec<f32> = row.iter().map(|value| -value).collect();
                let hits = index.search(&[row, &opposite], 500, None).unwrap();
                let (same, other) = (hits[0][0], hits[1][499]);
                assert_eq!((same.id, other.id), (&*format!("item-{at}"), &*format!("item-{at}")));
                assert!((0.999_9..=1.0).contains(&same.score), "{precision:?}: {}", same.score);
                assert!((-1.0..=-0.999_9).contains(&other.score), "{precision:?}: {}", other.score);
            }
        }
    }

    #[test]
    fn distances_of_near_rows_are_told_apart_far_from_the_origin() {
        let dims = 7;
        let mut index = Index::new(dims, Precision::Float32, Metric::L2).unwrap();
        let near =
            |seed: u32, size: f32| noise(seed, dims).iter().map(|value| 1000.0 + value * size).collect::<Vec<_>>();
        let query = near(1, 0.1);
        let rows: Vec<Vec<f32>> = (0..200).map(|at| near(at + 2, 0.01 * at as f32)).collect();
        index.add(&refs(&ids(0, 200)), &rows.concat()).unwrap();
        let mut expected: Vec<(f64, usize)> =
            rows.iter().enumerate().map(|(at, row)| (-truth(Metric::L2, &query, row), at)).collect();
        expected.sort_by(|a, b| a.0.total_cmp(&b.0));
        let hits = index.search(&[&query], 20, None).unwrap().remove(0);
        for (hit, (distance2, at)) in hits.iter().zip(&expected) {
            assert_eq!((hit.id, -hit.score), (&*format!("item-{at}"), *distance2 as f32));
        }
        let itself = index.search(&[&rows[7]], 1, None).unwrap().remove(0)[0];
        assert_eq!((itself.id, itself.score), ("item-7", 0.0));
    }

    #[test]
    fn equal_scores_are_ordered_by_id() {
        let mut index = Index::new(2, Precision::Int8, Metric::Cosine).unwrap();
        index.add(&["b", "c", "a"], &[1.0, 0.0, 2.0, 0.0, 3.0, 0.0]).unwrap();
        let hits = index.search(&[&[1.0, 0.0]], 2, None).unwrap().remove(0);
        assert_eq!(hits.iter().map(|hit| hit.id).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_refused_call_changes_nothing() {
        let mut index = Index::new(2, Precision::Int8, Metric::L2).unwrap();
        index.add(&["a", "b"], &[1.0, 0.0, 0.0, 1.0]).unwrap();
        let code = |result: Result<(), VectorError>| result.unwrap_err().code();
        assert_eq!(code(index.add(&["c", "c"], &[0.0; 4])), "vector-duplicate-id");
        assert_eq!(code(index.add(&["c", "a"], &[0.0; 4])), "vector-duplicate-id");
        assert_eq!(code(index.add(&["c", "d"], &[0.0, 1.0, f32::NAN, 0.0])), "vector-not-finite");
        assert_eq!(code(index.add(&["c"], &[0.0; 4])), "vector-ids");
        assert_eq!(code(index.add(&["c"], &[0.0; 3])), "vector-partial-row");
        assert_eq!(code(index.remove(&["a", "x"])), "vector-unknown-id");
        assert_eq!(code(index.replace("a", &[f32::INFINITY, 0.0])), "vector-not-finite");
        assert_eq!(code(index.replace("a", &[0.0])), "vector-length");
        assert!(index.mask(&["x"]).is_err() && index.search(&[&[f32::NAN, 0.0]], 1, None).is_err());
        assert!(!index.contains("c") && index.len() == 2);
        let hits = index.search(&[&[1.0, 0.0]], 9, None).unwrap().remove(0);
        assert_eq!(hits.iter().map(|hit| hit.id).collect::<Vec<_>>(), ["a", "b"]);
        index.add(&["c"], &[0.5, 0.5]).unwrap();
        assert_eq!(index.len(), 3);
    }

    #[test]
    fn masks_leave_none_one_and_all() {
        let mut index = Index::new(2, Precision::Float32, Metric::Dot).unwrap();
        index.add(&refs(&ids(0, 100)), &noise(1, 200)).unwrap();
        let found = |mask: Mask| index.search(&[&[1.0, 1.0]], 100, Some(&mask)).unwrap().remove(0).len();
        assert_eq!(found(Mask::none(100)), 0);
        assert_eq!(found(index.mask(&["item-73"]).unwrap()), 1);
        assert_eq!(found(Mask::all(100)), 100);
        assert!(index.search(&[&[1.0, 1.0]], 1, Some(&Mask::all(99))).is_err());
    }

    #[test]
    fn many_queries_answer_as_one_each() {
        let mut index = Index::new(16, Precision::Int8, Metric::Cosine).unwrap();
        index.add(&refs(&ids(0, 500)), &noise(3, 500 * 16)).unwrap();
        let queries = noise(4, 16 * 19);
        let queries: Vec<&[f32]> = queries.chunks(16).collect();
        let together = index.search(&queries, 7, None).unwrap();
        for (query, together) in queries.iter().zip(together) {
            assert_eq!(index.search(&[query], 7, None).unwrap()[0], together);
        }
    }

    proptest! {
        /// After any changes the index answers as one that was made of what is left.
        #[test]
        fn changes_leave_what_a_new_index_has(steps in prop::collection::vec((0_u8..3, 0_u32..40), 1..60), l2: bool) {
            let metric = if l2 { Metric::L2 } else { Metric::Cosine };
            let mut index = Index::new(3, Precision::Int8, metric).unwrap();
            let mut model = std::collections::BTreeMap::new();
            for (at, (step, id)) in steps.into_iter().enumerate() {
                let name = format!("item-{id}");
                let vector = noise(at as u32 + 1, 3);
                match step {
                    0 => {
                        prop_assert_eq!(index.add(&[&name], &vector).is_ok(), !model.contains_key(&name));
                        model.entry(name).or_insert(vector);
                    }
                    1 => {
                        prop_assert_eq!(index.replace(&name, &vector).is_ok(), model.contains_key(&name));
                        model.entry(name).and_modify(|kept| *kept = vector);
                    }
                    _ => {
                        prop_assert_eq!(index.remove(&[&name]).is_ok(), model.remove(&name).is_some());
                    }
                }
            }
            let mut fresh = Index::new(3, Precision::Int8, metric).unwrap();
            for (name, vector) in &model {
                fresh.add(&[name], vector).unwrap();
            }
            let query = noise(99, 3);
            prop_assert_eq!(index.search(&[&query], 100, None).unwrap(), fresh.search(&[&query], 100, None).unwrap());
        }
    }
}
