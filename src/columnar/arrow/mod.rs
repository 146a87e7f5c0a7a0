//! Arrow's IPC format: streams, one behind the other, and files.
//!
//! A file is read like a stream, since that is what it is between its magic number and its footer. So it needs no
//! seeking, and what is held is a batch.

mod cells;
mod flow;
mod messages;
mod plan;
mod read;
mod write;

use anyhow::Result;
use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Opened, Wanted};
use crate::input::decode::Bytes;
use flow::{Flow, Permit};
use plan::Plan;
pub use plan::{added_field, label_field};

/// What travels beside the chunks from the source to the sink.
enum Item {
    /// A stream begins.
    Begin,
    /// A batch, whose rows are those of this chunk and of the next ones.
    Batch(Box<Carried>),
    /// A stream has ended; a file's own metadata.
    End(HashMap<String, String>),
}

/// A batch on its way.
struct Carried {
    batch: RecordBatch,
    /// How its buffers were compressed.
    compression: Option<CompressionType>,
    /// Whether a dictionary has grown by a delta, so that it may grow by one in the output, too.
    deltas: bool,
    /// Held until the batch is written.
    permit: Permit,
}

/// Reads the schema of the first stream and finds its columns.
pub fn open(bytes: Bytes, wanted: Wanted) -> Result<Opened> {
    let (mut messages, is_file) = messages::Messages::open(bytes)?;
    let schema = read::first_schema(&mut messages)?;
    let plan = Arc::new(Plan::new(schema, &wanted)?);
    let sink = write::ArrowSink::new(Arc::clone(&plan), &wanted, is_file);
    let source = read::ArrowSource::new(messages, plan, wanted.limits, Flow::new());
    Ok(Opened { source: Box::new(source), sink: Box::new(sink) })
}
