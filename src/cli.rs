//! The command line: every flag is defined here, once; help, man page and completions are derived from it.

#![allow(rustdoc::broken_intra_doc_links, reason = "brackets in a help text are no links")]
#![allow(clippy::doc_markdown, reason = "these comments are help texts, where backticks would be printed")]
#![allow(clippy::struct_excessive_bools, reason = "a flag is a bool")]

mod classify;
mod learn;
#[cfg(feature = "serve")]
mod serve;
mod stages;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

use crate::encoder::Backend;
use crate::llm::OnError;
pub use classify::{Classify, Format, OnBadRow, OutputFormat};
pub use learn::{Embed, EmbedFormat, Eval, EvalStage, Model, ModelCommand, Suggest, Train};
#[cfg(feature = "serve")]
pub use serve::Serve;
pub use stages::{CacheCommand, CachePlace, LlmArguments, LlmCommand, Rules, RulesCommand};

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
    /// Never ask an LLM
    #[arg(long, help_heading = "Stages")]
    pub no_llm: bool,
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
