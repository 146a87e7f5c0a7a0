//! What a caller asks for, and what it is given.

use anyhow::Result;

use crate::input::ChunkSource;
use crate::input::open::ColumnNames;
use crate::label::{LabelFilter, Labels};
use crate::pipeline::{Added, Destination, RowSink};

/// Bounds on what is held in memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Size a chunk is filled to, in bytes.
    pub chunk_bytes: usize,
    /// Longest message that is classified, in bytes.
    pub record_bytes: usize,
}

/// What is wanted of an input.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its columns.
    pub columns: ColumnNames,
    /// What is added beside the label.
    pub added: Added,
    /// Every label that a row may get, by id.
    pub labels: Vec<String>,
    /// Whether rows of each label are written, by id; nothing where all are.
    pub writes: Option<Vec<bool>>,
    /// Bounds.
    pub limits: Limits,
    /// Whether an Arrow stream that is written ends with the mark that says so.
    pub end_of_stream: bool,
}

impl Wanted {
    /// With the labels of a run, of which `filter` says what is written.
    pub fn new(columns: &ColumnNames, added: Added, labels: &Labels, filter: &LabelFilter) -> Self {
        let names = labels.names();
        let writes = names.iter().map(|name| filter.passes(name)).collect();
        Self {
            columns: columns.clone(),
            added,
            labels: names.to_vec(),
            writes: (*filter != LabelFilter::All).then_some(writes),
            limits: Limits { chunk_bytes: 1 << 20, record_bytes: 16 << 20 },
            end_of_stream: true,
        }
    }
}

/// Who writes the rows of a columnar input.
pub trait ColumnSink: RowSink {
    /// Writes what comes behind the last row.
    ///
    /// # Errors
    /// When the destination cannot be written.
    fn finish(&mut self, destination: &mut Destination<'_>) -> Result<()>;
}

/// An input that was opened: where its rows come from, and who writes them.
pub struct Opened {
    /// The rows.
    pub source: Box<dyn ChunkSource>,
    /// Their writer.
    pub sink: Box<dyn ColumnSink>,
}
