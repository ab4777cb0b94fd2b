//! Typed items and vectors give the bytes of catalog files.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, Int8Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, SchemaRef};

use super::super::column::tag_field;
use super::super::error::{CatalogError, CatalogErrorKind};
use super::super::ipc::{BATCH_ROWS, write_stream};
use super::super::manifest::{
    ColumnEntry, ColumnType, FileEntry, LearnedWith, MANIFEST_FILE, Manifest, ManifestParts, ModelRef, SpaceEntry,
    SpaceKindEntry,
};
use super::super::reader::{factor_schema, items_schema, vector_schema};
use super::super::space::{
    APPROVAL, COLLABORATIVE, COLLABORATIVE_WEIGHT, EXPECTED, MAP_X, MAP_Y, POPULARITY, Prior, TREND,
};
use super::cell::Typed;
use super::map::places;
use super::schema::{Schema, SpaceKindRule, SpaceRule};
use super::table::Item;
use crate::collaborative::{Factors, Figures, Learned};
use crate::vector::quantize_row;

/// A file of a catalog: name within the folder, and content.
#[derive(Debug, Clone)]
pub struct CatalogFile {
    /// The name, without folders.
    pub path: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// How far a vector's length may be from 1. Models compute in float32; anything beyond is another mistake.
const UNIT_TOLERANCE: f64 = 1e-3;

/// `vectors` has, for each text space in order, a vector for each item that has a text.
pub(super) fn pack(
    schema: &Schema,
    items: &[Item],
    model: Option<ModelRef>,
    vectors: &[Vec<Option<&[f32]>>],
    learned: Option<&Learned>,
) -> Result<(Manifest, Vec<CatalogFile>), CatalogError> {
    let columns = schema.columns.iter();
    let mut columns: Vec<ColumnEntry> = columns
        .map(|rule| ColumnEntry { name: rule.name.clone(), column_type: rule.column_type, display: rule.display })
        .collect();
    let mut made = learned.and_then(|learned| learned.figures.as_ref()).map(figure_columns).unwrap_or_default();
    let chosen_prior = learned.and_then(|learned| learned.figures.as_ref()).map(Prior::of_figures);
    let dims = model.as_ref().map_or(0, |model| model.dims);
    let mut files: Vec<CatalogFile> = Vec::new();
    let mut entries: Vec<FileEntry> = Vec::new();
    let mut add = |stem: &str, bytes: Vec<u8>| {
        let entry = FileEntry::describe(stem, &bytes, items.len());
        // Some file systems do not tell apart two spaces whose names differ only in case: of the same content one file serves both.
        if let Some(other) = entries.iter().find(|other| other.path.eq_ignore_ascii_case(&entry.path)) {
            return other.path.clone();
        }
        let path = entry.path.clone();
        files.push(CatalogFile { path: path.clone(), bytes });
        entries.push(entry);
        path
    };
    let mut spaces: Vec<SpaceEntry> = Vec::new();
    let mut text_vectors = vectors.iter();
    for space in &schema.spaces {
        let kind = match &space.kind {
            SpaceKindRule::Text(template) => {
                let vectors = text_vectors.next().expect("vectors for every text space");
                let (bytes, mean) = pack_vectors(&space.name, vectors, dims)?;
                let file = add(&space.name, bytes);
                if schema.map.as_ref() == Some(&space.name) {
                    made.extend(map_columns(&places(vectors, &mean)));
                }
                SpaceKindEntry::Text { template: template.source().to_owned(), file, mean }
            }
            other => plain_space(schema, space, other, items)?,
        };
        spaces.push(SpaceEntry { name: space.name.clone(), weight: space.weight, kind });
    }
    if let Some(factors) = learned.and_then(|learned| learned.factors.as_ref()) {
        let file = add(COLLABORATIVE, pack_factors(factors)?);
        let report = &factors.report;
        let learned = LearnedWith {
            dims: report.dims,
            dims_from: report.dims_from,
            lambda: report.lambda,
            mean_people: report.mean_people,
            lambda_from: report.lambda_from,
            least_together: report.least_together,
            most_likes: report.most_likes,
            privacy: report.privacy,
        };
        let kind = SpaceKindEntry::Collaborative {
            file,
            average: factors.average.clone(),
            people: report.people,
            least_people: report.least_people,
            learned: Some(learned),
        };
        spaces.push(SpaceEntry { name: COLLABORATIVE.to_owned(), weight: COLLABORATIVE_WEIGHT, kind });
    }
    columns.extend(made.iter().map(|(entry, _)| entry.clone()));
    let mut parts = ManifestParts {
        name: schema.name.clone(),
        items: items.len(),
        model: model.filter(|_| schema.needs_model()),
        columns,
        spaces,
        // What a schema says of its own columns is meant.
        prior: schema.prior.clone().or(chosen_prior),
        variant_of: schema.variant_of.clone(),
        scenarios: schema.scenarios.clone(),
        effects: schema.effects.clone(),
        segments: schema.segments.clone(),
        items_file: String::new(),
        files: Vec::new(),
    };
    let bytes = pack_items(&parts.columns, items, &made).map_err(not_written)?;
    parts.items_file = add("items", bytes);
    parts.files = entries;
    let manifest = Manifest::assemble(parts);
    files.push(CatalogFile { path: MANIFEST_FILE.to_owned(), bytes: manifest.to_bytes() });
    Ok((manifest, files))
}

fn not_written(error: ArrowError) -> CatalogError {
    CatalogError::new(CatalogErrorKind::Output, "the values do not fit in an Arrow file").with_source(error)
}

/// The columns of figures from interactions.
fn figure_columns(figures: &Figures) -> Vec<(ColumnEntry, Vec<Typed>)> {
    let number = |value: &Option<f64>| value.map_or(Typed::Missing, Typed::Number);
    let integer = |value: &Option<i64>| value.map_or(Typed::Missing, Typed::Integer);
    let entry = |name: &str, column_type| ColumnEntry { name: name.to_owned(), column_type, display: true };
    let popularity = figures.popularity.iter().map(integer).collect();
    let mut made = vec![(entry(POPULARITY, ColumnType::Integer), popularity)];
    for (name, values) in [(TREND, &figures.trend), (APPROVAL, &figures.approval)] {
        made.extend(values.iter().map(|values| (entry(name, ColumnType::Number), values.iter().map(number).collect())));
    }
    if let Some(expected) = &figures.expected {
        // A guess, which is no figure to be shown.
        let entry = ColumnEntry { display: false, ..entry(EXPECTED, ColumnType::Number) };
        made.push((entry, expected.iter().map(number).collect()));
    }
    made
}

/// The columns of a map.
fn map_columns(places: &[Option<[f64; 2]>]) -> Vec<(ColumnEntry, Vec<Typed>)> {
    let column = |name: &str, axis: usize| {
        let entry = ColumnEntry { name: name.to_owned(), column_type: ColumnType::Number, display: false };
        let value = |place: &Option<[f64; 2]>| place.map_or(Typed::Missing, |place| Typed::Number(place[axis]));
        (entry, places.iter().map(value).collect())
    };
    vec![column(MAP_X, 0), column(MAP_Y, 1)]
}

/// The last of the columns are not of the items' own values but `made`.
fn pack_items(
    columns: &[ColumnEntry],
    items: &[Item],
    made: &[(ColumnEntry, Vec<Typed>)],
) -> Result<Vec<u8>, ArrowError> {
    let schema = items_schema(columns);
    let mut batches = Vec::new();
    let own = columns.len() - made.len();
    for (batch, items) in items.chunks(BATCH_ROWS).enumerate() {
        let mut arrays: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from_iter_values(items.iter().map(|item| &item.id)))];
        for (index, column) in columns[..own].iter().enumerate() {
            arrays.push(column_array(column.column_type, items.iter().map(|item| &item.values[index])));
        }
        for (column, values) in made {
            let values = &values[batch * BATCH_ROWS..][..items.len()];
            arrays.push(column_array(column.column_type, values.iter()));
        }
        batches.push(RecordBatch::try_new(Arc::clone(&schema), arrays)?);
    }
    write_stream(&schema, &batches)
}

