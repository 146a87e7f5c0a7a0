//! What a caller asks for, and what it is given.

use anyhow::Result;

use crate::input::open::ColumnNames;
use crate::input::{ChunkSource, Limits};
use crate::label::{LabelFilter, Labels};
use crate::pipeline::{Added, Destination, RowSink};

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
    /// Bounds; a message that is longer than a record may be is not classified.
    pub limits: Limits,
    /// Whether an Arrow stream that is written ends with the mark that says so.
    pub end_of_stream: bool,
}

impl Wanted {
    /// With the labels of a run, of which `filter` says what is written.
    pub fn new(columns: &ColumnNames, added: Added, labels: &Labels, filter: &LabelFilter) -> Self {
        Self {
            columns: columns.clone(),
            added,
            labels: labels.names().to_vec(),
            writes: (*filter != LabelFilter::All).then(|| filter.by_label(labels)),
            limits: Limits::default(),
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
