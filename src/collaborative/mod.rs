//! What do people like together? Item factors learned from everybody's choices, so that a browser that knows one person
//! ranks nearly as well as a server that knows all of them.
//!
//! [`learn`] takes, for each person, the items that they liked, and gives for each item [`Factors`], 64 numbers and a gain, and
//! [`Figures`].
//! Nothing of a person is in them but what their likes add to sums over many people; [`LearnOptions`] bounds what one
//! person can add, and leaves out items that too few people chose.
//!
//! The method is EASE at low rank (Steck 2019, arXiv 1905.03375). EASE predicts likes by `x·B` with
//! `B_ij = −P_ij / P_jj` for `i ≠ j` and `P = (XᵀX + λI)⁻¹`, X being the people × items matrix of likes. With `X = Q S Vᵀ`,
//! `λP = I − V·diag(s²/(s²+λ))·Vᵀ`, so that with factors `f_i = V_i · s/√(s²+λ)`
//!
//! ```text
//! B_ij = (f_i · f_j) · c_j      with the gain  c_j = 1 / (1 − ‖f_j‖²)
//! ```
//!
//! which is a dot product of what the person liked with the item, times a number of the item: the same scan as any other
//! vector space. Cut to the 64 greatest singular values it is an approximation; the gain is that of all values computed. The more
//! people chose an item, the larger its own λ, see `spread`; with one λ for all it is as written here. λ and the cut are chosen on
//! people kept back, see [`Choice`].
//!
//! With a [`Privacy`] it learns from the same counts with noise on each of them, so that nothing that comes of it tells whether
//! somebody was among the people.
//!
//! What it does not do: read files (the program does), rank (`rank` does), or know anything of text but the vectors that it
//! is given for items that nobody chose yet.

mod choose;
mod content;
mod factors;
mod figures;
mod noisy;
mod pairs;
mod privacy;
mod spread;
mod svd;

pub use choose::{Choice, Tried};
pub use factors::{Factors, ItemContent, LearnOptions, LearnReport, learn};
pub use figures::{Figures, Tallies};
pub use privacy::{NoiseSource, Privacy, PrivacyError, PrivacyErrorKind};

/// What interactions say of a catalog's items, as far as there is enough to learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// What goes together.
    pub factors: Option<Factors>,
    /// How each item fares by itself.
    pub figures: Option<Figures>,
}
