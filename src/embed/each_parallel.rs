//! Groups of texts on all cores; the same contract as `each.rs`.

use rayon::prelude::*;

use super::error::EmbedError;

/// Groups per core between two reports: a few, so that cores do not wait for each other often.
const GROUPS_PER_CORE: usize = 4;

/// Calls `run` for every group, many at once, and `done` with each result on this thread, in order, until one of them
/// fails.
pub(crate) fn for_each_group<G: Sync, T: Send>(
    groups: &[G],
    run: impl Fn(&G) -> Result<T, EmbedError> + Sync,
    done: &mut dyn FnMut(&G, T) -> Result<(), EmbedError>,
) -> Result<(), EmbedError> {
    // One group is one text or a few short ones: a single query does not wake other cores.
    for wave in groups.chunks(GROUPS_PER_CORE * rayon::current_num_threads().max(1)) {
        let made: Vec<Result<T, EmbedError>> =
            if wave.len() == 1 { wave.iter().map(&run).collect() } else { wave.par_iter().map(&run).collect() };
        for (group, made) in wave.iter().zip(made) {
            done(group, made?)?;
        }
    }
    Ok(())
}
