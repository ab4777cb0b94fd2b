//! From a text to token ids.

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::{Model, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy};

use super::error::{EmbedError, EmbedErrorKind};

/// A tokenizer that cuts at the model's token limit and never pads.
pub(crate) struct TextTokenizer {
    inner: Tokenizer,
    /// The tokens of the empty text: what the template adds around every text.
    template: Tokens,
    /// One more than the largest token id.
    vocabulary_size: usize,
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
        let (mut inner, vocabulary_size) = match word_pieces(json) {
            Some(read) => read,
            None => {
                let plain = Tokenizer::from_bytes(json).map_err(fail)?;
                let largest = plain.get_vocab(true).into_values().max();
                (plain, largest.map_or(0, |id| id as usize + 1))
            }
        };
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
        Ok(Self { inner, template, vocabulary_size })
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
        self.vocabulary_size
    }
}

/// What [`Tokenizer::from_bytes`] makes of a file whose model is WordPiece (BERT's), and one more than its largest token id; in
/// a fifth of the time, which in a page counts. `from_bytes` does not know the kind of model before it has read all of it, so it
/// builds a tree of the vocabulary's tens of thousands of tokens first. Here the vocabulary is read straight into its place,
/// and everything else by `from_bytes`' own code, with as much of a vocabulary as the added tokens need to find their ids.
///
/// `None` for every other file, broken ones among them: `from_bytes` says what is wrong.
fn word_pieces(json: &[u8]) -> Option<(Tokenizer, usize)> {
    #[derive(Deserialize)]
    struct File {
        model: WordPiece,
        #[serde(flatten)]
        rest: Map<String, Value>,
    }
    let File { model, mut rest } = serde_json::from_slice(json).ok()?;
    // Ids without gaps, as they usually are, need no search for the largest.
    let count = model.get_vocab_size();
    if !(0..count).all(|id| model.id_to_token(id as u32).is_some()) {
        return None;
    }
    let mut known = Map::new();
    for token in rest.get("added_tokens").and_then(Value::as_array).into_iter().flatten() {
        let content = token.get("content")?.as_str()?;
        known.insert(content.to_owned(), model.token_to_id(content)?.into());
    }
    let mut small = Map::new();
    small.insert("type".into(), "WordPiece".into());
    small.insert("unk_token".into(), model.unk_token.as_str().into());
    small.insert("continuing_subword_prefix".into(), model.continuing_subword_prefix.as_str().into());
    small.insert("max_input_chars_per_word".into(), model.max_input_chars_per_word.into());
    small.insert("vocab".into(), known.into());
    rest.insert("model".into(), small.into());
    let mut tokenizer: Tokenizer = serde_json::from_value(rest.into()).ok()?;
    tokenizer.with_model(model);
    Some((tokenizer, count))
}

/// The truncation length that a `tokenizer.json` states, if it states one.
pub(crate) fn stated_limit(json: &[u8]) -> Option<usize> {
    let value: serde_json::Value = serde_json::from_slice(json).ok()?;
    value.get("truncation")?.get("max_length")?.as_u64().map(|n| n as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A tokenizer with a model and added tokens, and all other parts as BERT has them.
    fn file(model: Value, added: &[&str]) -> Vec<u8> {
        let added: Vec<Value> = added
            .iter()
            .enumerate()
            .map(|(id, content)| {
                json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                       "normalized": false, "special": true})
            })
            .collect();
        let template = json!({"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}}});
        let file = json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
                           "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": template,
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true}, "model": model});
        serde_json::to_vec(&file).unwrap()
    }

    fn pieces(vocabulary: &[(&str, u32)]) -> Value {
        let vocab: Map<String, Value> = vocabulary.iter().map(|&(token, id)| (token.to_owned(), id.into())).collect();
        json!({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
               "max_input_chars_per_word": 40, "vocab": vocab})
    }

    #[test]
    fn word_pieces_are_read_as_the_library_reads_them() {
        let vocabulary = [("[UNK]", 0), ("[CLS]", 1), ("light", 2), ("##house", 3), ("keeper", 4), ("é", 5)];
        let json = file(pieces(&vocabulary), &["[UNK]", "[CLS]"]);
        let (fast, size) = word_pieces(&json).expect("it is WordPiece");
        let plain = Tokenizer::from_bytes(&json).unwrap();
        assert_eq!(size, 6);
        assert_eq!(fast.to_string(false).unwrap(), plain.to_string(false).unwrap());
        for text in ["", "Lighthouse keeper", "keeper [CLS] of [UNK]", "light", "É lighthousekeeper", "nothing known"]
        {
            let (a, b) = (fast.encode(text, true).unwrap(), plain.encode(text, true).unwrap());
            assert_eq!((a.get_ids(), a.get_type_ids()), (b.get_ids(), b.get_type_ids()), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_plain_word_piece_is_left_to_the_library() {
        let vocabulary = [("[UNK]", 0), ("[CLS]", 1), ("light", 2)];
        let gap = file(pieces(&[("[UNK]", 0), ("[CLS]", 1), ("light", 7)]), &["[UNK]", "[CLS]"]);
        let added = file(pieces(&vocabulary), &["[UNK]", "[CLS]", "[NEW]"]);
        let level = json!({"type": "WordLevel", "vocab": {"[UNK]": 0, "[CLS]": 1, "light": 2}, "unk_token": "[UNK]"});
        let other = file(level, &["[UNK]", "[CLS]"]);
        for (json, size) in [(gap, 8), (added, 4), (other, 3)] {
            assert!(word_pieces(&json).is_none());
            assert_eq!(TextTokenizer::from_json(&json, 16).unwrap().vocabulary_size(), size);
        }
        assert!(word_pieces(b"{").is_none());
        assert!(TextTokenizer::from_json(b"{", 16).is_err());
    }
}
