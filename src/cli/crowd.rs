//! The options of what is learned from interactions, the same wherever it is learned.

use clap::Args;

use crate::collaborative::{LearnOptions, NoiseSource, Privacy};

/// The command that these are of has an argument `interactions`, which they say nothing without.
#[derive(Args, Clone, Copy)]
pub(crate) struct CrowdOptions {
    /// The λ of the factors that are learned from interactions: how much evidence two items need to count as chosen together.
    /// The more people chose an item, the larger its own. Default: what predicts the later likes of people kept back, of half to eight times
    /// the people of an item on average.
    #[arg(long, value_name = "NUMBER", value_parser = parse_lambda, requires = "interactions")]
    crowd_lambda: Option<f64>,
    /// How many numbers, each a byte, an item gets for these factors. Default: the same of 16 to 64.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64), requires = "interactions")]
    crowd_dims: Option<u8>,
    /// How many people have to like both items of a pair for the pair to count. Default: 5.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "interactions")]
    crowd_support: Option<u32>,
    /// Of one person at most so many likes count, the latest. Default: 1,000, with --crowd-epsilon 20.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "interactions")]
    crowd_likes: Option<u32>,
    /// Promise (ε, δ)-differential privacy to each person: every count of items and pairs gets noise before anything is made of it. 1
    /// promises much, 8 little; it costs quality, the less the more people there are.
    #[arg(long, value_name = "EPSILON", value_parser = parse_epsilon, requires = "interactions", conflicts_with = "crowd_support")]
    crowd_epsilon: Option<f64>,
    /// The δ of that promise: well below one by the number of people. Default: 0.00001.
    #[arg(long, value_name = "DELTA", value_parser = parse_delta, requires = "crowd_epsilon")]
    crowd_delta: Option<f64>,
}

impl CrowdOptions {
    /// An option that was given, to name it.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let options = [
            ("--crowd-lambda", self.crowd_lambda.is_some()),
            ("--crowd-dims", self.crowd_dims.is_some()),
            ("--crowd-support", self.crowd_support.is_some()),
            ("--crowd-likes", self.crowd_likes.is_some()),
            ("--crowd-epsilon", self.crowd_epsilon.is_some()),
        ];
        options.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }

    pub(crate) fn learn_options(&self) -> LearnOptions {
        let usual = LearnOptions::default();
        let number = |given: Option<u32>, usual: usize| given.map_or(usual, |number| number as usize);
        LearnOptions {
            lambda: self.crowd_lambda,
            dims: self.crowd_dims.map(usize::from),
            least_together: number(self.crowd_support, usual.least_together),
            most_likes: number(self.crowd_likes, usual.most_likes),
            privacy: self.privacy(),
            ..usual
        }
    }

    fn privacy(&self) -> Option<Privacy> {
        let likes = self.crowd_likes.map_or(Privacy::LIKES, |likes| likes as usize);
        let delta = self.crowd_delta.unwrap_or(Privacy::DELTA);
        let made = |epsilon| Privacy::new(epsilon, delta, likes, NoiseSource::System);
        self.crowd_epsilon.map(|epsilon| made(epsilon).expect("each number was checked as it was read"))
    }
}

fn parse_epsilon(text: &str) -> Result<f64, String> {
    let number = text.parse().unwrap_or(f64::NAN);
    let checked = Privacy::new(number, Privacy::DELTA, Privacy::LIKES, NoiseSource::System);
    checked.map(|privacy| privacy.epsilon()).map_err(|error| error.to_string())
}

fn parse_delta(text: &str) -> Result<f64, String> {
    let number = text.parse().unwrap_or(f64::NAN);
    let checked = Privacy::new(1.0, number, Privacy::LIKES, NoiseSource::System);
    checked.map(|privacy| privacy.delta()).map_err(|error| error.to_string())
}

fn parse_lambda(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "expected a finite number above 0, such as 100".to_owned())
}
