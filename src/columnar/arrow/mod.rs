//! Arrow's IPC format: streams, one behind the other, and files.
//!
//! A file is read like a stream, since that is what it is between its magic number and its footer. So it needs no
//! seeking, and what is held is a batch.

mod cells;
mod flow;
mod item;
mod messages;
mod plan;
mod read;
mod write;

use anyhow::Result;
use std::sync::Arc;

use super::wanted::{Opened, Wanted};
use crate::input::decode::Bytes;
use flow::Flow;
use plan::Plan;
pub use plan::{added_field, label_field};

/// Reads the schema of the first stream and finds its columns.
pub fn open(bytes: Bytes, wanted: &Wanted) -> Result<Opened> {
    let (mut messages, is_file) = messages::Messages::open(bytes)?;
    let schema = read::first_schema(&mut messages)?;
    let plan = Arc::new(Plan::new(schema, wanted)?);
    let sink = write::ArrowSink::new(Arc::clone(&plan), wanted, is_file);
    let source = read::ArrowSource::new(messages, plan, wanted.limits, Flow::new());
    Ok(Opened { source: Box::new(source), sink: Box::new(sink) })
}
