//! Factors from interactions: the likes of everybody, and the texts of a catalog for what nobody chose yet.

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
    let crowd = Crowd::of(&Fold::all(), &data.people, catalog.len());
    let likes = choices(&Fold::all(), &data.people);
    drop(data);
    learned_of(&crowd, &likes, Content::of(catalog).as_ref(), options)
}

pub(super) fn learned_of(
    crowd: &Crowd,
    likes: &[Vec<u32>],
    content: Option<&Content>,
    options: &LearnOptions,
) -> Result<Learned, PrivacyError> {
    let Crowd { counts, recent, said, liking, .. } = crowd;
    let tallies = Tallies { counts, recent, said, liking };
    let Some(content) = content else { return learn(likes, &tallies, None, options) };
    let vector = |row: usize, out: &mut [f32]| {
        out.copy_from_slice(content.centred(row));
        out.iter().any(|x| *x != 0.0)
    };
    learn(likes, &tallies, Some(ItemContent { dims: content.dims(), vector: &vector }), options)
}
