//! `catalog.json`: what a catalog consists of, so that every other file can be checked before it is used.
//!
//! The last thing in the file is its own hash: the SHA-256 of all its bytes with the 64 hexadecimal digits of that hash
//! taken as `0`. Each data file is named with its SHA-256, and each of its chunks of 64 KiB with the first 8 bytes of its
//! own, which is enough to say where a file was changed.

mod unreadable;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::unreadable::{damaged, looks_like_html, too_new, unreadable, web_page};
use super::error::{CatalogError, CatalogErrorKind};
#[cfg(feature = "cli")]
use super::space::DEFAULT_SCENARIO;
use super::space::{EffectRule, Missing, PairwiseModel, Prefer, Prior, Reference, Scenario, Segment};

/// The format version that is written and the newest that is read.
pub(crate) const FORMAT_VERSION: u64 = 1;
/// What `format` says.
pub(crate) const FORMAT: &str = "homebody-catalog";
/// The name of the manifest in a catalog folder.
pub const MANIFEST_FILE: &str = "catalog.json";
/// Bytes per chunk hash: small enough to point at a place, large enough that the hashes stay a fraction (1/4096) of the data.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of a chunk's SHA-256 that are kept.
const CHUNK_HASH_BYTES: usize = 8;

/// The content of `catalog.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    format: String,
    version: u64,
    /// The name of the catalog, from the schema.
    pub name: String,
    /// How many items there are.
    pub items: usize,
    /// Changes when anything about the catalog changes: SHA-256 (hexadecimal) over the rest of the manifest.
    pub content_hash: String,
    /// The model the vectors come from; none when no space has text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRef>,
    /// The columns in the order of the items file, the id left out.
    pub columns: Vec<ColumnEntry>,
    /// The spaces in the order of the schema.
    pub spaces: Vec<SpaceEntry>,
    /// What is known of everybody's taste.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
    /// The column that says of which item an item is a variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant_of: Option<String>,
    /// Presets for ranking calls, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scenarios: BTreeMap<String, Scenario>,
    /// What events of each type say, where it is not what the library has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub effects: BTreeMap<String, EffectRule>,
    /// How the weights of the default scenario go on learning on a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning: Option<PairwiseModel>,
    /// What a new person can choose to begin with, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub segments: BTreeMap<String, Segment>,
    /// Which of `files` holds ids and columns.
    pub items_file: String,
    /// Every file of the catalog but the manifest.
    pub files: Vec<FileEntry>,
}

/// Which model a catalog's vectors come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRef {
    /// For people.
    pub name: String,
    /// The identity of the model (see `model.json`), hexadecimal.
    pub sha256: String,
    /// Length of its vectors.
    pub dims: usize,
}

/// A column in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnEntry {
    /// Unique within the catalog.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Whether results carry it.
    pub display: bool,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// UTF-8.
    Text,
    /// 64-bit floating point, finite.
    Number,
    /// 64-bit signed.
    Integer,
    /// True or false.
    Boolean,
    /// A calendar day, as days since 1970-01-01.
    Date,
    /// Any number of different texts.
    Tags,
}

impl ColumnType {
    /// As schema and manifest write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Tags => "tags",
        }
    }
}

/// A space in the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpaceEntry {
    /// Unique within the catalog.
    pub name: String,
    /// Default weight.
    pub weight: f64,
    /// The rest.
    #[serde(flatten)]
    pub kind: SpaceKindEntry,
}

