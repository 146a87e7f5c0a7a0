//! The command line: every flag is defined here, once; help, man page and completions are derived from it.

#![allow(rustdoc::broken_intra_doc_links, reason = "brackets in a help text are no links")]
#![allow(clippy::doc_markdown, reason = "these comments are help texts, where backticks would be printed")]
#![allow(clippy::struct_excessive_bools, reason = "a flag is a bool")]

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

use crate::encoder::Backend;
use crate::llm::OnError;

/// Label the log messages of a CSV file: regex rules, then a sentence embedding with a linear classifier, then an
/// optional LLM for what is left.
#[derive(Debug, Parser)]
#[command(name = "logclass", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Label every row of a CSV file
    Classify(Box<Classify>),
    /// Train a model from labelled rows
    Train(Train),
    /// Measure precision, recall, calibration and coverage on labelled rows
    Eval(Eval),
    /// Name the templates that are most worth labelling by hand
    Suggest(Suggest),
    /// Write the sentence embedding of every row
    Embed(Embed),
    /// Check rules, or see what they match
    Rules(Rules),
    /// Tell what a model file is
    Model(Model),
    /// Probe the LLM endpoint, see to the answers it gave
    Llm(LlmArguments),
    /// Serve a web page and a REST API
    #[cfg(feature = "serve")]
    Serve(Serve),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
}

