//! From the bytes of catalog files to a [`Catalog`].

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int8Type};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde_json::{Map, Value};

use super::column::{Chunks, Column, LARGEST_NUMBER};
use super::error::{CatalogError, CatalogErrorKind, listing};
use super::ipc::read_stream;
use super::manifest::{
    ColumnEntry, ColumnType, FileEntry, MANIFEST_FILE, Manifest, ModelRef, SpaceEntry, SpaceKindEntry,
};
use super::space::{
    EffectRule, LARGEST_WEIGHT, LATITUDE, LONGITUDE, PairwiseModel, Prior, Scenario, Segment, Space, SpaceKind,
};
use crate::vector::{Precision, VectorSet};

/// The name of the id column in the items file.
pub(crate) const ID_COLUMN: &str = "id";
/// The columns of a vector file.
pub(crate) const VECTOR_COLUMN: &str = "vector";
pub(crate) const SCALE_COLUMN: &str = "scale";
/// The third column of a file of factors.
pub(crate) const GAIN_COLUMN: &str = "gain";

/// A catalog, loaded: immutable, and cheap to clone and share.
///
/// Rows are in ascending byte order of their ids, so the order of rows is the order in which equal scores are listed.
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

#[cfg_attr(feature = "cli", derive(Clone))]
struct Inner {
    manifest: Manifest,
    ids: Chunks<StringArray>,
    columns: Vec<Column>,
    spaces: Vec<Space>,
}

impl Catalog {
    /// Number of items.
    pub fn len(&self) -> usize {
        self.inner.ids.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Changes when anything about the catalog changes: a hash, hexadecimal.
    pub fn version(&self) -> &str {
        &self.inner.manifest.content_hash
    }

    /// The name that the schema gives.
    pub fn name(&self) -> &str {
        &self.inner.manifest.name
    }

    /// What `catalog.json` says.
    pub fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }

    /// The id of the item in `row`. Panics when there is no such row.
    pub fn id(&self, row: usize) -> &str {
        let (ids, index) = self.inner.ids.locate(row);
        ids.value(index)
    }

    /// The row of an item.
    pub fn row(&self, id: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.id(middle).cmp(id) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// The columns, the id left out, in the order of the schema.
    pub fn columns(&self) -> &[Column] {
        &self.inner.columns
    }

    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.inner.columns.iter().find(|column| column.name() == name)
    }

    /// The spaces in the order of the schema.
    pub fn spaces(&self) -> &[Space] {
        &self.inner.spaces
    }

    /// A space by name.
    pub fn space(&self, name: &str) -> Option<&Space> {
        self.inner.spaces.iter().find(|space| space.name == name)
    }

    /// This catalog with one more space, or another one in the place of the space of that name: for an evaluation, which learns
    /// from others than the catalog did.
    #[cfg(feature = "cli")]
    pub(crate) fn with_space(&self, space: Space) -> Self {
        let mut inner = Inner::clone(&self.inner);
        match inner.spaces.iter_mut().find(|other| other.name == space.name) {
            Some(other) => *other = space,
            None => inner.spaces.push(space),
        }
        Self { inner: Arc::new(inner) }
    }

    /// This catalog without collaborative spaces.
    #[cfg(feature = "cli")]
    pub(crate) fn without_crowd(&self) -> Self {
        let mut inner = Inner::clone(&self.inner);
        inner.spaces.retain(|space| !matches!(space.kind, SpaceKind::Collaborative { .. }));
        inner.manifest.prior = inner.manifest.prior.take().filter(|prior| matches!(prior, Prior::Rated { .. }));
        Self { inner: Arc::new(inner) }
    }

    /// With a prior of figures that are made from interactions, unless the schema names columns of its own for it. The columns
    /// themselves are not there: whoever evaluates hands the values to the recommender.
    #[cfg(feature = "cli")]
    pub(crate) fn with_chosen_prior(&self) -> Self {
        let mut inner = Inner::clone(&self.inner);
        inner.manifest.prior.get_or_insert_with(Prior::chosen);
        Self { inner: Arc::new(inner) }
    }

