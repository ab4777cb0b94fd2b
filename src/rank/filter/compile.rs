//! From a filter to one bit per item: columns are looked up, types are checked, then every row is tested once.

use std::collections::HashSet;

use serde_json::Value;

use super::{Filter, Node, Order, Test};
use crate::catalog::{Catalog, Column, ColumnType, Day};
use crate::rank::error::{RankError, RankErrorKind, listed, shown};
use crate::vector::Mask;

/// The column name that stands for the item's id.
const ID: &str = "id";

impl Filter {
    /// The items of the catalog that the filter lets through.
    ///
    /// # Errors
    ///
    /// A column that the catalog does not have (the message lists those it has), or a test that does not fit the column's
    /// type.
    pub fn mask(&self, catalog: &Catalog) -> Result<Mask, RankError> {
        // Everything is checked before the first row, and in parts that no row reaches too.
        let predicate = compile(&self.0, catalog)?;
        let mut mask = Mask::none(catalog.len());
        for row in 0..catalog.len() {
            if predicate(row) {
                mask.set(row, true);
            }
        }
        Ok(mask)
    }
}

type Predicate<'a> = Box<dyn Fn(usize) -> bool + 'a>;

fn compile<'a>(node: &Node, catalog: &'a Catalog) -> Result<Predicate<'a>, RankError> {
    let several = |nodes: &[Node]| nodes.iter().map(|node| compile(node, catalog)).collect::<Result<Vec<_>, _>>();
    Ok(match node {
        Node::All(nodes) => every(several(nodes)?),
        Node::Any(nodes) => {
            let any = several(nodes)?;
            Box::new(move |row| any.iter().any(|predicate| predicate(row)))
        }
        Node::Not(node) => not(compile(node, catalog)?),
        Node::Column { name, test } => match catalog.column(name) {
            Some(column) => Subject { name, values: Values::Column(column) }.compile(test)?,
            None if name == ID => Subject { name, values: Values::Ids(catalog) }.compile(test)?,
            None => {
                let mut known: Vec<&str> = catalog.columns().iter().map(Column::name).collect();
                known.push(ID);
                let message = format!("unknown column `{name}`; known are {}", listed(&known));
                return Err(RankError::new(RankErrorKind::UnknownColumn, message));
            }
        },
    })
}