fn column_array<'a>(column_type: ColumnType, values: impl Iterator<Item = &'a Typed>) -> ArrayRef {
    match column_type {
        ColumnType::Text => {
            let mut builder = StringBuilder::new();
            values
                .for_each(|value| builder.append_option(if let Typed::Text(text) = value { Some(text) } else { None }));
            Arc::new(builder.finish())
        }
        ColumnType::Number => {
            let mut builder = Float64Builder::new();
            values.for_each(|value| builder.append_option(if let Typed::Number(x) = value { Some(*x) } else { None }));
            Arc::new(builder.finish())
        }
        ColumnType::Integer => {
            let mut builder = Int64Builder::new();
            values.for_each(|value| builder.append_option(if let Typed::Integer(x) = value { Some(*x) } else { None }));
            Arc::new(builder.finish())
        }
        ColumnType::Boolean => {
            let mut builder = BooleanBuilder::new();
            values.for_each(|value| builder.append_option(if let Typed::Boolean(x) = value { Some(*x) } else { None }));
            Arc::new(builder.finish())
        }
        ColumnType::Date => {
            let mut builder = Date32Builder::new();
            values.for_each(|value| builder.append_option(if let Typed::Date(x) = value { Some(*x) } else { None }));
            Arc::new(builder.finish())
        }
        ColumnType::Tags => {
            let mut builder = ListBuilder::new(StringBuilder::new()).with_field(tag_field());
            for value in values {
                match value {
                    Typed::Tags(tags) => {
                        tags.iter().for_each(|tag| builder.values().append_value(tag));
                        builder.append(true);
                    }
                    _ => builder.append(false),
                }
            }
            Arc::new(builder.finish())
        }
    }
}

