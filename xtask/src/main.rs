//! `cargo xtask COMMAND`: the build steps that want a program rather than a script.
//!
//! - `model`: the model folder of the demo and the tests, see [`model`].
//! - `wasm`: the WebAssembly modules of the npm package, see [`wasm`].
//!
//! Every step says what it does, is skipped in no time when its inputs have not changed, and fails with what it expected.

mod model;
mod stamp;
mod wasm;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask model | wasm [core] [embed] [--no-simd]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["model", rest @ ..] => model::run(rest),
        ["wasm", rest @ ..] => wasm::run(rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The top folder of the work tree.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in a folder of the work tree").to_owned()
}
