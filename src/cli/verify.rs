//! `homebody verify`: is a catalog what was built?

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{Failure, print_json, print_line, read_file};
use crate::catalog::{MANIFEST_FILE, Problem, Verifier};

/// Check every byte of a catalog.
///
/// Names what is changed (to the 64 KiB), cut short, missing, or there without being part of the catalog. Exit code 1 when
/// there is any of that.
#[derive(Args)]
pub(crate) struct Verify {
    /// The folder of a catalog.
    #[arg(value_name = "CATALOG")]
    catalog: PathBuf,
    /// Write the result to standard output as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    files: usize,
    bytes: u64,
    problems: &'a [Problem],
}

impl Verify {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let manifest = read_file(&self.catalog.join(MANIFEST_FILE))?;
        let (mut files, mut bytes) = (1, manifest.len() as u64);
        let outcome = match Verifier::new(&manifest) {
            Err(problem) => Err(vec![problem]),
            Ok(mut verifier) => {
                for name in self.file_names()? {
                    let path = self.catalog.join(&name);
                    let content = if path.is_dir() { Vec::new() } else { read_file(&path)? };
                    files += 1;
                    bytes += content.len() as u64;
                    verifier.check(&name, content);
                }
                verifier.finish()
            }
        };
        let problems = outcome.as_ref().err().map(Vec::as_slice).unwrap_or_default();
        if self.json {
            let version = outcome.as_ref().ok().map(|catalog| catalog.version());
            print_json(&Report { ok: problems.is_empty(), version, files, bytes, problems })?;
        } else {
            for problem in problems {
                print_line(problem)?;
            }
            if let Ok(catalog) = &outcome {
                let (items, megabytes) = (catalog.len(), bytes as f64 / 1e6);
                print_line(format_args!(
                    "{}: {items} items, {files} files, {megabytes:.1} MB, all as built",
                    catalog.name()
                ))?;
            }
        }
        match problems.len() {
            0 => Ok(()),
            count => Err(Failure::with_code(
                "catalog-not-verified",
                format!("{count} problems in {}", self.catalog.display()),
            )),
        }
    }

    /// Everything in the folder but the manifest, in order. A folder within it counts as a file that is not listed.
    fn file_names(&self) -> Result<Vec<String>, Failure> {
        let reading = || Failure::while_doing(format!("reading {}", self.catalog.display()));
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.catalog).map_err(reading())? {
            let entry = entry.map_err(reading())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != MANIFEST_FILE {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}