/// The kinds of [`SpaceEntry`]; the fields are those of [`SpaceKind`](super::SpaceKind), with vectors as a file.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum SpaceKindEntry {
    /// The meaning of a text.
    Text {
        /// How the text was put together.
        template: String,
        /// Which of `files` holds the vectors.
        file: String,
        /// Mean of the unit vectors.
        mean: Vec<f32>,
    },
    /// What people like together.
    Collaborative {
        /// Which of `files` holds factors and gains.
        file: String,
        /// The factors of an average like of the crowd; as many as an item has.
        average: Vec<f32>,
        /// How many people it was learned from; not said where they are promised privacy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        people: Option<usize>,
        /// Items that fewer people chose have no factors of their own.
        least_people: usize,
        /// How it was learned; catalogs of the first builds do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        learned: Option<LearnedWith>,
    },
    /// A number.
    Number {
        /// The column.
        column: String,
        /// Which end is better.
        prefer: Prefer,
        /// Where the scale begins.
        min: f64,
        /// Where the scale ends.
        max: f64,
        /// Whether the scale is logarithmic.
        log: bool,
        /// What an item without a value counts as.
        missing: Missing,
    },
    /// Equal or not.
    Category {
        /// The column.
        column: String,
        /// Whether an item can have several values.
        many: bool,
    },
    /// How new.
    Recency {
        /// The column.
        column: String,
        /// After this many days a thing counts half.
        half_life_days: f64,
        /// What age is counted from.
        reference: Reference,
    },
    /// Where.
    Geo {
        /// The column with degrees north.
        latitude: String,
        /// The column with degrees east.
        longitude: String,
        /// At this distance a thing counts half.
        half_distance_km: f64,
    },
}

/// The numbers that factors were learned with, and what one person could add to them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LearnedWith {
    /// Numbers per item.
    pub dims: usize,
    /// Where that number comes from.
    pub dims_from: Origin,
    /// The λ of EASE: how much evidence two items needed to count as chosen together.
    pub lambda: f64,
    /// What an item's own λ went by: it was `λ·(1 + n/this)` where n people chose it. Nothing where all items had the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_people: Option<f64>,
    /// Where that number comes from.
    pub lambda_from: Origin,
    /// Pairs of items that fewer people chose both of did not count; 0 if all did.
    pub least_together: usize,
    /// Of one person at most so many likes counted, the latest.
    pub most_likes: usize,
    /// What is promised to each person, if anything is: everything in the catalog that was made of their likes keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Promise>,
}

/// Where a number that factors are learned with comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It is what is used where nothing else is said.
    #[default]
    Default,
    /// Somebody gave it.
    Given,
    /// People kept back had it.
    Validation,
}

impl Origin {
    /// As the manifest writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Given => "given",
            Self::Validation => "validation",
        }
    }
}

/// What is promised to each person whose likes were counted: differential privacy of everything that was made of the counts, toward
/// one person with all that they did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promise {
    /// The ε.
    pub epsilon: f64,
    /// The δ.
    pub delta: f64,
    /// The standard deviation of the noise of every count.
    pub noise: f64,
}

/// A data file of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileEntry {
    /// Name within the catalog folder: no folders, ends in the first 16 digits of `sha256` and `.arrow`.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// Rows over all its record batches.
    pub rows: usize,
    /// SHA-256 of the whole file, hexadecimal.
    pub sha256: String,
    /// Bytes per entry of `chunks`; the last chunk may be shorter.
    pub chunk_bytes: usize,
    /// The first 8 bytes of each chunk's SHA-256, hexadecimal.
    pub chunks: Vec<String>,
}

impl FileEntry {
    /// Describes `bytes`; the name is `stem-<hash>.arrow`.
    pub(crate) fn describe(stem: &str, bytes: &[u8], rows: usize) -> Self {
        let sha256 = sha256_hex(bytes);
        Self {
            path: format!("{stem}-{}.arrow", &sha256[..16]),
            bytes: bytes.len() as u64,
            rows,
            sha256,
            chunk_bytes: CHUNK_BYTES,
            chunks: bytes.chunks(CHUNK_BYTES).map(chunk_hash).collect(),
        }
    }

