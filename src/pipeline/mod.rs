//! The streaming pipeline: chunks in, verdicts for each row, chunks out in the same order.
//!
//! ```text
//! reader thread -> [few chunks] -> coordinator: rules, masks, table on all threads
//!                                     |  templates not met before: encoder on all threads, or an LLM ticket
//!                                     v
//!                                [some chunks] -> writer thread: waits for tickets, writes in order
//! ```
//!
//! Real logs repeat, so the coordinator keeps a `table` of the templates it has met; only new ones reach the
//! encoder, each once. In front of it each thread remembers the `recent` messages it has met word by word.
//! Rows are worked on in parallel and nobody waits for a lock: the table only changes between two steps, and
//! what is recent is a thread's own. Memory is bounded: the queues hold a fixed number of chunks, and the
//! table a fixed number of templates.

mod counter;
mod recent;
mod row;
mod table;
mod verdicts;
mod write;

use anyhow::{Result, anyhow};
use rayon::prelude::*;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use crate::cascade::{Cascade, LlmTurn, Path};
use crate::history::{Counting, Groups, Sighting};
use crate::input::{Chunk, ChunkSource, RecordSpan};
use crate::llm::Llm;
use crate::progress::Progress;
use crate::template::{self, Template};
use crate::verdict::{Reason, Stage, Verdict};
use counter::Counter;
use recent::{Met, Recent};
pub use row::{Added, EXPLAINED, RowFormat, Shape, Value, header, new_columns, text_header};
use table::{Key, KeyMap, Table};
use verdicts::{Classified, Known, Owed};
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
/// Texts a thread hands to the encoder at a time.
const ENCODE_BATCH: usize = 32;

/// A run's fixed parts.
pub struct Pipeline<'a> {
    cascade: &'a Cascade,
    llm: Option<&'a Llm>,
    resources: Resources,
}

