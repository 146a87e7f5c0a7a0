//! The streaming pipeline: chunks in, verdicts for each row, chunks out in the same order.
//!
//! ```text
//! reader thread -> [few chunks] -> coordinator: rules, masks, table on all threads
//!                                     |  templates not met before: encoder on all threads, or an LLM ticket
//!                                     v
//!                                [some chunks] -> writer thread: waits for tickets, writes in order
//! ```
//!
//! Real logs repeat, so a run keeps a table of the templates it has met; of the others, only those that nobody in the
//! process has met reach the encoder ([`crate::verdicts`]). In front of it each thread remembers the `recent` messages it
//! has met word by word. Rows are worked on in parallel and nobody waits for a lock: the table only changes between two steps,
//! and what is recent is a thread's own. Memory is bounded: the queues hold a fixed number of chunks, and the
//! table a fixed number of templates.

mod cells;
mod classified;
mod counter;
mod draft;
mod header;
mod recent;
mod row;
mod rows;
mod step;
mod write;

use anyhow::{Result, anyhow};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::history::Counting;
use crate::input::{Chunk, ChunkSource};
use crate::progress::Progress;
pub use cells::Value;
use classified::Classified;
pub use header::{header, new_columns, new_header};
pub use row::{Added, EXPLAINED, RowFormat, Shape, Unreadable};
pub use rows::Row;
pub use step::{Stages, Work};
pub use write::{Destination, RowSink, Tally};

/// What a run may use.
#[derive(Debug, Clone, Copy)]
pub struct Resources {
    /// Threads that classify.
    pub threads: usize,
    /// Templates remembered at the least; up to twice as many are held.
    pub table_size: usize,
}

/// Chunks that may wait to be written, so that the file goes on while the LLM thinks.
const WRITE_QUEUE: usize = 32;

/// A run's fixed parts.
#[derive(Debug)]
pub struct Pipeline<'a> {
    stages: Stages<'a>,
    resources: Resources,
}

impl<'a> Pipeline<'a> {
    /// A pipeline over `stages`.
    pub fn new(stages: Stages<'a>, resources: Resources) -> Self {
        Self { stages, resources }
    }

    /// Classifies everything in `reader` into `output`, to which `sink` writes the rows.
    ///
    /// # Errors
    /// When reading, encoding or writing fails. The output is then not complete, and is not made final.
    pub fn run(
        &self,
        mut reader: impl ChunkSource,
        output: &mut Destination<'_>,
        sink: &mut dyn RowSink,
        progress: &mut Progress,
    ) -> Result<Tally> {
        let threads = self.resources.threads.max(1);
        let counting = output.observer.as_ref().map(|observer| observer.counting());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let (to_coordinator, from_reader) = sync_channel(threads * 2);
        let (to_writer, from_coordinator) = sync_channel(WRITE_QUEUE);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while let Some(chunk) = reader.next_chunk().transpose() {
                    let failed = chunk.is_err();
                    if to_coordinator.send(chunk).is_err() || failed {
                        return;
                    }
                }
            });
            let writer = scope.spawn(|| {
                let mut tally = Tally::new(self.stages.cascade.labels().len());
                for classified in from_coordinator {
                    write::write_chunk(classified, self.stages, sink, output, &mut tally, progress)?;
                }
                Ok::<_, anyhow::Error>(tally)
            });
            let coordinated = self.coordinate(&pool, &from_reader, &to_writer, counting);
            drop(to_writer); // the writer ends when it has written what came
            // A reader that waits to hand over its next chunk must not wait for ever.
            drop(from_reader);
            let written = writer.join().map_err(|_| anyhow!("the writing thread panicked"))?;
            // What stopped the writer is the cause of whatever the coordinator says.
            let mut tally = written?;
            tally.templates = coordinated?;
            Ok(tally)
        })
    }

    /// Takes chunks as they come, several at a time when several wait; returns how many templates were met.
    fn coordinate(
        &self,
        pool: &rayon::ThreadPool,
        from_reader: &Receiver<Result<Chunk>>,
        to_writer: &SyncSender<Classified>,
        counting: Option<Counting>,
    ) -> Result<u64> {
        let mut work = Work::new(pool.current_num_threads(), self.resources.table_size, counting);
        let mut templates = 0;
        while let Ok(first) = from_reader.recv() {
            let mut chunks = vec![first?];
            let mut failure = None;
            while chunks.len() < 2 * self.resources.threads.max(1)
                && let Ok(next) = from_reader.try_recv()
            {
                match next {
                    Ok(chunk) => chunks.push(chunk),
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                }
            }
            let (classified, new) = self.stages.classify(pool, &mut work, chunks)?;
            templates += new;
            for chunk in classified {
                if to_writer.send(chunk).is_err() {
                    return Ok(templates); // the writer has failed, and says why
                }
            }
            // What came before the failure was read well, and is written.
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
        Ok(templates)
    }
}
