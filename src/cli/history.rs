//! Arguments of what tells what is new: the flags of `classify` for it, `history`, `diff` and `report`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

use super::{Reading, Running, Stages};
use crate::history::ExportFormat;
use crate::history::alert::Condition;
use crate::history::diff::Format as DiffFormat;
use crate::session::Format;

/// What a run of `classify` remembers, and what it warns of.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "History and alerts")]
pub struct Watch {
    /// File that counts the templates of every run, per source, label and time; the first run makes it, and
    /// only runs that succeed change it
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// Maximum number of templates in the history; the oldest and rarest go first
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = history_size)]
    pub history_size: usize,
    /// End with exit status 4 if this is met; may be given several times: new:LABEL (a template that the
    /// history does not have), more:LABEL (more frequent than chance allows), count:LABEL>N (also >=, <, <=);
    /// LABEL may be any
    #[arg(long, value_name = "CONDITION")]
    pub fail_on: Vec<Condition>,
    /// File to write a report of the run to: one page of HTML, or Markdown if its name ends in .md
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Column with the time, by name or number, or a path. Without it, or where it is empty, the time
    /// is the message's own, or else the run's
    #[arg(long, value_name = "NAME", help_heading = "Columns")]
    pub time_column: Option<String>,
    /// With --follow: serve counters for Prometheus at http://ADDR/metrics, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDR", requires = "follow")]
    pub metrics: Option<std::net::SocketAddr>,
}

/// How `diff` and `report` read what they compare.
#[derive(Debug, Args)]
pub struct Sides {
    /// Format of the logs [default: by the file's name, else csv]
    #[arg(long = "input-format", value_enum, value_name = "FORMAT", help_heading = "Input")]
    pub input_format: Option<Format>,
    /// How records are read.
    #[command(flatten)]
    pub records: Reading,
    /// The stages.
    #[command(flatten)]
    pub stages: Stages,
    /// Column with the label; an input that has it is not classified again [default: target_label]
    #[arg(long, value_name = "NAME", help_heading = "Columns")]
    pub label_column: Option<String>,
    /// Column with the time, by name or number; in NDJSON, a path [default: the message's own time]
    #[arg(long, value_name = "NAME", help_heading = "Columns")]
    pub time_column: Option<String>,
    /// Maximum number of templates that are counted; the oldest and rarest go first
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = history_size, help_heading = "Limits")]
    pub history_size: usize,
    /// How it runs.
    #[command(flatten)]
    pub running: Running,
}

/// `diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  logclass diff yesterday.log today.log
  logclass diff /var/log/syslog.1 /var/log/syslog --input-format text
  logclass diff labelled-1.csv labelled-2.csv --format markdown -o changes.md
  logclass diff old.history new.history --limit 20
  logclass diff baseline.history build.log --fail-on 'new:Critical Error' --fail-on new:Error

Each side is a log, which is classified (without an LLM), a file that has labels already, or a history.
A template is new, gone, more or less frequent only if chance does not explain it: docs/history.md says how.
What came within a few lines under one label is shown as one change.

Exit status: 0 done; 1 failed; 2 usage error; 4 a condition of --fail-on is met; 130, 143 interrupted.")]
pub struct Diff {
    /// The old side: a log, a labelled file, or a history
    pub old: PathBuf,
    /// The new side
    pub new: PathBuf,
    /// File to write, which appears complete or not at all; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Format of the differences
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: DiffFormat,
    /// Maximum number of changes to show; changes in one place in the log count as one
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// Also show new and gone templates that are rare enough to be chance
    #[arg(long)]
    pub all: bool,
    /// Compare each source by itself
    #[arg(long)]
    pub by_source: bool,
    /// End with exit status 4 if this is met; may be given several times: new:LABEL, more:LABEL,
    /// count:LABEL>N; LABEL may be any
    #[arg(long, value_name = "CONDITION")]
    pub fail_on: Vec<Condition>,
    /// How the sides are read.
    #[command(flatten)]
    pub reading: Sides,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// One self-contained page
    Html,
    /// Text
    Markdown,
}

/// `report`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  logclass report export.csv -o report.html
  logclass report labelled.csv -o report.md
  logclass report nightly.history -o report.html

Exit status: 0 done; 1 failed; 2 usage error; 130, 143 interrupted.")]
pub struct Report {
    /// A log, which is classified (without an LLM), a file that has labels already, or a history
    pub input: PathBuf,
    /// File to write, which appears complete or not at all; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Format of the report [default: markdown if the output ends in .md, else html]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<ReportFormat>,
    /// What the report is called [default: the input's name]
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// How the input is read.
    #[command(flatten)]
    pub reading: Sides,
}

/// `history`.
#[derive(Debug, Args)]
pub struct History {
    /// What to do.
    #[command(subcommand)]
    pub command: HistoryCommand,
}

/// The commands of `history`.
#[derive(Debug, Subcommand)]
pub enum HistoryCommand {
    /// Print what a history holds: templates, rows, times, runs
    Info {
        /// The history
        file: PathBuf,
    },
    /// Write the templates of a history, most frequent first
    Export {
        /// The history
        file: PathBuf,
        /// File to write, which appears complete or not at all; - is standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Format [default: ndjson if the output's name says so, else csv]
        #[arg(long, value_enum, value_name = "FORMAT")]
        format: Option<ExportFormat>,
    },
    /// Remove the templates of a history that meet all conditions given
    #[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
    Forget {
        /// The history
        file: PathBuf,
        /// Templates of this label
        #[arg(long, value_name = "LABEL", group = "which")]
        label: Option<String>,
        /// Templates of this source
        #[arg(long, value_name = "SOURCE", group = "which")]
        source: Option<String>,
        /// Templates that contain this text
        #[arg(long, value_name = "TEXT", group = "which")]
        containing: Option<String>,
        /// Templates that were last seen before this time, such as 2026-01-31 or 2026-01-31T12:00:00Z
        #[arg(long, value_name = "TIME", value_parser = time, group = "which")]
        before: Option<i64>,
        /// Every template; the figures of the runs stay
        #[arg(long, group = "which")]
        all: bool,
    },
    /// Join histories into a new one, such as those of several machines
    #[command(after_help = "Example: logclass history merge web1.history web2.history -o web.history")]
    Merge {
        /// The histories
        #[arg(required = true, num_args = 2..)]
        files: Vec<PathBuf>,
        /// The history to make
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Maximum number of templates in it; the oldest and rarest go first
        #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = history_size)]
        history_size: usize,
    },
}

fn history_size(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(size) if (1..=100_000_000).contains(&size) => Ok(size),
        _ => Err("expected a number from 1 to 100000000".to_owned()),
    }
}

fn time(text: &str) -> Result<i64, String> {
    let read = |text: &str| crate::envelope::instant(text.as_bytes(), 0);
    read(text)
        .or_else(|| read(&format!("{text}T00:00:00Z")))
        .ok_or_else(|| "expected a time such as 2026-01-31 or 2026-01-31T12:00:00Z".to_owned())
}
