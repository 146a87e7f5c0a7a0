//! Arguments of `serve`.

use clap::Args;
use std::path::PathBuf;

use super::{Columns, LlmFlags, Stages, probability, record_bytes};

/// `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  logclass serve
  curl -F file=@export.csv -o labelled.csv http://localhost:5000/classify
  LOGCLASS_TOKEN=$(openssl rand -hex 32) logclass serve --host 0.0.0.0

LOGCLASS_TOKEN is the secret that clients must send (Authorization: Bearer TOKEN).
Temporary files go to TMPDIR.

All requests share one LLM stage: --max-requests, --max-tokens and --max-cost (or the same in [llm]) apply to
everything asked until the server ends; beyond them, rules and model answer alone. After failures the stage
pauses for pause_seconds, then tries again.")]
pub struct Serve {
    /// Address to listen on; any but a loopback address requires LOGCLASS_TOKEN
    #[arg(long, value_name = "ADDRESS", env = "LOGCLASS_HOST", default_value = "127.0.0.1")]
    pub host: std::net::IpAddr,
    /// Port to listen on; 0 picks any free port
    #[arg(long, value_name = "PORT", env = "PORT", default_value_t = 5000)]
    pub port: u16,
    /// Serve other machines without a token
    #[arg(long, help_heading = "Safety")]
    pub insecure_no_auth: bool,
    /// Host name that clients may use for this server, besides localhost and IP addresses; may be repeated
    #[arg(
        long,
        value_name = "NAME",
        env = "LOGCLASS_ALLOW_HOST",
        value_delimiter = ',',
        help_heading = "Safety"
    )]
    pub allow_host: Vec<String>,
    /// Maximum length of an upload, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30, help_heading = "Limits")]
    pub max_body_bytes: u64,
    /// Maximum length of a record, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20, value_parser = record_bytes, help_heading = "Limits")]
    pub max_record_bytes: usize,
    /// Maximum size of a compressed upload after decompression, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30, help_heading = "Limits")]
    pub max_decompressed_bytes: u64,
    /// Maximum number of files classified at once; further requests are told to retry
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Limits")]
    pub max_concurrent: u16,
    /// Maximum number of open connections
    #[arg(long, value_name = "N", default_value_t = 900, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Limits")]
    pub max_connections: u16,
    /// Seconds a client may take to send a request's head, stay silent in its body, or leave an answer unread
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = "Limits")]
    pub timeout: u64,
    /// Seconds to keep the results of the page's jobs
    #[arg(long, value_name = "SECONDS", default_value_t = 1_800, value_parser = clap::value_parser!(u64).range(1..=604_800), help_heading = "Limits")]
    pub keep_results: u64,
    /// Maximum number of jobs of the page kept at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Limits")]
    pub max_jobs: u16,
    /// Seconds that running requests have to finish after SIGTERM or Ctrl-C
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=86_400), help_heading = "Limits")]
    pub grace: u64,
    /// Do not serve; check the health of the server at this address and port, and report it by the exit
    /// status
    #[arg(long)]
    pub check: bool,
    /// Format of the line that each request writes to stderr
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
    /// Number of threads that classify a file [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}
