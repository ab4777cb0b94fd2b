//! `homebody model`: making and loading model folders.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Failure, read_file};
use crate::embed::{Embedder, PackOptions, Pooling, pack_model};

#[derive(Args)]
pub(crate) struct Model {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Subcommand)]
enum ModelCommand {
    /// Make a model folder from an ONNX file and its tokenizer.
    Pack(Pack),
}

/// Any BERT-style encoder will do: float32 (its weights become int8), weight-only int8, or dynamically quantized. The
/// folder is written whole or not at all, and its model has run once by then.
#[derive(Args)]
struct Pack {
    /// The encoder, exported for feature extraction (its output is one vector per token).
    #[arg(long, value_name = "FILE")]
    onnx: PathBuf,
    /// The tokenizer.json that was published with it.
    #[arg(long, value_name = "FILE")]
    tokenizer: PathBuf,
    /// How token vectors become one vector; the model's documentation says which.
    #[arg(long, value_enum, default_value = "mean")]
    pooling: PoolingName,
    /// Put before every query, for models that were trained so ("query: ").
    #[arg(long, value_name = "TEXT", default_value = "")]
    query_prefix: String,
    /// Put before every item text ("passage: ").
    #[arg(long, value_name = "TEXT", default_value = "")]
    document_prefix: String,
    /// Longest input in tokens; longer texts are cut. Default: what the tokenizer file states, or the model allows.
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
    /// The model's name, for people. Default: the name of the folder.
    #[arg(long)]
    name: Option<String>,
    /// The folder to make or to replace.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum PoolingName {
    Mean,
    Cls,
}

impl Model {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            ModelCommand::Pack(pack) => pack.run(),
        }
    }
}

impl Pack {
    fn run(self) -> Result<(), Failure> {
        self.spare_input()?;
        let folder_name = || self.output.file_name().map(|n| n.to_string_lossy().into_owned());
        let options = PackOptions {
            name: self.name.clone().or_else(folder_name).unwrap_or_else(|| "model".into()),
            pooling: match self.pooling {
                PoolingName::Mean => Pooling::Mean,
                PoolingName::Cls => Pooling::Cls,
            },
            query_prefix: self.query_prefix,
            document_prefix: self.document_prefix,
            max_tokens: self.max_tokens,
        };
        let (onnx, tokenizer) = (read_file(&self.onnx)?, read_file(&self.tokenizer)?);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}").expect("the template is constant");
        let bar = ProgressBar::new(0).with_style(style).with_message("watching the layers");
        let packed = pack_model(onnx, tokenizer, &options, &mut |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        let packed = packed.map_err(Failure::while_doing(format!("packing {}", self.onnx.display())))?;
        write_folder(&self.output, &packed.files)?;
        let m = &packed.manifest;
        eprintln!(
            "{}: {} dimensions, at most {} tokens, {:.1} MB, {}, run with {}",
            m.name,
            m.dims,
            m.max_tokens,
            m.files.model.bytes as f64 / 1e6,
            &m.sha256[..16],
            packed.runner,
        );
        Ok(())
    }
}

impl Pack {
    /// A folder that holds the files which are packed would have them replaced: the int8 model is not the one that came.
    fn spare_input(&self) -> Result<(), Failure> {
        let Ok(folder) = self.output.canonicalize() else { return Ok(()) };
        for path in [&self.onnx, &self.tokenizer] {
            if path.canonicalize().is_ok_and(|path| path.parent() == Some(&folder)) {
                return Err(Failure::new(format!(
                    "--output: {} holds {}, which would be replaced; give another folder",
                    self.output.display(),
                    path.display()
                )));
            }
        }
        Ok(())
    }
}

/// Writes each file beside its place, and when all are written renames them there, the manifest last: a folder with a manifest is
/// whole, and whatever stops this before the renames leaves the folder as it was.
fn write_folder(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<(), Failure> {
    let failed = |path: &Path| Failure::while_doing(format!("writing {}", path.display()));
    fs::create_dir_all(folder).map_err(|e| failed(folder)(e))?;
    let partial = |name: &str| folder.join(format!("{name}.partial"));
    let write = |(name, bytes): &(String, Vec<u8>)| {
        let path = partial(name);
        let mut file = File::create(&path).map_err(|e| failed(&path)(e))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| failed(&path)(e))
    };
    if let Err(failure) = files.iter().try_for_each(write) {
        files.iter().for_each(|(name, _)| drop(fs::remove_file(partial(name))));
        return Err(failure);
    }
    for (name, _) in files {
        let path = folder.join(name);
        fs::rename(partial(name), &path).map_err(|e| failed(&path)(e))?;
    }
    // A line per file, for scripts; only now, so that nobody who stops reading stops the writing.
    for (name, _) in files {
        writeln!(std::io::stdout(), "{}", folder.join(name).display())
            .map_err(Failure::while_doing("writing to standard output"))?;
    }
    Ok(())
}

/// Loads the model in `folder`.
pub(crate) fn load(folder: &Path) -> Result<Embedder, Failure> {
    let manifest = read_file(&folder.join("model.json"))?;
    let failed = || Failure::while_doing(format!("loading the model in {}", folder.display()));
    let named = crate::embed::ModelManifest::parse(&manifest).map_err(failed())?;
    let onnx = read_file(&folder.join(&named.files.model.path))?;
    let tokenizer = read_file(&folder.join(&named.files.tokenizer.path))?;
    Embedder::from_files(&manifest, &onnx, &tokenizer).map_err(failed())
}
