//! Arguments of `classify`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

use super::{Columns, LlmFlags, Running, Stages, probability, record_bytes};

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
