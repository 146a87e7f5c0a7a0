//! Arguments of the commands about one stage: `rules` and `llm`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

use super::{Columns, Stages};

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
