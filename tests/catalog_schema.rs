//! Mistakes in a schema are explained: what was expected, what came, what is known.

use homebody::{CatalogErrorKind, Schema};

/// The message for a schema with these lines after a good beginning with the columns `title` (text), `price` (number),
/// `day` (date) and `labels` (tags).
fn refused(lines: &str) -> String {
    let begin = "name = 'x'\nid = 'k'\n[columns.title]\n[columns.price]\ntype = 'number'\n[columns.day]\ntype = 'date'\n\
        [columns.labels]\ntype = 'tags'\n";
    assert!(Schema::from_toml(begin).is_ok());
    let error = Schema::from_toml(&format!("{begin}{lines}")).expect_err(lines);
    let expected = match error.to_string().contains("unknown column") {
        true => (CatalogErrorKind::UnknownColumn, "schema-unknown-column"),
        false => (CatalogErrorKind::Schema, "schema-invalid"),
    };
    assert_eq!((error.kind(), error.code()), expected, "{error}");
    error.to_string()
}

fn space(lines: &str) -> String {
    refused(&format!("[[space]]\nname = 's'\n{lines}"))
}

#[test]
fn unknown_keys_come_with_the_known_ones() {
    for (lines, key, known) in [
        ("[columns.a]\nform = 'b'", "form", "`from`, `derive`, `type`, `display`, `missing`"),
        ("[extra]", "extra", "`name`, `id`, `columns`, `join`, `space`, `prior`"),
        ("[[space]]\nname = 's'\nkind = 'text'\ntemplat = '{title}'", "templat", "`template`, `column`, `prefer`"),
        ("[[join]]\nfile = 'a'\non = 'id'\nhow = 'left'", "how", "`file`, `on`, `columns`"),
        (
            "[prior]\nrating = 'price'\ncount = 'price'\nsmoothing = 1\nmean = 2",
            "mean",
            "`rating`, `count`, `smoothing`",
        ),
        ("[columns.a]\ntype = 'float'", "float", "`text`, `number`, `integer`, `boolean`, `date`, `tags`"),
        ("[columns.a]\nderive = { month = 'day' }", "month", "`year`, `decade`, `template`"),
        ("[columns.a]\nmissing = { default = 1 }", "default", "`value`"),
        ("[columns.a]\ninvalid = 'ignore'", "ignore", "`reject`"),
        ("[[space]]\nname = 's'\nkind = 'number'\nprefer = 'higher'", "higher", "`low`, `high`, `near`"),
        ("[[space]]\nname = 's'\nkind = 'number'\nscale = 'ln'", "ln", "`linear`"),
        ("[[space]]\nname = 's'\nkind = 'recency'\nreference = 'today'", "today", "`now`"),
    ] {
        let said = refused(lines);
        assert!(said.contains(key) && said.contains(known), "{lines}:\n{said}");
    }
}

#[test]
fn places_in_the_file_are_told() {
    let said = refused("[columns.a]\nform = 'b'");
    assert!(said.contains("line 11") && said.contains("form = 'b'"), "{said}");
}

#[test]
fn unknown_kinds_and_misplaced_options_come_with_the_known_ones() {
    assert!(space("kind = 'vector'").contains("expected one of the kinds text, number, category, recency, geo"));
    let said = space("kind = 'text'\ntemplate = '{title}'\nrange = [1, 2]");
    assert!(said.contains("\"range\" is no option of kind \"text\", which takes template"), "{said}");
    let said = space("kind = 'collaborative'");
    assert!(said.contains("interactions of many people"), "{said}");
}

#[test]
fn unknown_columns_come_with_the_known_ones() {
    for lines in [
        "[[space]]\nname = 's'\nkind = 'text'\ntemplate = '{tilte}'",
        "[[space]]\nname = 's'\nkind = 'category'\ncolumn = 'tilte'",
        "[[space]]\nname = 's'\nkind = 'geo'\nlatitude = 'tilte'\nlongitude = 'price'\nhalf_distance_km = 1",
        "[columns.a]\nderive = { year = 'tilte' }",
        "[columns.a]\nderive = { template = '{tilte}' }",
        "[prior]\nrating = 'tilte'\ncount = 'price'\nsmoothing = 1",
    ] {
        let said = refused(lines);
        assert!(said.contains("there is no [columns.tilte]; the schema has title, price, day, labels"), "{said}");
    }
}

#[test]
fn columns_must_fit_their_use() {
    let said = space("kind = 'number'\ncolumn = 'title'\nprefer = 'low'");
    assert!(said.contains("expected a column of type number, integer, found \"title\" of type text"), "{said}");
    assert!(space("kind = 'recency'\ncolumn = 'price'\nhalf_life_days = 1").contains("of type date, found \"price\""));
    assert!(space("kind = 'category'\ncolumn = 'day'").contains("of type tags, text, boolean, integer"));
    assert!(space("kind = 'category'\ncolumn = 'labels'\nmany = false").contains("many must be true"));
    assert!(refused("[columns.a]\nderive = { year = 'price' }").contains("of type date, found \"price\""));
    assert!(refused("[columns.a]\ntype = 'text'\nderive = { year = 'day' }").contains("has type integer, not text"));
}

