//! Arrow and Parquet: the same rows through the same pipeline, and every column back as it was.
//!
//! ```text
//! Input -> source: the cells of message, source, severity and time as chunks ──> pipeline
//!                                                                                   │ verdicts
//!          sink: the input's own columns, with those that are added <───────────────┘
//! ```
//!
//! What classification does not look at is not understood, only carried. An Arrow batch travels beside its chunks, with its
//! strings as bytes, so that no text has to be valid for its row to come back. A Parquet file's column chunks are copied as
//! they are in the file: encoded, compressed, with their statistics, indexes and Bloom filters.

mod arrow;
mod chunks;
mod error;
mod input;
mod kind;
mod parquet;
mod place;
mod wanted;

use anyhow::Result;

pub use error::ColumnarError;
pub use input::Input;
pub use kind::Kind;
pub use wanted::{ColumnSink, Opened, Wanted};

/// Reads the beginning of an input and finds its columns.
///
/// # Errors
/// When it cannot be read, is something else, is damaged, or lacks a column.
pub fn open(input: Input, wanted: &Wanted) -> Result<Opened> {
    match input {
        Input::Arrow(bytes) => arrow::open(bytes, wanted),
        Input::Parquet(file) => parquet::open(file, wanted),
    }
}
