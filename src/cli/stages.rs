//! Arguments of the commands about one stage: `rules` and `llm`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

use super::{Reading, Stages};
use crate::session::Format;

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
    /// List the bundled rule packs, or the rules of one pack
    List {
        /// Name of the pack
        pack: Option<String>,
    },
    /// Validate rules and their examples; report duplicates and rules that can never match first
    Check {
        /// Configuration file [default: the bundled rules]
        #[arg(env = "LOGCLASS_CONFIG")]
        config: Option<PathBuf>,
        /// Rule packs to check: names from `logclass rules list`, or files
        #[arg(long, value_name = "FILE_OR_NAME", value_delimiter = ',')]
        rules: Vec<String>,
    },
    /// Show which rule matches which row, and which rows are left
    Test {
        /// CSV with the columns source and log_message, NDJSON or text; - is standard input
        input: Option<PathBuf>,
        /// Configuration file [default: the bundled rules]
        #[arg(long, value_name = "FILE", env = "LOGCLASS_CONFIG")]
        config: Option<PathBuf>,
        /// Rule packs to use: names from `logclass rules list`, or files [default: all bundled ones]
        #[arg(long, value_name = "FILE_OR_NAME", value_delimiter = ',')]
        rules: Vec<String>,
        /// Format of the input [default: by its file name, else csv]
        #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Input and output")]
        format: Option<Format>,
        /// How the input is read.
        #[command(flatten)]
        reading: Box<Reading>,
        /// Number of rows to show for each rule, and of those that are left
        #[arg(long, value_name = "N", default_value_t = 3)]
        examples: usize,
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
    /// Send one request to the endpoint and report what works
    Check {
        /// The labels.
        #[command(flatten)]
        stages: Stages,
    },
    /// Inspect or clear the cached answers
    Cache {
        /// What to do.
        #[command(subcommand)]
        command: CacheCommand,
    },
    /// Write the cached answers as a labelled CSV, to review and then train on
    #[command(after_help = "\
Examples:
  logclass llm export -o from-llm.csv     # review it, correct it
  logclass train own.csv from-llm.csv -o model.safetensors")]
    Export {
        /// File to write, which appears complete or not at all; - is standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Export only the answers of this LLM
        #[arg(long, value_name = "NAME")]
        llm_model: Option<String>,
        /// Also export the templates that fit no label, as Unclassified
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
    /// Print where the answers are, how many there are and how old they are
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
    /// Folder with the LLM's cached answers [default: logclass in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "LOGCLASS_LLM_CACHE")]
    pub llm_cache: Option<String>,
}
