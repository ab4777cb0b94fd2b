//! Reading a model folder whose files arrive one by one, in any order.

use super::embedder::Embedder;
use super::error::{EmbedError, EmbedErrorKind};
use super::manifest::{ModelFile, ModelManifest, sha256_hex};
use super::memory::reserve_memory;

/// Takes the files of a model folder as they arrive and makes an [`Embedder`] of them. No I/O of its own.
///
/// It owns the bytes it is given, so that each file is let go as soon as it has been read: a model is then never in memory
/// more than twice.
pub struct ModelReader {
    manifest: ModelManifest,
    model: Option<Vec<u8>>,
    tokenizer: Option<Vec<u8>>,
}

impl ModelReader {
    /// Begins with the content of `model.json`.
    ///
    /// # Errors
    /// [`EmbedErrorKind::Manifest`], [`EmbedErrorKind::TooNew`], or [`EmbedErrorKind::Memory`] if there is none for files of
    /// these lengths.
    pub fn new(manifest: &[u8]) -> Result<Self, EmbedError> {
        let manifest = ModelManifest::parse(manifest)?;
        reserve_memory(manifest.files.model.bytes.saturating_add(manifest.files.tokenizer.bytes))?;
        Ok(Self { manifest, model: None, tokenizer: None })
    }

    /// What the folder holds beside the manifest.
    pub fn files(&self) -> [&ModelFile; 2] {
        [&self.manifest.files.model, &self.manifest.files.tokenizer]
    }

    /// What `model.json` says.
    pub fn manifest(&self) -> &ModelManifest {
        &self.manifest
    }

    /// Takes one file, after comparing its length and SHA-256 with the manifest's.
    ///
    /// # Errors
    /// [`EmbedErrorKind::Length`], [`EmbedErrorKind::Hash`], or [`EmbedErrorKind::Option`] for a path that the manifest
    /// does not name.
    pub fn add(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), EmbedError> {
        let digest = sha256_hex(&bytes);
        self.add_hashed(path, bytes, &digest)
    }

    /// As [`ModelReader::add`], with the SHA-256 of `bytes` (64 lower-case hex digits) that the caller has computed: a
    /// browser's own code does so many times faster than WebAssembly.
    ///
    /// # Errors
    /// As [`ModelReader::add`].
    pub fn add_hashed(&mut self, path: &str, bytes: Vec<u8>, sha256: &str) -> Result<(), EmbedError> {
        let files = &self.manifest.files;
        let (file, place) = if path == files.model.path {
            (&files.model, &mut self.model)
        } else if path == files.tokenizer.path {
            (&files.tokenizer, &mut self.tokenizer)
        } else {
            return Err(EmbedError::new(
                EmbedErrorKind::Option,
                format!(
                    "{path:?} is no file of this model, which has {} and {}",
                    files.model.path, files.tokenizer.path
                ),
            ));
        };
        file.check_length(&bytes)?;
        file.check_digest(sha256)?;
        *place = Some(bytes);
        Ok(())
    }

    /// Loads the model once both files are there.
    ///
    /// # Errors
    /// [`EmbedErrorKind::Length`] if a file was never added; otherwise as [`Embedder::from_files`].
    pub fn finish(self) -> Result<Embedder, EmbedError> {
        let files = self.manifest.files.clone();
        let missing = |file: ModelFile| EmbedError::new(EmbedErrorKind::Length, format!("{} was not given", file.path));
        let model = self.model.ok_or_else(|| missing(files.model))?;
        let tokenizer = self.tokenizer.ok_or_else(|| missing(files.tokenizer))?;
        Embedder::assemble(self.manifest, model.into(), &tokenizer)
    }
}
