//! Puts another `catalog.json` into a catalog's folder, in one step.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use super::{Failure, read_file};
use crate::catalog::{CatalogReader, MANIFEST_FILE, Manifest, PairwiseModel};
use crate::evaluate::Setting;
use crate::rank::{Recommender, Settings};

/// Makes a setting the default of a catalog. Whatever its default scenario says beyond what a setting can say stays.
pub(super) fn replace_manifest(folder: &Path, setting: &Setting, model: Option<PairwiseModel>) -> Result<(), Failure> {
    let path = folder.join(MANIFEST_FILE);
    let manifest = Manifest::from_bytes(&read_file(&path)?)?;
    let changed = setting.applied_to(&manifest, model);
    // What cannot be opened afterwards must not take the place of what can.
    let mut reader = CatalogReader::new(&changed.to_bytes())?;
    let names: Vec<String> = reader.files().iter().map(|file| file.path.clone()).collect();
    for name in names {
        reader.add(&name, read_file(&folder.join(&name))?)?;
    }
    Recommender::new(reader.finish()?, Settings::default()).map_err(Failure::while_doing("opening what was made"))?;
    let doing = || Failure::while_doing(format!("writing {}", path.display()));
    // The same file system, and a name that no catalog has.
    let partial = folder.join(format!(".{MANIFEST_FILE}.{}.partial", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut out = File::create(&partial)?;
        out.write_all(&changed.to_bytes())?;
        out.sync_all()?;
        fs::rename(&partial, &path)?;
        // Not every system lets a folder be synced; the file itself is.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&partial);
        doing()(error)
    })
}
