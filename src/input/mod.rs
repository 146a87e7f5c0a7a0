//! Input: from bytes to chunks of records.
//!
//! A [`Chunk`] owns a piece of the file that ends where a record ends, and says where in it each record and
//! its interesting fields stand. Nothing is copied out: the record's own bytes go to the output as they came.

mod chunk;
pub mod csv;
pub mod decode;
mod error;
mod json;
mod lines;
mod magic;
mod multiline;
pub mod open;
mod reader;
pub mod silence;
mod span;
mod start;

pub use chunk::{Chunk, ChunkSource, Companion, Layout, LineCounter, Reject};
pub use csv::LineEnds;
pub use error::{Column, InputError, RecordError};
pub use json::JsonLayout;
pub use lines::LineLayout;
pub use multiline::Multiline;
pub use reader::{BadRows, ChunkReader, Limits};
pub use span::{FieldForm, FieldSpan, RecordSpan};
