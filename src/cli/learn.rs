//! Arguments of the commands that train, evaluate and inspect a model: `train`, `eval`, `suggest`, `embed`,
//! `model`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

use super::{Reading, Running, Stages, probability};
use crate::encoder::Backend;
use crate::session::Format;
use crate::train::Prior;

/// `train`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  logclass train labelled.csv -o mine.safetensors
  logclass train mine.csv from-llm.csv --group-column source -o mine.safetensors
  logclass train logs/ --prior 'System Notification=0.6' -o mine.safetensors
  logclass train logs/ --fine-tune-encoder encoder/ -o mine.safetensors")]
pub struct Train {
    /// CSV or NDJSON files with a message and a label column, or folders of CSV files
    #[arg(required = true, value_name = "LABELLED")]
    pub inputs: Vec<PathBuf>,
    /// Model file to write
    #[arg(short, long, value_name = "MODEL")]
    pub output: PathBuf,
    /// Configuration file, of which [columns] is used
    #[arg(long, value_name = "FILE", env = "LOGCLASS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Format of the inputs [default: by their file names, else csv]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Input and output")]
    pub format: Option<Format>,
    /// Column with the label [default: target_label]
    #[arg(long, value_name = "NAME", help_heading = "Columns")]
    pub label_column: Option<String>,
    /// How the inputs are read.
    #[command(flatten)]
    pub reading: Reading,
    /// Sentence encoder: a folder, or hf:ORG/NAME[@REVISION] [default: the bundled one]
    #[arg(long, value_name = "ENCODER")]
    pub encoder: Option<String>,
    /// What computes the embeddings
    #[arg(long, value_enum, value_name = "BACKEND", default_value_t)]
    pub backend: Backend,
    /// Precision to choose the confidence threshold for
    #[arg(long, value_name = "P", default_value_t = 0.95, value_parser = precision)]
    pub precision: f64,
    /// Share of the labels given without the encoder that the full model should agree with; 1 sends every
    /// template but those trained on to the encoder
    #[arg(long, value_name = "P", default_value_t = 0.995, value_parser = precision)]
    pub early_agreement: f64,
    /// Column with groups (programs, say): hold out whole groups in cross-validation, so that the figures
    /// hold for groups that the model has not seen
    #[arg(long, value_name = "NAME")]
    pub group_column: Option<String>,
    /// How often to expect each label: `data` (as among the distinct messages given), `balanced`
    /// (all alike), or LABEL=SHARE,... (the others divide the rest)
    #[arg(long, value_name = "PRIOR", default_value = "data", value_parser = prior)]
    pub prior: Prior,
    /// How much the rows of one input count compared with the others, from 0 to 1 [default: 1]
    #[arg(long, value_name = "LABELLED=WEIGHT", value_parser = weight)]
    pub weight: Vec<(PathBuf, f32)>,
    /// Fine-tune the encoder on these rows first, and write it to this folder; the model then needs it as
    /// its --encoder. An eighth of the groups is held out, and everything else is chosen on those
    #[arg(long, value_name = "DIR", help_heading = "Fine-tuning")]
    #[cfg_attr(not(feature = "candle"), arg(value_parser = no_fine_tuning))]
    pub fine_tune_encoder: Option<PathBuf>,
    /// How many times fine-tuning sees each row; 0 uses the encoder that an earlier run left in the folder
    #[arg(long, value_name = "N", default_value_t = 2, requires = "fine_tune_encoder", help_heading = "Fine-tuning",
          value_parser = clap::value_parser!(u16).range(0..=100))]
    pub epochs: u16,
    /// Peak learning rate of fine-tuning
    #[arg(long, value_name = "RATE", default_value_t = 3e-5, requires = "fine_tune_encoder",
          help_heading = "Fine-tuning", value_parser = learning_rate)]
    pub learning_rate: f64,
    /// Seed for the cross-validation folds and for fine-tuning
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// How it runs.
    #[command(flatten)]
    pub running: Running,
}

/// `eval`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  logclass eval labelled.csv
  logclass eval labelled.csv --model mine.safetensors --plot quality.svg
  logclass eval labelled.csv --cv 5 --group-column source")]
pub struct Eval {
    /// CSV or NDJSON with message and label columns, and a source column if rules need it; - is standard
    /// input
    #[arg(value_name = "LABELLED")]
    pub input: PathBuf,
    /// Format of the input [default: by its file name, else csv]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Input and output")]
    pub format: Option<Format>,
    /// Column with the correct label [default: target_label]
    #[arg(long, value_name = "NAME", help_heading = "Columns")]
    pub label_column: Option<String>,
    /// Evaluate training itself: train on some of the rows and predict the others, with no template on both
    /// sides
    #[arg(long, value_name = "FOLDS", value_parser = clap::value_parser!(u16).range(2..=100))]
    pub cv: Option<u16>,
    /// With --cv: column with groups (systems, say); hold out whole groups
    #[arg(long, value_name = "NAME", requires = "cv")]
    pub group_column: Option<String>,
    /// With --cv: seed for the folds
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// What to evaluate
    #[arg(
        long,
        value_name = "STAGE",
        value_enum,
        default_value_t,
        conflicts_with = "cv",
        help_heading = "Stages"
    )]
    pub stage: EvalStage,
    /// Confidence from 0 to 1 below which the model abstains [default: the model's own]
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Stages")]
    pub min_confidence: Option<f32>,
    /// Ask the encoder about every template, also where the model's lexical path is sure: slower, and a few
    /// labels in a thousand may differ
    #[arg(long, conflicts_with = "cv", help_heading = "Stages")]
    pub thorough: bool,
    /// Write the report to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw the confusion matrix and the reliability curve into this file
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// The stages.
    #[command(flatten)]
    pub stages: Stages,
    /// How the input is read.
    #[command(flatten)]
    pub reading: Reading,
    /// How it runs.
    #[command(flatten)]
    pub running: Running,
}

