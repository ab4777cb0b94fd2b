//! How liked items become interests: the part of the user model that can be exchanged.

use super::exponential::exp;
use super::taste::Taste;

/// Where a strategy gets the vectors of items from. It knows nothing of catalogs.
pub trait ItemSource {
    /// The length of a vector.
    fn dims(&self) -> usize;
    /// Writes the item's centred unit vector (the catalog's mean removed, then unit length) to `out`, which has `dims`
    /// places. False, and `out` in any state, if there is no such item or it has no vector.
    fn centred(&self, item: &str, out: &mut [f32]) -> bool;
}

/// One thing that the person likes.
#[derive(Debug, Clone, PartialEq)]
pub struct Interest {
    /// A centred unit vector.
    pub vector: Vec<f32>,
    /// How much it counts, above 0.
    pub mass: f64,
}

/// A way from likes to interests, and from the nearness of an item to those interests to its raw affinity.
///
/// The raw affinity of an item is `Σ mass · response(cosine)` over the interests. Ranking then sets it against the
/// background of the whole catalog, so only its order and its proportions matter, not its unit.
///
/// Dislikes are no business of a strategy: subtracting them from an interest was measured to lose 12 to 20 % of ranking
/// quality, so they are a penalty of their own.
pub trait Strategy {
    /// The strategy's name, as the evaluation and `status` print it.
    fn name(&self) -> &'static str;
    /// The name and whatever numbers it goes by: strategies of one key make the same of the same taste.
    fn key(&self) -> String {
        self.name().to_owned()
    }
    /// The interests, always the same for the same taste. Liked items without a vector are left out.
    fn interests(&self, taste: &Taste, items: &dyn ItemSource) -> Vec<Interest>;
    /// What one interest of mass 1 gives an item at this cosine; never falling in the cosine.
    fn response(&self, cosine: f64) -> f64 {
        cosine
    }
    /// What one interest of this mass adds to sums that are left with `fade` of themselves: `sum ← fade · sum + mass · response`,
    /// one cosine per sum. One call per interest and not one per item.
    fn add_responses(&self, cosines: &[f64], mass: f64, fade: f64, sums: &mut [f64]) {
        for (sum, cosine) in sums.iter_mut().zip(cosines) {
            *sum = fade * *sum + mass * self.response(*cosine);
        }
    }
}

/// One vector, an exponential moving average over the events: `v ← unit((1 − α)·v + α·x)` with the event's own α; the first
/// event gives the first vector whole. The last events count most, and a second taste displaces the first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ema;

/// One vector, the mean of the liked items weighted by their masses.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mean;

/// Every liked item is an interest of its own, answering with `exp((cosine − 1) / width)`: near it strongly, elsewhere
/// next to nothing, so that two tastes stand beside each other and nothing between them is promised.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// How fast the answer fades; at a cosine of `1 − width` it is 1/e.
    pub width: f64,
    /// The most interests. A bound on time and memory: each is one scan of the catalog when it is new. Of more liked items the
    /// oldest are put together with those near them, into a quarter of the limit, so that an old taste is told more coarsely but
    /// not forgotten. They are put together some at a time, so that the list usually only grows at its end and what was
    /// computed for it stays right.
    pub limit: usize,
}

/// The most liked items that a kernel looks at, the latest ones: comparing each with the merged ones takes some ten milliseconds.
pub(crate) const MOST_LIKES: usize = 4096;
/// Items that are at least so near are one interest even where there is room for two: the kernel hardly tells them apart.
const ALMOST_ONE: f64 = 0.9;

impl Default for Kernel {
    /// A width of 0.2 was the best of those measured on four data sets of films and products (+4 to 48 % over one
    /// vector). 256 centres are a second of scanning at most, for 100,000 items in a browser.
    fn default() -> Self {
        Self { width: 0.2, limit: 256 }
    }
}

