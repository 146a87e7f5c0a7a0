//! `logclass classify` as its users meet it: the real binary, real files, pipes, links and devices.

#![allow(
    clippy::format_push_string,
    clippy::format_collect,
    clippy::case_sensitive_file_extension_comparisons
)]

#[cfg(feature = "columnar")]
mod arrow;
mod awkward;
mod callers;
mod classifier;
mod contract;
mod exports;
mod faults;
mod formats;
mod harness;
mod history;
mod history_file;
mod kinds;
mod lexical;
mod outputs;
#[cfg(feature = "columnar")]
mod parquet;
mod properties;
mod records;
#[cfg(unix)]
mod replacing;
mod reports;
#[cfg(unix)]
mod signals;
mod variables;
mod verdicts;