/// What `eval` evaluates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum EvalStage {
    /// Rules and model, as in classify
    #[default]
    All,
    /// The model alone
    Model,
}

/// `suggest`.
#[derive(Debug, Args)]
#[command(after_help = "\
The output has an empty label column: fill it in, then train on the file, with what you labelled before.")]
pub struct Suggest {
    /// CSV with the columns source and log_message, labelled or not, NDJSON or text; - is standard input
    pub input: Option<PathBuf>,
    /// File to write; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Format of the input [default: by its file name, else csv]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Input and output")]
    pub format: Option<Format>,
    /// Number of templates to suggest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub count: usize,
    /// The stages.
    #[command(flatten)]
    pub stages: Stages,
    /// How the input is read.
    #[command(flatten)]
    pub reading: Reading,
    /// How it runs.
    #[command(flatten)]
    pub running: Running,
}

/// `embed`.
#[derive(Debug, Args)]
pub struct Embed {
    /// CSV with a message column, NDJSON or text; - is standard input
    pub input: Option<PathBuf>,
    /// File to write; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Output format [default: by the output's file name, else ndjson]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<EmbedFormat>,
    /// Format of the input [default: by its file name, else csv]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Input and output")]
    pub input_format: Option<Format>,
    /// Configuration file, of which [columns] is used
    #[arg(long, value_name = "FILE", env = "LOGCLASS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Embed the messages as they are, without masking numbers and identifiers
    #[arg(long)]
    pub raw: bool,
    /// Sentence encoder: a folder, or hf:ORG/NAME[@REVISION] [default: the bundled one]
    #[arg(long, value_name = "ENCODER")]
    pub encoder: Option<String>,
    /// What computes the embeddings
    #[arg(long, value_enum, value_name = "BACKEND", default_value_t)]
    pub backend: Backend,
    /// How the input is read.
    #[command(flatten)]
    pub reading: Reading,
    /// How it runs.
    #[command(flatten)]
    pub running: Running,
}

/// Formats of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum EmbedFormat {
    /// One JSON array per line
    Ndjson,
    /// A header, then one row of numbers per line
    Csv,
    /// A NumPy array of float32
    Npy,
}

/// `model`.
#[derive(Debug, Args)]
pub struct Model {
    /// What to do.
    #[command(subcommand)]
    pub command: ModelCommand,
}

/// The commands of `model`.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Print the labels, encoder, hashes, thresholds and cross-validated figures of a model
    Info {
        /// Model file [default: the bundled one]
        model: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn prior(text: &str) -> Result<Prior, String> {
    match text {
        "data" => return Ok(Prior::Data),
        "balanced" => return Ok(Prior::Balanced),
        _ => {}
    }
    let mut named = Vec::new();
    for part in text.split(',') {
        let expected =
            || format!("{part:?}: expected `data`, `balanced`, or LABEL=SHARE with a share between 0 and 1");
        let (label, share) = part.rsplit_once('=').ok_or_else(expected)?;
        let share: f64 = share.trim().parse().map_err(|_| expected())?;
        if !(share > 0.0 && share < 1.0) {
            return Err(expected());
        }
        named.push((label.trim().to_owned(), share));
    }
    if named.iter().map(|(_, share)| share).sum::<f64>() > 1.0 {
        return Err("the shares add up to more than 1".to_owned());
    }
    Ok(Prior::Named(named))
}

fn weight(text: &str) -> Result<(PathBuf, f32), String> {
    let expected = || "expected LABELLED=WEIGHT, one of the inputs and a number from 0 to 1".to_owned();
    let (path, weight) = text.rsplit_once('=').ok_or_else(expected)?;
    let weight = probability(weight).map_err(|_| expected())?;
    Ok((PathBuf::from(path), weight))
}

fn learning_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 0.1 => Ok(rate),
        _ => Err("expected a number above 0, at most 0.1".to_owned()),
    }
}

fn precision(text: &str) -> Result<f64, String> {
    probability(text).map(f64::from)
}

/// A build without fine-tuning says so before anything is read.
#[cfg(not(feature = "candle"))]
fn no_fine_tuning(_: &str) -> Result<PathBuf, String> {
    Err(crate::train::fine_tune::NOT_BUILT.to_owned())
}