impl Strategy for Ema {
    fn name(&self) -> &'static str {
        "ema"
    }

    fn interests(&self, taste: &Taste, items: &dyn ItemSource) -> Vec<Interest> {
        let mut item = vec![0.0f32; items.dims()];
        let mut average: Vec<f64> = Vec::new();
        for step in &taste.steps {
            if !items.centred(&step.item, &mut item) {
                continue;
            }
            if average.is_empty() {
                average = item.iter().map(|x| f64::from(*x)).collect();
                continue;
            }
            let moved: Vec<f64> =
                average.iter().zip(&item).map(|(v, x)| (1.0 - step.alpha) * v + step.alpha * f64::from(*x)).collect();
            // Exactly opposite items can cancel to nothing, which has no direction: then the average stays where it was.
            average = unit(moved).unwrap_or(average);
        }
        one_interest(&average, 1.0)
    }
}

impl Strategy for Mean {
    fn name(&self) -> &'static str {
        "mean"
    }

    fn interests(&self, taste: &Taste, items: &dyn ItemSource) -> Vec<Interest> {
        let mut item = vec![0.0f32; items.dims()];
        let mut sum = vec![0.0f64; items.dims()];
        let mut mass = 0.0;
        for liked in &taste.likes {
            if items.centred(&liked.item, &mut item) {
                sum.iter_mut().zip(&item).for_each(|(sum, x)| *sum += liked.mass * f64::from(*x));
                mass += liked.mass;
            }
        }
        unit(sum).map_or_else(Vec::new, |vector| one_interest(&vector, mass))
    }
}

impl Strategy for Kernel {
    fn name(&self) -> &'static str {
        "kernel"
    }

    fn key(&self) -> String {
        format!("kernel {} {}", self.width, self.limit)
    }

    fn interests(&self, taste: &Taste, items: &dyn ItemSource) -> Vec<Interest> {
        let mut vector = vec![0.0f32; items.dims()];
        let mut interests = Vec::new();
        // Oldest first: a new like then extends the list.
        for liked in &taste.likes[too_old(taste.likes.len(), MOST_LIKES)..] {
            if items.centred(&liked.item, &mut vector) {
                interests.push(Interest { vector: vector.clone(), mass: liked.mass });
            }
        }
        if interests.len() > self.limit {
            let merged = (self.limit / 4).max(1);
            let old = too_old(interests.len(), self.limit.saturating_sub(merged));
            let recent = interests.split_off(old);
            interests = merge(&interests, merged);
            interests.extend(recent);
        }
        interests
    }

    fn response(&self, cosine: f64) -> f64 {
        exp((cosine - 1.0) / self.width)
    }
}

/// At most `most` interests in the place of many: each goes to the nearest of those before it, unless none is near and there is
/// room for one more. The place of a merged interest is the mean of its parts by mass, its mass their sum.
fn merge(interests: &[Interest], most: usize) -> Vec<Interest> {
    let mut merged: Vec<Interest> = Vec::with_capacity(most);
    for one in interests {
        match nearest(one, &merged) {
            Some((cosine, at)) if cosine >= ALMOST_ONE || merged.len() == most => merged[at].take(one),
            _ => merged.push(one.clone()),
        }
    }
    merged
}

/// The cosine of the nearest of these, and its place; of equally near ones the first.
// A function of its own, called often: a browser exchanges slow code for fast code when a function is called anew.
#[inline(never)]
fn nearest(one: &Interest, others: &[Interest]) -> Option<(f64, usize)> {
    let cosines = others.iter().enumerate().map(|(at, other)| (dot(&one.vector, &other.vector), at));
    cosines.reduce(|best, next| if next.0 > best.0 { next } else { best })
}

impl Interest {
    fn take(&mut self, other: &Interest) {
        let sum = self.vector.iter().zip(&other.vector);
        let sum = sum.map(|(a, b)| self.mass * f64::from(*a) + other.mass * f64::from(*b)).collect();
        // What cancels out has no direction: then it stays where it was.
        if let Some(mean) = unit(sum) {
            self.vector = mean.iter().map(|x| *x as f32).collect();
        }
        self.mass += other.mass;
    }
}

