//! Many texts to vectors, on all cores, keeping every vector as soon as it is there.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::cache::{Key, VectorCache, key};
use super::progress::Progress;
use crate::catalog::{CatalogError, CatalogErrorKind};
use crate::embed::{EmbedError, Encode, TextKind};

/// What embedding took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Effort {
    /// Texts that went through the model.
    pub(super) embedded: usize,
    /// Texts that were in the cache.
    pub(super) cached: usize,
    pub(super) elapsed: Duration,
}

/// The vectors of `texts`, which are all different, in their order. They do not depend on `jobs`.
///
/// # Errors
/// The first text that cannot be embedded, after everything embedded until then has been put into the cache.
pub(super) fn embed(
    texts: &[&str],
    encoder: &dyn Encode,
    jobs: usize,
    cache: &mut VectorCache,
    progress: &mut Progress,
) -> Result<(Vec<Vec<f32>>, Effort), CatalogError> {
    let model = encoder.model().sha256;
    let keys: Vec<Key> = texts.iter().map(|text| key(&model, text)).collect();
    let mut vectors = cache.get(&keys, encoder.dims());
    let todo: Vec<usize> = (0..texts.len()).filter(|&index| vectors[index].is_none()).collect();
    let cached = texts.len() - todo.len();
    let begun = Instant::now();
    progress.begin(todo.len(), cached);

    let pool = ThreadPoolBuilder::new().num_threads(jobs).build().map_err(|error| {
        CatalogError::new(CatalogErrorKind::Embedding, "no threads to run the model on").with_source(error)
    })?;
    let (sender, receiver) = mpsc::channel::<(usize, Vec<f32>)>();
    let outcome: Result<(), (usize, EmbedError)> = std::thread::scope(|scope| {
        let todo = &todo;
        let worker = scope.spawn(move || {
            pool.install(|| {
                todo.par_iter().try_for_each_with(sender, |sender, &index| {
                    let vector = encoder.encode(texts[index], TextKind::Document).map_err(|error| (index, error))?;
                    // The receiver below lives as long as there are senders.
                    sender.send((index, vector)).expect("somebody receives");
                    Ok(())
                })
            })
        });
        // While vectors are being written, more of them arrive: the slower the disk, the larger the steps.
        while let Ok(first) = receiver.recv() {
            let arrived: Vec<(usize, Vec<f32>)> = std::iter::once(first).chain(receiver.try_iter()).collect();
            let entries: Vec<(Key, &[f32])> = arrived.iter().map(|(index, vector)| (keys[*index], &**vector)).collect();
            if let Err(note) = cache.put(&entries) {
                progress.note(&note);
            }
            progress.advance(arrived.len());
            arrived.into_iter().for_each(|(index, vector)| vectors[index] = Some(vector));
        }
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    progress.end();
    if let Err((index, error)) = outcome {
        // Enough of the text to find it again.
        let text: String = texts[index].chars().take(60).collect();
        return Err(CatalogError::new(CatalogErrorKind::Embedding, format!("{text:?}")).with_source(error));
    }
    let effort = Effort { embedded: todo.len(), cached, elapsed: begun.elapsed() };
    Ok((vectors.into_iter().map(|vector| vector.expect("each text was cached or embedded")).collect(), effort))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::embed::ModelIdentity;

    /// Refuses its `limit`-th call, and counts them.
    struct Counting {
        calls: AtomicUsize,
        limit: usize,
    }

    impl Encode for Counting {
        fn dims(&self) -> usize {
            2
        }
        fn model(&self) -> ModelIdentity {
            ModelIdentity { name: "counting".into(), sha256: "c".repeat(64) }
        }
        fn encode(&self, text: &str, _: TextKind) -> Result<Vec<f32>, EmbedError> {
            if self.calls.fetch_add(1, Ordering::SeqCst) >= self.limit {
                return Err(EmbedError::new(crate::embed::EmbedErrorKind::Run, "pulled the plug"));
            }
            let angle = text.bytes().map(f32::from).sum::<f32>();
            Ok(vec![angle.sin(), angle.cos()])
        }
    }

    fn run(
        texts: &[&str],
        limit: usize,
        jobs: usize,
        cache: &mut VectorCache,
    ) -> (usize, Result<Vec<Vec<f32>>, String>) {
        let encoder = Counting { calls: AtomicUsize::new(0), limit };
        let mut said = Vec::new();
        let result = embed(texts, &encoder, jobs, cache, &mut Progress::plain(&mut said));
        (encoder.calls.into_inner(), result.map(|(vectors, _)| vectors).map_err(|error| error.to_string()))
    }

    #[test]
    fn no_text_is_embedded_twice() {
        let folder = tempfile::tempdir().unwrap();
        let texts: Vec<String> = (0..200).map(|number| format!("text {number}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (mut none, _) = VectorCache::open(Some(std::path::Path::new("/dev/null/none")));
        let (_, expected) = run(&texts, usize::MAX, 1, &mut none);
        let mut embedded = 0;
        for limit in [50, 90] {
            let (mut cache, _) = VectorCache::open(Some(folder.path()));
            let (calls, result) = run(&texts, limit, 2, &mut cache);
            assert!(result.unwrap_err().contains("could not be embedded"), "interrupted");
            assert!(calls >= limit);
            embedded += limit;
        }
        let (mut cache, _) = VectorCache::open(Some(folder.path()));
        let (calls, vectors) = run(&texts, usize::MAX, 2, &mut cache);
        assert_eq!(calls, 200 - embedded);
        assert_eq!(vectors, expected, "whatever the number of jobs and interruptions");
        let (calls, _) = run(&texts, 0, 2, &mut cache);
        assert_eq!(calls, 0, "all of them are known by now");
    }
}