    /// What is known of everybody's taste.
    pub fn prior(&self) -> Option<&Prior> {
        self.inner.manifest.prior.as_ref()
    }

    /// The text column by which variants are told: items with the same value, and the item whose id it is, are of one group.
    pub fn variant_of(&self) -> Option<&Column> {
        self.column(self.inner.manifest.variant_of.as_ref()?)
    }

    /// The presets for ranking calls, by name.
    pub fn scenarios(&self) -> &BTreeMap<String, Scenario> {
        &self.inner.manifest.scenarios
    }

    /// What a new person can choose to begin with, by name.
    pub fn segments(&self) -> &BTreeMap<String, Segment> {
        &self.inner.manifest.segments
    }

    /// How the weights of the default scenario go on learning on a device, if they do.
    pub fn learning(&self) -> Option<PairwiseModel> {
        self.inner.manifest.learning
    }

    /// What the catalog's owner says of types of events.
    pub fn effects(&self) -> &BTreeMap<String, EffectRule> {
        &self.inner.manifest.effects
    }

    /// The display columns of an item: dates as `"YYYY-MM-DD"`, tags as arrays, missing values as `null`.
    pub fn display(&self, row: usize) -> Map<String, Value> {
        let shown = self.inner.columns.iter().filter(|column| column.display);
        shown.map(|column| (column.name().to_owned(), column.value(row))).collect()
    }

    /// Checks that query vectors of this model can be compared with the catalog's.
    ///
    /// # Errors
    /// [`CatalogErrorKind::WrongModel`] when the vectors come from another model, or there are none.
    pub fn check_model(&self, model: &ModelRef) -> Result<(), CatalogError> {
        let context = match &self.inner.manifest.model {
            Some(own) if own.sha256 == model.sha256 && own.dims == model.dims => return Ok(()),
            Some(own) => format!(
                "it was built with {} ({}, {} dims), given was {} ({}, {} dims); give that model, or build the catalog \
                 with this one",
                own.name,
                short(&own.sha256),
                own.dims,
                model.name,
                short(&model.sha256),
                model.dims
            ),
            None => format!("it has no text space, so {} cannot search it; add one to its schema", model.name),
        };
        Err(CatalogError::new(CatalogErrorKind::WrongModel, context))
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog")
            .field("name", &self.name())
            .field("version", &self.version())
            .field("items", &self.len())
            .finish_non_exhaustive()
    }
}

/// Enough of a hash to tell two apart; what is no hash is shown as it is.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// Reads a catalog as its files arrive, in any order. It does no I/O of its own.
///
/// Each file is checked against its hash when it is added and decoded at once; its bytes become the catalog's memory.
#[derive(Debug)]
pub struct CatalogReader {
    manifest: Manifest,
    items_schema: SchemaRef,
    decoded: HashMap<String, Vec<RecordBatch>>,
}

impl CatalogReader {
    /// Begins with the bytes of `catalog.json`.
    ///
    /// # Errors
    /// Bytes that are no manifest, a damaged one, one in a newer format, or one that contradicts itself.
    pub fn new(manifest: &[u8]) -> Result<Self, CatalogError> {
        let manifest = Manifest::from_bytes(manifest)?;
        let items_schema = items_schema(&manifest.columns);
        check_spaces(&manifest)?;
        Ok(Self { manifest, items_schema, decoded: HashMap::new() })
    }

    /// What `catalog.json` says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The files to be added.
    pub fn files(&self) -> &[FileEntry] {
        &self.manifest.files
    }

