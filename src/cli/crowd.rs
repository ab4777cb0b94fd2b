//! The options of what is learned from interactions, the same wherever it is learned.

use clap::Args;

use crate::collaborative::LearnOptions;

#[derive(Args, Clone, Copy)]
pub(crate) struct CrowdOptions {
    /// The λ of the factors that are learned from interactions: how much evidence two items need to count as chosen together.
    /// Default: what predicts the later likes of people kept back, of 50 to 800.
    #[arg(long, value_name = "NUMBER", value_parser = parse_lambda)]
    crowd_lambda: Option<f64>,
    /// How many numbers, each a byte, an item gets for these factors. Default: the same of 16 to 64.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    crowd_dims: Option<u8>,
    /// How many people have to like both items of a pair for the pair to count.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    crowd_support: u32,
}

impl CrowdOptions {
    pub(crate) fn learn_options(&self) -> LearnOptions {
        let (lambda, dims) = (self.crowd_lambda, self.crowd_dims.map(usize::from));
        LearnOptions { lambda, dims, least_together: self.crowd_support as usize, ..LearnOptions::default() }
    }
}

fn parse_lambda(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "expected a finite number above 0, such as 200".to_owned())
}
