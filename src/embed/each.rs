//! One group of texts after another, on this thread.

use super::error::EmbedError;

/// Calls `run` for every group and `done` with its result, in order, until one of them fails.
pub(crate) fn for_each_group<G: Sync, T: Send>(
    groups: &[G],
    run: impl Fn(&G) -> Result<T, EmbedError> + Sync,
    done: &mut dyn FnMut(&G, T) -> Result<(), EmbedError>,
) -> Result<(), EmbedError> {
    groups.iter().try_for_each(|group| done(group, run(group)?))
}
