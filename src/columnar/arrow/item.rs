//! What travels beside the chunks from the source to the sink.

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use std::collections::HashMap;

use super::flow::Permit;

/// What begins with a chunk.
pub enum Item {
    /// A stream begins.
    Begin,
    /// A batch, whose rows are those of this chunk and of the next ones.
    Batch(Box<Carried>),
    /// A stream has ended; a file's own metadata.
    End(HashMap<String, String>),
}

/// A batch on its way.
pub struct Carried {
    /// The batch.
    pub batch: RecordBatch,
    /// How its buffers were compressed.
    pub compression: Option<CompressionType>,
    /// Whether a dictionary has grown by a delta, so that it may grow by one in the output, too.
    pub deltas: bool,
    /// Held until the batch is written.
    pub permit: Permit,
}