    /// The chunks, as byte ranges of `bytes`, whose content is not what was written. `bytes` has the right length.
    pub(crate) fn changed_ranges(&self, bytes: &[u8]) -> Vec<(u64, u64)> {
        let chunk_bytes = self.chunk_bytes.max(1);
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (index, chunk) in bytes.chunks(chunk_bytes).enumerate() {
            if self.chunks.get(index).is_some_and(|expected| *expected == chunk_hash(chunk)) {
                continue;
            }
            let start = (index * chunk_bytes) as u64;
            let end = start + chunk.len() as u64;
            match ranges.last_mut() {
                Some(last) if last.1 == start => last.1 = end,
                _ => ranges.push((start, end)),
            }
        }
        ranges
    }

    /// Checks length and hash, and tells the likely causes apart.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), CatalogError> {
        let found = bytes.len() as u64;
        if found == self.bytes && sha256_hex(bytes) == self.sha256 {
            return Ok(());
        }
        if looks_like_html(bytes) {
            return Err(web_page(&self.path));
        }
        if found < self.bytes {
            return Err(CatalogError::new(
                CatalogErrorKind::Truncated { at: found },
                format!("{} has {} bytes, {found} came; fetch or copy it again", self.path, self.bytes),
            ));
        }
        if found > self.bytes {
            let context = format!("{} has {} bytes, {found} came; fetch or copy it again", self.path, self.bytes);
            return Err(CatalogError::new(CatalogErrorKind::Damaged, context));
        }
        let ranges = self.changed_ranges(bytes);
        let places: Vec<String> = ranges.iter().map(|(start, end)| format!("{start} to {end}")).collect();
        let places = if places.is_empty() { String::new() } else { format!(" (bytes {})", places.join(", ")) };
        Err(CatalogError::new(
            CatalogErrorKind::Damaged,
            format!("{} is not what was built{places}; fetch or copy it again, or build the catalog anew", self.path),
        ))
    }
}

impl Manifest {
    /// How many factors an item has in this file; nothing if no space keeps its factors there.
    pub(crate) fn factor_dims(&self, path: &str) -> Option<usize> {
        self.spaces.iter().find_map(|space| match &space.kind {
            SpaceKindEntry::Collaborative { file, average, .. } if file == path => Some(average.len()),
            _ => None,
        })
    }

    /// Puts the parts together, with the content hash.
    pub(crate) fn assemble(parts: ManifestParts) -> Self {
        let ManifestParts {
            name,
            items,
            model,
            columns,
            spaces,
            prior,
            variant_of,
            scenarios,
            effects,
            segments,
            items_file,
            files,
        } = parts;
        let mut manifest = Self {
            format: FORMAT.to_owned(),
            version: FORMAT_VERSION,
            name,
            items,
            content_hash: String::new(),
            model,
            columns,
            spaces,
            prior,
            variant_of,
            scenarios,
            effects,
            learning: None,
            segments,
            items_file,
            files,
        };
        manifest.content_hash = sha256_hex(manifest.to_json(None).as_bytes());
        manifest
    }

    /// The same catalog with another default scenario, and these rules for events in place of its own of the same types.
    #[cfg(feature = "cli")]
    pub(crate) fn with_defaults(
        &self,
        scenario: Scenario,
        effects: &BTreeMap<String, EffectRule>,
        learning: Option<PairwiseModel>,
    ) -> Self {
        let mut changed = Self { learning, ..self.clone() };
        changed.scenarios.insert(DEFAULT_SCENARIO.to_owned(), scenario);
        changed.effects.extend(effects.iter().map(|(kind, rule)| (kind.clone(), rule.clone())));
        changed.content_hash = String::new();
        changed.content_hash = sha256_hex(changed.to_json(None).as_bytes());
        changed
    }

