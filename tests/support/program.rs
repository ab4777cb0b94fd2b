//! The program, run as a person would.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::cargo::CommandCargoExt;

/// What came of it.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program in a folder, with these arguments.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("homebody").unwrap();
    command.args(arguments).current_dir(folder);
    command
}

/// The model that the tests of the program use.
pub(crate) fn model() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("build/models/all-MiniLM-L6-v2");
    let folder = std::env::var_os("HOMEBODY_MODEL").map_or_else(default, PathBuf::from);
    let hint = "run `npm run build`, which makes it, or set HOMEBODY_MODEL";
    assert!(folder.join("model.json").exists(), "there is no model in {}; {hint}", folder.display());
    folder
}

impl Ran {
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}
