//! The schema: which column is what, and in which ways items compare.

use std::collections::BTreeMap;

use super::super::column::LARGEST_NUMBER;
use super::super::date::{Day, is_date_format};
use super::super::error::{CatalogError, CatalogErrorKind, listing};
use super::super::manifest::ColumnType;
use super::super::space::{
    Degrees, EffectRule, LARGEST_WEIGHT, LATITUDE, LONGITUDE, Missing, Prefer, Prior, Reference, Scenario, Segment,
};
use super::cell::{Cell, Typed, cast};
use super::raw::{RawColumn, RawDerive, RawId, RawInvalid, RawMissing, RawScale, RawSchema, RawSpace};
use super::template::Template;

/// A schema file, understood.
///
/// ```
/// let schema = homebody::Schema::from_toml(r#"
///     name = "films"
///     id = { template = "{title} {year}", slug = true }
///
///     [columns.title]
///     from = "Title"
///
///     [columns.year]
///     type = "integer"
///
///     [[space]]
///     name = "about"
///     kind = "text"
///     template = "{title}[ ({year})]"
/// "#)?;
/// assert_eq!(schema.name(), "films");
/// # Ok::<(), homebody::CatalogError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Schema {
    pub(crate) name: String,
    pub(crate) id: IdRule,
    pub(crate) columns: Vec<ColumnRule>,
    /// The derived columns (indices into `columns`), each after those it is derived from.
    pub(crate) derived: Vec<usize>,
    pub(crate) joins: Vec<JoinRule>,
    pub(crate) spaces: Vec<SpaceRule>,
    pub(crate) prior: Option<Prior>,
    /// A text column: items with the same value, and the item whose id it is, are variants of one another.
    pub(crate) variant_of: Option<String>,
    /// The text space that a map is drawn of.
    pub(crate) map: Option<String>,
    pub(crate) scenarios: BTreeMap<String, Scenario>,
    pub(crate) effects: BTreeMap<String, EffectRule>,
    pub(crate) segments: BTreeMap<String, Segment>,
}

/// Where the id of an item comes from.
#[derive(Debug, Clone)]
pub(crate) enum IdRule {
    /// A column of the catalog or, if there is none of that name, of the input.
    Column(String),
    /// A template over columns of the catalog.
    Template { template: Template, slug: bool },
}

#[derive(Debug, Clone)]
pub(crate) struct ColumnRule {
    pub(crate) name: String,
    pub(crate) source: ColumnSource,
    pub(crate) column_type: ColumnType,
    pub(crate) display: bool,
    pub(crate) missing: MissingRule,
    /// Whether a value that cannot be cast rejects the row, or counts as missing.
    pub(crate) invalid_rejects: bool,
    pub(crate) nulls: Vec<String>,
    pub(crate) replace: BTreeMap<String, String>,
    pub(crate) formats: Vec<String>,
    pub(crate) latest: Option<Day>,
    pub(crate) century: bool,
    pub(crate) separator: Option<String>,
    /// Of a column that a geo space reads.
    pub(crate) degrees: Option<Degrees>,
}

#[derive(Debug, Clone)]
pub(crate) enum ColumnSource {
    /// Columns of the input or of a joined file; the first that has a value counts, for tags all do.
    Input(Vec<String>),
    /// The year of a date column.
    Year(String),
    /// The decade of a date or integer column: `1980s`.
    Decade(String),
    /// A template over other columns of the catalog.
    Template(Template),
}

/// What happens when a row has no value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum MissingRule {
    Keep,
    Reject,
    Value(Typed),
}

/// A file whose columns are added to those of the input.
#[derive(Debug, Clone)]
pub(crate) struct JoinRule {
    /// Relative to the schema file.
    pub(crate) file: String,
    /// A column of the joined file: `id` is compared with the item's id, another one with the input's column of that name.
    pub(crate) on: String,
    /// Which columns are added; all but `on` when it is not said.
    pub(crate) columns: Option<Vec<String>>,
}

#[derive(Debug, Clone)]
pub(crate) struct SpaceRule {
    pub(crate) name: String,
    pub(crate) weight: f64,
    pub(crate) kind: SpaceKindRule,
}