impl<'a> Pipeline<'a> {
    /// A pipeline over `cascade`, which asks `llm` where a path leads to it.
    pub fn new(cascade: &'a Cascade, llm: Option<&'a Llm>, resources: Resources) -> Self {
        Self { cascade, llm, resources }
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
                let mut tally = Tally::new(self.cascade.labels().len());
                for classified in from_coordinator {
                    write::write_chunk(
                        classified,
                        self.cascade,
                        self.llm,
                        sink,
                        output,
                        &mut tally,
                        progress,
                    )?;
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
        let mut table = Table::new(self.resources.table_size);
        let memory = || Mutex::new(Memory::new(counting));
        let memories: Vec<Mutex<Memory>> = (0..pool.current_num_threads()).map(|_| memory()).collect();
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
            let draft = |chunk| {
                // Each thread has its own, so nobody waits here.
                let own = &memories[rayon::current_thread_index().unwrap_or(0)];
                self.draft(chunk, &table, &mut own.lock().unwrap_or_else(PoisonError::into_inner))
            };
            let drafts: Vec<Draft> = pool.install(|| chunks.into_par_iter().map(draft).collect());
            let fresh = self.settle(pool, &drafts)?;
            templates += fresh.len() as u64;
            for draft in drafts {
                if to_writer.send(draft.complete(&fresh, &table)).is_err() {
                    return Ok(templates); // the writer has failed, and says why
                }
            }
            table.insert(fresh);
            // What came before the failure was read well, and is written.
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
        Ok(templates)
    }

    /// Rules, masking and the table, for the rows of one chunk.
    fn draft(&self, chunk: Chunk, table: &Table, memory: &mut Memory) -> Draft {
        let Memory { recent, counting } = memory;
        let mut draft = Draft { verdicts: Vec::with_capacity(chunk.records.len()), ..Draft::default() };
        draft.groups = counting.as_ref().map(Counter::groups);
        let mut masked = String::new();
        for (row, record) in chunk.records.iter().enumerate() {
            let source = chunk.field(record.source);
            let message = chunk.field(record.message);
            let message_key = recent::key(&source, &message, &chunk.field(record.severity));
            match recent.get(message_key) {
                Some(Met::Settled(verdict)) => {
                    draft.verdicts.push(verdict);
                    draft.count(row, recent.seen(message_key), counting.as_mut(), &chunk, record);
                    continue;
                }
                Some(Met::Template(key, by_rules)) => {
                    if let Some(known) = table.get(key) {
                        draft.verdicts.push(UNSETTLED);
                        draft.settle_row(row, known, by_rules);
                        draft.count(row, recent.seen(message_key), counting.as_mut(), &chunk, record);
                        continue;
                    }
                }
                None => {}
            }
            let path = self.cascade.path(&source);
            let envelope = template::open_front(&message);
            let by_rules =
                if path.rules { self.cascade.by_rules(&source, &message, &envelope) } else { None };
            let settled = by_rules.filter(|_| path.llm != LlmTurn::First);
            let severity = chunk.severity(record, &envelope);
            let mut key = Key::default();
            // What a rule has settled has a template for a history alone.
            if settled.is_none() || counting.is_some() {
                template::mask_into(&envelope.body, &mut masked);
                key = table::key(&masked, severity, path);
            }
            let mut seen = Sighting::default();
            if let Some(counter) = counting {
                seen = counter.sighting(key, by_rules, &source, &envelope);
                draft.count(row, seen, counting.as_mut(), &chunk, record);
            }
            if let Some(verdict) = settled {
                recent.put(message_key, Met::Settled(verdict), seen);
                draft.verdicts.push(verdict);
                continue;
            }
            if masked.is_empty() {
                draft.verdicts.push(Verdict::unclassified(0.0, Reason::Empty));
                continue;
            }
            recent.put(message_key, Met::Template(key, by_rules), seen);
            draft.verdicts.push(UNSETTLED);
            if let Some(known) = table.get(key) {
                draft.settle_row(row, known, by_rules);
            } else {
                if let Slot::Vacant(slot) = draft.fresh.entry(key) {
                    let message = if self.llm.is_some() && path.llm != LlmTurn::Never {
                        message.to_vec()
                    } else {
                        Vec::new()
                    };
                    let template = Template { text: masked.clone(), severity };
                    slot.insert(Fresh { path, template, message });
                }
                draft.open.push((row, key, by_rules));
            }
        }
        draft.chunk = chunk;
        draft
    }

    /// Model and LLM, for the templates of `drafts` that the table does not have: each once.
    fn settle(&self, pool: &rayon::ThreadPool, drafts: &[Draft]) -> Result<KeyMap<Known>> {
        let mut distinct: HashMap<Key, &Fresh> = HashMap::new();
        for draft in drafts {
            for (key, fresh) in &draft.fresh {
                distinct.entry(*key).or_insert(fresh);
            }
        }
        let mut templates: Vec<(Key, Path, &Template)> =
            distinct.iter().map(|(key, fresh)| (*key, fresh.path, &fresh.template)).collect();
        // Texts of like length together; by content among them, so that questions are asked in a stable
        // order.
        templates.sort_unstable_by(|a, b| (a.2.text.len(), a.2, a.0).cmp(&(b.2.text.len(), b.2, b.0)));
        let verdicts: Vec<Vec<Verdict>> = pool.install(|| {
            templates
                .par_chunks(ENCODE_BATCH)
                .map(|batch| {
                    let asked: Vec<&Template> = batch
                        .iter()
                        .filter(|(_, path, _)| path.model)
                        .map(|&(_, _, template)| template)
                        .collect();
                    let mut answers = self.by_model(&asked)?.into_iter();
                    let missing = || Verdict::unclassified(0.0, Reason::NoStage);
                    Ok(batch
                        .iter()
                        .map(
                            |(_, path, _)| {
                                if path.model { answers.next().unwrap_or_else(missing) } else { missing() }
                            },
                        )
                        .collect())
                })
                .collect::<Result<_>>()
        })?;
        let known = templates.iter().zip(verdicts.into_iter().flatten()).map(|(&(key, path, _), verdict)| {
            let owed = match path.llm {
                LlmTurn::Never => false,
                LlmTurn::Last => verdict.stage == Stage::None,
                LlmTurn::First => true,
            };
            let ticket = if owed { self.llm.map(|llm| llm.ask(&distinct[&key].message)) } else { None };
            (key, Known { verdict, owed, ticket })
        });
        Ok(known.collect())
    }

    fn by_model(&self, templates: &[&Template]) -> Result<Vec<Verdict>> {
        if templates.is_empty() { Ok(Vec::new()) } else { self.cascade.by_model(templates) }
    }
}

/// Stands in a row until its template is settled; never reaches the writer.
const UNSETTLED: Verdict = Verdict::unclassified(0.0, Reason::NoStage);

/// What a thread keeps from chunk to chunk.
struct Memory {
    recent: Recent,
    counting: Option<Counter>,
}

impl Memory {
    fn new(counting: Option<Counting>) -> Self {
        Self { recent: Recent::new(counting.is_some()), counting: counting.map(Counter::new) }
    }
}

/// A chunk on its way through the coordinator.
#[derive(Default)]
struct Draft {
    chunk: Chunk,
    verdicts: Vec<Verdict>,
    owed: Vec<Owed>,
    /// Rows whose template is new, with what the rules say where those come after the LLM.
    open: Vec<(usize, Key, Option<Verdict>)>,
    fresh: KeyMap<Fresh>,
    /// The rows as a history counts them, where there is one.
    groups: Option<Groups>,
}

/// A template that the table does not have.
struct Fresh {
    path: Path,
    template: Template,
    /// The first message that has it, where the LLM may be asked: it redacts secrets before it masks.
    message: Vec<u8>,
}

impl Draft {
    /// Counts a row, where a history is told of it.
    fn count(
        &mut self,
        row: usize,
        seen: Sighting,
        counter: Option<&mut Counter>,
        chunk: &Chunk,
        record: &RecordSpan,
    ) {
        if let (Some(counter), Some(groups)) = (counter, &mut self.groups) {
            groups.count(row, Sighting { seconds: counter.seconds(seen, chunk, record), ..seen });
        }
    }

    fn settle_row(&mut self, row: usize, known: Known, by_rules: Option<Verdict>) {
        let verdict = by_rules.unwrap_or(known.verdict);
        self.verdicts[row] = verdict;
        if known.owed {
            self.owed.push(Owed { row, ticket: known.ticket, fallback: verdict });
        }
    }

    fn complete(mut self, fresh: &KeyMap<Known>, table: &Table) -> Classified {
        for (row, key, by_rules) in std::mem::take(&mut self.open) {
            let known = fresh.get(&key).copied().or_else(|| table.get(key));
            self.settle_row(row, known.expect("every open row's template was settled"), by_rules);
        }
        self.owed.sort_unstable_by_key(|owed| owed.row);
        Classified { chunk: self.chunk, verdicts: self.verdicts, owed: self.owed, groups: self.groups }
    }
}