/// The dot product of two vectors of one length. In lanes, which the compiler makes SIMD of; the sum is the same on every machine.
#[inline(never)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    /// Two registers of 128 bit and more: one sum need not wait for the other.
    const LANES: usize = 16;
    let mut lanes = [0.0f32; LANES];
    let (whole_a, whole_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail = whole_a.remainder().iter().zip(whole_b.remainder());
    let tail: f32 = tail.map(|(a, b)| a * b).sum();
    for (a, b) in whole_a.zip(whole_b) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    f64::from(lanes.iter().sum::<f32>() + tail)
}

/// How many of the oldest to leave out so that at most `limit` stay: in steps, so that the rest begins with the same one for
/// a while.
pub(crate) fn too_old(count: usize, limit: usize) -> usize {
    // An eighth of the limit: at least seven eighths of it are always in use.
    let step = (limit / 8).max(1);
    count.saturating_sub(limit).div_ceil(step).saturating_mul(step).min(count)
}

fn one_interest(vector: &[f64], mass: f64) -> Vec<Interest> {
    if vector.is_empty() {
        return Vec::new();
    }
    vec![Interest { vector: vector.iter().map(|x| *x as f32).collect(), mass }]
}

/// The vector at unit length, or nothing if it has no direction.
fn unit(mut vector: Vec<f64>) -> Option<Vec<f64>> {
    /// Sums of unit vectors shorter than this are rounding, not direction.
    const SHORTEST: f64 = 1e-9;
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length < SHORTEST {
        return None;
    }
    vector.iter_mut().for_each(|x| *x /= length);
    Some(vector)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::effects::Effects;
    use crate::profile::event::Event;

    /// Items at angles of a circle, in degrees: `a0`, `a90`, …
    struct Circle;

    impl ItemSource for Circle {
        fn dims(&self) -> usize {
            2
        }

        fn centred(&self, item: &str, out: &mut [f32]) -> bool {
            let Some(angle) = item.strip_prefix('a').and_then(|angle| angle.parse::<f32>().ok()) else { return false };
            out.copy_from_slice(&[angle.to_radians().cos(), angle.to_radians().sin()]);
            true
        }
    }

    fn taste(events: &[(&str, &str)]) -> Taste {
        let events: Vec<Event> = events
            .iter()
            .enumerate()
            .map(|(i, (item, kind))| Event {
                id: i.to_string(),
                item: (*item).into(),
                kind: (*kind).into(),
                value: None,
                time: 1_700_000_000_000 + i as i64,
                catalog: "v".into(),
            })
            .collect();
        Taste::derive(&events, &Effects::default())
    }

    fn raw(strategy: &dyn Strategy, taste: &Taste, angle: f64) -> f64 {
        let cosine = |interest: &Interest| {
            let (sin, cos) = angle.to_radians().sin_cos();
            f64::from(interest.vector[0]) * cos + f64::from(interest.vector[1]) * sin
        };
        strategy.interests(taste, &Circle).iter().map(|i| i.mass * strategy.response(cosine(i))).sum()
    }

    fn all() -> [Box<dyn Strategy>; 3] {
        [Box::new(Ema), Box::new(Mean), Box::new(Kernel::default())]
    }

    #[test]
    fn no_likes_are_no_interests() {
        for strategy in all() {
            assert!(strategy.interests(&taste(&[]), &Circle).is_empty(), "{}", strategy.name());
            assert!(strategy.interests(&taste(&[("gone", "like"), ("a0", "dislike")]), &Circle).is_empty());
        }
    }

    #[test]
    fn one_like_is_the_item_itself_for_every_strategy() {
        for strategy in all() {
            let interests = strategy.interests(&taste(&[("a30", "like")]), &Circle);
            assert_eq!(interests.len(), 1, "{}", strategy.name());
            assert!((f64::from(interests[0].vector[0]) - 30f64.to_radians().cos()).abs() < 1e-6);
            assert!(
                raw(&*strategy, &taste(&[("a30", "like")]), 30.0) > raw(&*strategy, &taste(&[("a30", "like")]), 60.0)
            );
        }
    }

    #[test]
    fn a_moving_average_follows_the_formula() {
        let interest = &Ema.interests(&taste(&[("a0", "like"), ("gone", "like"), ("a90", "click")]), &Circle)[0];
        let (x, y) = (0.9f64, 0.1f64);
        let length = x.hypot(y);
        assert!((f64::from(interest.vector[0]) - x / length).abs() < 1e-6);
        assert!((f64::from(interest.vector[1]) - y / length).abs() < 1e-6);
    }

    #[test]
    fn opposite_likes_leave_a_moving_average_somewhere() {
        let effects = taste(&[("a0", "like"), ("a180", "like"), ("a180", "like")]);
        let interest = &Ema.interests(&effects, &Circle)[0];
        assert!(interest.vector.iter().all(|x| x.is_finite()));
        assert!(Mean.interests(&taste(&[("a0", "like"), ("a180", "like")]), &Circle).len() <= 1);
    }

    #[test]
    fn two_tastes_stand_beside_each_other_only_in_the_kernel() {
        let two = taste(&[("a0", "like"), ("a100", "like")]);
        let kernel = Kernel::default();
        assert!(raw(&kernel, &two, 0.0) > raw(&kernel, &two, 50.0));
        assert!(raw(&kernel, &two, 100.0) > raw(&kernel, &two, 50.0));
        assert!(raw(&Mean, &two, 50.0) > raw(&Mean, &two, 0.0));
    }

    #[test]
    fn a_kernel_keeps_its_latest_centres() {
        assert_eq!(
            [(0, 4), (4, 4), (6, 4), (300, 256), (256, 256), (257, 256)].map(|(n, l)| too_old(n, l)),
            [0, 0, 2, 64, 0, 32]
        );
        let likes: Vec<String> = (0..50).map(|angle| format!("a{angle}")).collect();
        let events: Vec<(&str, &str)> = likes.iter().map(|item| (item.as_str(), "like")).collect();
        let interests = Kernel { limit: 36, ..Kernel::default() }.interests(&taste(&events), &Circle);
        let mass: f64 = interests.iter().map(|interest| interest.mass).sum();
        assert_eq!(mass, 50.0, "no like is lost");
        assert!(interests.len() <= 36, "{}", interests.len());
        let angles = |at: usize| f64::from(interests[at].vector[1]).asin().to_degrees().round();
        let last = interests.len() - 1;
        assert_eq!([angles(last), angles(last - 1)], [49.0, 48.0], "the latest are as they are");
        assert!(interests[0].mass > 1.0, "the oldest are put together");
    }

    #[test]
    fn a_kernel_stays_bounded_and_keeps_an_old_taste() {
        // Old likes of two kinds on opposite sides, then very many of a third.
        let old = (0..600).map(|at| format!("a{}", if at % 2 == 0 { at % 20 } else { 180 + at % 20 }));
        let likes: Vec<String> = old.chain((0..3000).map(|at| format!("a{}.{at}", 80 + at % 20))).collect();
        let events: Vec<(&str, &str)> = likes.iter().map(|item| (item.as_str(), "buy")).collect();
        let kernel = Kernel::default();
        let taste = taste(&events);
        let interests = kernel.interests(&taste, &Circle);
        assert!(interests.len() <= kernel.limit, "{}", interests.len());
        assert!(raw(&kernel, &taste, 190.0) > 10.0 * raw(&kernel, &taste, 270.0), "the first taste is still there");
        assert!(raw(&kernel, &taste, 90.0) > raw(&kernel, &taste, 190.0), "and the last one is stronger");
    }

    #[test]
    fn what_was_merged_stays_while_likes_come_one_by_one() {
        let likes: Vec<String> = (0..90).map(|at| format!("a{}", at * 4)).collect();
        let kernel = Kernel { limit: 40, ..Kernel::default() };
        let interests = |count: usize| {
            let events: Vec<(&str, &str)> = likes[..count].iter().map(|item| (item.as_str(), "like")).collect();
            kernel.interests(&taste(&events), &Circle)
        };
        let kept = (41..90).filter(|count| interests(count + 1).starts_with(&interests(*count))).count();
        assert!(kept > 30, "{kept} of 49 new likes only extend the list");
    }
}