/// As the manifest has it, but for what only the data can tell.
#[derive(Debug, Clone)]
pub(crate) enum SpaceKindRule {
    Text(Template),
    Number { column: String, prefer: Prefer, range: Option<(f64, f64)>, log: bool, missing: Missing },
    Category { column: String, many: bool },
    Recency { column: String, half_life_days: f64, reference: Reference },
    Geo { latitude: String, longitude: String, half_distance_km: f64 },
}

/// The kinds of spaces with the options that each takes.
const SPACE_KINDS: &[(&str, &[&str])] = &[
    ("text", &["template"]),
    ("number", &["column", "prefer", "range", "scale", "missing"]),
    ("category", &["column", "many"]),
    ("recency", &["column", "half_life_days", "reference"]),
    ("geo", &["latitude", "longitude", "half_distance_km"]),
];

/// Weight names of the ranking that are no spaces.
const RESERVED_SPACES: &[&str] = &["query", "dislike", "momentum", "rotation", "prior"];
/// The id has its own place in the items file; the others are words of the filter language.
const RESERVED_COLUMNS: &[&str] = &["id", "and", "or", "not"];

impl Schema {
    /// Reads a schema file.
    ///
    /// # Errors
    /// Text that is no TOML, unknown keys and columns (the message lists the known ones), and settings out of their range.
    pub fn from_toml(text: &str) -> Result<Self, CatalogError> {
        let raw: RawSchema = toml::from_str(text).map_err(|error| {
            // The message of `toml` has the line, the place in it and the known keys.
            CatalogError::new(CatalogErrorKind::Schema, error.to_string().trim_end())
        })?;
        let mut in_order: Vec<_> = raw.columns.into_iter().collect();
        in_order.sort_by_key(|(_, column)| column.span().start);
        let columns = in_order.into_iter().map(|(name, column)| read_column(name, column.into_inner()));
        let columns: Vec<ColumnRule> = columns.collect::<Result<_, _>>()?;

        let mut schema = Self {
            name: raw.name,
            id: match raw.id {
                RawId::Column(name) => IdRule::Column(name),
                RawId::Template(id) => {
                    IdRule::Template { template: parse_template("id", &id.template)?, slug: id.slug }
                }
            },
            columns,
            derived: Vec::new(),
            joins: Vec::new(),
            spaces: Vec::new(),
            prior: raw.prior.map(|p| Prior::Rated { rating: p.rating, count: p.count, smoothing: p.smoothing }),
            variant_of: raw.variant_of,
            map: raw.map,
            scenarios: raw.scenario,
            effects: raw.effects,
            segments: raw.segment,
        };
        if schema.name.trim().is_empty() {
            return Err(invalid("expected a name for the catalog, found an empty one"));
        }
        for join in raw.join {
            schema.joins.push(JoinRule { file: join.file, on: join.on, columns: join.columns });
        }
        schema.derived = schema.order_derived()?;
        if let IdRule::Template { template, .. } = &schema.id {
            schema.check_template("id", template)?;
        }
        for space in &raw.space {
            let rule = schema.read_space(space)?;
            if schema.spaces.iter().any(|other| other.name == rule.name) {
                return Err(invalid(format!("two spaces are named {:?}; names are weights, so rename one", rule.name)));
            }
            schema.spaces.push(rule);
        }
        schema.bound_places()?;
        if let Some(Prior::Rated { rating, count, smoothing }) = &schema.prior {
            schema.need("prior: rating", rating, &[ColumnType::Number, ColumnType::Integer])?;
            schema.need("prior: count", count, &[ColumnType::Number, ColumnType::Integer])?;
            if !smoothing.is_finite() || *smoothing < 0.0 {
                return Err(invalid(format!("prior: expected smoothing from 0 up, found {smoothing}")));
            }
        }
        let texts = schema.spaces.iter().filter(|space| matches!(space.kind, SpaceKindRule::Text(_)));
        let texts: Vec<&str> = texts.map(|space| space.name.as_str()).collect();
        if let Some(space) = schema.map.as_ref().filter(|space| !texts.contains(&space.as_str())) {
            let known = listing(&texts);
            return Err(invalid(format!("map: expected the name of a text space, found {space:?}; there are {known}")));
        }
        if let Some(column) = &schema.variant_of {
            schema.need("variant_of", column, &[ColumnType::Text])?;
        }
        schema.check_scenarios()?;
        Ok(schema)
    }

