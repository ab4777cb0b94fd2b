//! `homebody embed` and `homebody model pack`, run as a person would, with what they cannot use.
#![cfg(feature = "cli")]

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use program::{Ran, command, model};

fn embed(arguments: &[&str], input: &[u8]) -> Ran {
    let model = model();
    let mut command = command(Path::new("."), &[&["embed", "--model", model.to_str().unwrap()], arguments].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may be done before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

#[test]
fn lines_that_are_no_objects_are_refused_with_their_number() {
    let good = "{\"id\":1,\"text\":\"hello\"}\n";
    let ran = embed(&[], good.as_bytes());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("{\"id\":1,\"text\":\"hello\",\"vector\":["), "{}", ran.stdout);
    for line in ["[\"hello\", null]", "\"hello\"", "5", "null", "{\"text\":5}", "{\"words\":\"hello\"}"] {
        let ran = embed(&[], format!("{good}{line}\n").as_bytes());
        assert_eq!(ran.code, Some(1), "{line}: {}", ran.stderr);
        let expected = "line 2: expected a JSON object with a string \"text\"";
        assert!(ran.stderr.contains(expected), "{line}: {}", ran.stderr);
    }
}

#[test]
fn damaged_arrow_streams_are_refused() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["an oak", "a fern", "some moss"]));
    let batch = RecordBatch::try_from_iter([("text", texts)]).unwrap();
    let mut stream = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    stream.write(&batch).unwrap();
    let whole = stream.into_inner().unwrap();
    assert_eq!(embed(&[], &whole).code, Some(0), "the stream itself works");
    let mut refused = 0;
    for position in (8..whole.len()).step_by(whole.len() / 40) {
        let mut changed = whole.clone();
        changed[position] ^= 0x10;
        let ran = embed(&[], &changed);
        // The format has no checksums, so a change may go unnoticed; it must not do worse.
        assert!(matches!(ran.code, Some(0 | 1)), "byte {position}: {:?} {}", ran.code, ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "byte {position}: {}", ran.stderr);
        refused += usize::from(ran.code == Some(1));
    }
    assert!(refused > 5, "{refused} of 40");
}

#[test]
fn a_mark_is_passed_over_and_an_arrow_file_is_called_one() {
    let ran = embed(&[], b"\xEF\xBB\xBF{\"text\":\"hello\"}\n");
    assert!(ran.code == Some(0) && ran.stdout.starts_with("{\"text\":\"hello\",\"vector\":["), "{}", ran.stderr);
    let ran = embed(&[], b"ARROW1\0\0");
    assert!(ran.code == Some(1) && ran.stderr.contains("Arrow IPC stream format"), "{}", ran.stderr);
    let ran = embed(&[], b"{\"text\":\"hello\",\"vector\":null}");
    assert!(ran.code == Some(1) && ran.stderr.contains("a \"vector\" already"), "{}", ran.stderr);
}

#[test]
fn a_model_folder_outlives_a_packing_that_stops() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    for name in ["model.onnx", "tokenizer.json"] {
        fs::copy(model().join(name), place(name)).unwrap();
    }
    let pack = |output: &str| {
        let arguments = ["model", "pack", "--onnx", "model.onnx", "--tokenizer", "tokenizer.json", "-o", output];
        command(folder.path(), &arguments)
    };
    // Nobody reads what is said: the folder is whole.
    let mut unread = pack("out").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(unread.stdout.take());
    unread.wait().unwrap();
    let whole = fs::read(place("out/model.json")).unwrap();
    // A file cannot be written: the folder is as it was.
    fs::create_dir(place("out/tokenizer.json.partial")).unwrap();
    let ran = Ran::of(pack("out"));
    assert!(ran.code == Some(1) && ran.stderr.contains("tokenizer.json.partial"), "{}", ran.stderr);
    assert_eq!(fs::read(place("out/model.json")).unwrap(), whole);
    assert!(!place("out/model.onnx.partial").exists());
}

#[test]
fn a_model_is_not_packed_over_the_files_it_is_made_of() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["model.onnx", "tokenizer.json"] {
        fs::copy(model().join(name), folder.path().join(name)).unwrap();
    }
    let before = fs::read(folder.path().join("model.onnx")).unwrap();
    let pack = ["model", "pack", "--onnx", "model.onnx", "--tokenizer", "tokenizer.json", "-o"];
    for output in [".", "../", folder.path().to_str().unwrap()] {
        let inner = folder.path().join("inner");
        fs::create_dir_all(&inner).unwrap();
        let (place, pack) = if output == "../" {
            let names = ["../model.onnx", "../tokenizer.json"];
            (inner.as_path(), [pack[0], pack[1], pack[2], names[0], pack[4], names[1], pack[6]])
        } else {
            (folder.path(), pack)
        };
        let ran = Ran::of(command(place, &[&pack[..], &[output]].concat()));
        assert_eq!(ran.code, Some(1), "{output}: {}", ran.stderr);
        assert!(ran.stderr.contains("would be replaced; give another folder"), "{output}: {}", ran.stderr);
    }
    assert_eq!(fs::read(folder.path().join("model.onnx")).unwrap(), before);
    assert!(!folder.path().join("model.json").exists());
}
