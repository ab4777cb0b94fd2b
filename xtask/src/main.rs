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

const USAGE: &str = "usage: cargo xtask model | wasm [core] [embed] [graph] | wasm core --no-simd";

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

/// The top folder of the work tree: that which it is called in. The one that it was compiled in may be gone, since all trees of a
/// machine share a target folder and cargo takes the program of one for that of another.
fn root() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here.ancestors().find(|folder| folder.join("xtask/Cargo.toml").is_file());
    let compiled_in =
        || Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in a folder of the work tree");
    found.unwrap_or_else(compiled_in).to_owned()
}
