//! Reads catalogs from their folders.

use std::path::Path;

use super::{Failure, read_file};
use crate::catalog::{Catalog, CatalogReader, MANIFEST_FILE};
use crate::ranker::{Ranker, RankerDescription};

/// Reads the catalog in a folder, every file checked against its hash.
pub(crate) fn load_catalog(folder: &Path) -> Result<Catalog, Failure> {
    let failed = || Failure::while_doing(format!("reading the catalog in {}", folder.display()));
    let mut reader = CatalogReader::new(&read_file(&folder.join(MANIFEST_FILE))?).map_err(failed())?;
    let paths: Vec<String> = reader.files().iter().map(|file| file.path.clone()).collect();
    for path in paths {
        let bytes = read_file(&folder.join(&path))?;
        reader.add(&path, bytes).map_err(failed())?;
    }
    reader.finish().map_err(failed())
}

/// Reads a ranker: its description, and the model beside it.
pub(crate) fn load_ranker(path: &Path) -> Result<Ranker, Failure> {
    let failed = || Failure::while_doing(format!("reading the ranker {}", path.display()));
    let description = RankerDescription::from_json(&read_file(path)?).map_err(failed())?;
    let model = read_file(&path.with_file_name(&description.model))?;
    Ranker::new(description, &model).map_err(failed())
}
