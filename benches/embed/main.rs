//! Embedding natively, one thread, beside the onnxruntime Python package on the same file, rounds of both alternating.
//!
//! Measures one text at a time through [`Embedder::embed`], tokenizing and pooling included; onnxruntime gets token ids. Does not
//! measure batches or many threads. Run: `npm run bench -- embed`, which sets `HOMEBODY_TEST_PYTHON` and
//! `HOMEBODY_TEST_PACKAGES`; without them ours is measured alone. The other half, in Chromium, is `run.mjs`.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use homebody::{Embedder, TextKind};

/// Alternations, and runs of each contestant in one.
const ALTERNATIONS: usize = 5;
const ROUNDS: usize = 8;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("build/models/all-MiniLM-L6-v2");
    let read = |name: &str| std::fs::read(folder.join(name)).expect("the model is built: npm run build");
    let embedder =
        Embedder::from_files(&read("model.json"), &read("model.onnx"), &read("tokenizer.json")).expect("it loads");
    let mut baseline = Baseline::start(root, &folder.join("model.onnx"));
    println!("{}, one thread; median of {} (least to most), milliseconds", embedder.runner(), ALTERNATIONS * ROUNDS);
    for tokens in [8, 16, 32, 64, 128] {
        let text = vec!["word"; tokens - 2].join(" ");
        assert_eq!(embedder.token_ids(&text, TextKind::Document).expect("tokens").len(), tokens);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ALTERNATIONS {
            for _ in 0..ROUNDS {
                let started = Instant::now();
                embedder.embed(&text, TextKind::Document).expect("a vector");
                ours.push(started.elapsed().as_secs_f64() * 1000.0);
            }
            if let Some(baseline) = &mut baseline {
                theirs.extend(baseline.run(tokens));
            }
        }
        let mine = Summary::of(&mut ours);
        print!("{tokens:>4} tokens  {mine}");
        if !theirs.is_empty() {
            let other = Summary::of(&mut theirs);
            print!("  onnxruntime {other}  {:.2} ×", mine.median / other.median);
        }
        println!();
    }
}

struct Summary {
    median: f64,
    least: f64,
    most: f64,
}

impl Summary {
    fn of(times: &mut [f64]) -> Self {
        times.sort_by(f64::total_cmp);
        Self { median: times[times.len() / 2], least: times[0], most: times[times.len() - 1] }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:7.2} ({:.2} to {:.2})", self.median, self.least, self.most)
    }
}

/// The other program, which does its rounds when told to.
struct Baseline {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Baseline {
    fn start(root: &Path, model: &Path) -> Option<Self> {
        let Some(packages) = std::env::var_os("HOMEBODY_TEST_PYTHON").map(PathBuf::from) else {
            println!("onnxruntime is not measured: HOMEBODY_TEST_PYTHON is not set (npm run bench -- embed sets it)");
            return None;
        };
        let mut child = Command::new("python3")
            .arg(root.join("benches/embed/onnxruntime_baseline.py"))
            .arg(model)
            .env("PYTHONPATH", packages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let (to, from) = (child.stdin.take().expect("piped"), BufReader::new(child.stdout.take().expect("piped")));
        Some(Self { child, to, from })
    }

    fn run(&mut self, tokens: usize) -> Vec<f64> {
        writeln!(self.to, "{tokens} {ROUNDS}").expect("it listens");
        let mut line = String::new();
        self.from.read_line(&mut line).expect("it answers");
        line.split_whitespace().map(|time| time.parse().expect("a number")).collect()
    }
}

impl Drop for Baseline {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