    /// From now on the columns of geo spaces take only what is a place.
    fn bound_places(&mut self) -> Result<(), CatalogError> {
        for space in &self.spaces {
            let SpaceKindRule::Geo { latitude, longitude, .. } = &space.kind else { continue };
            for (name, degrees) in [(latitude, LATITUDE), (longitude, LONGITUDE)] {
                for column in self.columns.iter_mut().filter(|column| column.name == *name) {
                    column.degrees = Some(degrees);
                    if let MissingRule::Value(Typed::Number(value)) = column.missing
                        && value.abs() > degrees.most
                    {
                        return Err(invalid(format!("[columns.{name}]: missing: expected {degrees}, found {value}")));
                    }
                }
            }
        }
        Ok(())
    }

    /// Weights must be of this catalog and shares be shares. Filters are checked by what understands them: opening the catalog
    /// for ranking, which `homebody build` does before it ends.
    fn check_scenarios(&self) -> Result<(), CatalogError> {
        for (name, scenario) in &self.scenarios {
            for (weight, value) in &scenario.weights {
                if !self.spaces.iter().any(|space| space.name == *weight) && !RESERVED_SPACES.contains(&weight.as_str())
                {
                    let known: Vec<&str> = self
                        .spaces
                        .iter()
                        .map(|space| space.name.as_str())
                        .chain(RESERVED_SPACES.iter().copied())
                        .collect();
                    let known = listing(&known);
                    return Err(invalid(format!("scenario {name:?}: unknown weight {weight:?}; known are {known}")));
                }
                if !(-LARGEST_WEIGHT..=LARGEST_WEIGHT).contains(value) {
                    return Err(invalid(format!(
                        "scenario {name:?}: expected weight {weight:?} from -{LARGEST_WEIGHT} to {LARGEST_WEIGHT}, \
                         found {value}"
                    )));
                }
            }
            for (option, share) in
                [("diversity", scenario.diversity), ("strength", scenario.strength), ("rotation", scenario.rotation)]
            {
                if let Some(share) = share.filter(|share| !(0.0..=1.0).contains(share)) {
                    return Err(invalid(format!("scenario {name:?}: expected {option} from 0 to 1, found {share}")));
                }
            }
        }
        Ok(())
    }

    /// The name of the catalog.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The files that are joined, in order, relative to the schema file.
    pub fn join_files(&self) -> impl Iterator<Item = &str> {
        self.joins.iter().map(|join| join.file.as_str())
    }

    /// Whether building needs a model: some space compares texts.
    pub fn needs_model(&self) -> bool {
        self.spaces.iter().any(|space| matches!(space.kind, SpaceKindRule::Text(_)))
    }

    pub(crate) fn column_index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The column of that name if its type is fitting.
    fn need(&self, owner: &str, name: &str, fitting: &[ColumnType]) -> Result<&ColumnRule, CatalogError> {
        let Some(column) = self.columns.iter().find(|column| column.name == name) else {
            return Err(self.unknown_column(owner, name));
        };
        match fitting.contains(&column.column_type) {
            true => Ok(column),
            false => {
                let types = listing(fitting.iter().map(|fitting| fitting.name()));
                let found = column.column_type.name();
                Err(invalid(format!("{owner}: expected a column of type {types}, found {name:?} of type {found}")))
            }
        }
    }

    fn unknown_column(&self, owner: &str, name: &str) -> CatalogError {
        let known = listing(self.columns.iter().map(|column| &column.name));
        let context = format!("{owner}: there is no [columns.{name}]; the schema has {known}");
        CatalogError::new(CatalogErrorKind::UnknownColumn, context)
    }

    fn check_template(&self, owner: &str, template: &Template) -> Result<(), CatalogError> {
        match template.columns().into_iter().find(|name| self.column_index(name).is_none()) {
            Some(name) => Err(self.unknown_column(owner, name)),
            None => Ok(()),
        }
    }

