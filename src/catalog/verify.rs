//! Are these the files that were built?

use std::fmt;

use serde::Serialize;

use super::error::CatalogErrorKind;
use super::manifest::{MANIFEST_FILE, Manifest, places};
use super::reader::{Catalog, CatalogReader};

/// Something wrong with a catalog folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file within the folder.
    pub file: String,
    /// What kind of problem, for programs.
    pub code: ProblemCode,
    /// The byte ranges (first, one after the last) that were changed, as narrow as the hashes tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<(u64, u64)>,
    /// What is wrong, for people.
    pub message: String,
}

/// The kinds of [`Problem`]; new ones may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProblemCode {
    /// The manifest cannot be used, so nothing else could be checked.
    Manifest,
    /// A file of the manifest is not there.
    Missing,
    /// A file is shorter than it was.
    Truncated,
    /// A file is longer than it was.
    TooLong,
    /// A file has other bytes than it had.
    Changed,
    /// A file that the manifest does not name.
    Extra,
    /// All bytes are as they were built, and they make no catalog.
    Content,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.message)
    }
}

/// Checks a catalog folder file by file, without doing any I/O of its own.
#[derive(Debug)]
pub struct Verifier {
    reader: CatalogReader,
    seen: Vec<String>,
    problems: Vec<Problem>,
}

impl Verifier {
    /// Begins with the bytes of `catalog.json`.
    ///
    /// # Errors
    /// When the manifest itself is damaged: then nothing says what the other files should be.
    pub fn new(manifest: &[u8]) -> Result<Self, Problem> {
        let reader = CatalogReader::new(manifest).map_err(|error| {
            // One hash covers the whole manifest, which is far smaller than the data.
            let damaged = matches!(error.kind(), CatalogErrorKind::Damaged | CatalogErrorKind::Truncated { .. });
            let ranges = if damaged { vec![(0, manifest.len() as u64)] } else { Vec::new() };
            let message = format!("{error}; the other files were not checked");
            Problem { file: MANIFEST_FILE.to_owned(), code: ProblemCode::Manifest, ranges, message }
        })?;
        Ok(Self { reader, seen: Vec::new(), problems: Vec::new() })
    }

    /// What the manifest says.
    pub fn manifest(&self) -> &Manifest {
        self.reader.manifest()
    }

    /// Checks a file of the folder.
    pub fn check(&mut self, path: &str, bytes: Vec<u8>) {
        if path == MANIFEST_FILE {
            return;
        }
        self.seen.push(path.to_owned());
        let Some(entry) = self.reader.manifest().file(path) else {
            let message = format!("it is not listed in {MANIFEST_FILE}; remove it if nothing else needs it");
            self.add(path, ProblemCode::Extra, Vec::new(), message);
            return;
        };
        let (expected, found) = (entry.bytes, bytes.len() as u64);
        let mut ranges = entry.changed_ranges(&bytes);
        let code = match found {
            found if found < expected => ProblemCode::Truncated,
            found if found > expected => ProblemCode::TooLong,
            _ => ProblemCode::Changed,
        };
        let Err(error) = self.reader.add(path, bytes) else { return };
        if error.kind() == CatalogErrorKind::Inconsistent {
            self.add(path, ProblemCode::Content, Vec::new(), error.to_string());
            return;
        }
        let message = match code {
            ProblemCode::Truncated => {
                ranges.push((found, expected));
                format!("it has {found} bytes, {expected} were built: bytes {} are missing or changed", places(&ranges))
            }
            ProblemCode::TooLong => {
                ranges.retain(|&(start, _)| start < expected);
                format!("it has {found} bytes, {expected} were built")
            }
            _ => format!("bytes {} are not what was built", places(&ranges)),
        };
        self.add(path, code, ranges, message);
    }

    /// The problems, and when there are none the catalog.
    pub fn finish(mut self) -> Result<Catalog, Vec<Problem>> {
        for path in self.reader.missing().into_iter().map(str::to_owned).collect::<Vec<_>>() {
            if !self.seen.contains(&path) {
                let message = format!("{MANIFEST_FILE} lists it, but it is not there");
                self.add(&path, ProblemCode::Missing, Vec::new(), message);
            }
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        self.reader.finish().map_err(|error| {
            let (file, message) = (MANIFEST_FILE.to_owned(), error.to_string());
            vec![Problem { file, code: ProblemCode::Content, ranges: Vec::new(), message }]
        })
    }

    fn add(&mut self, path: &str, code: ProblemCode, ranges: Vec<(u64, u64)>, message: String) {
        self.problems.push(Problem { file: path.to_owned(), code, ranges, message });
    }
}
