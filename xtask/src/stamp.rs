//! Whether a step has to run at all: a hash over everything it reads, kept beside what it wrote.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// A hash over files (paths and contents) and words, independent of the order in which folders list their files.
pub struct Inputs {
    root: PathBuf,
    hasher: Sha256,
}

impl Inputs {
    /// Nothing yet; paths are taken and hashed relative to `root`, so that a stamp stays valid when the tree is moved.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), hasher: Sha256::new() }
    }

    /// Adds a word, for example a tool's version.
    pub fn word(mut self, word: &str) -> Self {
        self.hasher.update((word.len() as u64).to_le_bytes());
        self.hasher.update(word);
        self
    }

    /// Adds a file, or every file below a folder but those that `skip` (given the path from the root) is true for.
    pub fn path(mut self, path: &str, skip: &dyn Fn(&str) -> bool) -> Result<Self> {
        let mut files = Vec::new();
        list(&self.root, Path::new(path), &mut files)?;
        files.sort();
        for file in files {
            let name = file.to_str().with_context(|| format!("a file name that is not UTF-8: {}", file.display()))?;
            if !skip(name) {
                let bytes = fs::read(self.root.join(&file)).with_context(|| format!("cannot read {name}"))?;
                self = self.word(name);
                self.hasher.update((bytes.len() as u64).to_le_bytes());
                self.hasher.update(&bytes);
            }
        }
        Ok(self)
    }

    /// The hash of all of it, in hex.
    pub fn finish(self) -> String {
        self.hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn list(root: &Path, path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let full = root.join(path);
    if full.is_dir() {
        for entry in fs::read_dir(&full).with_context(|| format!("cannot list {}", full.display()))? {
            list(root, &path.join(entry?.file_name()), files)?;
        }
    } else {
        files.push(path.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_follows_names_and_contents() -> Result<()> {
        let root = std::env::temp_dir().join(format!("homebody-stamp-{}", std::process::id()));
        fs::create_dir_all(root.join("a/b"))?;
        fs::write(root.join("a/b/one"), "1")?;
        fs::write(root.join("a/two"), "2")?;
        let hash = |skip: &str| -> Result<String> {
            let skip = skip.to_owned();
            Ok(Inputs::new(&root).word("v1").path("a", &move |name| name.ends_with(&skip))?.finish())
        };
        let before = hash("nothing")?;
        assert_eq!(before, hash("nothing")?);
        let without_two = hash("two")?;
        assert_ne!(before, without_two);
        fs::write(root.join("a/two"), "3")?;
        assert_ne!(before, hash("nothing")?);
        assert_eq!(without_two, hash("two")?, "a skipped file does not count");
        fs::rename(root.join("a/b/one"), root.join("a/b/uno"))?;
        assert_ne!(without_two, hash("two")?, "a new name counts");
        fs::remove_dir_all(&root)?;
        Ok(())
    }
}
