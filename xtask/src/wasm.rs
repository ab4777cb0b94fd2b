//! `cargo xtask wasm`: the WebAssembly modules of the npm package, each with its glue.
//!
//! cargo (profile `wasm`, features `wasm-core`, `wasm-embed` or `wasm-graph`) → wasm-bindgen, linked in as a library so that no tool has
//! to be installed → `wasm-opt` of the npm package `binaryen` → `build/wasm/MODULE/`, copied to `dist/MODULE/` beside what
//! `tsc` writes. `--no-simd` builds the core without SIMD into `build/wasm-scalar/core/`: tests compare the two, and it is
//! not shipped, because every supported browser has had SIMD since 2023.
//! With `HOMEBODY_WASM_NAMES` set, functions keep their names, for a profiler to tell them apart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::stamp::Inputs;

/// What rustc emits for wasm32-unknown-unknown (and SIMD, from `.cargo/config.toml`); wasm-opt refuses instructions of a
/// proposal it was not told of. Nothing newer than browsers of 2023.
const PROPOSALS: [&str; 6] =
    ["bulk-memory", "nontrapping-float-to-int", "sign-ext", "mutable-globals", "reference-types", "multivalue"];

const WASM_OPT: &str = "node_modules/binaryen/bin/wasm-opt";

/// Sources that no WebAssembly module holds.
const NATIVE_ONLY: [&str; 4] = ["src/cli/", "src/collaborative/", "src/evaluate/", "src/main.rs"];

struct Module {
    name: &'static str,
    feature: &'static str,
    /// Sources that never end up in this module, beside [`NATIVE_ONLY`]: a change there needs no new build. They are compiled
    /// with the library all the same, but nothing of the module reaches them (the parts depend on each other one way only).
    without: &'static [&'static str],
    /// What of those it holds all the same.
    but: &'static [&'static str],
}

const CORE: Module =
    Module { name: "core", feature: "wasm-core", without: &["src/embed/", "src/wasm/embed.rs"], but: &[] };
const EMBED: Module = Module { name: "embed", feature: "wasm-embed", without: TEXT_WITHOUT, but: &[] };
// An outside ranker reads the features by the names and in the order that ranking gives them.
const GRAPH: Module =
    Module { name: "graph", feature: "wasm-graph", without: TEXT_WITHOUT, but: &["src/rank/features.rs"] };

/// What neither module for text holds.
const TEXT_WITHOUT: &[&str] = &[
    "shaders/",
    "src/catalog/",
    "src/evaluate/",
    "src/profile/",
    "src/rank/",
    "src/store/",
    "src/vector/",
    "src/wasm/core.rs",
    "src/wasm/core/",
    "src/wasm/device.rs",
    "src/wasm/first_event.rs",
    "src/wasm/index.rs",
    "src/wasm/indexed_db.rs",
    "src/wasm/indexed_db_layout.rs",
    "src/wasm/indexed_db_snapshot.rs",
    "src/wasm/json.rs",
];

/// Builds what has changed.
pub fn run(arguments: &[&str]) -> Result<()> {
    let root = crate::root();
    let version = bindgen_version(&fs::read_to_string(root.join("Cargo.lock")).context("cannot read Cargo.lock")?)?;
    ensure!(
        root.join(WASM_OPT).is_file(),
        "{WASM_OPT} is missing: run `npm ci` first, which brings binaryen (the optimizer of WebAssembly)"
    );
    let known = [CORE, EMBED, GRAPH];
    let unknown =
        arguments.iter().find(|word| **word != "--no-simd" && known.iter().all(|module| module.name != **word));
    ensure!(
        unknown.is_none(),
        "unknown argument {:?}; known are core, embed, graph and --no-simd",
        unknown.unwrap_or(&"")
    );
    if arguments.contains(&"--no-simd") {
        ensure!(
            arguments.iter().all(|word| matches!(*word, "core" | "--no-simd")),
            "--no-simd is for the core alone: the others are only shipped with SIMD"
        );
        build(&root, &CORE, false, &version)?;
        return Ok(());
    }
    for module in known.iter().filter(|module| arguments.is_empty() || arguments.contains(&module.name)) {
        let made = build(&root, module, true, &version)?;
        copy_folder(&made, &root.join("dist").join(module.name))?;
    }
    Ok(())
}

/// The wasm-bindgen version of the lock file, which has to be that of the code generator linked into this program: both
/// write to and read from one section of the module, whose shape changes with every version.
fn bindgen_version(lock: &str) -> Result<String> {
    let lock: toml::Table = lock.parse().context("Cargo.lock is not TOML")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock has no packages")?;
    let version = |name: &str| -> Result<&str> {
        packages
            .iter()
            .filter(|package| package.get("name").and_then(toml::Value::as_str) == Some(name))
            .find_map(|package| package.get("version").and_then(toml::Value::as_str))
            .with_context(|| format!("Cargo.lock has no {name}"))
    };
    let (library, generator) = (version("wasm-bindgen")?, version("wasm-bindgen-cli-support")?);
    ensure!(
        library == generator,
        "Cargo.lock has wasm-bindgen {library} but wasm-bindgen-cli-support {generator}: pin both to one version in \
         Cargo.toml and xtask/Cargo.toml"
    );
    Ok(library.to_owned())
}

