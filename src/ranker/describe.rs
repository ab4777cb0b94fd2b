//! The JSON beside a ranker's model: which features it takes.

use serde::{Deserialize, Serialize};

use super::error::{RankerError, RankerErrorKind};

/// What `format` says.
const FORMAT: &str = "homebody-ranker";
/// The version that is read.
const VERSION: u64 = 1;

/// What a ranker's model takes and gives.
///
/// ```
/// let text = br#"{"format": "homebody-ranker", "version": 1, "name": "trees", "model": "trees.onnx", "features": ["prior", "text"]}"#;
/// let description = homebody::RankerDescription::from_json(text)?;
/// assert_eq!(description.features, ["prior", "text"]);
/// # Ok::<(), homebody::RankerError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RankerDescription {
    format: String,
    version: u64,
    /// For people.
    pub name: String,
    /// The ONNX file, beside the description.
    pub model: String,
    /// The names of the features in the order in which the model takes them.
    pub features: Vec<String>,
    /// The output with a number per item; by default the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

#[derive(Deserialize)]
struct Head {
    format: String,
    version: u64,
}

impl RankerDescription {
    /// Reads the JSON.
    ///
    /// # Errors
    ///
    /// Bytes that are no description, one of a newer version, one without features or with one twice, a model that is not beside it.
    pub fn from_json(bytes: &[u8]) -> Result<Self, RankerError> {
        let wrong = |what: String| RankerError::new(RankerErrorKind::Description, what);
        let expected = format!(
            "expected a ranker's description, JSON like {{\"format\": \"{FORMAT}\", \"version\": {VERSION}, \"name\": …, \"model\": \
             \"trees.onnx\", \"features\": […]}}"
        );
        let head: Head = serde_json::from_slice(bytes)
            .map_err(|error| wrong(format!("{expected}, got something else ({error})")))?;
        if head.format != FORMAT {
            return Err(wrong(format!("{expected}, got the format `{}`", head.format)));
        }
        if head.version != VERSION {
            let message = format!(
                "expected a ranker's description of version {VERSION}, got version {}; update Homebody, or write it anew",
                head.version
            );
            return Err(RankerError::new(RankerErrorKind::TooNew, message));
        }
        let read: Self = serde_json::from_slice(bytes).map_err(|error| wrong(format!("{expected} ({error})")))?;
        let twice = read.features.iter().enumerate().find(|(at, name)| read.features[..*at].contains(name));
        if let Some((_, name)) = twice {
            return Err(wrong(format!("ranker `{}`: expected each feature once, got `{name}` twice", read.name)));
        }
        if read.features.is_empty() {
            return Err(wrong(format!("ranker `{}`: expected at least one feature, got none", read.name)));
        }
        let plain = !read.model.is_empty() && !read.model.starts_with('.') && !read.model.contains(['/', '\\', ':']);
        if !plain {
            return Err(wrong(format!(
                "ranker `{}`: expected the name of a file beside the description, got `{}`",
                read.name, read.model
            )));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told() {
        let good = r#"{"format": "homebody-ranker", "version": 1, "name": "t", "model": "t.onnx", "features": ["prior", "text"]}"#;
        assert!(RankerDescription::from_json(good.as_bytes()).is_ok());
        for (from, to, kind, told) in [
            ("homebody-ranker", "other", RankerErrorKind::Description, "`other`"),
            ("\"version\": 1", "\"version\": 2", RankerErrorKind::TooNew, "version 2"),
            ("\"text\"", "\"prior\"", RankerErrorKind::Description, "`prior` twice"),
            ("[\"prior\", \"text\"]", "[]", RankerErrorKind::Description, "got none"),
            ("t.onnx", "../t.onnx", RankerErrorKind::Description, "beside"),
            ("features", "feature", RankerErrorKind::Description, "feature"),
            ("{", "", RankerErrorKind::Description, "homebody-ranker"),
        ] {
            let error = RankerDescription::from_json(good.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert_eq!(error.kind(), kind, "{from} → {to}: {error}");
            assert!(error.to_string().contains(told), "{from} → {to}: {error}");
        }
    }
}
