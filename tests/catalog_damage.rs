//! Catalog files that were cut, changed, swapped or made up: a typed error for each, and never a panic.

#[path = "support/catalog.rs"]
mod support;

use homebody::{CatalogErrorKind, CatalogFile, CatalogReader, MANIFEST_FILE, Manifest, ProblemCode, Verifier};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use support::{SCHEMA, build, films, rows};

fn files() -> Vec<CatalogFile> {
    build(SCHEMA, &films())
}

fn verify(files: &[CatalogFile]) -> Vec<homebody::Problem> {
    let manifest = files.iter().find(|file| file.path == MANIFEST_FILE).expect("there is a manifest");
    let mut verifier = match Verifier::new(&manifest.bytes) {
        Ok(verifier) => verifier,
        Err(problem) => return vec![problem],
    };
    for file in files {
        verifier.check(&file.path, file.bytes.clone());
    }
    verifier.finish().err().unwrap_or_default()
}

/// What the reader says to these files, in the order a page would fetch them.
fn load(files: &[CatalogFile]) -> Result<homebody::Catalog, homebody::CatalogError> {
    let manifest = files.iter().find(|file| file.path == MANIFEST_FILE).expect("there is a manifest");
    let mut reader = CatalogReader::new(&manifest.bytes)?;
    for file in files.iter().filter(|file| file.path != MANIFEST_FILE) {
        reader.add(&file.path, file.bytes.clone())?;
    }
    reader.finish()
}

#[test]
fn every_changed_byte_is_found_and_placed() {
    let files = files();
    assert_eq!(verify(&files), []);
    for index in 0..files.len() {
        let length = files[index].bytes.len();
        for position in 0..length {
            let mut changed = files.clone();
            changed[index].bytes[position] ^= 1 << (position % 8);
            let place = format!("{} byte {position}", files[index].path);
            let problems = verify(&changed);
            assert_eq!(problems.len(), 1, "{place}: {problems:?}");
            assert_eq!(problems[0].file, files[index].path, "{place}");
            let ranges = &problems[0].ranges;
            let inside =
                |&(start, end): &(u64, u64)| (start..end).contains(&(position as u64)) && end - start <= 65_536;
            assert!(ranges.len() == 1 && inside(&ranges[0]), "{place}: {:?}", problems[0]);
            let error = load(&changed).expect_err(&place);
            assert_eq!(error.kind(), CatalogErrorKind::Damaged, "{place}: {error}");
        }
    }
}

#[test]
fn a_change_in_a_large_file_is_placed_to_the_chunk() {
    let names: Vec<String> = (0..20_000).map(|number| format!("item {number:05}")).collect();
    let cells: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
    let cells: Vec<&[&str]> = cells.iter().map(|row| row.as_slice()).collect();
    let mut files = build("name = 'many'\nid = 'k'\n[columns.k]", &support::rows(&["k"], &cells));
    let items = files.iter_mut().find(|file| file.path.starts_with("items")).unwrap();
    assert!(items.bytes.len() > 5 * 65_536);
    items.bytes[70_000] ^= 1;
    items.bytes[300_000] ^= 1;
    let problems = verify(&files);
    assert_eq!(problems[0].ranges, [(65_536, 131_072), (262_144, 327_680)]);
    let error = load(&files).unwrap_err().to_string();
    assert!(error.contains("bytes 65536 to 131072, 262144 to 327680"), "{error}");
}

#[test]
fn missing_truncated_long_and_extra_files_are_named() {
    let files = files();
    let with = |change: &dyn Fn(&mut Vec<CatalogFile>)| {
        let mut changed = files.clone();
        change(&mut changed);
        let problems = verify(&changed);
        assert_eq!(problems.len(), 1, "{problems:?}");
        (problems[0].code, problems[0].file.clone(), problems[0].ranges.clone())
    };
    let (path, length) = (files[0].path.clone(), files[0].bytes.len() as u64);
    assert_eq!(with(&|files| drop(files.remove(0))), (ProblemCode::Missing, path.clone(), vec![]));
    let cut = with(&|files| files[0].bytes.truncate(100));
    assert_eq!(cut, (ProblemCode::Truncated, path.clone(), vec![(100, length)]));
    assert_eq!(with(&|files| files[0].bytes.push(0)).0, ProblemCode::TooLong);
    let extra = CatalogFile { path: "notes.txt".into(), bytes: vec![] };
    assert_eq!(with(&|files| files.push(extra.clone())), (ProblemCode::Extra, "notes.txt".into(), vec![]));
    assert_eq!(with(&|files| files.last_mut().unwrap().bytes.clear()).0, ProblemCode::Manifest);
}

