//! Rows and a schema give typed items.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::date::Day;
use super::super::error::{CatalogError, CatalogErrorKind, listing};
use super::cell::{Cell, Typed, cast};
use super::rows::{Place, Rejection, RejectionCode, Rows};
use super::schema::{ColumnSource, IdRule, MissingRule, Schema};

/// Items in ascending byte order of their ids.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) items: Vec<Item>,
    pub(super) rejected: Vec<Rejection>,
    pub(super) unmatched: Vec<Rejection>,
    /// Items that got values from each joined file.
    pub(super) joined: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: String,
    /// By column of the schema.
    pub(super) values: Vec<Typed>,
}

/// Where a value of a row is found.
#[derive(Debug, Clone, Copy)]
enum Source {
    Input(usize),
    Joined { join: usize, column: usize },
}

/// A joined file, ready to be looked up.
struct Joined<'a> {
    rows: &'a Rows,
    by_key: HashMap<String, usize>,
    used: Vec<bool>,
    /// The input column that is compared; none for the item's id.
    on_input: Option<usize>,
}

/// The schema with its names resolved against the columns that there are.
struct Binding {
    /// By column; empty for derived ones.
    sources: Vec<Vec<Source>>,
    /// Whether a column's value needs a row that is found by the item's id.
    after_id: Vec<bool>,
    id: IdSource,
}

enum IdSource {
    Column(usize),
    Input(usize),
    Template,
}

/// Applies the schema. `joins` has the rows of each joined file, in the order of the schema.
pub(super) fn cast_rows(schema: &Schema, input: &Rows, joins: &[Rows]) -> Result<Table, CatalogError> {
    let binding = bind(schema, input, joins)?;
    let mut rejected = input.rejected().to_vec();
    let mut joined = Vec::with_capacity(joins.len());
    for (rule, rows) in schema.joins.iter().zip(joins) {
        joined.push(index_join(rule, rows, input, &mut rejected)?);
    }

    let mut items: Vec<Item> = Vec::with_capacity(input.len());
    let mut first: HashMap<String, usize> = HashMap::with_capacity(input.len());
    let mut counts = vec![0; joins.len()];
    for row in 0..input.len() {
        let mut found: Vec<Option<usize>> = Vec::with_capacity(joined.len());
        for join in &mut joined {
            found.push(join.on_input.and_then(|column| join.look_up(input.cell(row, column).to_text().as_deref())));
        }
        match cast_row(schema, &binding, input, row, &mut joined, &mut found) {
            Ok(item) => {
                if let Some(&earlier) = first.get(&item.id) {
                    let reason = format!("the id {:?} is already that of {}", item.id, input.place(earlier));
                    rejected.push(reject(input.place(row), RejectionCode::DuplicateId, reason));
                    continue;
                }
                first.insert(item.id.clone(), row);
                items.push(item);
                for (count, found) in counts.iter_mut().zip(&found) {
                    *count += usize::from(found.is_some());
                }
            }
            Err((code, reason)) => rejected.push(reject(input.place(row), code, reason)),
        }
    }
    if items.is_empty() {
        let reason = match rejected.first() {
            Some(rejection) => format!("all {} rows were rejected, the first: {rejection}", rejected.len()),
            None => "the input has no rows".to_owned(),
        };
        return Err(CatalogError::new(CatalogErrorKind::Empty, reason));
    }
    items.sort_unstable_by(|a, b| a.id.cmp(&b.id));

    let mut unmatched = Vec::new();
    for (rule, join) in schema.joins.iter().zip(&joined) {
        let mut keys: Vec<(usize, &String)> = join.by_key.iter().map(|(key, &row)| (row, key)).collect();
        keys.sort_unstable();
        for (row, key) in keys.into_iter().filter(|(row, _)| !join.used[*row]) {
            let reason = format!("no item has the {} {key:?}", rule.on);
            unmatched.push(reject(join.rows.place(row), RejectionCode::Unmatched, reason));
        }
    }
    Ok(Table { items, rejected, unmatched, joined: counts })
}

fn reject(place: &Place, code: RejectionCode, reason: String) -> Rejection {
    Rejection { place: place.clone(), code, reason }
}

impl Joined<'_> {
    fn look_up(&mut self, key: Option<&str>) -> Option<usize> {
        let row = self.by_key.get(key?.trim()).copied();
        if let Some(row) = row {
            self.used[row] = true;
        }
        row
    }
}