#[test]
fn options_without_effect_are_mistakes() {
    for (lines, expected) in [
        ("formats = ['%Y']", "formats is for columns of type date"),
        ("latest = '2011-12-31'", "latest is for columns of type date"),
        ("type = 'date'\ncentury = true", "century needs latest"),
        ("separator = '|'", "separator is for columns of type tags"),
        ("derive = { year = 'day' }\nnulls = ['-']", "nulls is for columns that are read"),
        ("derive = { year = 'day' }\nfrom = 'year'", "expected from or derive, found both"),
    ] {
        let said = refused(&format!("[columns.a]\n{lines}"));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn settings_are_in_their_range() {
    let number = "kind = 'number'\ncolumn = 'price'\n";
    assert!(space(number).contains("expected the option \"prefer\", which is missing"));
    let number = format!("{number}prefer = 'low'\n");
    assert!(
        space(&format!("{number}range = [2, 2]")).contains("expected a range of two growing numbers, found [2, 2]")
    );
    assert!(space(&format!("{number}range = [0, 2]\nscale = 'log'")).contains("above 0"));
    assert!(space(&format!("{number}missing = 'median'")).contains("\"mean\", \"worst\" or a number"));
    assert!(space(&format!("{number}missing = nan")).contains("finite"));
    for weight in ["inf", "nan", "1.7e308", "-1000001"] {
        assert!(space(&format!("{number}weight = {weight}")).contains("a weight from -1000000 to 1000000"), "{weight}");
    }
    assert!(space("kind = 'recency'\ncolumn = 'day'\nhalf_life_days = 0").contains("half_life_days above 0, found 0"));
    assert!(refused("[prior]\nrating = 'price'\ncount = 'price'\nsmoothing = -1").contains("found -1"));
    assert!(refused("[columns.a]\ntype = 'date'\nformats = ['%d %b']").contains("with a year, found \"%d %b\""));
    assert!(refused("[columns.a]\ntype = 'date'\nformats = []").contains("at least one date format"));
    assert!(refused("[columns.a]\ntype = 'date'\nlatest = 'soon'").contains("as YYYY-MM-DD, found \"soon\""));
    assert!(refused("[columns.a]\nfrom = []").contains("at least one name"));
    assert!(
        refused("[columns.a]\ntype = 'number'\nmissing = { value = 'x' }").contains("expected a number, found text")
    );
}

#[test]
fn names_are_free_of_what_means_something_else() {
    assert!(refused("[columns.id]").contains("cannot be named id, and, or, not"));
    assert!(refused("[columns.'a{b']").contains("without braces"));
    assert!(
        refused("[[space]]\nname = 'query'\nkind = 'text'\ntemplate = '{title}'").contains("query, dislike, momentum")
    );
    assert!(refused("[[space]]\nname = 'a b'\nkind = 'text'\ntemplate = '{title}'").contains("letters, digits"));
    let twice = "[[space]]\nname = 's'\nkind = 'text'\ntemplate = '{title}'\n".repeat(2);
    assert!(refused(&twice).contains("two spaces are named \"s\""));
    assert!(Schema::from_toml("name = ' '\nid = 'k'").unwrap_err().to_string().contains("a name for the catalog"));
}

#[test]
fn derived_columns_may_not_go_in_circles() {
    let said = refused("[columns.a]\nderive = { template = '{b}' }\n[columns.b]\nderive = { template = '{a}' }");
    assert!(said.contains("the columns a, b are derived from each other in a circle"), "{said}");
    let chain = "name = 'x'\nid = 'k'\n[columns.c]\nderive = { template = '{b}' }\n\
        [columns.b]\nderive = { decade = 'a' }\n[columns.a]\nderive = { year = 'day' }\n[columns.day]\ntype = 'date'";
    assert!(Schema::from_toml(chain).is_ok(), "in whatever order they are written");
}

#[test]
fn templates_and_ids_are_checked() {
    assert!(space("kind = 'text'\ntemplate = '{title'").contains("the { at character 1 is not closed"));
    assert!(space("kind = 'text'\ntemplate = 'no column'").contains("at least one {column}"));
    let id = |id: &str| Schema::from_toml(&format!("name = 'x'\nid = {id}\n[columns.a]")).unwrap_err().to_string();
    assert!(id("7").contains("the name of a column or a table like { template"));
    assert!(id("{ template = '{b}' }").contains("there is no [columns.b]"));
    assert!(id("{ template = '{a}', slugs = true }").contains("`template` or `slug`"));
    assert!(Schema::from_toml("name = 'x'").unwrap_err().to_string().contains("missing field `id`"));
}

#[test]
fn the_schema_of_the_documentation_is_one() {
    let page = include_str!("../docs/catalog.md");
    let examples: Vec<&str> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 1);
    let schema = Schema::from_toml(examples[0]).unwrap();
    assert_eq!(schema.name(), "books");
    assert!(schema.needs_model());
    assert_eq!(schema.join_files().collect::<Vec<_>>(), ["blurbs.csv"]);
}