#[test]
fn every_cut_is_noticed() {
    let files = files();
    for index in 0..files.len() {
        for length in 0..files[index].bytes.len() {
            let mut cut = files.clone();
            cut[index].bytes.truncate(length);
            let error = load(&cut).expect_err("a cut file");
            let kind = CatalogErrorKind::Truncated { at: length as u64 };
            // A manifest that lacks only its last line break is whole JSON without the hash in its place.
            let whole_json = files[index].path == MANIFEST_FILE && length + 1 == files[index].bytes.len();
            let expected = if whole_json { CatalogErrorKind::Damaged } else { kind };
            assert_eq!(error.kind(), expected, "{} cut to {length}: {error}", files[index].path);
        }
    }
}

#[test]
fn a_web_page_is_called_one() {
    let page = b"\n<!DOCTYPE html>\n<html><head><title>404</title></head></html>".to_vec();
    let error = CatalogReader::new(&page).unwrap_err();
    assert_eq!((error.kind(), error.code()), (CatalogErrorKind::WebPage, "catalog-web-page"));
    let mut files = files();
    files[0].bytes = page;
    assert_eq!(load(&files).unwrap_err().kind(), CatalogErrorKind::WebPage);
    // Longer than the file it stands for.
    files[0].bytes = format!("<html>{}</html>", "x".repeat(100_000)).into_bytes();
    assert_eq!(load(&files).unwrap_err().kind(), CatalogErrorKind::WebPage);
}

#[test]
fn other_json_is_no_catalog() {
    for text in
        ["{\"name\": \"package\", \"version\": \"1.0.0\"}", "[]", "12", "hello", "{\"format\": \"x\", \"version\": 1}"]
    {
        let error = CatalogReader::new(text.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), CatalogErrorKind::NotACatalog, "{text}: {error}");
    }
}

/// Puts the right hash at the end of a manifest whose text was changed on purpose.
fn sign(manifest: &str) -> Vec<u8> {
    let start = manifest.rfind("\"sha256\": \"").unwrap() + 11;
    let zeros = format!("{}{}{}", &manifest[..start], "0".repeat(64), &manifest[start + 64..]);
    let hash: String = Sha256::digest(&zeros).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}{hash}{}", &manifest[..start], &manifest[start + 64..]).into_bytes()
}

fn manifest_text() -> String {
    String::from_utf8(files().pop().unwrap().bytes).unwrap()
}