/// `classify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  logclass classify export.csv -o labelled.csv
  logclass classify export.csv.gz --explain --summary figures.json -o labelled.csv.gz
  logclass classify logs/*.csv -o labelled/
  logclass classify export.csv --on-bad-row skip --rejects bad.csv -o labelled.csv
  logclass classify --no-header --source-column 2 --message-column 5 < export.csv
  journalctl -f -o json | logclass classify --follow --format ndjson --message-column MESSAGE
  logclass classify server.log | grep 'Critical Error'

Input compressed with gzip or Zstandard and UTF-16 with a byte order mark are recognised by their first bytes.
Names: .tsv has tabs between fields; .ndjson and .jsonl are ndjson, .log is text; each also with .gz or .zst behind.

Exit status: 0 done; 1 failed; 2 usage; 3 finished, but rows were rejected or the LLM could not answer some;
130, 143 interrupted.")]
pub struct Classify {
    /// CSV with the columns source and log_message, NDJSON or text; - is standard input
    pub inputs: Vec<PathBuf>,
    /// File to write, which appears whole or not at all; - is standard output. For several inputs, a folder
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What the input is [default: as its name says, else csv]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Input and output")]
    pub format: Option<Format>,
    /// What lines of text become [default: as the output's name says, else csv]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Input and output")]
    pub output_format: Option<OutputFormat>,
    /// Label each line as it comes, for an input that goes on
    #[arg(long, help_heading = "Input and output")]
    pub follow: bool,
    /// What to do with a record that cannot be read
    #[arg(long, value_enum, value_name = "WHAT", default_value_t, help_heading = "Input and output")]
    pub on_bad_row: OnBadRow,
    /// CSV to write the skipped records to, each with file, line, byte and reason
    #[arg(long, value_name = "FILE", help_heading = "Input and output")]
    pub rejects: Option<PathBuf>,
    /// Put an apostrophe before cells that a spreadsheet would run (=, +, -, @, tab, line end); changes the data
    #[arg(long, help_heading = "Input and output")]
    pub csv_safe: bool,
    /// The stages.
    #[command(flatten)]
    pub stages: Stages,
    /// The columns.
    #[command(flatten)]
    pub columns: Columns,
    /// Column to add
    #[arg(long, value_name = "NAME", help_heading = "Columns")]
    pub label_column: Option<String>,
    /// Overwrite the label column if there is one
    #[arg(long, help_heading = "Columns")]
    pub overwrite: bool,
    /// The first line is a record: columns are given by number, from 1
    #[arg(long, help_heading = "Columns")]
    pub no_header: bool,
    /// Add label_stage, label_confidence and label_reason
    #[arg(long)]
    pub explain: bool,
    /// Confidence from 0 to 1 below which the model abstains [default: the model's own]
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Stages")]
    pub min_confidence: Option<f32>,
    /// Never ask an LLM
    #[arg(long, help_heading = "Stages")]
    pub no_llm: bool,
    /// The LLM.
    #[command(flatten)]
    pub llm: LlmFlags,
    /// Classify without writing rows or asking the LLM, and tell what a run would do and what the LLM would take
    #[arg(long)]
    pub dry_run: bool,
    /// Write the run's figures as JSON
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Templates to remember at the least; bounds the memory of a run
    #[arg(long, value_name = "N", default_value_t = 200_000, help_heading = "Limits")]
    pub table_size: usize,
    /// Longest record, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20, value_parser = record_bytes, help_heading = "Limits")]
    pub max_record_bytes: usize,
    /// Bytes that a compressed input may become
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 40, help_heading = "Limits")]
    pub max_decompressed_bytes: u64,
    /// How it runs.
    #[command(flatten)]
    pub running: Running,
}

/// What an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Fields between delimiters
    Csv,
    /// A JSON object a line
    Ndjson,
    /// A message a line
    Text,
}

/// What lines of text become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A column for the line, and the label
    Csv,
    /// An object with the line and the label
    Ndjson,
}

/// What to do with a record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OnBadRow {
    /// End the run without output
    #[default]
    Fail,
    /// Write it to --rejects and go on
    Skip,
}

/// Which rules, model and encoder.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stages")]
pub struct Stages {
    /// Configuration file
    #[arg(long, value_name = "FILE", env = "LOGCLASS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Model file made by `logclass train` [default: the bundled one]
    #[arg(long, value_name = "FILE", env = "LOGCLASS_MODEL")]
    pub model: Option<PathBuf>,
    /// Sentence encoder: a folder, or hf:ORG/NAME[@REVISION] [default: the bundled one]
    #[arg(long, value_name = "ENCODER")]
    pub encoder: Option<String>,
    /// What computes the vectors
    #[arg(long, value_enum, value_name = "BACKEND", default_value_t)]
    pub backend: Backend,
}

/// What the LLM may do.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "LLM")]
pub struct LlmFlags {
    /// Folder to keep the LLM's answers in, or `off` [default: logclass in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "LOGCLASS_LLM_CACHE")]
    pub llm_cache: Option<String>,
    /// What becomes of the run when the LLM does not answer [default: skip]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_llm_error: Option<OnError>,
    /// Most requests to the LLM, repeated ones included
    #[arg(long, value_name = "N")]
    pub max_requests: Option<u64>,
    /// Most tokens of the LLM's prompts and answers together
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<u64>,
    /// Most money for the LLM, by the prices in the configuration
    #[arg(long, value_name = "AMOUNT")]
    pub max_cost: Option<f64>,
}

/// Which columns, and what is between them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Columns")]
pub struct Columns {
    /// Column of the source, by name or number; in ndjson a path such as host.name [default: source]
    #[arg(long, value_name = "NAME")]
    pub source_column: Option<String>,
    /// The input has no source column
    #[arg(long, conflicts_with = "source_column")]
    pub no_source: bool,
    /// Column of the message, by name or number; in ndjson a path such as log.message [default: log_message]
    #[arg(long, value_name = "NAME")]
    pub message_column: Option<String>,
    /// Byte between fields, or `tab` [default: a tab for .tsv, else a comma unless the header shows ; | or a tab]
    #[arg(long, value_name = "BYTE", value_parser = delimiter)]
    pub delimiter: Option<u8>,
}

/// How a command runs.
#[derive(Debug, Args)]
pub struct Running {
    /// Threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// No progress bar, no summary; warnings and errors only
    #[arg(short, long)]
    pub quiet: bool,
}

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
    /// Leave the rules out
    #[arg(long)]
    pub model_only: bool,
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

/// `rules`.
#[derive(Debug, Args)]
pub struct Rules {
    /// What to do.
    #[command(subcommand)]
    pub command: RulesCommand,
}

/// The commands of `rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Validate the rules of a configuration file; name duplicates and rules that can never match first
    Check {
        /// Configuration file [default: the bundled rules]
        #[arg(env = "LOGCLASS_CONFIG")]
        config: Option<PathBuf>,
    },
    /// Show which rule matches which row, and what is left over
    Test {
        /// CSV with the columns source and log_message; - is standard input
        input: Option<PathBuf>,
        /// Configuration file [default: the bundled rules]
        #[arg(long, value_name = "FILE", env = "LOGCLASS_CONFIG")]
        config: Option<PathBuf>,
        /// The columns.
        #[command(flatten)]
        columns: Columns,
        /// Rows to show for each rule, and of those left over
        #[arg(long, value_name = "N", default_value_t = 3)]
        examples: usize,
    },
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

/// `llm`.
#[derive(Debug, Args)]
pub struct LlmArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: LlmCommand,
}

/// The commands of `llm`.
#[derive(Debug, Subcommand)]
pub enum LlmCommand {
    /// Send one probe to the endpoint and tell what works
    Check {
        /// The labels.
        #[command(flatten)]
        stages: Stages,
    },
    /// The answers kept on disk
    Cache {
        /// What to do.
        #[command(subcommand)]
        command: CacheCommand,
    },
    /// Write the answers kept on disk as a labelled CSV, to look through and then train with
    #[command(after_help = "\
Example:
  logclass llm export -o from-llm.csv     # look through it, correct it
  logclass train own.csv from-llm.csv -o model.safetensors")]
    Export {
        /// File to write, which appears whole or not at all; - is standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Only the answers of this model
        #[arg(long, value_name = "NAME")]
        llm_model: Option<String>,
        /// Also the templates that fit no label, as Unclassified
        #[arg(long)]
        unclassified: bool,
        /// Where they are.
        #[command(flatten)]
        place: CachePlace,
    },
}

/// The commands of `llm cache`.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Where the answers are, how many, how old
    Info {
        /// Where they are.
        #[command(flatten)]
        place: CachePlace,
    },
    /// Remove all answers
    Clear {
        /// Where they are.
        #[command(flatten)]
        place: CachePlace,
    },
}

/// Where answers are kept.
#[derive(Debug, Args)]
pub struct CachePlace {
    /// Configuration file
    #[arg(long, value_name = "FILE", env = "LOGCLASS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder that the LLM's answers are kept in [default: logclass in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "LOGCLASS_LLM_CACHE")]
    pub llm_cache: Option<String>,
}

/// `serve`.
#[cfg(feature = "serve")]
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  logclass serve
  curl -F file=@export.csv -o labelled.csv http://localhost:5000/classify
  LOGCLASS_TOKEN=$(openssl rand -hex 32) logclass serve --host 0.0.0.0

LOGCLASS_TOKEN is the secret that clients must show (Authorization: Bearer TOKEN). Temporary files go to TMPDIR.

All requests share one LLM stage: --max-requests, --max-tokens and --max-cost (or the same in [llm]) hold for
everything that is asked until the server ends, and what is beyond them is answered by rules and model. After
failures the stage pauses for pause_seconds, then tries again.")]
pub struct Serve {
    /// Address to listen on; another than this machine's own needs LOGCLASS_TOKEN
    #[arg(long, value_name = "ADDRESS", env = "LOGCLASS_HOST", default_value = "127.0.0.1")]
    pub host: std::net::IpAddr,
    /// Port to listen on; 0 takes any that is free
    #[arg(long, value_name = "PORT", env = "PORT", default_value_t = 5000)]
    pub port: u16,
    /// Serve other machines without a token
    #[arg(long, help_heading = "Safety")]
    pub insecure_no_auth: bool,
    /// Name by which clients may call the server, beside localhost and addresses; may be repeated
    #[arg(
        long,
        value_name = "NAME",
        env = "LOGCLASS_ALLOW_HOST",
        value_delimiter = ',',
        help_heading = "Safety"
    )]
    pub allow_host: Vec<String>,
    /// Longest upload, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30, help_heading = "Limits")]
    pub max_body_bytes: u64,
    /// Longest record, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20, value_parser = record_bytes, help_heading = "Limits")]
    pub max_record_bytes: usize,
    /// Bytes that a compressed upload may become
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30, help_heading = "Limits")]
    pub max_decompressed_bytes: u64,
    /// Files classified at once; more are told to come back
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Limits")]
    pub max_concurrent: u16,
    /// Connections held at once
    #[arg(long, value_name = "N", default_value_t = 900, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Limits")]
    pub max_connections: u16,
    /// Seconds a client may take for a request's head, be silent in its body, or leave an answer untaken
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = "Limits")]
    pub timeout: u64,
    /// Seconds that the page's results are kept
    #[arg(long, value_name = "SECONDS", default_value_t = 1_800, value_parser = clap::value_parser!(u64).range(1..=604_800), help_heading = "Limits")]
    pub keep_results: u64,
    /// Results of the page kept at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Limits")]
    pub max_jobs: u16,
    /// Seconds that running requests get to finish after SIGTERM or Ctrl-C
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=86_400), help_heading = "Limits")]
    pub grace: u64,
    /// Ask the server at this address and port whether it is well, and tell by the exit status
    #[arg(long)]
    pub check: bool,
    /// How the line for each request is written to stderr
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub log_format: crate::serve::LogFormat,
    /// The stages.
    #[command(flatten)]
    pub stages: Stages,
    /// The columns.
    #[command(flatten)]
    pub columns: Columns,
    /// Confidence from 0 to 1 below which the model abstains [default: the model's own]
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Stages")]
    pub min_confidence: Option<f32>,
    /// Never ask an LLM
    #[arg(long, help_heading = "Stages")]
    pub no_llm: bool,
    /// The LLM.
    #[command(flatten)]
    pub llm: LlmFlags,
    /// Threads that classify a file [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

fn probability(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

fn precision(text: &str) -> Result<f64, String> {
    probability(text).map(f64::from)
}

fn record_bytes(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(bytes) if (1..=1 << 30).contains(&bytes) => Ok(bytes),
        _ => Err("expected a number of bytes from 1 to 1073741824".to_owned()),
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text == "tab" || text == "\\t" => Ok(b'\t'),
        [b'"' | b'\n' | b'\r'] => Err("a quote or a line end cannot stand between fields".to_owned()),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("expected one ASCII character, or `tab`".to_owned()),
    }
}
