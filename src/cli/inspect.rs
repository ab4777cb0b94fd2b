//! `homebody inspect`: what is in a catalog?

use std::path::PathBuf;

use clap::Args;

use super::{Failure, load_catalog, print_json, print_line};
use crate::catalog::{CatalogSummary, ColumnSummary, readable};

/// Show what is in a catalog.
///
/// Columns with how their values are spread, spaces with their settings and sizes, and for number columns the lines that
/// a `[[space]]` of the schema could have.
#[derive(Args)]
pub(crate) struct Inspect {
    /// The folder of a catalog.
    #[arg(value_name = "CATALOG")]
    catalog: PathBuf,
    /// Write the figures to standard output as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Inspect {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let catalog = load_catalog(&self.catalog)?;
        let summary = CatalogSummary::of(&catalog);
        if self.json {
            return print_json(&summary);
        }
        let CatalogSummary { name, version, items, bytes_per_item, .. } = &summary;
        print_line(format_args!(
            "{name}: {items} items, {bytes_per_item:.0} bytes each, version {}\n",
            &version[..16]
        ))?;

        let mut table = vec![
            ["column", "type", "shown", "missing", "distinct", "1 %", "median", "99 %", "most frequent"]
                .map(str::to_owned)
                .to_vec(),
        ];
        table.extend(summary.columns.iter().map(column_row));
        print_table(&table)?;
        print_line("")?;

        let mut table = vec![["space", "kind", "weight", "missing", "bytes", "about"].map(str::to_owned).to_vec()];
        for space in &summary.spaces {
            let figures = [space.weight.to_string(), space.missing.to_string(), format!("{:.0}", space.bytes_per_item)];
            let [weight, missing, bytes] = figures;
            table.push(vec![space.name.clone(), space.kind.to_owned(), weight, missing, bytes, space.about.clone()]);
        }
        print_table(&table)?;

        for column in summary.columns.iter().filter(|column| !column.suggestions.is_empty()) {
            print_line(format_args!("\n# a space over {}", column.name))?;
            for line in &column.suggestions {
                print_line(line)?;
            }
        }
        Ok(())
    }
}

fn column_row(column: &ColumnSummary) -> Vec<String> {
    let value = |share: f64| {
        let quantiles = column.numbers.iter().flat_map(|numbers| &numbers.quantiles);
        let found = quantiles.into_iter().find(|quantile| quantile.share == share);
        found.map_or(String::new(), |quantile| readable(column.column_type, quantile.value))
    };
    // As many as fit beside the rest.
    let top: Vec<String> = column.top.iter().take(3).map(|top| format!("{} ({})", top.value, top.count)).collect();
    vec![
        column.name.clone(),
        column.column_type.name().to_owned(),
        if column.display { "yes" } else { "no" }.to_owned(),
        column.missing.to_string(),
        column.distinct.to_string(),
        value(0.01),
        value(0.5),
        value(0.99),
        top.join(", "),
    ]
}

/// Columns as wide as their widest cell; the last is not padded.
fn print_table(rows: &[Vec<String>]) -> Result<(), Failure> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        print_line(line.trim_end())?;
    }
    Ok(())
}