    /// Takes the bytes of a file. Adding a file again replaces it.
    ///
    /// # Errors
    /// A file that the catalog does not have, or bytes that are not those it was built with. The reader stays usable: the
    /// right bytes can be added afterwards.
    pub fn add(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), CatalogError> {
        let Some(entry) = self.manifest.file(path) else {
            let known = listing(self.manifest.files.iter().map(|file| &file.path));
            let context = format!("{path:?} is not in {MANIFEST_FILE}, which lists {known}");
            return Err(CatalogError::new(CatalogErrorKind::UnknownFile, context));
        };
        entry.check(&bytes)?;
        let expected = match self.manifest.items_file == path {
            true => Arc::clone(&self.items_schema),
            false => match self.manifest.factor_dims(path) {
                Some(dims) => factor_schema(dims),
                None => vector_schema(self.manifest.model.as_ref().map_or(0, |model| model.dims)),
            },
        };
        let batches = read_stream(path, bytes, &expected)?;
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if rows != entry.rows {
            return Err(inconsistent(format!("{path} has {rows} rows, {MANIFEST_FILE} says {}", entry.rows)));
        }
        self.decoded.insert(path.to_owned(), batches);
        Ok(())
    }

    /// The files that have not been added yet, in the order of [`CatalogReader::files`].
    pub fn missing(&self) -> Vec<&str> {
        let paths = self.manifest.files.iter().map(|file| file.path.as_str());
        paths.filter(|path| !self.decoded.contains_key(*path)).collect()
    }

    /// The catalog.
    ///
    /// # Errors
    /// When files are missing, or contradict the manifest.
    pub fn finish(mut self) -> Result<Catalog, CatalogError> {
        let missing = self.missing();
        if !missing.is_empty() {
            let context =
                format!("{} of {} came; still needed: {}", self.decoded.len(), self.files().len(), listing(missing));
            return Err(CatalogError::new(CatalogErrorKind::MissingFile, context));
        }
        let items = self.decoded.remove(&self.manifest.items_file).unwrap_or_default();
        let ids = read_ids(&items)?;
        let columns = self.manifest.columns.iter().enumerate().map(|(index, entry)| {
            let arrays: Vec<ArrayRef> = items.iter().map(|batch| Arc::clone(batch.column(index + 1))).collect();
            Column::new(&entry.name, entry.column_type, entry.display, &arrays)
        });
        let columns: Vec<Column> = columns.collect();
        check_numbers(&columns)?;
        check_places(&columns, &self.manifest.spaces)?;
        let mut spaces = Vec::with_capacity(self.manifest.spaces.len());
        for entry in &self.manifest.spaces {
            let kind = match entry.kind.clone() {
                SpaceKindEntry::Text { template, file, mean } => {
                    let batches = self.decoded.get(&file).map(Vec::as_slice).unwrap_or_default();
                    let vectors = Arc::new(read_vectors(&file, batches, mean.len())?);
                    SpaceKind::Text { template, vectors, mean: mean.into() }
                }
                SpaceKindEntry::Collaborative { file, average, .. } => {
                    let batches = self.decoded.get(&file).map(Vec::as_slice).unwrap_or_default();
                    let vectors = Arc::new(read_vectors(&file, batches, average.len())?);
                    SpaceKind::Collaborative { vectors, gains: read_gains(&file, batches)?, average: average.into() }
                }
                SpaceKindEntry::Number { column, prefer, min, max, log, missing } => {
                    SpaceKind::Number { column, prefer, min, max, log, missing }
                }
                SpaceKindEntry::Category { column, many } => SpaceKind::Category { column, many },
                SpaceKindEntry::Recency { column, half_life_days, reference } => {
                    SpaceKind::Recency { column, half_life_days, reference }
                }
                SpaceKindEntry::Geo { latitude, longitude, half_distance_km } => {
                    SpaceKind::Geo { latitude, longitude, half_distance_km }
                }
            };
            spaces.push(Space { name: entry.name.clone(), weight: entry.weight, kind });
        }
        Ok(Catalog { inner: Arc::new(Inner { manifest: self.manifest, ids, columns, spaces }) })
    }
}

/// Fields of the items file: the id, then the columns.
pub(crate) fn items_schema(columns: &[ColumnEntry]) -> SchemaRef {
    let mut fields = vec![Field::new(ID_COLUMN, DataType::Utf8, false)];
    fields.extend(columns.iter().map(|column| Field::new(&column.name, column.column_type.arrow_type(), true)));
    Arc::new(Schema::new(fields))
}