    /// Checks what derived columns are derived from, and finds an order to compute them in.
    fn order_derived(&self) -> Result<Vec<usize>, CatalogError> {
        let mut needs: Vec<Vec<usize>> = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let owner = format!("[columns.{}]", column.name);
            let names = match &column.source {
                ColumnSource::Input(_) => Vec::new(),
                ColumnSource::Year(name) => vec![self.need(&owner, name, &[ColumnType::Date])?.name.as_str()],
                ColumnSource::Decade(name) => {
                    vec![self.need(&owner, name, &[ColumnType::Date, ColumnType::Integer])?.name.as_str()]
                }
                ColumnSource::Template(template) => {
                    self.check_template(&owner, template)?;
                    template.columns()
                }
            };
            needs.push(names.into_iter().filter_map(|name| self.column_index(name)).collect());
        }
        let is_derived = |index: usize| !matches!(self.columns[index].source, ColumnSource::Input(_));
        let mut order: Vec<usize> = Vec::new();
        let mut waiting: Vec<usize> = (0..self.columns.len()).filter(|&index| is_derived(index)).collect();
        while !waiting.is_empty() {
            let ready = |index: &usize| needs[*index].iter().all(|&need| !is_derived(need) || order.contains(&need));
            let (now, later): (Vec<usize>, Vec<usize>) = waiting.iter().partition(|index| ready(index));
            if now.is_empty() {
                let names = listing(later.iter().map(|&index| &self.columns[index].name));
                return Err(invalid(format!("the columns {names} are derived from each other in a circle")));
            }
            order.extend(now);
            waiting = later;
        }
        Ok(order)
    }

    fn read_space(&self, raw: &RawSpace) -> Result<SpaceRule, CatalogError> {
        use ColumnType as T;
        let owner = format!("space {:?}", raw.name);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if raw.name.is_empty() || !raw.name.bytes().all(plain) {
            return Err(invalid(format!(
                "{owner}: expected a name of letters, digits, _ and -; it is a weight's name"
            )));
        }
        if RESERVED_SPACES.contains(&raw.name.as_str()) {
            let reserved = listing(RESERVED_SPACES);
            return Err(invalid(format!("{owner}: the names {reserved} are weights of the ranking; rename the space")));
        }
        let Some((_, options)) = SPACE_KINDS.iter().find(|(kind, _)| *kind == raw.kind) else {
            if raw.kind == "collaborative" {
                return Err(invalid(format!(
                    "{owner}: a collaborative space is learned from the interactions of many people, which this version \
                     of `homebody build` does not read; remove the space"
                )));
            }
            let known = listing(SPACE_KINDS.iter().map(|(kind, _)| kind));
            return Err(invalid(format!("{owner}: expected one of the kinds {known}, found {:?}", raw.kind)));
        };
        if let Some(option) = raw.given().into_iter().find(|option| !options.contains(option)) {
            let known = listing(options.iter());
            return Err(invalid(format!(
                "{owner}: {option:?} is no option of kind {:?}, which takes {known}",
                raw.kind
            )));
        }
        let weight = raw.weight.unwrap_or(1.0);
        if !(-LARGEST_WEIGHT..=LARGEST_WEIGHT).contains(&weight) {
            return Err(invalid(format!(
                "{owner}: expected a weight from -{LARGEST_WEIGHT} to {LARGEST_WEIGHT}, found {weight}"
            )));
        }
        let column = || required(&owner, "column", raw.column.as_ref());
        let kind = match raw.kind.as_str() {
            "text" => {
                let template = parse_template(&owner, &required(&owner, "template", raw.template.as_ref())?)?;
                self.check_template(&owner, &template)?;
                SpaceKindRule::Text(template)
            }
            "number" => {
                let column = column()?;
                self.need(&owner, &column, &[T::Number, T::Integer])?;
                let log = raw.scale == Some(RawScale::Log);
                if let Some([low, high]) = raw.range
                    && (!(low.abs() <= LARGEST_NUMBER && high.abs() <= LARGEST_NUMBER && low < high)
                        || (log && low <= 0.0))
                {
                    let kind =
                        if log { "two growing numbers above 0 (the scale is log)" } else { "two growing numbers" };
                    return Err(invalid(format!("{owner}: expected a range of {kind}, found [{low}, {high}]")));
                }
                let missing = raw.missing.as_ref().map_or(Missing::Mean, |missing| missing.0);
                if let Missing::Value(value) = missing
                    && !value.is_finite()
                {
                    return Err(invalid(format!("{owner}: expected a finite number for missing, found {value}")));
                }
                let prefer = required(&owner, "prefer", raw.prefer.as_ref())?;
                SpaceKindRule::Number { column, prefer, range: raw.range.map(|[low, high]| (low, high)), log, missing }
            }
            "category" => {
                let column = column()?;
                let rule = self.need(&owner, &column, &[T::Tags, T::Text, T::Boolean, T::Integer])?;
                let many = rule.column_type == T::Tags;
                if raw.many.is_some_and(|given| given != many) {
                    let found = rule.column_type.name();
                    return Err(invalid(format!(
                        "{owner}: many must be {many}, because the column {column:?} is of type {found}"
                    )));
                }
                SpaceKindRule::Category { column, many }
            }
            "recency" => {
                let column = column()?;
                self.need(&owner, &column, &[T::Date])?;
                let half_life_days = required(&owner, "half_life_days", raw.half_life_days.as_ref())?;
                positive(&owner, "half_life_days", half_life_days)?;
                SpaceKindRule::Recency { column, half_life_days, reference: raw.reference.unwrap_or(Reference::Now) }
            }
            _ => {
                let latitude = required(&owner, "latitude", raw.latitude.as_ref())?;
                let longitude = required(&owner, "longitude", raw.longitude.as_ref())?;
                self.need(&owner, &latitude, &[T::Number])?;
                self.need(&owner, &longitude, &[T::Number])?;
                let half_distance_km = required(&owner, "half_distance_km", raw.half_distance_km.as_ref())?;
                positive(&owner, "half_distance_km", half_distance_km)?;
                SpaceKindRule::Geo { latitude, longitude, half_distance_km }
            }
        };
        Ok(SpaceRule { name: raw.name.clone(), weight, kind })
    }
}