/// The vector file of a space, and the mean of its unit vectors.
fn pack_vectors(space: &str, vectors: &[Option<&[f32]>], dims: usize) -> Result<(Vec<u8>, Vec<f32>), CatalogError> {
    let mut sum = vec![0.0_f64; dims];
    let mut count = 0_usize;
    for vector in vectors.iter().flatten() {
        let norm = vector.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt();
        if vector.len() != dims || (norm - 1.0).abs().is_nan() || (norm - 1.0).abs() > UNIT_TOLERANCE {
            let context = format!(
                "space {space:?}: expected vectors of {dims} values and length 1, found {} values and length {norm}; the \
                 model is not what its model.json says",
                vector.len()
            );
            return Err(CatalogError::new(CatalogErrorKind::Embedding, context));
        }
        count += 1;
        sum.iter_mut().zip(vector.iter()).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let mean = sum.into_iter().map(|sum| (sum / count.max(1) as f64) as f32).collect();

    let schema = vector_schema(dims);
    let mut batches = Vec::new();
    for rows in vectors.chunks(BATCH_ROWS) {
        let arrays = quantized(&schema, rows, dims)?;
        batches.push(RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(not_written)?);
    }
    Ok((write_stream(&schema, &batches).map_err(not_written)?, mean))
}

/// The file of a collaborative space: factors as vectors are kept, and the gain of each item.
fn pack_factors(factors: &Factors) -> Result<Vec<u8>, CatalogError> {
    let schema = factor_schema(factors.dims);
    let rows: Vec<Option<&[f32]>> = factors.values.chunks(factors.dims).map(Some).collect();
    let mut batches = Vec::new();
    for (rows, gains) in rows.chunks(BATCH_ROWS).zip(factors.gains.chunks(BATCH_ROWS)) {
        let mut arrays = quantized(&schema, rows, factors.dims)?;
        arrays.push(Arc::new(Float32Array::from(gains.to_vec())));
        batches.push(RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(not_written)?);
    }
    write_stream(&schema, &batches).map_err(not_written)
}

/// Rows of int8 with their scales, for the first two columns of a schema; zeros for a row without a vector.
fn quantized(schema: &SchemaRef, rows: &[Option<&[f32]>], dims: usize) -> Result<Vec<ArrayRef>, CatalogError> {
    let field = match schema.field(0).data_type() {
        DataType::FixedSizeList(field, _) => Arc::clone(field),
        other => unreachable!("a vector column has type {other}"),
    };
    let mut values = vec![0_i8; rows.len() * dims];
    let mut scales = vec![0.0_f32; rows.len()];
    for (row, vector) in rows.iter().enumerate() {
        if let Some(vector) = vector {
            scales[row] = quantize_row(vector, &mut values[row * dims..][..dims]);
        }
    }
    let size = i32::try_from(dims).expect("a model has at most 4096 dims");
    let lists = FixedSizeListArray::try_new(field, size, Arc::new(Int8Array::from(values)), None);
    Ok(vec![Arc::new(lists.map_err(not_written)?), Arc::new(Float32Array::from(scales))])
}

/// Spaces without vectors; ranges that the schema leaves open are those of the data.
fn plain_space(
    schema: &Schema,
    space: &SpaceRule,
    kind: &SpaceKindRule,
    items: &[Item],
) -> Result<SpaceKindEntry, CatalogError> {
    Ok(match kind {
        SpaceKindRule::Text(_) => unreachable!("packed with its vectors"),
        SpaceKindRule::Number { column, prefer, range, log, missing } => {
            let (min, max) = match range {
                Some(range) => *range,
                None => data_range(schema, space, column, *log, items)?,
            };
            SpaceKindEntry::Number { column: column.clone(), prefer: *prefer, min, max, log: *log, missing: *missing }
        }
        SpaceKindRule::Category { column, many } => SpaceKindEntry::Category { column: column.clone(), many: *many },
        SpaceKindRule::Recency { column, half_life_days, reference } => {
            SpaceKindEntry::Recency { column: column.clone(), half_life_days: *half_life_days, reference: *reference }
        }
        SpaceKindRule::Geo { latitude, longitude, half_distance_km } => SpaceKindEntry::Geo {
            latitude: latitude.clone(),
            longitude: longitude.clone(),
            half_distance_km: *half_distance_km,
        },
    })
}

fn data_range(
    schema: &Schema,
    space: &SpaceRule,
    column: &str,
    log: bool,
    items: &[Item],
) -> Result<(f64, f64), CatalogError> {
    let index = schema.column_index(column).expect("checked when the schema was read");
    let values = items.iter().filter_map(|item| match &item.values[index] {
        Typed::Number(value) => Some(*value),
        Typed::Integer(value) => Some(*value as f64),
        _ => None,
    });
    // On a logarithmic scale, whatever is not positive counts as the smallest value that is.
    let (min, max) = values
        .filter(|&value| !log || value > 0.0)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(value), max.max(value)));
    if min < max {
        return Ok((min, max));
    }
    let found = if min > max { "none".to_owned() } else { format!("only {min}") };
    let what = if log { "positive values" } else { "values" };
    let context = format!(
        "space {:?}: expected different {what} in the column {column:?} to take a range from, found {found}; give \
         range = [low, high]",
        space.name
    );
    Err(CatalogError::new(CatalogErrorKind::Schema, context))
}
