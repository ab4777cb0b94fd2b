//! A vector space as ranking sees it: centred, so that what all items have in common does not count.
//!
//! With m the catalog's mean vector, the centred cosine of a query q and an item x is
//! `(q'·x − q'·m) / ‖x − m‖` with `q' = unit(q − m)`: the items stay as they lie (int8 and unit length), only the query is
//! moved, and the lengths ‖x − m‖ are computed once.

use std::sync::Arc;

use super::error::{RankError, RankErrorKind};
use crate::catalog::Catalog;
use crate::profile::{ItemSource, dot};
use crate::vector::{Scorer, VectorSet};

/// Lengths below this are rounding: the vector has no direction.
const SHORTEST: f64 = 1e-6;

#[derive(Debug)]
pub(crate) struct VectorSpace {
    pub(crate) name: String,
    vectors: Arc<VectorSet>,
    mean: Arc<[f32]>,
    /// ‖x − m‖ per row; 0 for an item without a vector (or exactly at the mean, which has no direction either).
    lengths: Vec<f32>,
}

impl VectorSpace {
    pub(crate) fn new(name: &str, vectors: Arc<VectorSet>, mean: Arc<[f32]>) -> Self {
        let mut item = vec![0.0f32; vectors.dims()];
        let lengths = (0..vectors.len()).map(|row| {
            vectors.row_into(row, &mut item);
            if item.iter().all(|x| *x == 0.0) {
                return 0.0;
            }
            let square: f64 = item.iter().zip(&*mean).map(|(x, m)| f64::from(x - m).powi(2)).sum();
            let length = square.sqrt();
            if length < SHORTEST { 0.0 } else { length as f32 }
        });
        let lengths = lengths.collect();
        Self { name: name.to_owned(), vectors, mean, lengths }
    }

    pub(crate) fn dims(&self) -> usize {
        self.vectors.dims()
    }

    pub(crate) fn vectors(&self) -> &Arc<VectorSet> {
        &self.vectors
    }

    /// Whether the item has a direction in this space.
    pub(crate) fn has(&self, row: usize) -> bool {
        self.lengths[row] > 0.0
    }

    /// The item's centred unit vector; false if it has none.
    // A function of its own for the same reason as `centre` below: a long profile's likes are thousands.
    #[inline(never)]
    pub(crate) fn centred_into(&self, row: usize, out: &mut [f32]) -> bool {
        if !self.has(row) {
            return false;
        }
        self.vectors.row_into(row, out);
        let length = self.lengths[row];
        out.iter_mut().zip(&*self.mean).for_each(|(x, m)| *x = (*x - m) / length);
        true
    }

    /// The centred unit vectors of these rows, without those that have none.
    pub(crate) fn centred(&self, rows: impl Iterator<Item = usize>) -> Vec<(usize, Vec<f32>)> {
        let mut vector = vec![0.0f32; self.dims()];
        let mut found = Vec::new();
        for row in rows {
            if self.centred_into(row, &mut vector) {
                found.push((row, vector.clone()));
            }
        }
        found
    }

    /// A query moved to the centred space, at unit length; nothing where it is the mean itself and nothing is left of it.
    ///
    /// # Errors
    ///
    /// A query of the wrong length, not finite, or without a direction.
    pub(crate) fn centre_query(&self, query: &[f32]) -> Result<Option<Vec<f32>>, RankError> {
        let refuse = |message: String| Err(RankError::new(RankErrorKind::BadQuery, message));
        if query.len() != self.dims() {
            return refuse(format!(
                "expected a query vector of {} numbers for the space `{}`, got {}; it has to come from the catalog's model",
                self.dims(),
                self.name,
                query.len()
            ));
        }
        if let Some(at) = query.iter().position(|x| !x.is_finite()) {
            return refuse(format!("expected a query vector of finite numbers, got {} at place {at}", query[at]));
        }
        let length = query.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        if length < SHORTEST {
            return refuse("expected a query vector with a direction, got one of zeros".to_owned());
        }
        let moved: Vec<f64> =
            query.iter().zip(&*self.mean).map(|(x, m)| f64::from(*x) / length - f64::from(*m)).collect();
        let length = moved.iter().map(|x| x * x).sum::<f64>().sqrt();
        let unit = |x: &f64| (x / length) as f32;
        Ok((length >= SHORTEST).then(|| moved.iter().map(unit).collect()))
    }

    /// Whether [`cosines`](Self::cosines) of these can be had at once; if not, the scorer knows now what is wanted.
    ///
    /// # Errors
    ///
    /// They are made elsewhere: [`RankErrorKind::Pending`].
    pub(crate) fn ready(&self, scorer: &dyn Scorer, queries: &[&[f32]]) -> Result<(), RankError> {
        if scorer.at_hand(&self.vectors, queries) { Ok(()) } else { Err(RankError::pending()) }
    }

