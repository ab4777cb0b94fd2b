//! Data to standard output. A pipe that nobody reads any more is an error like any other here, and quiet in `main`.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

use super::Failure;

/// A value as JSON, over several lines.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::while_doing("writing JSON"))?;
    print_line(text)
}

/// One line.
pub(crate) fn print_line(line: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{line}").map_err(Failure::while_doing("writing to standard output"))
}