/// Resolves every column that the schema reads.
fn bind(schema: &Schema, input: &Rows, joins: &[Rows]) -> Result<Binding, CatalogError> {
    let mut added: HashMap<&str, Source> = HashMap::new();
    for (join, (rule, rows)) in schema.joins.iter().zip(joins).enumerate() {
        let known = || listing(rows.columns());
        let owner = format!("[[join]] of {}", rule.file);
        let unknown = |name: &str| {
            let context = format!("{owner}: there is no column {name:?} in that file; it has {}", known());
            CatalogError::new(CatalogErrorKind::UnknownColumn, context)
        };
        if rows.find_column(&rule.on).is_none() {
            return Err(unknown(&rule.on));
        }
        let names: Vec<&str> = match &rule.columns {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => rows.columns().iter().map(String::as_str).filter(|name| *name != rule.on).collect(),
        };
        for name in names {
            let column = rows.find_column(name).ok_or_else(|| unknown(name))?;
            if input.find_column(name).is_some() || added.contains_key(name) {
                let context = format!(
                    "{owner}: the column {name:?} is in another file too; say with `columns = […]` which to add, or \
                     rename it"
                );
                return Err(CatalogError::new(CatalogErrorKind::Schema, context));
            }
            added.insert(name, Source::Joined { join, column });
        }
    }
    let find = |name: &str| input.find_column(name).map(Source::Input).or_else(|| added.get(name).copied());
    let known = || {
        let mut names: Vec<&str> = input.columns().iter().map(String::as_str).collect();
        let mut more: Vec<&str> = added.keys().copied().collect();
        more.sort_unstable();
        names.extend(more);
        listing(names)
    };

    let mut sources = Vec::with_capacity(schema.columns.len());
    for rule in &schema.columns {
        let mut bound = Vec::new();
        if let ColumnSource::Input(names) = &rule.source {
            for name in names {
                let Some(source) = find(name) else {
                    let context = format!(
                        "[columns.{}]: there is no column {name:?} in the input, which has {}",
                        rule.name,
                        known()
                    );
                    return Err(CatalogError::new(CatalogErrorKind::UnknownColumn, context));
                };
                bound.push(source);
            }
        }
        sources.push(bound);
    }

    let by_id = |source: &Source| matches!(source, Source::Joined { join, .. } if waits_for_id(schema, *join, input));
    let mut after_id: Vec<bool> = sources.iter().map(|bound| bound.iter().any(by_id)).collect();
    for &index in &schema.derived {
        let from = |name: &str| schema.column_index(name).is_some_and(|from| after_id[from]);
        after_id[index] = match &schema.columns[index].source {
            ColumnSource::Input(_) => false,
            ColumnSource::Year(name) | ColumnSource::Decade(name) => from(name),
            ColumnSource::Template(template) => template.columns().into_iter().any(from),
        };
    }

    let (id, used) = match &schema.id {
        IdRule::Template { template, .. } => (IdSource::Template, template.columns()),
        IdRule::Column(name) => match (schema.column_index(name), input.find_column(name)) {
            (Some(column), _) => (IdSource::Column(column), vec![name.as_str()]),
            (None, Some(column)) => (IdSource::Input(column), Vec::new()),
            (None, None) => {
                let context = format!("id: there is no column {name:?} in the input, which has {}", known());
                return Err(CatalogError::new(CatalogErrorKind::UnknownColumn, context));
            }
        },
    };
    if let Some(name) = used.iter().find(|name| schema.column_index(name).is_some_and(|column| after_id[column])) {
        let context = format!("id: the column {name:?} comes from a file that is joined on the id itself");
        return Err(CatalogError::new(CatalogErrorKind::Schema, context));
    }
    Ok(Binding { sources, after_id, id })
}

/// Whether a join compares its column with the item's id: it is called `id`, and the input has no column of that name
/// that would mean the same.
fn waits_for_id(schema: &Schema, join: usize, input: &Rows) -> bool {
    let on = &schema.joins[join].on;
    on == "id" || input.find_column(on).is_none()
}

fn index_join<'a>(
    rule: &super::schema::JoinRule,
    rows: &'a Rows,
    input: &Rows,
    rejected: &mut Vec<Rejection>,
) -> Result<Joined<'a>, CatalogError> {
    rejected.extend_from_slice(rows.rejected());
    let on_input = if rule.on == "id" { None } else { input.find_column(&rule.on) };
    if rule.on != "id" && on_input.is_none() {
        let context = format!(
            "[[join]] of {}: expected on = \"id\" or a column of the input, found {:?}; the input has {}",
            rule.file,
            rule.on,
            listing(input.columns())
        );
        return Err(CatalogError::new(CatalogErrorKind::UnknownColumn, context));
    }
    let key_column = rows.find_column(&rule.on).expect("bound before");
    let mut by_key: HashMap<String, usize> = HashMap::with_capacity(rows.len());
    for row in 0..rows.len() {
        let key = rows.cell(row, key_column).to_text().map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        let Some(key) = key else {
            let reason = format!("expected a value in {:?} to join on, found nothing", rule.on);
            rejected.push(reject(rows.place(row), RejectionCode::MissingId, reason));
            continue;
        };
        if let Some(&earlier) = by_key.get(&key) {
            let reason = format!("the {} {key:?} is already that of {}", rule.on, rows.place(earlier));
            rejected.push(reject(rows.place(row), RejectionCode::DuplicateId, reason));
            continue;
        }
        by_key.insert(key, row);
    }
    Ok(Joined { rows, by_key, used: vec![false; rows.len()], on_input })
}