    /// The bytes of `catalog.json`: the same manifest always gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let unsigned = self.to_json(Some(&"0".repeat(HASH_DIGITS)));
        let hash = sha256_hex(unsigned.as_bytes());
        self.to_json(Some(&hash)).into_bytes()
    }

    /// Reads and checks `catalog.json`.
    ///
    /// # Errors
    /// Bytes that are no manifest, a damaged one, one in a newer format, or one that contradicts itself.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CatalogError> {
        let intact = check_own_hash(bytes)?;
        let manifest: Self = match serde_json::from_slice::<Head>(bytes) {
            Ok(head) if head.format != FORMAT => {
                let context = format!(
                    "expected \"format\": \"{FORMAT}\" in {MANIFEST_FILE}, found \"{}\"; is this the right folder?",
                    head.format
                );
                return Err(CatalogError::new(CatalogErrorKind::NotACatalog, context));
            }
            Ok(head) if head.version > FORMAT_VERSION => return Err(too_new(head.version)),
            Ok(_) if !intact => return Err(damaged("its own hash, which ends the file, is missing")),
            Ok(head) if head.version == 0 => return Err(damaged("version 0 does not exist")),
            // The bytes are those that were written, so only a writer that knows more can have written them.
            Ok(head) => serde_json::from_slice(bytes).map_err(|error| too_new(head.version).with_source(error))?,
            Err(error) => return Err(unreadable(bytes, error)),
        };
        manifest.check()?;
        Ok(manifest)
    }

    /// The entry of a file.
    pub fn file(&self, path: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Checks what later code relies on.
    fn check(&self) -> Result<(), CatalogError> {
        let wrong = |context: String| Err(CatalogError::new(CatalogErrorKind::Inconsistent, context));
        for (index, file) in self.files.iter().enumerate() {
            if self.files[..index].iter().any(|other| other.path == file.path) {
                return wrong(format!("{MANIFEST_FILE} lists {} twice; build the catalog anew", file.path));
            }
            let plain = !file.path.is_empty()
                && !file.path.starts_with('.')
                && file.path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if !plain {
                let path = &file.path;
                return wrong(format!("expected plain file names in {MANIFEST_FILE}, found {path:?}; do not use it"));
            }
            if file.rows != self.items {
                let (path, rows, items) = (&file.path, file.rows, self.items);
                return wrong(format!("{path} has {rows} rows for {items} items; build the catalog anew"));
            }
        }
        let mut named = vec![self.items_file.as_str()];
        for (index, space) in self.spaces.iter().enumerate() {
            if self.spaces[..index].iter().any(|other| other.name == space.name) {
                return wrong(format!("two spaces are named {:?}; build the catalog anew", space.name));
            }
            if let SpaceKindEntry::Collaborative { file, average, learned, .. } = &space.kind {
                named.push(file);
                if let Some(learned) = learned.filter(|learned| learned.dims != average.len()) {
                    return wrong(format!(
                        "the average of space {:?} must have {} values, found {}; build the catalog anew",
                        space.name,
                        learned.dims,
                        average.len()
                    ));
                }
                if average.is_empty() || average.iter().any(|value| !value.is_finite()) {
                    return wrong(format!(
                        "the average of space {:?} must have finite values; build the catalog anew",
                        space.name
                    ));
                }
            }
            if let SpaceKindEntry::Text { file, mean, .. } = &space.kind {
                named.push(file);
                let Some(model) = &self.model else {
                    return wrong(format!("space {:?} has vectors of no model; build the catalog anew", space.name));
                };
                if mean.len() != model.dims || mean.iter().any(|value| !value.is_finite()) {
                    return wrong(format!(
                        "the mean of space {:?} must have {} finite values; build the catalog anew",
                        space.name, model.dims
                    ));
                }
            }
        }
        for (index, column) in self.columns.iter().enumerate() {
            if self.columns[..index].iter().any(|other| other.name == column.name) {
                return wrong(format!("two columns are named {:?}; build the catalog anew", column.name));
            }
        }
        if let Some(name) = &self.variant_of
            && !self.columns.iter().any(|column| column.name == *name && column.column_type == ColumnType::Text)
        {
            return wrong(format!("variants are told by {name:?}, which is no text column; build the catalog anew"));
        }
        if let Some(path) = named.into_iter().find(|path| self.file(path).is_none()) {
            return wrong(format!("{path} is used but not listed under files; build the catalog anew"));
        }
        Ok(())
    }

    /// JSON with one line per member or entry, its own hash last. Structs are written directly, never by way of
    /// `serde_json::Value`, whose order of members depends on the features of other crates.
    fn to_json(&self, own_hash: Option<&str>) -> String {
        let mut out = String::from("{\n");
        member(&mut out, "format", &self.format);
        member(&mut out, "version", &self.version);
        member(&mut out, "name", &self.name);
        member(&mut out, "items", &self.items);
        member(&mut out, "contentHash", &self.content_hash);
        if let Some(model) = &self.model {
            member(&mut out, "model", model);
        }
        entries(&mut out, "columns", &self.columns);
        entries(&mut out, "spaces", &self.spaces);
        if let Some(prior) = &self.prior {
            member(&mut out, "prior", prior);
        }
        if let Some(column) = &self.variant_of {
            member(&mut out, "variantOf", column);
        }
        if !self.scenarios.is_empty() {
            member(&mut out, "scenarios", &self.scenarios);
        }
        if !self.effects.is_empty() {
            member(&mut out, "effects", &self.effects);
        }
        if let Some(learning) = &self.learning {
            member(&mut out, "learning", learning);
        }
        if !self.segments.is_empty() {
            member(&mut out, "segments", &self.segments);
        }
        member(&mut out, "itemsFile", &self.items_file);
        entries(&mut out, "files", &self.files);
        out.push_str(HASH_PREFIX);
        out.push_str(own_hash.unwrap_or_default());
        out.push_str(HASH_SUFFIX);
        out
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a manifest has only string keys")
}

fn member(out: &mut String, key: &str, value: &impl Serialize) {
    out.push_str(&format!("  \"{key}\": {},\n", json(value)));
}

fn entries<T: Serialize>(out: &mut String, key: &str, values: &[T]) {
    let lines: Vec<String> = values.iter().map(|value| format!("\n    {}", json(value))).collect();
    out.push_str(&format!("  \"{key}\": [{}\n  ],\n", lines.join(",")));
}

/// What [`Manifest::assemble`] is given.
pub(crate) struct ManifestParts {
    pub(crate) name: String,
    pub(crate) items: usize,
    pub(crate) model: Option<ModelRef>,
    pub(crate) columns: Vec<ColumnEntry>,
    pub(crate) spaces: Vec<SpaceEntry>,
    pub(crate) prior: Option<Prior>,
    pub(crate) variant_of: Option<String>,
    pub(crate) scenarios: BTreeMap<String, Scenario>,
    pub(crate) effects: BTreeMap<String, EffectRule>,
    pub(crate) segments: BTreeMap<String, Segment>,
    pub(crate) items_file: String,
    pub(crate) files: Vec<FileEntry>,
}

const HASH_DIGITS: usize = 64;
const HASH_PREFIX: &str = "  \"sha256\": \"";
const HASH_SUFFIX: &str = "\"\n}\n";

/// What is read first, in whatever format the rest is.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u64,
}

/// `Ok(true)`: the hash is there and right; `Ok(false)`: there is none; an error when it is wrong.
fn check_own_hash(bytes: &[u8]) -> Result<bool, CatalogError> {
    let Some(hash_end) = bytes.len().checked_sub(HASH_SUFFIX.len()) else { return Ok(false) };
    let Some(hash_start) = hash_end.checked_sub(HASH_DIGITS) else { return Ok(false) };
    let (before, stated) = (&bytes[..hash_start], &bytes[hash_start..hash_end]);
    if !bytes.ends_with(HASH_SUFFIX.as_bytes()) || !before.ends_with(HASH_PREFIX.as_bytes()) {
        return Ok(false);
    }
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update([b'0'; HASH_DIGITS]);
    hash.update(HASH_SUFFIX);
    if hex(&hash.finalize()).as_bytes() != stated {
        return Err(damaged("its content does not have the hash that it ends with"));
    }
    Ok(true)
}

fn chunk_hash(chunk: &[u8]) -> String {
    hex(&Sha256::digest(chunk)[..CHUNK_HASH_BYTES])
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}
