//! What everybody's choices say of each item by itself: how many people, how lately, how well.

use nalgebra::DMatrix;

use super::content;

/// One number per item, by row; nothing for an item that too few people chose.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// How many people chose it; give or take noise where they are promised privacy.
    pub popularity: Vec<Option<i64>>,
    /// The same with each choice counted `½^(age / 30 days)` against the newest event of all, to a tenth: an exact sum could be
    /// taken apart into the times of single choices.
    /// Nothing where the counts have noise on them.
    pub trend: Option<Vec<Option<f64>>>,
    /// The mean of what people said of it, −1 to 1, with five more who say what is said on average; to a hundredth. Nothing where
    /// the counts have noise on them.
    pub approval: Option<Vec<Option<f64>>>,
    /// For the items that too few people chose: how many choices (the mean of popularity and trend) those have that are about the like,
    /// by their texts and categories. Nothing where the catalog has neither, or there are too few items to tell by.
    pub expected: Option<Vec<Option<f64>>>,
}

/// Sums over people, by row.
#[derive(Debug, Clone, Copy)]
pub struct Tallies<'a> {
    /// How many people chose the item.
    pub counts: &'a [f64],
    /// The same, the older choices counted less.
    pub recent: &'a [f64],
    /// How many people said anything of it.
    pub said: &'a [f64],
    /// The mean of what they said, −1 to 1.
    pub liking: &'a [f64],
}

/// So many people of the average opinion are added to each item.
const SMOOTHING: f64 = 5.0;

impl Figures {
    /// The figures of all items that at least so many people chose; nothing if there is none.
    pub fn of(tallies: &Tallies<'_>, least_people: usize) -> Option<Self> {
        let Tallies { counts, recent, said, liking } = *tallies;
        let enough = |row: usize| counts[row] >= least_people.max(1) as f64;
        if !(0..counts.len()).any(enough) {
            return None;
        }
        let total: f64 = said.iter().sum();
        let mean = said.iter().zip(liking).map(|(said, liking)| said * liking).sum::<f64>() / total;
        let rounded = |value: f64, steps: f64| (value * steps).round() / steps;
        let column = |value: &dyn Fn(usize) -> f64| -> Vec<Option<f64>> {
            (0..counts.len()).map(|row| enough(row).then(|| value(row))).collect()
        };
        let approval = |row: usize| (said[row] * liking[row] + SMOOTHING * mean) / (said[row] + SMOOTHING);
        Some(Self {
            popularity: (0..counts.len()).map(|row| enough(row).then_some(counts[row] as i64)).collect(),
            trend: Some(column(&|row| rounded(recent[row], 10.0))),
            approval: Some(column(&|row| rounded(approval(row), 100.0))),
            expected: None,
        })
    }

    /// Adds what could be expected of the other items, `content` saying what each is about. It comes from the figures that are
    /// published, and so tells no more of anybody than they do.
    pub(super) fn expect(&mut self, content: &DMatrix<f64>) {
        let choices = |row: usize| {
            let popularity = self.popularity[row]? as f64;
            let trend = self.trend.as_ref().map_or(Some(popularity), |trend| trend[row])?;
            Some((0.5 * (popularity + trend)).ln_1p())
        };
        let logs: Vec<Option<f64>> = (0..self.popularity.len()).map(choices).collect();
        let back = |log: f64| (log.exp_m1() * 10.0).round() / 10.0;
        self.expected = content::expected(content, &logs).map(|all| all.into_iter().map(|log| log.map(back)).collect());
    }

    /// Of noisy counts: those that are not below the cut.
    pub(super) fn counted(counts: &[f64], cut: f64) -> Self {
        let popularity = counts.iter().map(|count| (*count >= cut).then_some(*count as i64)).collect();
        Self { popularity, trend: None, approval: None, expected: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_people_leave_no_figure() {
        let tallies = Tallies {
            counts: &[5.0, 4.0, 10.0],
            recent: &[2.51, 4.0, 0.04],
            said: &[5.0, 5.0, 10.0],
            liking: &[1.0, 0.6, 0.8],
        };
        let figures = Figures::of(&tallies, 5).unwrap();
        assert_eq!(figures.popularity, [Some(5), None, Some(10)]);
        assert_eq!(figures.trend.unwrap(), [Some(2.5), None, Some(0.0)]);
        // The mean of all twenty is 0.8: (5·1 + 5·0.8) / 10.
        assert_eq!(figures.approval.unwrap(), [Some(0.9), None, Some(0.8)]);
        assert_eq!(Figures::of(&tallies, 11), None);
    }

    #[test]
    fn what_too_few_people_chose_is_expected_to_fare_like_its_kind() {
        let counts: Vec<f64> = (0..40).map(|row| if row >= 38 { 1.0 } else { [50.0, 6.0][row % 2] }).collect();
        let tallies = Tallies { counts: &counts, recent: &counts, said: &counts, liking: &[1.0; 40] };
        let mut figures = Figures::of(&tallies, 5).unwrap();
        figures.expect(&DMatrix::from_fn(40, 1, |row, _| [0.5, -0.5][row % 2]));
        let expected = figures.expected.unwrap();
        assert_eq!(expected.iter().flatten().count(), 2);
        assert!(expected[38].unwrap() > 25.0 && expected[39].unwrap() < 12.0, "{:?}", &expected[38..]);
    }

    #[test]
    fn nothing_said_is_no_figure() {
        let none = [0.0; 2];
        assert_eq!(Figures::of(&Tallies { counts: &none, recent: &none, said: &none, liking: &none }, 0), None);
    }
}
