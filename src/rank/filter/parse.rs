//! From JSON to a filter: the grammar, with nothing known about columns yet.

use serde_json::Value;

use super::{Filter, Node, Order, Test};
use crate::rank::error::{RankError, RankErrorKind, listed, shown};

const OPERATORS: [&str; 10] = ["gt", "gte", "lt", "lte", "between", "in", "any", "all", "not", "exists"];
/// Filters come from people and from addresses; deeper ones are a mistake, or an attack on the stack.
const DEEPEST: usize = 32;

impl Filter {
    /// Reads a filter. Columns are looked up when the filter is used.
    ///
    /// # Errors
    ///
    /// Anything that does not follow the grammar; the message says what was expected there and what came.
    pub fn from_json(filter: &Value) -> Result<Self, RankError> {
        node(filter, 0).map(Self)
    }
}

fn refuse<T>(message: String) -> Result<T, RankError> {
    Err(RankError::new(RankErrorKind::BadFilter, message))
}

fn node(value: &Value, depth: usize) -> Result<Node, RankError> {
    if depth > DEEPEST {
        return refuse(format!("expected a filter of at most {DEEPEST} levels, got a deeper one"));
    }
    let Value::Object(object) = value else {
        return refuse(format!("expected a filter as an object of columns, `and`, `or`, `not`, got {}", shown(value)));
    };
    let nodes = object.iter().map(|(key, value)| match key.as_str() {
        "and" => Ok(Node::All(nodes("and", value, depth)?)),
        "or" => Ok(Node::Any(nodes("or", value, depth)?)),
        "not" => Ok(Node::Not(Box::new(node(value, depth + 1)?))),
        column => Ok(Node::Column { name: column.to_owned(), test: condition(column, value, depth)? }),
    });
    nodes.collect::<Result<Vec<_>, _>>().map(Node::All)
}

fn nodes(key: &str, value: &Value, depth: usize) -> Result<Vec<Node>, RankError> {
    let Value::Array(items) = value else {
        return refuse(format!("`{key}`: expected a list of filters, got {}", shown(value)));
    };
    items.iter().map(|item| node(item, depth + 1)).collect()
}

/// What stands behind a column or behind `not`: a plain value or an object of tests.
fn condition(column: &str, value: &Value, depth: usize) -> Result<Test, RankError> {
    if depth > DEEPEST {
        return refuse(format!("column `{column}`: expected at most {DEEPEST} levels, got more"));
    }
    match value {
        Value::Object(tests) if tests.is_empty() => {
            refuse(format!("column `{column}`: expected one or more of {}, got an empty object", listed(&OPERATORS)))
        }
        Value::Object(tests) => tests
            .iter()
            .map(|(operator, operand)| test(column, operator, operand, depth))
            .collect::<Result<Vec<_>, _>>()
            .map(Test::Every),
        Value::Array(_) => refuse(format!(
            "column `{column}`: expected a single value, got {}; write {{\"in\": […]}} for one of several",
            shown(value)
        )),
        Value::Null => refuse(format!(
            "column `{column}`: expected a value, got null; write {{\"exists\": false}} for a missing one"
        )),
        plain => Ok(Test::Equal(plain.clone())),
    }
}

fn test(column: &str, operator: &str, operand: &Value, depth: usize) -> Result<Test, RankError> {
    let list = |operand: &Value| match operand {
        Value::Array(items) => Ok(items.clone()),
        other => refuse(format!("column `{column}`, `{operator}`: expected a list, got {}", shown(other))),
    };
    Ok(match operator {
        "gt" => Test::Order(Order::Greater, operand.clone()),
        "gte" => Test::Order(Order::GreaterOrEqual, operand.clone()),
        "lt" => Test::Order(Order::Less, operand.clone()),
        "lte" => Test::Order(Order::LessOrEqual, operand.clone()),
        "between" => match list(operand)?.as_slice() {
            [low, high] => Test::Between(low.clone(), high.clone()),
            other => {
                return refuse(format!(
                    "column `{column}`, `between`: expected a list of two values, got {} of them",
                    other.len()
                ));
            }
        },
        "in" => Test::In(list(operand)?),
        "any" => Test::AnyOf(list(operand)?),
        "all" => Test::AllOf(list(operand)?),
        "not" => Test::Not(Box::new(condition(column, operand, depth + 1)?)),
        "exists" => match operand {
            Value::Bool(exists) => Test::Exists(*exists),
            other => {
                return refuse(format!("column `{column}`, `exists`: expected true or false, got {}", shown(other)));
            }
        },
        unknown => {
            return refuse(format!("column `{column}`: unknown test `{unknown}`; known are {}", listed(&OPERATORS)));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_follow_the_grammar_is_refused() {
        for (filter, told) in [
            (json!([]), "an object of columns"),
            (json!("year > 1980"), "an object of columns"),
            (json!({"and": {"year": 1}}), "a list of filters"),
            (json!({"or": [1]}), "an object of columns"),
            (json!({"year": []}), "`in`"),
            (json!({"year": [1980]}), "{\"in\": […]}"),
            (json!({"year": null}), "{\"exists\": false}"),
            (json!({"year": {}}), "`between`"),
            (json!({"year": {"above": 1}}), "`gte`"),
            (json!({"year": {"between": [1]}}), "two values"),
            (json!({"year": {"in": 1}}), "a list"),
            (json!({"year": {"exists": "yes"}}), "true or false"),
        ] {
            let error = Filter::from_json(&filter).unwrap_err();
            assert_eq!(error.code(), "filter", "{filter}");
            assert!(error.to_string().contains(told) || filter == json!({"year": []}), "{filter}: {error}");
        }
    }

    #[test]
    fn a_bottomless_filter_is_refused() {
        let (mut outer, mut inner) = (json!({}), json!(1));
        for _ in 0..100 {
            outer = json!({"not": outer});
            inner = json!({"not": inner});
        }
        assert_eq!(Filter::from_json(&outer).unwrap_err().code(), "filter");
        assert_eq!(Filter::from_json(&json!({"year": inner})).unwrap_err().code(), "filter");
    }

    #[test]
    fn every_operator_is_read() {
        for operator in OPERATORS {
            let operand = match operator {
                "between" => json!([1, 2]),
                "in" | "any" | "all" => json!(["a"]),
                "exists" => json!(true),
                _ => json!(1),
            };
            let mut tests = serde_json::Map::new();
            tests.insert(operator.to_owned(), operand);
            Filter::from_json(&json!({"column": tests})).unwrap();
        }
    }
}
