//! How does a person at a terminal reach the library?
//!
//! One file per subcommand: its arguments as a clap struct, and `run`, which reads files, calls the library and writes.
//! Data goes to standard output, everything said to the person to standard error.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::catalog::silence_guarded_panics;

mod build;
mod crowd;
mod embed;
mod evaluate;
mod events;
mod failure;
mod inspect;
mod interactions;
mod judging;
mod load;
mod model;
mod print;
mod ranking;
mod recommend;
mod replace;
mod search;
mod tune;
mod verify;

pub(crate) use failure::{Failure, read_file};
pub(crate) use load::{load_catalog, load_ranker};
pub(crate) use print::{print_json, print_line};

/// Shown by `--help`.
const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 something went wrong, 2 the command line is not understood.
Data goes to standard output, everything else to standard error; with --json, an error is one line
{\"error\": {\"code\": …, \"message\": …}} there.";

/// Build, check and search catalogs that are ranked in the visitor's own browser.
#[derive(Parser)]
#[command(
    name = "homebody",
    version,
    arg_required_else_help = true,
    after_help = EXIT_CODES
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make model folders.
    Model(model::Model),
    Build(build::Build),
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
    Search(search::Search),
    Recommend(recommend::Recommend),
    /// Turn texts into vectors.
    Embed(embed::Embed),
    Evaluate(evaluate::Evaluate),
    Tune(tune::Tune),
}

impl Command {
    /// Whether errors are wanted as JSON.
    fn json(&self) -> bool {
        match self {
            Self::Build(command) => command.json,
            Self::Inspect(command) => command.json,
            Self::Verify(command) => command.json,
            Self::Search(command) => command.ranking.json,
            Self::Recommend(command) => command.ranking.json,
            Self::Evaluate(command) => command.json,
            Self::Tune(command) => command.json,
            Self::Model(_) | Self::Embed(_) => false,
        }
    }

    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Model(command) => command.run(),
            Self::Build(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Search(command) => command.run(),
            Self::Recommend(command) => command.run(),
            Self::Embed(command) => command.run(),
            Self::Evaluate(command) => command.run(),
            Self::Tune(command) => command.run(),
        }
    }
}

/// Runs the program with the arguments of this process and returns its exit code.
pub fn main() -> ExitCode {
    silence_guarded_panics();
    let command = match Arguments::try_parse() {
        Ok(arguments) => arguments.command,
        Err(error) if error.use_stderr() && asks_for_json(std::env::args_os()) => {
            print_error("usage", &without_usage(&error.to_string()));
            return ExitCode::from(2);
        }
        // Help and version too; clap leaves with code 2 after what is an error.
        Err(error) => error.exit(),
    };
    let json = command.json();
    match command.run() {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough (`| head`): that is no failure and nothing to talk about.
        Err(failure) if is_broken_pipe(&failure) => ExitCode::SUCCESS,
        Err(failure) => {
            if json {
                print_error(failure.code(), &failure.to_string());
            } else {
                eprintln!("homebody: {failure}");
            }
            ExitCode::FAILURE
        }
    }
}

/// For `value_parser`: a whole number of at least so much, told in the words of the library.
fn whole_from<const LEAST: u32>(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number >= LEAST);
    number.ok_or_else(|| format!("expected a whole number from {LEAST} to {}", u32::MAX))
}

fn print_error(code: &str, message: &str) {
    eprintln!("{}", serde_json::json!({ "error": { "code": code, "message": message } }));
}

/// Whether errors are wanted as JSON, on a command line that is not understood. What comes after `--` is no option.
fn asks_for_json(arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

/// What clap says is wrong, without the lines for people that it puts around it.
fn without_usage(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let end = ["\n\nUsage:", "\n\nFor more information"].iter().filter_map(|line| message.find(line)).min();
    let lines = message[..end.unwrap_or(message.len())].lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

fn is_broken_pipe(failure: &Failure) -> bool {
    let io_errors = failure.chain().filter_map(|error| error.downcast_ref::<io::Error>());
    io_errors.into_iter().any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
