//! How records are read: the options of every command that takes an input.

use clap::Args;

use super::{Columns, record_bytes};
use crate::input::Multiline;

/// How an input is read.
#[derive(Debug, Args)]
pub struct Reading {
    /// How lines of text become records: `auto` joins stack traces and the like to the line above,
    /// `off` makes every line a record, a regex matches the first line of a record
    #[arg(long, value_name = "HOW", default_value = "auto", value_parser = multiline, help_heading = "Input and output")]
    pub multiline: Multiline,
    /// The columns.
    #[command(flatten)]
    pub columns: Columns,
    /// The first line is a record, not a header: name columns by number, from 1
    #[arg(long, help_heading = "Columns")]
    pub no_header: bool,
    /// Maximum length of a record, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20, value_parser = record_bytes, help_heading = "Limits")]
    pub max_record_bytes: usize,
    /// Maximum size of a compressed input after decompression, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 40, help_heading = "Limits")]
    pub max_decompressed_bytes: u64,
}

fn multiline(text: &str) -> Result<Multiline, String> {
    match text {
        "auto" => Ok(Multiline::Auto),
        "off" => Ok(Multiline::Off),
        pattern => regex::bytes::Regex::new(pattern).map(Multiline::Starts).map_err(|error| {
            let error = error.to_string();
            error.lines().last().unwrap_or_default().to_owned()
        }),
    }
}
