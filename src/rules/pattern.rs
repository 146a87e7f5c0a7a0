//! Patterns: whether they are regular expressions, and why not, in one line.

use anyhow::{Result, anyhow};
use regex::bytes::Regex;

/// Checks that `pattern` is a regular expression.
///
/// # Errors
/// Why it is none, on one line.
pub fn check_pattern(pattern: &str) -> Result<()> {
    Regex::new(pattern).map_err(|error| anyhow!("{}", last_line(&error.to_string())))?;
    Ok(())
}

/// The sentence of a regex error, without the drawing above it.
pub(super) fn last_line(error: &str) -> &str {
    error.lines().last().unwrap_or(error).trim_start_matches("error: ")
}
