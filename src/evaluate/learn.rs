//! Factors from interactions: the likes of everybody, and the texts of a catalog for what nobody chose yet.

use super::content::Content;
use super::crowd::Crowd;
use super::data::Interactions;
use super::split::Fold;
use crate::catalog::Catalog;
use crate::collaborative::{Factors, Figures, ItemContent, LearnOptions, Learned, Tallies, learn};

/// What people's choices say of a catalog's items; nothing of what there is too little to learn from.
pub fn learn_crowd(catalog: &Catalog, data: Interactions, options: &LearnOptions) -> Learned {
    let crowd = data.people.into_iter().map(|history| history.deeds).collect();
    let crowd = Crowd::of(&Fold { crowd, only: None }, catalog.len());
    let factors = factors_of(&crowd, Content::of(catalog).as_ref(), options);
    Learned { factors, figures: figures_of(&crowd, options) }
}

pub(super) fn figures_of(crowd: &Crowd, options: &LearnOptions) -> Option<Figures> {
    let Crowd { counts, recent, said, liking, .. } = crowd;
    Figures::of(&Tallies { counts, recent, said, liking }, options.least_people)
}

pub(super) fn factors_of(crowd: &Crowd, content: Option<&Content>, options: &LearnOptions) -> Option<Factors> {
    let rows = |chosen: &Vec<usize>| chosen.iter().map(|row| *row as u32).collect();
    let people: Vec<Vec<u32>> = crowd.chosen.iter().map(rows).collect();
    let items = crowd.counts.len();
    let Some(content) = content else { return learn(&people, items, None, options) };
    let vector = |row: usize, out: &mut [f32]| {
        out.copy_from_slice(content.centred(row));
        out.iter().any(|x| *x != 0.0)
    };
    learn(&people, items, Some(ItemContent { dims: content.dims(), vector: &vector }), options)
}
