//! `logclass classify` as its users meet it: the real binary, real files, pipes, links and devices.

#![allow(clippy::format_push_string, clippy::case_sensitive_file_extension_comparisons)]

mod awkward;
mod contract;
mod exports;
mod faults;
mod formats;
mod harness;
mod kinds;
mod outputs;
mod properties;
mod records;
