//! Texts put together from columns.
//!
//! `{column}` stands for the value of a column, `[…]` for a phrase that is dropped when one of its columns is missing:
//! `{title}[ by {director}]. {genres}`. Brackets can be nested. `{{`, `}}`, `[[` and `]]` are the characters themselves.
//! Runs of white space come out as one space, so that dropped phrases leave no gaps.

use std::borrow::Cow;

/// A template, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Column(String),
    Phrase(Vec<Part>),
}

impl Template {
    /// Parses a template; the error says what is wrong and at which character.
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        let characters: Vec<char> = source.chars().collect();
        let mut at = 0;
        let parts = parse_parts(&characters, &mut at, 0)?;
        let template = Self { source: source.to_owned(), parts };
        match template.columns().is_empty() {
            true => Err(format!("expected at least one {{column}}, found none in {source:?}")),
            false => Ok(template),
        }
    }

    /// The template as it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The columns it uses, each once, in order of appearance.
    pub(crate) fn columns(&self) -> Vec<&str> {
        fn collect<'a>(parts: &'a [Part], out: &mut Vec<&'a str>) {
            for part in parts {
                match part {
                    Part::Column(name) if !out.contains(&name.as_str()) => out.push(name),
                    Part::Phrase(parts) => collect(parts, out),
                    _ => {}
                }
            }
        }
        let mut out = Vec::new();
        collect(&self.parts, &mut out);
        out
    }

    /// The text; a missing column outside brackets is left out. Empty when every column it uses is missing.
    pub(crate) fn render<'a>(&self, value: &dyn Fn(&str) -> Option<Cow<'a, str>>) -> String {
        let mut out = String::new();
        match write_parts(&self.parts, value, &mut out, false).any_value {
            true => collapse(&out),
            false => String::new(),
        }
    }

    /// The text, or the first column outside brackets that is missing.
    pub(crate) fn render_complete<'a>(&self, value: &dyn Fn(&str) -> Option<Cow<'a, str>>) -> Result<String, String> {
        let mut out = String::new();
        match write_parts(&self.parts, value, &mut out, false).missing {
            Some(column) => Err(column),
            None => Ok(collapse(&out)),
        }
    }
}

/// Nested deeper than anybody writes by hand, and far from the end of the stack.
const MAX_DEPTH: usize = 16;

fn parse_parts(characters: &[char], at: &mut usize, depth: usize) -> Result<Vec<Part>, String> {
    if depth > MAX_DEPTH {
        return Err(format!("brackets are nested more than {MAX_DEPTH} deep at character {}", *at));
    }
    let mut parts = Vec::new();
    let mut literal = String::new();
    let flush = |literal: &mut String, parts: &mut Vec<Part>| {
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(literal)));
        }
    };
    while let Some(&character) = characters.get(*at) {
        let doubled = characters.get(*at + 1) == Some(&character);
        match character {
            // The end of a nested phrase may be followed by the end of the one around it, so `]]` is a character only
            // where no phrase is open.
            '{' | '[' | '}' if doubled => {
                literal.push(character);
                *at += 2;
            }
            ']' if doubled && depth == 0 => {
                literal.push(character);
                *at += 2;
            }
            '{' => {
                flush(&mut literal, &mut parts);
                let start = *at + 1;
                let Some(length) = characters[start..].iter().position(|&c| c == '}') else {
                    return Err(format!("the {{ at character {} is not closed; write {{{{ for a brace", *at + 1));
                };
                let name: String = characters[start..start + length].iter().collect();
                if name.trim().is_empty() {
                    return Err(format!("expected a column name in the braces at character {}", *at + 1));
                }
                parts.push(Part::Column(name.trim().to_owned()));
                *at = start + length + 1;
            }
            '[' => {
                flush(&mut literal, &mut parts);
                let opened = *at;
                *at += 1;
                let phrase = parse_parts(characters, at, depth + 1)?;
                if characters.get(*at) != Some(&']') {
                    return Err(format!("the [ at character {} is not closed; write [[ for a bracket", opened + 1));
                }
                *at += 1;
                parts.push(Part::Phrase(phrase));
            }
            ']' if depth > 0 => break,
            '}' | ']' => {
                return Err(format!("the {character} at character {} closes nothing; write it twice", *at + 1));
            }
            other => {
                literal.push(other);
                *at += 1;
            }
        }
    }
    flush(&mut literal, &mut parts);
    Ok(parts)
}

/// What came of writing some parts.
struct Written {
    any_value: bool,
    missing: Option<String>,
}

fn write_parts<'a>(
    parts: &[Part],
    value: &dyn Fn(&str) -> Option<Cow<'a, str>>,
    out: &mut String,
    in_phrase: bool,
) -> Written {
    let mut written = Written { any_value: false, missing: None };
    for part in parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Column(name) => match value(name) {
                Some(text) => {
                    out.push_str(&text);
                    written.any_value = true;
                }
                None => {
                    written.missing.get_or_insert_with(|| name.clone());
                    if in_phrase {
                        return written;
                    }
                }
            },
            Part::Phrase(parts) => {
                let start = out.len();
                let phrase = write_parts(parts, value, out, true);
                match phrase.missing {
                    Some(_) => out.truncate(start),
                    None => written.any_value |= phrase.any_value,
                }
            }
        }
    }
    written
}

fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str) -> String {
        let value = |name: &str| match name {
            "title" => Some(Cow::Borrowed("Alien")),
            "year" => Some(Cow::Borrowed("1979")),
            _ => None,
        };
        Template::parse(template).unwrap().render(&value)
    }

    #[test]
    fn a_phrase_goes_with_its_column() {
        assert_eq!(render("{title} ({year})[, by {director}]."), "Alien (1979).");
        assert_eq!(render("{title}[ ({year})][, by {director}]."), "Alien (1979).");
        assert_eq!(render("{title}[ ({year}[, {director}])]"), "Alien (1979)");
        assert_eq!(render("{title} {director} {year}"), "Alien 1979");
        assert_eq!(render("A film[ by {director}]."), "", "no value, no text");
        assert_eq!(render("{director} made this film"), "");
    }

    #[test]
    fn doubled_characters_are_characters() {
        assert_eq!(render("{{{title}}} [[{year}]]"), "{Alien} [1979]");
    }

    #[test]
    fn mistakes_are_placed() {
        let error = |template: &str| Template::parse(template).unwrap_err();
        assert!(error("{title").contains("character 1"));
        assert!(error("a [b {title}").contains("[ at character 3"));
        assert!(error("a ] {title}").contains("] at character 3"));
        assert!(error("{ } x").contains("column name"));
        assert!(error("no columns").contains("at least one"));
        assert!(error(&"[".repeat(99).replace("[", "[x")).contains("nested"));
    }

    #[test]
    fn an_id_needs_all_its_columns() {
        let value = |name: &str| (name == "title").then_some(Cow::Borrowed("Alien"));
        let template = |text| Template::parse(text).unwrap().render_complete(&value);
        assert_eq!(template("{title}[-{year}]"), Ok("Alien".to_owned()));
        assert_eq!(template("{title}-{year}"), Err("year".to_owned()));
    }
}
