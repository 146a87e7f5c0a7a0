//! What can be said of the rows of a chunk without the model: rules, masks, and what is known of their templates.

use std::collections::hash_map::Entry as Slot;

use super::classified::{Classified, Known, Owed};
use super::counter::Counter;
use super::recent::{self, Met, Recent};
use crate::cascade::{Cascade, LlmTurn, Path};
use crate::history::{Counting, Groups, Sighting};
use crate::input::{Chunk, RecordSpan};
use crate::template::{self, Template};
use crate::verdict::{Reason, Verdict};
use crate::verdicts::{Key, KeyMap, Table, key_of_path};

/// Stands in a row until its template is settled; never reaches the writer.
const UNSETTLED: Verdict = Verdict::unclassified(0.0, Reason::NoStage);

/// What a thread keeps from chunk to chunk.
#[derive(Debug)]
pub struct Memory {
    recent: Recent,
    counting: Option<Counter>,
}

impl Memory {
    /// Nothing yet; `counting` is for a history, where one is told of the rows.
    pub fn new(counting: Option<Counting>) -> Self {
        Self { recent: Recent::new(counting.is_some()), counting: counting.map(Counter::new) }
    }
}

/// A chunk whose rows have their verdicts but for those whose template is new.
#[derive(Default)]
pub struct Draft {
    chunk: Chunk,
    verdicts: Vec<Verdict>,
    owed: Vec<Owed>,
    /// Rows whose template is new, with what the rules say where those come after the LLM.
    open: Vec<(usize, Key, Option<Verdict>)>,
    /// The templates of those rows.
    pub fresh: KeyMap<Fresh>,
    /// The rows as a history counts them, where there is one.
    groups: Option<Groups>,
}

/// A template that the table does not have.
pub struct Fresh {
    /// The stages that it goes through.
    pub path: Path,
    /// The template.
    pub template: Template,
    /// The first message that has it, where the LLM may be asked: it redacts secrets before it masks.
    pub message: Vec<u8>,
}

impl Draft {
    /// Rules, masking and the table, for the rows of one chunk.
    pub fn of(
        chunk: Chunk,
        cascade: &Cascade,
        has_llm: bool,
        table: &Table<Known>,
        memory: &mut Memory,
    ) -> Self {
        let Memory { recent, counting } = memory;
        let mut draft = Self { verdicts: Vec::with_capacity(chunk.records.len()), ..Self::default() };
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
            let path = cascade.path(&source);
            let envelope = template::open_front(&message);
            let by_rules = if path.rules { cascade.by_rules(&source, &message, &envelope) } else { None };
            let settled = by_rules.filter(|_| path.llm != LlmTurn::First);
            let severity = chunk.severity(record, &envelope);
            let mut key = Key::default();
            // What a rule has settled has a template for a history alone.
            if settled.is_none() || counting.is_some() {
                template::mask_into(&envelope.body, &mut masked);
                key = key_of_path(&masked, severity, path);
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
                    let message =
                        if has_llm && path.llm != LlmTurn::Never { message.to_vec() } else { Vec::new() };
                    let template = Template { text: masked.clone(), severity };
                    slot.insert(Fresh { path, template, message });
                }
                draft.open.push((row, key, by_rules));
            }
        }
        draft.chunk = chunk;
        draft
    }

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

    /// The chunk with all of its verdicts, when what was new in it is known.
    pub fn complete(mut self, fresh: &KeyMap<Known>, table: &Table<Known>) -> Classified {
        for (row, key, by_rules) in std::mem::take(&mut self.open) {
            let known = fresh.get(&key).copied().or_else(|| table.get(key));
            self.settle_row(row, known.expect("every open row's template was settled"), by_rules);
        }
        self.owed.sort_unstable_by_key(|owed| owed.row);
        Classified { chunk: self.chunk, verdicts: self.verdicts, owed: self.owed, groups: self.groups }
    }
}
