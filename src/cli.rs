//! The command line: every flag is defined here, once; help, man page and completions are derived from it.

#![allow(rustdoc::broken_intra_doc_links, reason = "brackets in a help text are no links")]
#![allow(clippy::doc_markdown, reason = "these comments are help texts, where backticks would be printed")]
#![allow(clippy::struct_excessive_bools, reason = "a flag is a bool")]

mod classify;
mod history;
mod learn;
mod parse;
mod reading;
#[cfg(feature = "serve")]
mod serve;
mod stages;
mod verdicts;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

use crate::encoder::Backend;
use crate::llm::OnError;
pub use classify::{Addition, Classify, InputFormat, OnBadRow};
pub use history::{Diff, History, HistoryCommand, Report, ReportFormat, Sides, Watch};
pub use learn::{Embed, EmbedFormat, Eval, EvalStage, Model, ModelCommand, Suggest, Train};
pub use parse::{Refusal, parse};
pub use reading::Reading;
#[cfg(feature = "serve")]
pub use serve::Serve;
pub use stages::{CacheCommand, CachePlace, LlmArguments, LlmCommand, Rules, RulesCommand};
pub use verdicts::Learn;

/// Label the messages of a log export: regex rules, then a sentence embedding with a linear classifier,
/// then an optional LLM for whatever is left.
#[derive(Debug, Parser)]
#[command(name = "logclass", version, propagate_version = true, max_term_width = 110)]
#[command(after_help = "\
Examples:
  logclass classify export.csv -o labelled.csv               label a CSV
  logclass classify export.csv --explain -o labelled.csv     also say why, for every row
  logclass classify server.log | grep 'Critical Error'       plain text in, CSV out
  logclass diff yesterday.log today.log                      what is new, gone, more or less frequent
  logclass report export.csv -o report.html                  one page to read or to mail
  logclass suggest export.csv -n 20 -o todo.csv              what to label by hand
  logclass train todo.csv -o mine.safetensors                a model with your own labels
  logclass eval checked.csv --model mine.safetensors         how good it is
  logclass rules test export.csv                             which rule matches which row
  logclass serve                                             a web page and a REST API

`logclass COMMAND --help` explains every flag. Nothing leaves the machine unless an LLM is configured.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Label every record of a CSV, NDJSON, text, Arrow or Parquet file
    Classify(Box<Classify>),
    /// Show differences between two logs, labelled files or histories that chance does not explain
    Diff(Box<Diff>),
    /// Write a report on a log, a labelled file or a history: one page, to read or to mail
    Report(Box<Report>),
    /// Describe, export, prune or join histories made by `classify --history`
    History(History),
    /// Classify the templates of logs ahead of time, into a verdict file that makes later runs faster
    Learn(Box<Learn>),
    /// Train a model on labelled rows
    Train(Train),
    /// Measure precision, recall, calibration and coverage on labelled rows
    Eval(Eval),
    /// List the templates that are most worth labelling by hand
    Suggest(Suggest),
    /// Write the sentence embedding of every row
    Embed(Embed),
    /// List rules, check them, or see what they match
    Rules(Rules),
    /// Describe a model file
    Model(Model),
    /// Probe the LLM endpoint, and manage its cached answers
    Llm(LlmArguments),
    /// Serve a web page and a REST API
    #[cfg(feature = "serve")]
    Serve(Serve),
    /// Print completions for a shell
    Completions {
        /// Shell to print completions for
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
}

/// Which rules, model and encoder to use.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stages")]
pub struct Stages {
    /// Configuration file
    #[arg(long, value_name = "FILE", env = "LOGCLASS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Rule packs to use: names from `logclass rules list`, or files [default: all bundled ones]
    #[arg(long, value_name = "FILE_OR_NAME", value_delimiter = ',')]
    pub rules: Vec<String>,
    /// Model file made by `logclass train` [default: the bundled one]
    #[arg(long, value_name = "FILE", env = "LOGCLASS_MODEL")]
    pub model: Option<PathBuf>,
    /// Sentence encoder: a folder, or hf:ORG/NAME[@REVISION] [default: the bundled one]
    #[arg(long, value_name = "ENCODER")]
    pub encoder: Option<String>,
    /// What computes the embeddings
    #[arg(long, value_enum, value_name = "BACKEND", default_value_t)]
    pub backend: Backend,
}

/// What the LLM may do.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "LLM")]
pub struct LlmFlags {
    /// Never ask an LLM
    #[arg(long, help_heading = "Stages")]
    pub no_llm: bool,
    /// Folder to cache the LLM's answers in, or `off` [default: logclass in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "LOGCLASS_LLM_CACHE")]
    pub llm_cache: Option<String>,
    /// What happens when the LLM does not answer [default: skip]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_llm_error: Option<OnError>,
    /// Maximum number of requests to the LLM, retries included
    #[arg(long, value_name = "N")]
    pub max_requests: Option<u64>,
    /// Maximum number of LLM tokens, prompts and answers together
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<u64>,
    /// Maximum cost of the LLM, at the prices in the configuration file
    #[arg(long, value_name = "AMOUNT")]
    pub max_cost: Option<f64>,
}

/// The columns and the delimiter.
#[derive(Debug, Args)]
#[command(next_help_heading = "Columns")]
pub struct Columns {
    /// Column with the source, by name or number; in NDJSON, Arrow and Parquet, a path such as host.name
    /// [default: source]
    #[arg(long, value_name = "NAME")]
    pub source_column: Option<String>,
    /// The input has no source column
    #[arg(long, conflicts_with = "source_column")]
    pub no_source: bool,
    /// Column with the message, by name or number; in NDJSON, Arrow and Parquet, a path such as log.message
    /// [default: log_message]
    #[arg(long, value_name = "NAME")]
    pub message_column: Option<String>,
    /// Column with the severity, by name or number, or a path. It overrides what the message states
    #[arg(long, value_name = "NAME")]
    pub severity_column: Option<String>,
    /// Delimiter, one byte or `tab` [default: tab for .tsv, else comma unless the header shows ; | or tab]
    #[arg(long, value_name = "BYTE", value_parser = delimiter)]
    pub delimiter: Option<u8>,
}

/// How a command runs.
#[derive(Debug, Args)]
pub struct Running {
    /// Number of threads [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Print only warnings and errors, no progress bar and no summary
    #[arg(short, long)]
    pub quiet: bool,
}

fn probability(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("expected a number from 0 to 1".to_owned()),
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

fn record_bytes(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(bytes) if (1..=1 << 30).contains(&bytes) => Ok(bytes),
        _ => Err("expected a number of bytes from 1 to 1073741824".to_owned()),
    }
}
