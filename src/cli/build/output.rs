//! Puts catalog files into their folder so that at no moment a reader finds half a catalog.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::catalog::{CatalogErrorKind, CatalogFile, CatalogReader, MANIFEST_FILE, Manifest};
use crate::cli::Failure;

/// Writes the files to a hidden folder within `folder`, moves the data files over (their names have their hashes, so they touch
/// nothing that is in use), then the manifest, and only then removes what the manifest before named, or that of a build that was
/// killed on the way, and this one does not. What else lies there is somebody's.
pub(super) fn write_catalog(folder: &Path, files: &[CatalogFile]) -> Result<(), Failure> {
    let failed = |path: &Path| Failure::while_doing(format!("writing {}", path.display()));
    fs::create_dir_all(folder).map_err(|error| failed(folder)(error))?;
    spare_others(folder)?;
    let mut ours = named_in(folder);
    let partial = Partial::within(folder, &mut ours)?;
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
    remove_old(folder, &ours, files);
    Ok(())
}

/// The data files that a folder's manifest names; none where there is none that can be read.
fn named_in(folder: &Path) -> Vec<String> {
    let manifest = fs::read(folder.join(MANIFEST_FILE)).ok().and_then(|bytes| Manifest::from_bytes(&bytes).ok());
    manifest.into_iter().flat_map(|manifest| manifest.files).map(|file| file.path).collect()
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
    fn within(folder: &Path, ours: &mut Vec<String>) -> Result<Self, Failure> {
        sweep(folder, ours);
        let path = folder.join(format!("{PARTIAL}{}", std::process::id()));
        // Left behind by a process of the same number that was killed.
        ours.extend(named_in(&path));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).map_err(Failure::while_doing(format!("creating {}", path.display())))?;
        Ok(Self(path))
    }
}

/// How the names of such folders begin; a process number follows.
const PARTIAL: &str = ".homebody-partial-";

/// Builds write for seconds: after so long nobody does any more.
const STALE: Duration = Duration::from_secs(3600);

/// Removes what builds that were killed have left. Their manifests, which are moved last, name what they had moved already.
fn sweep(folder: &Path, ours: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let stale = modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > STALE));
        if stale && entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            ours.extend(named_in(&entry.path()));
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes those of our files that are none of this catalog. What cannot be removed stays: nothing refers to it.
fn remove_old(folder: &Path, ours: &[String], files: &[CatalogFile]) {
    for name in ours.iter().filter(|name| is_data_file(name) && !files.iter().any(|file| file.path == **name)) {
        let _ = fs::remove_file(folder.join(name));
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

    use serde_json::json;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// A file, and a manifest that names these.
    fn file(path: &str) -> CatalogFile {
        CatalogFile { path: path.into(), bytes: path.into() }
    }

    fn manifest(data: &[&str]) -> CatalogFile {
        let entry =
            |path: &&str| json!({"path": path, "bytes": 0, "rows": 0, "sha256": "", "chunkBytes": 1, "chunks": []});
        let manifest: Manifest = serde_json::from_value(json!({
            "format": "homebody-catalog", "version": 1, "name": "films", "items": 0, "contentHash": "", "columns": [],
            "spaces": [], "itemsFile": data[0], "files": data.iter().map(entry).collect::<Vec<_>>(),
        }))
        .unwrap();
        CatalogFile { path: MANIFEST_FILE.into(), bytes: manifest.to_bytes() }
    }

    const OLD: &str = "items-0123456789abcdef.arrow";
    const NEW: &str = "items-fedcba9876543210.arrow";
    const KEPT: &str = "about-0123456789abcdef.arrow";
    const FOREIGN: &str = "events-00112233445566aa.arrow";

    #[test]
    fn a_new_catalog_takes_the_place_of_the_old_one_and_of_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = folder.path().join("films");
        write_catalog(&catalog, &[file(OLD), file(KEPT), manifest(&[OLD, KEPT])]).unwrap();
        // One of them is named as data files are.
        for mine in ["README.md", "my-own.arrow", FOREIGN] {
            fs::write(catalog.join(mine), "mine").unwrap();
        }
        write_catalog(&catalog, &[file(NEW), file(KEPT), manifest(&[NEW, KEPT])]).unwrap();
        assert_eq!(names(&catalog), ["README.md", KEPT, "catalog.json", FOREIGN, NEW, "my-own.arrow"]);
        assert_eq!(names(folder.path()), ["films"], "nothing is left beside it");
    }

    #[test]
    fn a_manifest_that_names_files_elsewhere_has_none_removed() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = folder.path().join("films");
        fs::create_dir(&catalog).unwrap();
        fs::write(folder.path().join(OLD), "mine").unwrap();
        fs::write(catalog.join("notes.txt"), "mine").unwrap();
        let bytes = manifest(&[&format!("../{OLD}"), "notes.txt"]).bytes;
        fs::write(catalog.join(MANIFEST_FILE), bytes).unwrap();
        write_catalog(&catalog, &[file(NEW), manifest(&[NEW])]).unwrap();
        assert_eq!(names(folder.path()), ["films", OLD]);
        assert_eq!(names(&catalog), [MANIFEST_FILE, NEW, "notes.txt"]);
    }

    #[test]
    fn what_a_killed_build_left_goes_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        write_catalog(folder.path(), &[file(OLD), manifest(&[OLD])]).unwrap();
        let left = |process: &str, hours: u64| {
            let left = folder.path().join(format!("{PARTIAL}{process}"));
            fs::create_dir(&left).unwrap();
            fs::write(left.join("about-0123456789abcdef.arrow"), "half").unwrap();
            // It was killed after moving the items, and before it moved the manifest that names them.
            let moved = format!("items-{process:0>16}.arrow");
            fs::write(folder.path().join(&moved), "moved").unwrap();
            fs::write(left.join(MANIFEST_FILE), manifest(&[&moved, KEPT]).bytes).unwrap();
            File::open(&left).unwrap().set_modified(SystemTime::now() - STALE * hours as u32).unwrap();
            moved
        };
        let (_, busy) = (left("dead", 2), left("b", 0));
        let same = left(&std::process::id().to_string(), 0);
        fs::write(folder.path().join(FOREIGN), "mine").unwrap();
        write_catalog(folder.path(), &[file(NEW), manifest(&[NEW])]).unwrap();
        let expected = [&format!("{PARTIAL}b"), MANIFEST_FILE, FOREIGN, &busy, NEW];
        assert_eq!(names(folder.path()), expected, "{same} is of a dead process with the number of this one");
    }

    #[test]
    fn what_two_builds_left_and_the_catalog_names_stays() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(format!("{PARTIAL}dead"));
        fs::create_dir(&left).unwrap();
        fs::write(left.join(MANIFEST_FILE), manifest(&[NEW, OLD]).bytes).unwrap();
        fs::write(folder.path().join(OLD), "moved").unwrap();
        File::open(&left).unwrap().set_modified(SystemTime::now() - STALE * 2).unwrap();
        write_catalog(folder.path(), &[file(NEW), manifest(&[NEW])]).unwrap();
        assert_eq!(names(folder.path()), [MANIFEST_FILE, NEW]);
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
