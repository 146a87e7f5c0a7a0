//! Environment variables: one that is empty, or has nothing but blanks, counts as one that is not set.
//!
//! Scripts, Compose files and systemd units empty a variable where they mean to unset it, so everything the program reads
//! of its environment is read here. For the variables behind flags see `cli::parse`.

use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::Path;
use std::str::FromStr;

use crate::error::usage;

/// The value of a variable, if it has one.
pub fn os_value(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.as_encoded_bytes().trim_ascii().is_empty())
}

/// The value of a variable that is text, if it has one.
///
/// # Errors
/// A usage error with the variable's name when it is not UTF-8. The value is not repeated: it may be a secret.
pub fn value(name: &str) -> Result<Option<String>> {
    let text = os_value(name).map(OsString::into_string).transpose();
    text.map_err(|_| usage(format!("the environment variable {name} is not valid UTF-8")))
}

/// The time that `SOURCE_DATE_EPOCH` asks to be taken for now, in seconds since 1970, so that a run can be repeated
/// (<https://reproducible-builds.org/specs/source-date-epoch/>). One that is no number is not heeded.
pub fn source_date_epoch<T: FromStr>() -> Option<T> {
    os_value("SOURCE_DATE_EPOCH")?.to_str()?.parse().ok()
}

/// Adds to an error about the file or folder at `path` that it was named by `variable`, if it was.
///
/// # Errors
/// The error of `result`.
pub fn named_by<T>(variable: &str, path: &Path, result: Result<T>) -> Result<T> {
    match os_value(variable) {
        Some(value) if value == path => {
            result.with_context(|| format!("the environment variable {variable}"))
        }
        _ => result,
    }
}

/// Sends temporary files to the system's usual folder where `TMPDIR` is empty: the standard library would take that for the
/// current folder. To be called once, before any such file is made.
pub fn settle_temporary_folder() {
    if cfg!(unix) && std::env::var_os("TMPDIR").is_some() && os_value("TMPDIR").is_none() {
        // It fails only where it was called before.
        let _ = tempfile::env::override_temp_dir(Path::new("/tmp"));
    }
}
