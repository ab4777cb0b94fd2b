//! A map of the catalog: every item of a text space as a point of a plane, near where what is like it is.
//!
//! The plane is that of the two directions in which the centred vectors differ the most (their first two principal components),
//! found by orthogonal iteration. A plane keeps a part of what 384 dimensions say: far apart on the map is far apart, near each
//! other need not be near.

/// So many times the directions are sharpened. After each the error is the ratio of two neighbouring variances of what it was: on
/// texts about ¾, so that after 40 it is below what a screen shows.
const ROUNDS: usize = 40;
/// Coordinates are written with so many decimals: the thousandth part of a map is less than a dot.
const DECIMALS: f64 = 1e3;

/// The place of each item that has a vector, both coordinates from −1 to 1 around the catalog's mean.
pub(super) fn places(vectors: &[Option<&[f32]>], mean: &[f32]) -> Vec<Option<[f64; 2]>> {
    let dims = mean.len();
    let centred =
        |vector: &[f32]| -> Vec<f64> { vector.iter().zip(mean).map(|(x, m)| f64::from(*x) - f64::from(*m)).collect() };
    // Any beginning will do that is not at right angles to what is sought; this one is the same on every machine.
    let begin = |at: usize, wave: f64| ((at + 1) as f64 * wave).sin();
    let mut directions = [0.7, 1.3].map(|wave| (0..dims).map(|at| begin(at, wave)).collect::<Vec<f64>>());
    for _ in 0..ROUNDS {
        let mut sums = [vec![0.0; dims], vec![0.0; dims]];
        for vector in vectors.iter().flatten() {
            let vector = centred(vector);
            for (sum, direction) in sums.iter_mut().zip(&directions) {
                let along = dot(&vector, direction);
                sum.iter_mut().zip(&vector).for_each(|(sum, x)| *sum += along * x);
            }
        }
        directions = orthonormal(sums);
    }
    // Which end is which is nobody's choice: the largest number of a direction is made positive.
    for direction in &mut directions {
        let largest = direction.iter().fold(0.0f64, |largest, x| if x.abs() > largest.abs() { *x } else { largest });
        direction.iter_mut().for_each(|x| *x *= if largest < 0.0 { -1.0 } else { 1.0 });
    }
    let place = |vector: &Option<&[f32]>| {
        let vector = centred(vector.as_ref()?);
        Some([dot(&vector, &directions[0]), dot(&vector, &directions[1])])
    };
    let places: Vec<Option<[f64; 2]>> = vectors.iter().map(place).collect();
    let farthest = places.iter().flatten().flatten().fold(0.0f64, |far, x| far.max(x.abs()));
    // One scale for both: an axis along which items hardly differ is short.
    let scaled = |x: f64| if farthest > 0.0 { (x / farthest * DECIMALS).round() / DECIMALS } else { 0.0 };
    places.into_iter().map(|place| place.map(|place| place.map(scaled))).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// At right angles and at unit length; zeros for a direction in which nothing differs.
fn orthonormal([mut first, mut second]: [Vec<f64>; 2]) -> [Vec<f64>; 2] {
    unit(&mut first);
    let along = dot(&first, &second);
    second.iter_mut().zip(&first).for_each(|(x, f)| *x -= along * f);
    unit(&mut second);
    [first, second]
}

fn unit(vector: &mut [f64]) {
    /// Below this a length is rounding.
    const SHORTEST: f64 = 1e-12;
    let length = dot(vector, vector).sqrt();
    vector.iter_mut().for_each(|x| *x = if length > SHORTEST { *x / length } else { 0.0 });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plane_is_that_in_which_items_differ_the_most() {
        // Far apart along the third axis, less along the first, hardly along the second.
        let vectors = [[0.5f32, 0.01, 1.0], [-0.5, 0.0, 1.0], [0.5, 0.0, -1.0], [-0.5, 0.01, -1.0]];
        let rows: Vec<Option<&[f32]>> = vectors.iter().map(|vector| Some(&vector[..])).chain([None]).collect();
        let places = places(&rows, &[0.0; 3]);
        assert_eq!(places[..4], [[1.0, 0.5], [1.0, -0.5], [-1.0, 0.5], [-1.0, -0.5]].map(Some));
        assert_eq!(places[4], None, "what has no vector has no place");
    }

    #[test]
    fn items_that_do_not_differ_are_in_the_middle() {
        let vector = [0.6f32, 0.8];
        assert_eq!(places(&[Some(&vector), Some(&vector)], &vector), [Some([0.0, 0.0]); 2]);
        assert_eq!(places(&[None], &[0.0; 2]), [None]);
    }
}