    /// Calls `take(query, cosines)` with the centred cosine of every item for each of these centred unit vectors; NaN for
    /// items without one.
    pub(crate) fn cosines(&self, scorer: &dyn Scorer, queries: &[&[f32]], mut take: impl FnMut(usize, &[f64])) {
        /// Queries per pass over the rows: enough to share their way through memory, few enough to keep the results small.
        const TOGETHER: usize = 8;
        let rows = self.vectors.len();
        let mut dots = vec![0.0f32; TOGETHER.min(queries.len()) * rows];
        let mut cosines = vec![0.0f64; rows];
        for (pass, together) in queries.chunks(TOGETHER).enumerate() {
            let dots = &mut dots[..together.len() * rows];
            scorer
                .dots(&self.vectors, together, None, dots)
                .expect("centred vectors are finite and of the set's length");
            for (at, (query, dots)) in together.iter().zip(dots.chunks(rows.max(1))).enumerate() {
                let shift: f64 = query.iter().zip(&*self.mean).map(|(q, m)| f64::from(*q) * f64::from(*m)).sum();
                centre(dots, shift, &self.lengths, &mut cosines);
                take(pass * TOGETHER + at, &cosines);
            }
        }
    }
}

/// Products as cosines; NaN for items without a length.
// A function of its own, called often: a browser exchanges slow code for fast code when a function is called anew.
#[inline(never)]
fn centre(dots: &[f32], shift: f64, lengths: &[f32], cosines: &mut [f64]) {
    for ((cosine, dot), length) in cosines.iter_mut().zip(dots).zip(lengths) {
        *cosine = if *length > 0.0 { (f64::from(*dot) - shift) / f64::from(*length) } else { f64::NAN };
    }
}

/// The cosine of two centred unit vectors.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    dot(a, b)
}

/// The items of a catalog by their ids, as strategies ask for them.
pub(crate) struct SpaceItems<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) space: &'a VectorSpace,
}

impl ItemSource for SpaceItems<'_> {
    fn dims(&self) -> usize {
        self.space.dims()
    }

    fn centred(&self, item: &str, out: &mut [f32]) -> bool {
        self.catalog.row(item).is_some_and(|row| self.space.centred_into(row, out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::{Precision, available_scorers};

    fn space() -> VectorSpace {
        let mut set = VectorSet::new(3, Precision::Int8).unwrap();
        set.push_quantized(&[1.0, 0.0, 0.0, 0.6, 0.8, 0.0, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0]).unwrap();
        VectorSpace::new("text", Arc::new(set), Arc::from([0.4f32, 0.3, 0.2]))
    }

    #[test]
    fn cosines_are_those_of_the_centred_vectors() {
        let space = space();
        let items = space.centred(0..4);
        assert_eq!(items.iter().map(|item| item.0).collect::<Vec<_>>(), [0, 1, 2], "the fourth has no vector");
        for (_, item) in &items {
            assert!((cosine(item, item) - 1.0).abs() < 1e-5);
        }
        let queries: Vec<&[f32]> = items.iter().map(|item| &item.1[..]).collect();
        for scorer in available_scorers() {
            let mut passes = 0;
            space.cosines(&*scorer, &queries, |query, cosines| {
                passes += 1;
                assert!(cosines[3].is_nan());
                for (row, item) in &items {
                    let expected = cosine(queries[query], item);
                    assert!((cosines[*row] - expected).abs() < 1e-3, "{} {query} {row}", scorer.name());
                }
            });
            assert_eq!(passes, 3);
        }
    }

    #[test]
    fn more_queries_than_one_pass_takes() {
        let space = space();
        let item = space.centred(1..2).remove(0).1;
        let queries = vec![&item[..]; 19];
        let mut seen = Vec::new();
        space.cosines(&*crate::vector::best_scorer(), &queries, |query, cosines| {
            seen.push(query);
            assert!((cosines[1] - 1.0).abs() < 1e-3);
        });
        assert_eq!(seen, (0..19).collect::<Vec<_>>());
    }

    #[test]
    fn queries_that_cannot_be_are_refused() {
        let space = space();
        for query in [vec![1.0, 0.0], vec![f32::NAN, 0.0, 1.0], vec![0.0; 3], vec![f32::INFINITY, 0.0, 0.0]] {
            assert_eq!(space.centre_query(&query).unwrap_err().code(), "query-vector", "{query:?}");
        }
        let twice = space.centre_query(&[2.0, 0.0, 0.0]).unwrap();
        assert_eq!(twice, space.centre_query(&[1.0, 0.0, 0.0]).unwrap());
    }
}
