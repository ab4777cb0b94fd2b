//! Factors from interactions: the likes of everybody, and what items are about for what nobody chose yet.

use super::about::About;
use super::content::Content;
use super::crowd::{Crowd, choices};
use super::data::Interactions;
use super::split::Fold;
use crate::catalog::Catalog;
use crate::collaborative::{ItemContent, LearnOptions, Learned, PrivacyError, Tallies, learn};

/// What people's choices say of a catalog's items; nothing of what there is too little to learn from.
///
/// # Errors
///
/// The options promise privacy, and the system has no randomness for the noise.
pub fn learn_crowd(catalog: &Catalog, data: Interactions, options: &LearnOptions) -> Result<Learned, PrivacyError> {
    let crowd = Crowd::of(&Fold::all(), &data.people, catalog.len(), options.most_likes);
    let likes = choices(&Fold::all(), &data.people);
    drop(data);
    let about = About::of(catalog, Content::of(catalog).as_ref());
    learned_of(&crowd, &likes, about.as_ref(), options)
}

pub(super) fn learned_of(
    crowd: &Crowd,
    likes: &[Vec<u32>],
    about: Option<&About>,
    options: &LearnOptions,
) -> Result<Learned, PrivacyError> {
    let Crowd { counts, recent, said, liking, .. } = crowd;
    let tallies = Tallies { counts, recent, said, liking };
    let Some(about) = about else { return learn(likes, &tallies, None, options) };
    let vector = |row: usize, out: &mut [f32]| about.vector(row, out);
    learn(likes, &tallies, Some(ItemContent { dims: about.dims(), vector: &vector }), options)
}
