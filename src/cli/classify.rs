//! Arguments of `classify`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

use super::{LlmFlags, Reading, Running, Stages, Watch, probability};
use crate::session::OutputFormat;

/// `classify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  logclass classify export.csv -o labelled.csv
  logclass classify export.csv.gz --explain --summary figures.json -o labelled.csv.gz
  logclass classify logs/*.csv -o labelled/
  logclass classify export.csv --on-bad-row skip --rejects bad.csv -o labelled.csv
  logclass classify --format ndjson --on-bad-row unclassified --only-label --quiet    # in another program
  logclass classify --no-header --source-column 2 --message-column 5 < export.csv
  journalctl -f -o json | logclass classify --follow --format ndjson --message-column MESSAGE
  logclass classify server.log | grep 'Critical Error'
  logclass classify server.log --except 'System Notification' --except 'HTTP Status' > worth-reading.csv
  logclass classify server.log --history nightly.history --fail-on 'new:Critical Error' -o labelled.csv
  logclass classify export.parquet --message-column body.text -o labelled.parquet
  logclass classify server.log --multiline off --add severity,template -o labelled.ndjson

gzip, Zstandard and UTF-16 with a byte order mark are recognised by the first bytes of the input.
File names: .tsv is CSV with tabs, .ndjson, .jsonl and .json are NDJSON, .log is text, also rotated (.log.1);
.gz or .zst may follow. Arrow (.arrow, .arrows, .feather) and Parquet (.parquet) are also recognised by their
first bytes, and come back as what they are.

Exit status: 0 done; 1 failed; 2 usage error; 3 finished, but rows were rejected or not answered by the LLM;
4 finished, and a condition of --fail-on is met (comes before 3); 130, 143 interrupted.")]
pub struct Classify {
    /// CSV with the columns source and log_message, NDJSON, text, Arrow or Parquet; - is standard input
    pub inputs: Vec<PathBuf>,
    /// File to write, which appears complete or not at all; - is standard output. For several inputs: a
    /// folder
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Format of the input [default: by its file name, else csv]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Input and output")]
    pub format: Option<InputFormat>,
    /// Output format for text input [default: by the output's file name, else csv]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Input and output")]
    pub output_format: Option<OutputFormat>,
    /// Write Arrow streams without their end marker, for a reader that mistakes it for the next stream
    /// (ClickHouse's ArrowStream)
    #[cfg(feature = "columnar")]
    #[arg(long, help_heading = "Input and output")]
    pub no_end_of_stream: bool,
    /// Write each record as it arrives, for an input that does not end
    #[arg(long, help_heading = "Input and output")]
    pub follow: bool,
    /// What to do with a record that cannot be read
    #[arg(long, value_enum, value_name = "WHAT", default_value_t, help_heading = "Input and output")]
    pub on_bad_row: OnBadRow,
    /// CSV file for skipped records, each with its file, line, byte and reason
    #[arg(long, value_name = "FILE", help_heading = "Input and output")]
    pub rejects: Option<PathBuf>,
    /// Write only rows with this label; may be given several times
    #[arg(long, value_name = "LABEL", help_heading = "Input and output", conflicts_with = "except")]
    pub only: Vec<String>,
    /// Write only rows without this label; may be given several times
    #[arg(long, value_name = "LABEL", help_heading = "Input and output")]
    pub except: Vec<String>,
    /// Write the label without the record's own columns; --explain and --add still add theirs. For NDJSON, an
    /// object for each record
    #[arg(long, help_heading = "Input and output")]
    pub only_label: bool,
    /// Put an apostrophe before cells that a spreadsheet would run as a formula (beginning with =, +, -, @,
    /// a tab or a line ending); this changes the data
    #[arg(long, help_heading = "Input and output")]
    pub csv_safe: bool,
    /// The stages.
    #[command(flatten)]
    pub stages: Stages,
    /// How the input is read.
    #[command(flatten)]
    pub reading: Reading,
    /// Name of the column to add [default: target_label]
    #[arg(long, value_name = "NAME", help_heading = "Columns")]
    pub label_column: Option<String>,
    /// Overwrite the label column if it exists already
    #[arg(long, help_heading = "Columns")]
    pub overwrite: bool,
    /// Also add the columns label_stage, label_confidence and label_reason
    #[arg(long)]
    pub explain: bool,
    /// Also add these columns, or fields in NDJSON
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub add: Vec<Addition>,
    /// Confidence from 0 to 1 below which the model abstains [default: the model's own]
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Stages")]
    pub min_confidence: Option<f32>,
    /// Ask the encoder about every template, also where the model's lexical path is sure: slower, and a few
    /// labels in a thousand may differ
    #[arg(long, help_heading = "Stages")]
    pub thorough: bool,
    /// Verdict file made by `logclass learn` with the same model, rules and configuration: templates in it
    /// need not be encoded again
    #[arg(long, value_name = "FILE", help_heading = "Stages")]
    pub verdicts: Option<PathBuf>,
    /// The LLM.
    #[command(flatten)]
    pub llm: LlmFlags,
    /// What it remembers.
    #[command(flatten)]
    pub watch: Watch,
    /// Classify without writing rows or asking the LLM; report what a run would do and what the
    /// LLM would cost
    #[arg(long)]
    pub dry_run: bool,
    /// Write the figures of the run to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Minimum number of templates to remember; bounds the memory of a run
    #[arg(long, value_name = "N", default_value_t = 200_000, help_heading = "Limits")]
    pub table_size: usize,
    /// How it runs.
    #[command(flatten)]
    pub running: Running,
}

/// What `--format` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// Fields between delimiters
    Csv,
    /// One JSON object per line
    Ndjson,
    /// One message per line
    Text,
    /// Arrow's IPC format: a file, or one stream after another
    #[cfg(feature = "columnar")]
    Arrow,
    /// Parquet
    #[cfg(feature = "columnar")]
    Parquet,
}

/// What `--add` adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Addition {
    /// The severity: trace, debug, info, warn, error or fatal; empty where the record states none
    Severity,
    /// The template: the body of the message with its variable parts masked
    Template,
}

/// What to do with a record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OnBadRow {
    /// Stop, without output
    #[default]
    Fail,
    /// Write it to --rejects and continue
    Skip,
    /// Write a row for it, with its text as the message and the label Unclassified: as many rows out as in
    Unclassified,
}