/// Fields of a vector file.
pub(crate) fn vector_schema(dims: usize) -> SchemaRef {
    let value = Arc::new(Field::new("item", DataType::Int8, false));
    let size = i32::try_from(dims).unwrap_or(i32::MAX);
    Arc::new(Schema::new(vec![
        Field::new(VECTOR_COLUMN, DataType::FixedSizeList(value, size), false),
        Field::new(SCALE_COLUMN, DataType::Float32, false),
    ]))
}

/// Fields of a file of factors.
pub(crate) fn factor_schema(dims: usize) -> SchemaRef {
    let mut fields = vector_schema(dims).fields().to_vec();
    fields.push(Arc::new(Field::new(GAIN_COLUMN, DataType::Float32, false)));
    Arc::new(Schema::new(fields))
}

/// Checks that spaces and prior name columns of a fitting type and have settings in their range.
fn check_spaces(manifest: &Manifest) -> Result<(), CatalogError> {
    use ColumnType as T;
    let column =
        |owner: &str, name: &str, fitting: &[ColumnType]| match manifest.columns.iter().find(|c| c.name == name) {
            Some(column) if fitting.contains(&column.column_type) => Ok(()),
            Some(column) => {
                let known = listing(fitting.iter().map(|fitting| fitting.name()));
                Err(inconsistent(format!(
                    "{owner} needs a column of type {known}, {name:?} has {}",
                    column.column_type.name()
                )))
            }
            None => Err(inconsistent(format!("{owner} uses the column {name:?}, which the catalog does not have"))),
        };
    let positive = |owner: &str, what: &str, value: f64| match value.is_finite() && value > 0.0 {
        true => Ok(()),
        false => Err(inconsistent(format!("{owner} must have a positive {what}, found {value}"))),
    };
    for space in &manifest.spaces {
        let owner = format!("space {:?}", space.name);
        if !(-LARGEST_WEIGHT..=LARGEST_WEIGHT).contains(&space.weight) {
            return Err(inconsistent(format!(
                "{owner} must have a weight from -{LARGEST_WEIGHT} to {LARGEST_WEIGHT}, found {}",
                space.weight
            )));
        }
        match &space.kind {
            SpaceKindEntry::Text { .. } | SpaceKindEntry::Collaborative { .. } => {}
            SpaceKindEntry::Number { column: name, min, max, log, .. } => {
                column(&owner, name, &[T::Number, T::Integer])?;
                let bounded = min.abs() <= LARGEST_NUMBER && max.abs() <= LARGEST_NUMBER;
                if !(bounded && min < max) || (*log && *min <= 0.0) {
                    return Err(inconsistent(format!("{owner} has no proper range: {min} to {max}, log {log}")));
                }
            }
            SpaceKindEntry::Category { column: name, many } => {
                let fitting: &[ColumnType] = if *many { &[T::Tags] } else { &[T::Text, T::Boolean, T::Integer] };
                column(&owner, name, fitting)?;
            }
            SpaceKindEntry::Recency { column: name, half_life_days, .. } => {
                column(&owner, name, &[T::Date])?;
                positive(&owner, "half-life", *half_life_days)?;
            }
            SpaceKindEntry::Geo { latitude, longitude, half_distance_km } => {
                column(&owner, latitude, &[T::Number])?;
                column(&owner, longitude, &[T::Number])?;
                positive(&owner, "half distance", *half_distance_km)?;
            }
        }
    }
    match &manifest.prior {
        Some(Prior::Rated { rating, count, smoothing }) => {
            column("the prior", rating, &[T::Number, T::Integer])?;
            column("the prior", count, &[T::Number, T::Integer])?;
            if !smoothing.is_finite() || *smoothing < 0.0 {
                return Err(inconsistent(format!("the prior's smoothing must not be negative, found {smoothing}")));
            }
        }
        Some(Prior::Chosen { popularity, trend, expected }) => {
            for name in [Some(popularity), Some(trend), expected.as_ref()].into_iter().flatten() {
                column("the prior", name, &[T::Number, T::Integer])?;
            }
        }
        None => {}
    }
    Ok(())
}

