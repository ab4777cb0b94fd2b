//! `model.json`: what a model folder holds and how its vectors are made.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::{EmbedError, EmbedErrorKind};

/// The value of `format` in every manifest.
pub(crate) const FORMAT: &str = "homebody-model";
/// The version that this library writes, and the newest it reads.
pub(crate) const VERSION: u64 = 1;

/// How the token vectors of a text become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean over all tokens of the text, the special ones included (sentence-transformers' default).
    Mean,
    /// The vector of the first token (BGE and other models trained that way).
    Cls,
}

/// How a model's graph is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunAs {
    /// As the BERT-style encoder that it was recognized to be: the fastest.
    #[default]
    Encoder,
    /// Node by node, with this library's linear layers and lookups in it. In a page that needs a larger module.
    Graph,
    /// Node by node, nothing replaced: where a replacement gave other vectors.
    Plain,
}

impl RunAs {
    fn is_encoder(&self) -> bool {
        *self == Self::Encoder
    }
}

/// One file of a model folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Path relative to the folder.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, 64 lower-case hex digits.
    pub sha256: String,
}

/// The files of a model folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFiles {
    /// The ONNX graph with its weights.
    pub model: ModelFile,
    /// The tokenizer, in the format of the Hugging Face `tokenizers` library.
    pub tokenizer: ModelFile,
}

/// The content of `model.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelManifest {
    /// Always `homebody-model`.
    pub format: String,
    /// Format version, counted from 1.
    pub version: u64,
    /// The model's name, for people.
    pub name: String,
    /// Length of the vectors.
    pub dims: usize,
    /// How token vectors become one vector.
    pub pooling: Pooling,
    /// Put before a text that is a query.
    pub query_prefix: String,
    /// Put before a text that describes an item.
    pub document_prefix: String,
    /// Longest input in tokens, special ones included; longer texts are cut.
    pub max_tokens: usize,
    /// The files that the folder holds beside the manifest.
    pub files: ModelFiles,
    /// How the graph is run, which packing found out by comparing.
    #[serde(default, skip_serializing_if = "RunAs::is_encoder")]
    pub run: RunAs,
    /// Identity of the model: equal only if everything that shapes a vector is equal. See [`ModelManifest::identity`].
    pub sha256: String,
}

impl ModelManifest {
    /// Reads and checks `model.json`.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, EmbedError> {
        let invalid = |why: String| EmbedError::new(EmbedErrorKind::Manifest, why);
        // The version first: a newer manifest may have any shape.
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u64,
        }
        let head: Head = serde_json::from_slice(json).map_err(|e| invalid(e.to_string()))?;
        if head.format != FORMAT {
            return Err(invalid(format!("format is {:?}, expected {FORMAT:?}", head.format)));
        }
        if head.version > VERSION {
            let kind = EmbedErrorKind::TooNew { found: head.version, readable: VERSION };
            return Err(EmbedError::new(kind, ""));
        }
        let manifest: Self = serde_json::from_slice(json).map_err(|e| invalid(e.to_string()))?;
        let identity = manifest.identity();
        if manifest.sha256 != identity {
            return Err(invalid(format!(
                "its own sha256 is {}, its content gives {identity}: a field was changed after packing",
                manifest.sha256
            )));
        }
        Ok(manifest)
    }

    /// The manifest as the bytes of `model.json`: indented, fields in a fixed order, one newline at the end.
    #[cfg(feature = "cli")]
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("a manifest has only strings and numbers");
        json.push(b'\n');
        json
    }

    /// SHA-256 over everything that shapes a vector: both file hashes, pooling, prefixes and token limit. The name and
    /// the paths are not part of it, so that renaming a model does not orphan the catalogs built with it.
    pub(crate) fn identity(&self) -> String {
        let parts = (
            &self.files.model.sha256,
            &self.files.tokenizer.sha256,
            self.pooling,
            &self.query_prefix,
            &self.document_prefix,
            self.max_tokens,
        );
        // JSON keeps the parts apart whatever characters the prefixes have.
        sha256_hex(&serde_json::to_vec(&parts).expect("strings and numbers"))
    }
}

impl ModelFile {
    /// Describes `bytes` as the file at `path`.
    pub(crate) fn describe(path: &str, bytes: &[u8]) -> Self {
        Self { path: path.to_owned(), bytes: bytes.len() as u64, sha256: sha256_hex(bytes) }
    }

    /// Compares length and hash.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), EmbedError> {
        self.check_length(bytes)?;
        self.check_digest(&sha256_hex(bytes))
    }

    pub(crate) fn check_length(&self, bytes: &[u8]) -> Result<(), EmbedError> {
        let (found, expected) = (bytes.len() as u64, self.bytes);
        if found != expected {
            let how = if found < expected { "it is cut short" } else { "it is too long" };
            return Err(EmbedError::new(
                EmbedErrorKind::Length,
                format!("{} has {found} bytes, expected {expected}: {how}", self.path),
            ));
        }
        Ok(())
    }

    /// Compares a SHA-256 in hex digits.
    pub(crate) fn check_digest(&self, hash: &str) -> Result<(), EmbedError> {
        if hash != self.sha256 {
            return Err(EmbedError::new(
                EmbedErrorKind::Hash,
                format!("{} has SHA-256 {hash}, expected {}", self.path, self.sha256),
            ));
        }
        Ok(())
    }
}

/// SHA-256 as 64 lower-case hex digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("writing to a string");
    }
    hex
}