fn build(root: &Path, module: &Module, simd: bool, bindgen: &str) -> Result<PathBuf> {
    let folder = root.join(if simd { "build/wasm" } else { "build/wasm-scalar" }).join(module.name);
    let stamp_file = folder.with_file_name(format!("{}.stamp", module.name));
    let optimizer =
        fs::read_to_string(root.join("node_modules/binaryen/package.json")).context("cannot read binaryen")?;
    let skip = |name: &str| {
        NATIVE_ONLY.iter().chain(module.without).any(|part| name.starts_with(part)) && !module.but.contains(&name)
    };
    let names = std::env::var_os("HOMEBODY_WASM_NAMES").is_some();
    let mut inputs = Inputs::new(root).word(if names { "names" } else { "no names" }).word(&optimizer).word(if simd {
        "simd"
    } else {
        "scalar"
    });
    for path in
        ["src", "shaders", "Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml", "xtask/src/wasm.rs"]
    {
        inputs = inputs.path(path, &skip)?;
    }
    let stamp = inputs.finish();
    let name = if simd { module.name.to_owned() } else { format!("{} without SIMD", module.name) };
    if fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp) {
        eprintln!("wasm: {name} is up to date");
        return Ok(folder);
    }

    eprintln!("wasm: compiling {name}");
    let compiled = compile(root, module, simd, &stamp)?;

    eprintln!("wasm: writing the glue of {name} (wasm-bindgen {bindgen})");
    // A half-written folder must never pass for a finished one.
    let _ = fs::remove_file(&stamp_file);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Bindgen::new()
        .input_path(&compiled)
        .out_name(module.name)
        .web(true)?
        .typescript(true)
        // The package's own loader names the module's address: exactly one place for bundlers to find it.
        .omit_default_module_path(true)
        .remove_name_section(!names)
        .remove_producers_section(true)
        .generate(&folder)
        .with_context(|| format!("wasm-bindgen failed on {}", compiled.display()))?;

    eprintln!("wasm: optimizing {name}");
    optimize(root, &folder.join(format!("{}_bg.wasm", module.name)), simd, names)?;
    fs::write(&stamp_file, stamp).context("cannot write the stamp")?;
    Ok(folder)
}

/// Runs cargo and returns the module's path, which cargo itself tells.
fn compile(root: &Path, module: &Module, simd: bool, sources: &str) -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["rustc", "--profile", "wasm", "--lib", "--crate-type", "cdylib"]).args([
        "--target",
        "wasm32-unknown-unknown",
        "--no-default-features",
        "--features",
        module.feature,
        "--message-format=json-render-diagnostics",
    ]);
    // By this a profile's snapshot is known to be of this very program.
    cargo.env("HOMEBODY_SOURCES", sources);
    if !simd {
        // RUSTFLAGS replaces the flags of .cargo/config.toml; set but empty it would be ignored.
        cargo.env("RUSTFLAGS", "-Ctarget-feature=-simd128");
    }
    let output = cargo.stdout(Stdio::piped()).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    ensure!(output.status.success(), "cargo could not build {} ({})", module.feature, output.status);
    let messages = String::from_utf8(output.stdout).context("cargo's messages are not UTF-8")?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == "homebody")
        .filter_map(|message| message["filenames"].as_array().cloned())
        .flatten()
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
        .context("cargo built no .wasm file: is the library's crate type still overridden?")
}

fn optimize(root: &Path, file: &Path, simd: bool, names: bool) -> Result<()> {
    let proposals = PROPOSALS.iter().copied().chain(simd.then_some("simd"));
    let smaller = file.with_extension("wasm.opt");
    let status = Command::new("node")
        .arg(root.join(WASM_OPT))
        .args(["-O3", "--strip-producers", if names { "--debuginfo" } else { "--strip-debug" }])
        .args(proposals.map(|name| format!("--enable-{name}")))
        .arg(file)
        .arg("-o")
        .arg(&smaller)
        .status()
        .context("cannot start node, which wasm-opt runs in")?;
    ensure!(status.success(), "wasm-opt failed on {} ({status})", file.display());
    fs::rename(&smaller, file).context("cannot put the optimized module in place")
}

/// Copies a flat folder, leaving files that are equal alone so that their times stay.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let (bytes, target) = (fs::read(entry.path())?, to.join(entry.file_name()));
        if !fs::read(&target).is_ok_and(|old| old == bytes) {
            fs::write(&target, bytes).with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(library: &str, generator: &str) -> String {
        format!(
            "[[package]]\nname = \"wasm-bindgen\"\nversion = \"{library}\"\n\n[[package]]\nname = \
             \"wasm-bindgen-cli-support\"\nversion = \"{generator}\"\n"
        )
    }

    #[test]
    fn versions_of_library_and_generator_have_to_agree() {
        assert_eq!(bindgen_version(&lock("0.2.130", "0.2.130")).unwrap(), "0.2.130");
        let refused = bindgen_version(&lock("0.2.130", "0.2.131")).unwrap_err().to_string();
        assert!(refused.contains("0.2.130") && refused.contains("0.2.131"), "{refused}");
        assert!(bindgen_version("").is_err());
    }

    #[test]
    fn this_trees_lock_file_is_accepted() {
        let lock = fs::read_to_string(crate::root().join("Cargo.lock")).unwrap();
        bindgen_version(&lock).unwrap();
    }
}