/// Whoever writes Arrow can write what is no number, or one whose square is none.
fn check_numbers(columns: &[Column]) -> Result<(), CatalogError> {
    let bad = |column: &Column| {
        let mut values = (0..column.len()).filter_map(|row| column.number(row));
        values.find(|value| value.is_nan() || value.abs() > LARGEST_NUMBER)
    };
    let numbers = columns.iter().filter(|column| column.column_type() == ColumnType::Number);
    match numbers.map(|column| (column.name(), bad(column))).find_map(|(name, bad)| bad.map(|bad| (name, bad))) {
        Some((name, value)) => {
            Err(inconsistent(format!("the column {name:?} must have numbers up to {LARGEST_NUMBER:e}, found {value}")))
        }
        None => Ok(()),
    }
}

/// No distance is right from what is no place.
fn check_places(columns: &[Column], spaces: &[SpaceEntry]) -> Result<(), CatalogError> {
    for space in spaces {
        let SpaceKindEntry::Geo { latitude, longitude, .. } = &space.kind else { continue };
        for (name, degrees) in [(latitude, LATITUDE), (longitude, LONGITUDE)] {
            let Some(column) = columns.iter().find(|column| column.name() == name) else { continue };
            let mut values = (0..column.len()).filter_map(|row| column.number(row));
            if let Some(value) = values.find(|value| value.abs() > degrees.most) {
                return Err(inconsistent(format!("the column {name:?} must have {degrees}, found {value}")));
            }
        }
    }
    Ok(())
}

/// The ids, checked to be different and in order.
fn read_ids(items: &[RecordBatch]) -> Result<Chunks<StringArray>, CatalogError> {
    let arrays: Vec<StringArray> = items.iter().map(|batch| batch.column(0).as_string::<i32>().clone()).collect();
    let mut last: Option<&str> = None;
    for id in arrays.iter().flat_map(|array| array.iter()) {
        let Some(id) = id else { return Err(inconsistent("an item has no id".to_owned())) };
        if last.is_some_and(|last| last >= id) {
            return Err(inconsistent(format!("items must be in ascending order of their ids, {id:?} is not")));
        }
        last = Some(id);
    }
    Ok(Chunks::new(arrays))
}

/// The vectors, left where they lie in the file's bytes.
fn read_vectors(path: &str, batches: &[RecordBatch], dims: usize) -> Result<VectorSet, CatalogError> {
    let wrong = |error| inconsistent(format!("the vectors in {path} cannot be used")).with_source(error);
    let mut set = VectorSet::new(dims, Precision::Int8).map_err(wrong)?;
    for batch in batches {
        let lists = batch.column(0).as_fixed_size_list();
        let scales = batch.column(1).as_primitive::<Float32Type>();
        let values = lists.values().as_primitive::<Int8Type>();
        if lists.null_count() + scales.null_count() + values.null_count() > 0 {
            return Err(inconsistent(format!("every item must have a vector and a scale in {path}; some have none")));
        }
        set.push_int8(values.values().clone(), scales.values().clone()).map_err(wrong)?;
    }
    Ok(set)
}

/// The gains of a file of factors.
fn read_gains(path: &str, batches: &[RecordBatch]) -> Result<Arc<[f32]>, CatalogError> {
    let mut gains = Vec::new();
    for batch in batches {
        let column = batch.column(2).as_primitive::<Float32Type>();
        if column.null_count() > 0 || column.values().iter().any(|gain| !gain.is_finite()) {
            return Err(inconsistent(format!("every item must have a finite gain in {path}; some have none")));
        }
        gains.extend_from_slice(column.values());
    }
    Ok(gains.into())
}

fn inconsistent(what: String) -> CatalogError {
    CatalogError::new(CatalogErrorKind::Inconsistent, format!("{what}; build the catalog anew"))
}
