//! The `homebody` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    homebody::cli::main()
}
