//! One step: chunks in, the same chunks with their verdicts out. The one way in which rows are classified, of a file as of a
//! caller's memory.

use anyhow::{Result, bail};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::classified::{Classified, Known};
use super::draft::{Draft, Fresh, Memory};
use crate::cascade::{Cascade, LlmTurn, Path, complete};
use crate::history::Counting;
use crate::input::Chunk;
use crate::llm::Llm;
use crate::template::Template;
use crate::verdict::{Reason, Stage, Verdict};
use crate::verdicts::{self, Key, KeyMap, Table, Verdicts};

/// Texts a thread hands to the encoder at a time.
const ENCODE_BATCH: usize = 32;
/// Templates a thread looks at without the encoder at a time.
const LEXICAL_BATCH: usize = 128;

/// What classifies.
#[derive(Debug, Clone, Copy)]
pub struct Stages<'a> {
    /// Rules and model.
    pub cascade: &'a Cascade,
    /// What the model has said so far, to anybody.
    pub verdicts: &'a Verdicts,
    /// Who is asked where a path leads to it.
    pub llm: Option<&'a Llm>,
    /// Set by who wants no more of it: the work ends soon, with an error.
    pub stop: Option<&'a AtomicBool>,
}

/// What a run knows, from step to step. It only changes between two steps, so the rows of a step read it without a lock.
#[derive(Debug)]
pub struct Work {
    /// The templates that it has met, by path.
    table: Table<Known>,
    /// One for each thread.
    memories: Vec<Mutex<Memory>>,
}

impl Work {
    /// Nothing yet, for this many threads, with room for `table_size` templates at the least.
    pub fn new(threads: usize, table_size: usize, counting: Option<Counting>) -> Self {
        let memories = (0..threads.max(1)).map(|_| Mutex::new(Memory::new(counting)));
        Self { table: Table::new(table_size), memories: memories.collect() }
    }
}

impl Stages<'_> {
    /// Classifies `chunks` on the threads of `pool`; also says how many templates are new to this `work`.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn classify(
        &self,
        pool: &ThreadPool,
        work: &mut Work,
        chunks: Vec<Chunk>,
    ) -> Result<(Vec<Classified>, u64)> {
        let Work { table, memories } = work;
        let draft = |chunk| {
            // Each thread has its own, so nobody waits here.
            let own = &memories[rayon::current_thread_index().unwrap_or(0)];
            let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
            Draft::of(chunk, self.cascade, self.llm.is_some(), table, &mut own)
        };
        let drafts: Vec<Draft> = pool.install(|| chunks.into_par_iter().map(draft).collect());
        let fresh = self.settle(pool, &drafts)?;
        let classified = drafts.into_iter().map(|draft| draft.complete(&fresh, table)).collect();
        let new = fresh.len() as u64;
        table.insert(fresh);
        Ok((classified, new))
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// When somebody wants no more of it.
    pub(super) fn go_on(&self) -> Result<()> {
        if self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            bail!("stopped");
        }
        Ok(())
    }

    /// Model and LLM, for the templates of `drafts` that the table does not have: each once.
    fn settle(&self, pool: &ThreadPool, drafts: &[Draft]) -> Result<KeyMap<Known>> {
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
        let asked = templates.iter().filter(|(_, path, _)| path.model);
        let thorough = self.cascade.is_thorough();
        let key_of = |template| verdicts::key(template, thorough);
        let asked = asked.map(|&(_, _, template)| (key_of(template), template));
        let answers =
            self.verdicts.settle(asked, self.cascade.explains(), |batch| self.ask_model(pool, batch))?;
        let known = templates.iter().map(|&(key, path, template)| {
            let answer = if path.model { answers.get(&key_of(template)) } else { None };
            let verdict = answer.copied().unwrap_or(Verdict::unclassified(0.0, Reason::NoStage));
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

    /// The lexical path first; what that leaves goes to the encoder, in batches of texts of like length.
    fn ask_model(&self, pool: &ThreadPool, templates: &[&Template]) -> Result<Vec<Verdict>> {
        let early = |batch: &[&Template]| {
            self.go_on()?;
            Ok::<_, anyhow::Error>(self.cascade.early(batch))
        };
        let encode = |batch: &[&Template]| {
            self.go_on()?;
            self.cascade.by_encoder(batch)
        };
        pool.install(|| {
            let early: Vec<Vec<Option<Verdict>>> =
                templates.par_chunks(LEXICAL_BATCH).map(early).collect::<Result<_>>()?;
            complete(templates, early.concat(), |open| {
                let verdicts: Vec<Vec<Verdict>> =
                    open.par_chunks(ENCODE_BATCH).map(encode).collect::<Result<_>>()?;
                Ok(verdicts.concat())
            })
        })
    }
}