fn every(mut predicates: Vec<Predicate<'_>>) -> Predicate<'_> {
    match predicates.len() {
        1 => predicates.remove(0),
        _ => Box::new(move |row| predicates.iter().all(|predicate| predicate(row))),
    }
}

fn not(predicate: Predicate<'_>) -> Predicate<'_> {
    Box::new(move |row| !predicate(row))
}

/// What a test is about.
#[derive(Clone, Copy)]
struct Subject<'a, 'n> {
    name: &'n str,
    values: Values<'a>,
}

#[derive(Clone, Copy)]
enum Values<'a> {
    Column(&'a Column),
    Ids(&'a Catalog),
}

impl<'a> Subject<'a, '_> {
    fn compile(self, test: &Test) -> Result<Predicate<'a>, RankError> {
        use ColumnType as T;
        let operator = test.operator();
        Ok(match (test, self.column_type()) {
            (Test::Every(tests), _) => {
                every(tests.iter().map(|test| self.compile(test)).collect::<Result<Vec<_>, _>>()?)
            }
            (Test::Not(test), _) => not(self.compile(test)?),
            (Test::Exists(exists), _) => self.exists(*exists),
            (Test::Order(order, limit), T::Number | T::Integer | T::Date) => {
                let (order, limit) = (*order, self.number(operator, limit)?);
                self.compare(move |value| order.holds(value, limit))
            }
            (Test::Between(low, high), T::Number | T::Integer | T::Date) => {
                let (low, high) = (self.number(operator, low)?, self.number(operator, high)?);
                self.compare(move |value| {
                    Order::GreaterOrEqual.holds(value, low) && Order::LessOrEqual.holds(value, high)
                })
            }
            (Test::Order(..) | Test::Between(..), _) => return Err(self.unfit(operator, "`in`, `not` and `exists`")),
            (Test::Equal(value), _) => self.one_of(operator, std::slice::from_ref(value))?,
            (Test::In(values), _) => self.one_of(operator, values)?,
            (Test::AnyOf(tags), T::Tags) => self.one_of(operator, tags)?,
            (Test::AllOf(tags), T::Tags) => {
                let wanted = self.strings(operator, tags)?;
                let Values::Column(column) = self.values else { unreachable!("ids are text") };
                Box::new(move |row| {
                    !column.is_missing(row) && wanted.iter().all(|tag| column.tags(row).any(|t| t == tag))
                })
            }
            (Test::AnyOf(_) | Test::AllOf(_), _) => return Err(self.unfit(operator, "`in`, `not` and `exists`")),
        })
    }

    fn column_type(self) -> ColumnType {
        match self.values {
            Values::Column(column) => column.column_type(),
            Values::Ids(_) => ColumnType::Text,
        }
    }

    fn exists(self, exists: bool) -> Predicate<'a> {
        match self.values {
            Values::Column(column) => Box::new(move |row| column.is_missing(row) != exists),
            Values::Ids(_) => Box::new(move |_| exists),
        }
    }

    fn compare(self, holds: impl Fn(f64) -> bool + 'a) -> Predicate<'a> {
        match self.values {
            Values::Column(column) => Box::new(move |row| column.number(row).is_some_and(&holds)),
            Values::Ids(_) => Box::new(|_| false),
        }
    }

    /// Equality with one of several values; for tags: at least one tag is one of them.
    fn one_of(self, operator: &str, values: &[Value]) -> Result<Predicate<'a>, RankError> {
        Ok(match self.values {
            Values::Ids(catalog) => {
                let wanted = self.strings(operator, values)?;
                Box::new(move |row| wanted.contains(catalog.id(row)))
            }
            Values::Column(column) => match column.column_type() {
                ColumnType::Text => {
                    let wanted = self.strings(operator, values)?;
                    Box::new(move |row| column.text(row).is_some_and(|text| wanted.contains(text)))
                }
                ColumnType::Tags => {
                    let wanted = self.strings(operator, values)?;
                    Box::new(move |row| column.tags(row).any(|tag| wanted.contains(tag)))
                }
                ColumnType::Boolean => {
                    let wanted = values
                        .iter()
                        .map(|value| value.as_bool().ok_or_else(|| self.wrong(operator, value)))
                        .collect::<Result<Vec<bool>, _>>()?;
                    Box::new(move |row| column.boolean(row).is_some_and(|value| wanted.contains(&value)))
                }
                ColumnType::Number | ColumnType::Integer | ColumnType::Date => {
                    let wanted =
                        values.iter().map(|value| self.number(operator, value)).collect::<Result<Vec<f64>, _>>()?;
                    self.compare(move |value| wanted.contains(&value))
                }
            },
        })
    }

    fn strings(self, operator: &str, values: &[Value]) -> Result<HashSet<String>, RankError> {
        values
            .iter()
            .map(|value| value.as_str().map(str::to_owned).ok_or_else(|| self.wrong(operator, value)))
            .collect()
    }

    /// The operand as the column's numbers are: a finite number, or the day of a date.
    fn number(self, operator: &str, value: &Value) -> Result<f64, RankError> {
        let number = match self.column_type() {
            ColumnType::Date => value.as_str().and_then(Day::from_iso).map(|day| f64::from(day.0)),
            _ => value.as_f64(),
        };
        number.ok_or_else(|| self.wrong(operator, value))
    }

    fn wrong(self, operator: &str, came: &Value) -> RankError {
        let (kind, expected) = match self.column_type() {
            ColumnType::Text => ("text", "a string"),
            ColumnType::Number => ("a number", "a number"),
            ColumnType::Integer => ("a whole number", "a number"),
            ColumnType::Boolean => ("a boolean", "true or false"),
            ColumnType::Date => ("a date", "a day as \"YYYY-MM-DD\""),
            ColumnType::Tags => ("tags", "a string"),
        };
        let message =
            format!("column `{}` is {kind}: `{operator}` expected {expected}, got {}", self.name, shown(came));
        RankError::new(RankErrorKind::WrongType, message)
    }

    fn unfit(self, operator: &str, fitting: &str) -> RankError {
        let (kind, fitting) = match self.column_type() {
            ColumnType::Text => ("text", fitting),
            ColumnType::Number => ("a number", "`gt`, `gte`, `lt`, `lte`, `between`, `in`, `not` and `exists`"),
            ColumnType::Integer => ("a whole number", "`gt`, `gte`, `lt`, `lte`, `between`, `in`, `not` and `exists`"),
            ColumnType::Boolean => ("a boolean", fitting),
            ColumnType::Date => ("a date", "`gt`, `gte`, `lt`, `lte`, `between`, `in`, `not` and `exists`"),
            ColumnType::Tags => ("tags", "`in`, `any`, `all`, `not` and `exists`"),
        };
        let message = format!("column `{}` is {kind}, which `{operator}` cannot test; use {fitting}", self.name);
        RankError::new(RankErrorKind::WrongType, message)
    }
}
