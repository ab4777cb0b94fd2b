//! From a text to token ids.

use tokenizers::{Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy};

use super::error::{EmbedError, EmbedErrorKind};

/// A tokenizer that cuts at the model's token limit and never pads.
pub(crate) struct TextTokenizer {
    inner: Tokenizer,
    /// The tokens of the empty text: what the template adds around every text.
    template: Tokens,
}

/// The tokens of one text, special ones included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) ids: Vec<u32>,
    pub(crate) type_ids: Vec<u32>,
}

impl TextTokenizer {
    /// Reads a `tokenizer.json`. The padding that the file asks for is dropped, and its truncation replaced by
    /// `max_tokens`: both belong to the machine that trained the model, not to the model.
    pub(crate) fn from_json(json: &[u8], max_tokens: usize) -> Result<Self, EmbedError> {
        let fail = |e: tokenizers::Error| EmbedError::new(EmbedErrorKind::Tokenizer, e.to_string()).with_source(e);
        let mut inner = Tokenizer::from_bytes(json).map_err(fail)?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(fail)?;
        let empty = inner.encode("", true).map_err(fail)?;
        let template = Tokens { ids: empty.get_ids().to_vec(), type_ids: empty.get_type_ids().to_vec() };
        let special_tokens = template.ids.len();
        if max_tokens <= special_tokens {
            return Err(EmbedError::new(
                EmbedErrorKind::Option,
                format!("a token limit of {max_tokens} leaves no room: every text has {special_tokens} special tokens"),
            ));
        }
        inner
            .with_truncation(Some(TruncationParams {
                max_length: max_tokens,
                strategy: TruncationStrategy::LongestFirst,
                stride: 0,
                direction: TruncationDirection::Right,
            }))
            .map_err(fail)?;
        Ok(Self { inner, template })
    }

    /// Tokenizes a text; one without any token of its own is an error.
    pub(crate) fn tokens(&self, text: &str) -> Result<Tokens, EmbedError> {
        let encoding = self.inner.encode_fast(text, true).map_err(|e| {
            EmbedError::new(EmbedErrorKind::Tokenizer, format!("it fails on the text {text:?}: {e}")).with_source(e)
        })?;
        if encoding.len() <= self.template.ids.len() {
            let shown: String = text.chars().take(40).collect();
            return Err(EmbedError::new(
                EmbedErrorKind::EmptyText,
                format!("{shown:?} has no token after normalization"),
            ));
        }
        Ok(Tokens { ids: encoding.get_ids().to_vec(), type_ids: encoding.get_type_ids().to_vec() })
    }

    /// The tokens of the empty text.
    #[cfg(feature = "cli")]
    pub(crate) fn template(&self) -> &Tokens {
        &self.template
    }

    /// One more than the largest token id.
    pub(crate) fn vocabulary_size(&self) -> usize {
        self.inner.get_vocab(true).values().max().map_or(0, |&id| id as usize + 1)
    }
}

/// The truncation length that a `tokenizer.json` states, if it states one.
pub(crate) fn stated_limit(json: &[u8]) -> Option<usize> {
    let value: serde_json::Value = serde_json::from_slice(json).ok()?;
    value.get("truncation")?.get("max_length")?.as_u64().map(|n| n as usize)
}