#[test]
fn a_newer_catalog_says_so() {
    let newer = manifest_text().replace("\"version\": 1,", "\"version\": 2,");
    let error = CatalogReader::new(&sign(&newer)).unwrap_err();
    assert_eq!(error.kind(), CatalogErrorKind::TooNew { found: 2, readable: 1 });
    assert_eq!(error.code(), "catalog-too-new");
    // Without a hash in the place where this version has it.
    let error = CatalogReader::new(b"{\"format\": \"homebody-catalog\", \"version\": 9}").unwrap_err();
    assert_eq!(error.kind(), CatalogErrorKind::TooNew { found: 9, readable: 1 });
    // The same version with a kind of space that is not known here.
    let newer = manifest_text().replace("\"kind\":\"category\"", "\"kind\":\"astrological\"");
    let error = CatalogReader::new(&sign(&newer)).unwrap_err();
    assert!(matches!(error.kind(), CatalogErrorKind::TooNew { .. }), "{error}");
    // Members that are not known here are no reason to refuse.
    let newer = manifest_text().replace("  \"name\": ", "  \"mood\": \"good\",\n  \"name\": ");
    assert!(CatalogReader::new(&sign(&newer)).is_ok());
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    let text = manifest_text();
    let items_file = text.split("\"itemsFile\": \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for (from, to) in [
        ("\"items\": 5", "\"items\": 6"),
        ("\"column\":\"votes\"", "\"column\":\"voters\""),
        ("\"column\":\"votes\"", "\"column\":\"title\""),
        ("\"min\":1.0", "\"min\":11.0"),
        ("\"min\":150.0", "\"min\":-150.0"),
        ("\"min\":1.0", "\"min\":-1e308"),
        ("\"weight\":1.0", "\"weight\":1e300"),
        ("\"many\":true", "\"many\":false"),
        ("{\"name\":\"decade\"", "{\"name\":\"year\""),
        ("{\"name\":\"popularity\"", "{\"name\":\"rating\""),
        ("\"smoothing\":50.0", "\"smoothing\":-1.0"),
        ("\"dims\":16", "\"dims\":17"),
        (items_file.as_str(), "../../passwords"),
        ("\"itemsFile\": \"items", "\"itemsFile\": \"atoms"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = CatalogReader::new(&sign(&text.replace(from, to))).expect_err(to);
        assert_eq!(error.kind(), CatalogErrorKind::Inconsistent, "{from} → {to}: {error}");
    }
}

#[test]
fn the_manifest_reads_back_as_it_was_written() {
    let bytes = files().pop().unwrap().bytes;
    assert_eq!(Manifest::from_bytes(&bytes).unwrap().to_bytes(), bytes);
}

/// The catalog with a file's bytes changed and every hash made to fit: what somebody could publish on purpose.
fn forged(file: usize, change: impl FnOnce(&mut Vec<u8>)) -> Vec<CatalogFile> {
    forge(files(), file, change)
}

fn forge(mut files: Vec<CatalogFile>, file: usize, change: impl FnOnce(&mut Vec<u8>)) -> Vec<CatalogFile> {
    change(&mut files[file].bytes);
    let mut manifest = Manifest::from_bytes(&files.last().unwrap().bytes).unwrap();
    let entry = manifest.files.iter_mut().find(|entry| entry.path == files[file].path).unwrap();
    entry.bytes = files[file].bytes.len() as u64;
    entry.sha256 = Sha256::digest(&files[file].bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    files.last_mut().unwrap().bytes = manifest.to_bytes();
    files
}

#[test]
fn forged_files_do_not_panic() {
    assert!(load(&forged(0, |_| ())).is_ok(), "the forgery itself works");
    for file in 0..2 {
        for position in 0..files()[file].bytes.len() {
            for value in [0x00, 0x7F, 0x80, 0xFF] {
                // Whether it is noticed depends on the byte; values may simply be others now.
                if let Ok(catalog) = load(&forged(file, |bytes| bytes[position] = value)) {
                    (0..catalog.len()).for_each(|row| drop(catalog.display(row)));
                }
            }
        }
    }
}

#[test]
fn numbers_that_no_ranking_could_take_are_refused() {
    let known = 8.5_f64.to_le_bytes();
    for bad in [f64::NAN, f64::INFINITY, -1e308] {
        let error = load(&forged(1, |bytes| {
            let at = bytes.windows(8).position(|window| window == known).expect("a rating of 8.5");
            bytes[at..at + 8].copy_from_slice(&bad.to_le_bytes());
        }));
        let error = error.expect_err("what is ranked by it would be no number");
        assert_eq!(error.kind(), CatalogErrorKind::Inconsistent, "{bad}");
        assert!(error.to_string().contains("\"rating\" must have numbers up to 1e100"), "{error}");
    }
}

#[test]
fn places_that_are_not_on_earth_are_refused() {
    let schema = "name = 'x'\nid = 'k'\n[columns.north]\ntype = 'number'\n[columns.east]\ntype = 'number'\n\
        [[space]]\nname = 'near'\nkind = 'geo'\nlatitude = 'north'\nlongitude = 'east'\nhalf_distance_km = 10\n";
    let files = build(schema, &rows(&["k", "north", "east"], &[&["1", "12.5", "25.5"]]));
    for (known, bad, told) in [(12.5_f64, 90.5_f64, "a latitude"), (25.5, -181.0, "a longitude")] {
        let error = load(&forge(files.clone(), 0, |bytes| {
            let at = bytes.windows(8).position(|window| window == known.to_le_bytes()).expect("the place");
            bytes[at..at + 8].copy_from_slice(&bad.to_le_bytes());
        }));
        let error = error.expect_err("no distance is right from there");
        assert_eq!(error.kind(), CatalogErrorKind::Inconsistent, "{bad}");
        assert!(error.to_string().contains(told) && error.to_string().contains(&bad.to_string()), "{error}");
    }
}

#[test]
fn a_file_of_another_space_is_refused() {
    let vectors = files().remove(0).bytes;
    let error = load(&forged(1, |bytes| *bytes = vectors.clone())).unwrap_err();
    assert_eq!(error.kind(), CatalogErrorKind::Inconsistent);
    assert!(error.to_string().contains("expected the columns id Utf8, title Utf8"), "{error}");
    for garbage in [&b""[..], b"PAR1", b"\xFF\xFF\xFF\xFF", b"\xFF\xFF\xFF\xFF\0\0\0\0", &[0xFF; 64]] {
        let error = load(&forged(1, |bytes| *bytes = garbage.to_vec())).unwrap_err();
        assert_eq!(error.kind(), CatalogErrorKind::Inconsistent, "{garbage:?}: {error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_for_a_manifest_are_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(CatalogReader::new(&bytes).is_err());
    }

    #[test]
    fn any_text_for_a_manifest_is_an_error(text in "[{}\\[\\]\":,a-z0-9 ]{0,80}") {
        prop_assert!(CatalogReader::new(text.as_bytes()).is_err());
    }

    #[test]
    fn any_bytes_for_a_file_are_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(load(&forged(0, |file| *file = bytes)).is_err());
    }

    #[test]
    fn several_changes_at_once_do_not_panic(
        file in 0_usize..2,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let catalog = load(&forged(file, |bytes| {
            for (position, value) in &changes {
                let position = position.index(bytes.len());
                bytes[position] = *value;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
        }));
        if let Ok(catalog) = catalog {
            (0..catalog.len()).for_each(|row| drop(catalog.display(row)));
        }
    }
}
