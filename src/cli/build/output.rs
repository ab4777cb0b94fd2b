//! Puts catalog files into their folder so that at no moment a reader finds half a catalog.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::catalog::{CatalogErrorKind, CatalogFile, CatalogReader, MANIFEST_FILE};
use crate::cli::Failure;

/// Writes the files to a hidden folder within `folder`, moves the data files over (their names have their hashes, so they touch
/// nothing that is in use), then the manifest, and only then removes what no manifest names any more.
pub(super) fn write_catalog(folder: &Path, files: &[CatalogFile]) -> Result<(), Failure> {
    let failed = |path: &Path| Failure::while_doing(format!("writing {}", path.display()));
    fs::create_dir_all(folder).map_err(|error| failed(folder)(error))?;
    spare_others(folder)?;
    let partial = Partial::within(folder)?;
    for file in files {
        let path = partial.0.join(&file.path);
        let write = || -> std::io::Result<()> {
            let mut out = File::create(&path)?;
            out.write_all(&file.bytes)?;
            out.sync_all()
        };
        write().map_err(|error| failed(&path)(error))?;
    }
    let (manifests, data): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.path == MANIFEST_FILE);
    for file in data.into_iter().chain(manifests) {
        let path = folder.join(&file.path);
        fs::rename(partial.0.join(&file.path), &path).map_err(|error| failed(&path)(error))?;
    }
    // Not every system lets a folder be synced; the files themselves are.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    remove_old(folder, files);
    Ok(())
}

/// A `catalog.json` that never was one of ours stays.
fn spare_others(folder: &Path) -> Result<(), Failure> {
    let path = folder.join(MANIFEST_FILE);
    let foreign = |bytes: Vec<u8>| {
        CatalogReader::new(&bytes)
            .is_err_and(|error| error.kind() == CatalogErrorKind::NotACatalog && !bytes.is_empty())
    };
    match fs::read(&path).is_ok_and(foreign) {
        true => Err(Failure::new(format!(
            "{}: expected a catalog's manifest or none, found another file; give another folder or move it away",
            path.display()
        ))),
        false => Ok(()),
    }
}

/// A folder that is gone when this value is.
struct Partial(PathBuf);

impl Partial {
    /// Within the folder, so that moving stays on one file system: a catalog's folder may be a volume of its own, and what is
    /// beside it somebody else's.
    fn within(folder: &Path) -> Result<Self, Failure> {
        sweep(folder);
        let path = folder.join(format!("{PARTIAL}{}", std::process::id()));
        // Left behind by a process of the same number that was killed.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).map_err(Failure::while_doing(format!("creating {}", path.display())))?;
        Ok(Self(path))
    }
}

/// How the names of such folders begin; a process number follows.
const PARTIAL: &str = ".homebody-partial-";

/// Builds write for seconds: after so long nobody does any more.
const STALE: Duration = Duration::from_secs(3600);

/// Removes what builds that were killed have left.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let stale = modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > STALE));
        if stale && entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes files that are named like data files of a catalog and are none of this one. What cannot be removed stays:
/// nothing refers to it.
fn remove_old(folder: &Path, files: &[CatalogFile]) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_data_file(&name) && !files.iter().any(|file| file.path == name) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// `something-<16 hexadecimal digits>.arrow`.
fn is_data_file(name: &str) -> bool {
    let Some((stem, hash)) = name.strip_suffix(".arrow").and_then(|name| name.rsplit_once('-')) else { return false };
    !stem.is_empty() && hash.len() == 16 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_catalog_takes_the_place_of_the_old_one_and_of_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = folder.path().join("films");
        let file = |path: &str| CatalogFile { path: path.into(), bytes: b"{\"format\": \"homebody-catalog\"".to_vec() };
        let old = [file("items-0123456789abcdef.arrow"), file("about-0123456789abcdef.arrow"), file(MANIFEST_FILE)];
        write_catalog(&catalog, &old).unwrap();
        fs::write(catalog.join("README.md"), "mine").unwrap();
        fs::write(catalog.join("my-own.arrow"), "mine").unwrap();
        let new = [file("items-fedcba9876543210.arrow"), file("about-0123456789abcdef.arrow"), file(MANIFEST_FILE)];
        write_catalog(&catalog, &new).unwrap();
        let expected = [
            "README.md",
            "about-0123456789abcdef.arrow",
            "catalog.json",
            "items-fedcba9876543210.arrow",
            "my-own.arrow",
        ];
        assert_eq!(names(&catalog), expected);
        assert_eq!(names(folder.path()), ["films"], "nothing is left beside it");
    }

    #[test]
    fn what_a_killed_build_left_goes_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let left = |process: &str, hours: u64| {
            let left = folder.path().join(format!("{PARTIAL}{process}"));
            fs::create_dir(&left).unwrap();
            fs::write(left.join("items-0123456789abcdef.arrow"), "half").unwrap();
            File::open(&left).unwrap().set_modified(SystemTime::now() - STALE * hours as u32).unwrap();
        };
        left("killed", 2);
        left("busy", 0);
        write_catalog(folder.path(), &[CatalogFile { path: MANIFEST_FILE.into(), bytes: b"{}".to_vec() }]).unwrap();
        assert_eq!(names(folder.path()), [&format!("{PARTIAL}busy"), MANIFEST_FILE]);
    }

    #[test]
    fn a_manifest_that_is_none_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MANIFEST_FILE);
        let new = [CatalogFile { path: MANIFEST_FILE.into(), bytes: b"new".to_vec() }];
        fs::write(&path, r#"{"mine": 1}"#).unwrap();
        let error = write_catalog(folder.path(), &new).unwrap_err().to_string();
        assert!(error.contains("found another file; give another folder"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), br#"{"mine": 1}"#);
        assert_eq!(names(folder.path()), [MANIFEST_FILE]);
    }

    #[test]
    fn what_cannot_be_written_is_named_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::write(&taken, "a file").unwrap();
        let error = write_catalog(&taken, &[]).unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(names(folder.path()), ["taken"]);
    }
}
