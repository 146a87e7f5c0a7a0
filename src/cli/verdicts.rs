//! Arguments of `learn`.

use clap::Args;
use std::path::PathBuf;

use super::{Reading, Running, Stages, probability};
use crate::session::Format;
use crate::verdicts::file::MOST;

/// `learn`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  logclass learn last-week/*.log -o templates.verdicts
  logclass learn yesterday.csv.gz -o templates.verdicts            # adds to it
  logclass learn node1.verdicts node2.verdicts -o all.verdicts     # joins files
  logclass classify today.csv --verdicts templates.verdicts -o labelled.csv

New processes need not encode the templates in a verdict file; labels are the same with and without it. It holds hashes,
labels and confidences, but no text of a log. It fits one model, encoder, set of rules and configuration: use the same
--config, --model, --rules, --encoder, --backend and --min-confidence for `learn` and `classify`.

Exit status: 0 done; 1 failed, or a verdict file is damaged; 2 usage error, or a verdict file was made with
another model, encoder, rules or configuration; 130, 143 interrupted.")]
pub struct Learn {
    /// CSV with the columns source and log_message, NDJSON, text, or verdict files; - is standard input
    #[arg(required = true, value_name = "LOG")]
    pub inputs: Vec<PathBuf>,
    /// Verdict file to write, or to add to if it exists; it is replaced as a whole. - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Format of the inputs [default: by their file names, else csv]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Input and output")]
    pub format: Option<Format>,
    /// The stages.
    #[command(flatten)]
    pub stages: Stages,
    /// Confidence from 0 to 1 below which the model abstains [default: the model's own]
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Stages")]
    pub min_confidence: Option<f32>,
    /// Ask the encoder about every template, also where the model's lexical path is sure: slower, and a few
    /// labels in a thousand may differ
    #[arg(long, help_heading = "Stages")]
    pub thorough: bool,
    /// How the inputs are read.
    #[command(flatten)]
    pub reading: Reading,
    /// Maximum number of templates in the file, 27 bytes each; beyond it, those of earlier runs are left out
    /// first
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = templates, help_heading = "Limits")]
    pub max_templates: usize,
    /// How it runs.
    #[command(flatten)]
    pub running: Running,
}

fn templates(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(templates) if (1..=MOST).contains(&templates) => Ok(templates),
        _ => Err(format!("expected a number from 1 to {MOST}")),
    }
}