fn read_column(name: String, raw: RawColumn) -> Result<ColumnRule, CatalogError> {
    let owner = format!("[columns.{name}]");
    if name.is_empty() || name.contains(['{', '}', '[', ']']) || name.chars().any(char::is_control) {
        return Err(invalid(format!("{owner}: expected a name without braces, brackets and control characters")));
    }
    if RESERVED_COLUMNS.contains(&name.as_str()) {
        let reserved = listing(RESERVED_COLUMNS);
        return Err(invalid(format!("{owner}: a column cannot be named {reserved}; those mean something else")));
    }
    let (source, column_type) = match (raw.from, raw.derive) {
        (Some(_), Some(_)) => return Err(invalid(format!("{owner}: expected from or derive, found both"))),
        (Some(from), None) => (ColumnSource::Input(from.0), raw.column_type.unwrap_or(ColumnType::Text)),
        (None, None) => (ColumnSource::Input(vec![name.clone()]), raw.column_type.unwrap_or(ColumnType::Text)),
        (None, Some(derive)) => {
            let (source, column_type) = match derive {
                RawDerive::Year(from) => (ColumnSource::Year(from), ColumnType::Integer),
                RawDerive::Decade(from) => (ColumnSource::Decade(from), ColumnType::Text),
                RawDerive::Template(text) => (ColumnSource::Template(parse_template(&owner, &text)?), ColumnType::Text),
            };
            if let Some(given) = raw.column_type.filter(|given| *given != column_type) {
                let (given, made) = (given.name(), column_type.name());
                return Err(invalid(format!("{owner}: what is derived here has type {made}, not {given}")));
            }
            (source, column_type)
        }
    };
    let derived = !matches!(source, ColumnSource::Input(_));
    // What is given without effect is a mistake.
    let misplaced = [
        ("formats", raw.formats.is_some(), column_type == ColumnType::Date),
        ("latest", raw.latest.is_some(), column_type == ColumnType::Date),
        ("century", raw.century, raw.latest.is_some()),
        ("separator", raw.separator.is_some(), column_type == ColumnType::Tags),
        ("nulls", !raw.nulls.is_empty(), !derived),
        ("replace", !raw.replace.is_empty(), !derived),
        ("invalid", raw.invalid.is_some(), !derived),
    ];
    if let Some((option, ..)) = misplaced.into_iter().find(|(_, given, fitting)| *given && !*fitting) {
        let reason = match option {
            "century" => "needs latest, the date after which a century is taken off".to_owned(),
            "formats" | "latest" => format!("is for columns of type date, this one is {}", column_type.name()),
            "separator" => format!("is for columns of type tags, this one is {}", column_type.name()),
            _ => "is for columns that are read, this one is derived".to_owned(),
        };
        return Err(invalid(format!("{owner}: {option} {reason}")));
    }
    let formats = raw.formats.unwrap_or_else(|| vec!["%Y-%m-%d".to_owned()]);
    if let Some(format) = formats.iter().find(|format| !is_date_format(format)) {
        return Err(invalid(format!("{owner}: expected formats like \"%b %d %Y\" with a year, found {format:?}")));
    }
    if formats.is_empty() {
        return Err(invalid(format!("{owner}: expected at least one date format")));
    }
    let latest = match raw.latest {
        Some(text) => Some(
            Day::from_iso(&text)
                .ok_or_else(|| invalid(format!("{owner}: expected latest as YYYY-MM-DD, found {text:?}")))?,
        ),
        None => None,
    };
    if raw.separator.as_deref() == Some("") {
        return Err(invalid(format!("{owner}: expected a separator, found an empty text")));
    }
    let mut rule = ColumnRule {
        source,
        column_type,
        display: raw.display.unwrap_or(true),
        missing: MissingRule::Keep,
        invalid_rejects: raw.invalid != Some(RawInvalid::Missing),
        nulls: raw.nulls,
        replace: raw.replace,
        formats,
        latest,
        century: raw.century,
        separator: raw.separator,
        degrees: None,
        name,
    };
    rule.missing = match raw.missing {
        None | Some(RawMissing::Keep) => MissingRule::Keep,
        Some(RawMissing::Reject) => MissingRule::Reject,
        Some(RawMissing::Value(value)) => match cast(&rule, std::iter::once(&to_cell(&value))) {
            Ok(Typed::Missing) => return Err(invalid(format!("{owner}: missing: expected a value, found nothing"))),
            Ok(typed) => MissingRule::Value(typed),
            Err(reason) => return Err(invalid(format!("{owner}: missing: {reason}"))),
        },
    };
    Ok(rule)
}

