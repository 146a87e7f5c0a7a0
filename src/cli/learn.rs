//! Arguments of the commands that train, judge and look into a model: `train`, `eval`, `suggest`, `embed`, `model`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

use super::{Columns, Running, Stages, probability};
use crate::encoder::Backend;

/// `train`.
#[derive(Debug, Args)]
pub struct Train {
    /// CSV files with a message and a label column
    #[arg(required = true, value_name = "LABELLED")]
    pub inputs: Vec<PathBuf>,
    /// Model file to write
    #[arg(short, long, value_name = "MODEL")]
    pub output: PathBuf,
    /// Column of the label
    #[arg(long, value_name = "NAME", default_value = "target_label")]
    pub label_column: String,
    /// Column of the message
    #[arg(long, value_name = "NAME", default_value = "log_message")]
    pub message_column: String,
    /// Sentence encoder: a folder, or hf:ORG/NAME[@REVISION] [default: the bundled one]
    #[arg(long, value_name = "ENCODER")]
    pub encoder: Option<String>,
    /// What computes the vectors
    #[arg(long, value_enum, value_name = "BACKEND", default_value_t)]
    pub backend: Backend,
    /// Precision that the confidence threshold is chosen for
    #[arg(long, value_name = "P", default_value_t = 0.95, value_parser = precision)]
    pub precision: f64,
    /// Seed of the cross-validation's folds
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
  logclass eval labelled.csv --cv 5")]
pub struct Eval {
    /// CSV with source, message and label columns
    #[arg(value_name = "LABELLED")]
    pub input: PathBuf,
    /// Column of the right label
    #[arg(long, value_name = "NAME", default_value = "target_label", help_heading = "Columns")]
    pub label_column: String,
    /// Evaluate training itself: train on parts of the rows and predict the others, templates never on both sides
    #[arg(long, value_name = "FOLDS", value_parser = clap::value_parser!(u16).range(2..=100))]
    pub cv: Option<u16>,
    /// With --cv: keep the rows of one group (say, of one system) together, too
    #[arg(long, value_name = "NAME", requires = "cv")]
    pub group_column: Option<String>,
    /// With --cv: seed of the folds
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// What is evaluated
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
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw the confusion matrix and the reliability curve
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// The stages.
    #[command(flatten)]
    pub stages: Stages,
    /// The columns.
    #[command(flatten)]
    pub columns: Columns,
    /// How it runs.
    #[command(flatten)]
    pub running: Running,
}

/// What `eval` evaluates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum EvalStage {
    /// Rules and model, as classify runs them
    #[default]
    All,
    /// The model alone
    Model,
}

/// `suggest`.
#[derive(Debug, Args)]
#[command(after_help = "\
The result has an empty label column: fill it in and give it to `logclass train`, with what was labelled before.")]
pub struct Suggest {
    /// CSV with the columns source and log_message, labelled or not; - is standard input
    pub input: Option<PathBuf>,
    /// File to write; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Templates to suggest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub count: usize,
    /// The stages.
    #[command(flatten)]
    pub stages: Stages,
    /// The columns.
    #[command(flatten)]
    pub columns: Columns,
    /// How it runs.
    #[command(flatten)]
    pub running: Running,
}

/// `embed`.
#[derive(Debug, Args)]
pub struct Embed {
    /// CSV with a message column; - is standard input
    pub input: Option<PathBuf>,
    /// File to write; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Format [default: by the output's name, else ndjson]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<EmbedFormat>,
    /// Embed the messages as they are, numbers and identifiers not masked
    #[arg(long)]
    pub raw: bool,
    /// Sentence encoder: a folder, or hf:ORG/NAME[@REVISION] [default: the bundled one]
    #[arg(long, value_name = "ENCODER")]
    pub encoder: Option<String>,
    /// What computes the vectors
    #[arg(long, value_enum, value_name = "BACKEND", default_value_t)]
    pub backend: Backend,
    /// The columns.
    #[command(flatten)]
    pub columns: Columns,
    /// How it runs.
    #[command(flatten)]
    pub running: Running,
}

/// Formats of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum EmbedFormat {
    /// One JSON array a line
    Ndjson,
    /// One row of numbers a line, below a header
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
    /// Labels, encoder, hashes, thresholds and cross-validated figures of a model
    Info {
        /// Model file [default: the bundled one]
        model: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn precision(text: &str) -> Result<f64, String> {
    probability(text).map(f64::from)
}