fn cast_row(
    schema: &Schema,
    binding: &Binding,
    input: &Rows,
    row: usize,
    joined: &mut [Joined<'_>],
    found: &mut [Option<usize>],
) -> Result<Item, (RejectionCode, String)> {
    let mut values = vec![Typed::Missing; schema.columns.len()];
    fill(schema, binding, false, &mut values, &|source| lookup(input, row, joined, found, source))?;
    let id = item_id(schema, binding, &values, input, row)?;
    for (join, found) in joined.iter_mut().zip(found.iter_mut()) {
        if join.on_input.is_none() {
            *found = join.look_up(Some(&id));
        }
    }
    fill(schema, binding, true, &mut values, &|source| lookup(input, row, joined, found, source))?;
    Ok(Item { id, values })
}

fn lookup<'a>(input: &'a Rows, row: usize, joined: &[Joined<'a>], found: &[Option<usize>], source: Source) -> &'a Cell {
    match source {
        Source::Input(column) => input.cell(row, column),
        Source::Joined { join, column } => match found[join] {
            Some(row) => joined[join].rows.cell(row, column),
            None => &Cell::Missing,
        },
    }
}

/// Casts and derives the columns that are known before the id is, or those that are only known after it.
fn fill<'a>(
    schema: &Schema,
    binding: &Binding,
    after_id: bool,
    values: &mut [Typed],
    lookup: &dyn Fn(Source) -> &'a Cell,
) -> Result<(), (RejectionCode, String)> {
    for (index, rule) in schema.columns.iter().enumerate() {
        if binding.after_id[index] != after_id || !matches!(rule.source, ColumnSource::Input(_)) {
            continue;
        }
        let typed = match cast(rule, binding.sources[index].iter().map(|&source| lookup(source))) {
            Ok(typed) => typed,
            Err(_) if !rule.invalid_rejects => Typed::Missing,
            Err(reason) => return Err((RejectionCode::Cast, format!("column {:?}: {reason}", rule.name))),
        };
        values[index] = or_missing(schema, index, typed)?;
    }
    for &index in schema.derived.iter().filter(|&&index| binding.after_id[index] == after_id) {
        let typed = derive(schema, index, values);
        values[index] = or_missing(schema, index, typed)?;
    }
    Ok(())
}

fn or_missing(schema: &Schema, index: usize, typed: Typed) -> Result<Typed, (RejectionCode, String)> {
    let rule = &schema.columns[index];
    match (&rule.missing, typed) {
        (MissingRule::Reject, Typed::Missing) => {
            let reason = format!("column {:?}: expected a value, found nothing", rule.name);
            Err((RejectionCode::MissingValue, reason))
        }
        (MissingRule::Value(value), Typed::Missing) => Ok(value.clone()),
        (_, typed) => Ok(typed),
    }
}

fn derive(schema: &Schema, index: usize, values: &[Typed]) -> Typed {
    let value = |name: &str| schema.column_index(name).map_or(&Typed::Missing, |column| &values[column]);
    let year = |name: &str| match value(name) {
        Typed::Date(day) => Day(*day).year().map(i64::from),
        Typed::Integer(year) => Some(*year),
        _ => None,
    };
    match &schema.columns[index].source {
        ColumnSource::Input(_) => Typed::Missing,
        ColumnSource::Year(name) => year(name).map_or(Typed::Missing, Typed::Integer),
        ColumnSource::Decade(name) => {
            year(name).map_or(Typed::Missing, |year| Typed::Text(format!("{}s", year.div_euclid(10) * 10)))
        }
        ColumnSource::Template(template) => match template.render(&|name| value(name).to_text()) {
            text if text.is_empty() => Typed::Missing,
            text => Typed::Text(text),
        },
    }
}

fn item_id(
    schema: &Schema,
    binding: &Binding,
    values: &[Typed],
    input: &Rows,
    row: usize,
) -> Result<String, (RejectionCode, String)> {
    let missing = |what: String| (RejectionCode::MissingId, what);
    let column_text = |name: &str| schema.column_index(name).and_then(|column| values[column].to_text());
    let (text, slug): (Cow<'_, str>, bool) = match (&schema.id, &binding.id) {
        (IdRule::Template { template, slug }, _) => {
            let text = template.render_complete(&column_text).map_err(|column| {
                missing(format!("no id: {:?} needs the column {column:?}, which is missing", template.source()))
            })?;
            (Cow::Owned(text), *slug)
        }
        (IdRule::Column(_), IdSource::Column(column)) => (values[*column].to_text().unwrap_or_default(), false),
        (IdRule::Column(_), IdSource::Input(column)) => (input.cell(row, *column).to_text().unwrap_or_default(), false),
        (IdRule::Column(_), IdSource::Template) => unreachable!("bound as a column"),
    };
    let id = if slug { slug::slugify(&text) } else { text.trim().to_owned() };
    match id.is_empty() {
        true if slug => Err(missing(format!("no id: {text:?} has no letters or digits to make one of"))),
        true => Err(missing("no id: the id column is missing or empty".to_owned())),
        false => Ok(id),
    }
}