fn to_cell(value: &toml::Value) -> Cell {
    match value {
        toml::Value::String(text) => Cell::Text(text.clone()),
        toml::Value::Integer(value) => Cell::Integer(*value),
        toml::Value::Float(value) => Cell::Number(*value),
        toml::Value::Boolean(value) => Cell::Boolean(*value),
        toml::Value::Array(values) => Cell::List(values.iter().map(to_cell).collect()),
        toml::Value::Datetime(value) => Cell::Text(value.to_string()),
        toml::Value::Table(_) => Cell::Missing,
    }
}

fn parse_template(owner: &str, text: &str) -> Result<Template, CatalogError> {
    Template::parse(text).map_err(|reason| invalid(format!("{owner}: template: {reason}")))
}

fn required<T: Clone>(owner: &str, option: &str, given: Option<&T>) -> Result<T, CatalogError> {
    given.cloned().ok_or_else(|| invalid(format!("{owner}: expected the option {option:?}, which is missing")))
}

fn positive(owner: &str, option: &str, value: f64) -> Result<(), CatalogError> {
    match value.is_finite() && value > 0.0 {
        true => Ok(()),
        false => Err(invalid(format!("{owner}: expected {option} above 0, found {value}"))),
    }
}

fn invalid(context: impl Into<String>) -> CatalogError {
    CatalogError::new(CatalogErrorKind::Schema, context)
}
