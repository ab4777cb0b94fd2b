//! In place of `tract.rs` where no other graph than the usual encoder is run: the module that a page loads first. Same names,
//! same signatures; no value of this type exists.

use std::convert::Infallible;

use super::error::{EmbedError, EmbedErrorKind};
use super::graph::OnnxGraph;
use super::tokenize::Tokens;

pub(crate) struct TractModel(Infallible);

impl TractModel {
    pub(crate) fn build(_: &OnnxGraph, reason: &str, _plain: bool) -> Result<Self, EmbedError> {
        Err(EmbedError::new(EmbedErrorKind::Graph, reason))
    }

    pub(crate) fn run(&self, _: &Tokens) -> Result<Vec<f32>, EmbedError> {
        match self.0 {}
    }
}
