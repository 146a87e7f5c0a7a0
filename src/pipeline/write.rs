//! The writer's side: rows with their labels, in order, and the count of them.

use anyhow::Result;

use super::classified::{Classified, Owed};
use super::row::RowFormat;
use super::step::Stages;
use crate::history::{Labelled, Observer};
use crate::input::Chunk;
use crate::label::Labels;
use crate::llm::{Answer, Llm, NoAnswer};
use crate::output::{Output, Rejects};
use crate::progress::Progress;
use crate::verdict::{Reason, Stage, Verdict};

/// Where a run's rows go.
#[derive(Debug)]
pub struct Destination<'a> {
    /// The classified rows.
    pub output: Output,
    /// The records that could not be taken.
    pub rejects: Option<&'a mut Rejects>,
    /// Who counts the rows for a history or a report.
    pub observer: Option<&'a mut Observer>,
    /// Hand on each chunk at once, for a reader who waits.
    pub live: bool,
}

impl From<Output> for Destination<'_> {
    fn from(output: Output) -> Self {
        Self { output, rejects: None, observer: None, live: false }
    }
}

/// Counts of a run.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Rows classified.
    pub rows: u64,
    /// Those of them that were not written, because of their label.
    pub filtered: u64,
    /// Rows per stage, in the order of [`Stage::ALL`].
    pub stages: [u64; 4],
    /// Rows per label, by id.
    pub labels: Vec<u64>,
    /// Distinct templates that no rule had settled.
    pub templates: u64,
    /// Rows that the LLM was, or in a dry run would be, responsible for.
    pub owed_rows: u64,
    /// Rows that it should have answered and could not.
    pub unanswered_rows: u64,
    /// The same by reason, in the order of [`Unanswered::ALL`](crate::llm::Unanswered::ALL).
    pub unanswered: [u64; 4],
    /// Records that could not be taken and are not among the rows.
    pub rejects: u64,
    /// Records that could not be taken and are rows all the same.
    pub unreadable: u64,
}

impl Tally {
    /// Nothing counted, for this many labels.
    pub fn new(labels: usize) -> Self {
        Self { labels: vec![0; labels], ..Self::default() }
    }

    /// Adds the counts of another run over the same labels.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.filtered += other.filtered;
        self.templates += other.templates;
        self.owed_rows += other.owed_rows;
        self.unanswered_rows += other.unanswered_rows;
        self.rejects += other.rejects;
        self.unreadable += other.unreadable;
        self.unanswered.iter_mut().zip(other.unanswered).for_each(|(sum, rows)| *sum += rows);
        self.stages.iter_mut().zip(other.stages).for_each(|(sum, rows)| *sum += rows);
        self.labels.iter_mut().zip(&other.labels).for_each(|(sum, rows)| *sum += rows);
    }

    /// Counts the records of `chunk` that could not be taken as rows.
    fn unreadable(&mut self, chunk: &Chunk, format: &RowFormat) {
        let records = chunk.rejects.len() as u64;
        self.unreadable += records;
        if !format.writes(Labels::UNCLASSIFIED) {
            self.filtered += records;
        }
        (0..records).for_each(|_| self.count(&Verdict::unclassified(0.0, Reason::Unreadable)));
    }

    fn count(&mut self, verdict: &Verdict) {
        let stage = Stage::ALL.iter().position(|&stage| stage == verdict.stage).unwrap_or(0);
        self.rows += 1;
        self.stages[stage] += 1;
        self.labels[usize::from(verdict.label)] += 1;
    }
}

/// Output is handed to the system in pieces of about this many bytes.
const PIECE: usize = 256 << 10;

/// Waits for the LLM where rows are owed to it, and writes the chunk.
pub(super) fn write_chunk(
    mut classified: Classified,
    stages: Stages<'_>,
    format: &RowFormat,
    destination: &mut Destination<'_>,
    tally: &mut Tally,
    progress: &mut Progress,
) -> Result<()> {
    take_answers(&mut classified, stages.llm, tally)?;
    let Classified { chunk, verdicts, groups, .. } = classified;
    let cascade = stages.cascade;
    // Counted before it is written, so that who has read a row finds it in the counters.
    if let (Some(observer), Some(groups)) = (destination.observer.as_deref_mut(), &groups) {
        observer.add(&chunk, groups, |row| {
            let Verdict { label, confidence, .. } = verdicts[row];
            Labelled { name: cascade.labels().name(label), id: label.into(), confidence }
        });
    }
    let mut piece = Vec::with_capacity(PIECE + (PIECE >> 2));
    let mut copied = 0;
    let mut gaps = Gaps { chunk: &chunk, format, rejects: 0 };
    let of_record = chunk.records.first().is_some_and(|record| record.start == 0);
    if format.writes_gaps()
        && chunk.hole > 0
        && !of_record
        && chunk.rejects.first().is_none_or(|reject| reject.start > 0)
    {
        destination.output.repeat(b"\0", chunk.hole)?;
    }
    for (record, verdict) in chunk.records.iter().zip(&verdicts) {
        gaps.copy(copied, record.start as usize, destination, &mut piece)?;
        let hole = if record.start == 0 { chunk.hole } else { 0 };
        if format.writes(verdict.label) {
            format.row(&chunk, record, verdict, cascade, &mut piece);
            if hole > 0 && format.writes_gaps() {
                let (place, zero) = format.hole(&piece);
                destination.output.write(&piece[..place])?;
                destination.output.repeat(zero, hole)?;
                piece.drain(..place);
            }
        } else {
            tally.filtered += 1;
        }
        copied = record.next as usize;
        tally.count(verdict);
        if piece.len() >= PIECE {
            destination.output.write(&piece)?;
            piece.clear();
        }
    }
    gaps.copy(copied, chunk.data.len(), destination, &mut piece)?;
    destination.output.write(&piece)?;
    if format.writes_unreadable() {
        tally.unreadable(&chunk, format);
    } else {
        tally.rejects += chunk.rejects.len() as u64;
    }
    if destination.live {
        destination.output.flush()?;
        if let Some(rejects) = destination.rejects.as_deref_mut() {
            rejects.flush()?;
        }
    }
    progress.advance(chunk.records.len() as u64, chunk.hole + chunk.data.len() as u64);
    Ok(())
}

/// Waits for the LLM where rows are owed to it.
///
/// # Errors
/// When an answer that is required does not come.
pub(super) fn take_answers(classified: &mut Classified, llm: Option<&Llm>, tally: &mut Tally) -> Result<()> {
    for owed in &classified.owed {
        tally.owed_rows += 1;
        if let (Some(llm), Some(ticket)) = (llm, owed.ticket) {
            let answer = llm.wait(ticket);
            if let Answer::Failed(reason) = answer {
                if llm.is_required() {
                    let why = llm.report().first_failure.unwrap_or_else(|| reason.name().to_owned());
                    return Err(NoAnswer { why }.into());
                }
                tally.unanswered_rows += 1;
                tally.unanswered[reason as usize] += 1;
            }
            classified.verdicts[owed.row] = answered(answer, owed);
        }
    }
    Ok(())
}

/// What stands between records: blank lines, which are kept, and rejected records, which go elsewhere or become rows.
struct Gaps<'a> {
    chunk: &'a Chunk,
    format: &'a RowFormat,
    /// Rejects that were written.
    rejects: usize,
}

impl Gaps<'_> {
    fn copy(
        &mut self,
        mut from: usize,
        to: usize,
        destination: &mut Destination<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let Self { chunk, format, .. } = *self;
        let data = &chunk.data;
        let between = |from: usize, to: usize, out: &mut Vec<u8>| {
            if format.writes_gaps() {
                out.extend_from_slice(&data[from..to]);
            }
        };
        while let Some(reject) = self.chunk.rejects.get(self.rejects)
            && (reject.start as usize) < to
        {
            let (start, next) = (reject.start as usize, reject.next as usize);
            between(from, start, out);
            if format.writes_unreadable() {
                if format.writes(Labels::UNCLASSIFIED) {
                    format.unreadable_row(chunk, reject, out);
                }
            } else if let Some(rejects) = destination.rejects.as_deref_mut() {
                let zeros = if start == 0 { self.chunk.hole } else { 0 };
                rejects.write(reject, zeros, &data[start..reject.end as usize])?;
            }
            self.rejects += 1;
            from = next;
        }
        between(from, to, out);
        Ok(())
    }
}

fn answered(answer: Answer, owed: &Owed) -> Verdict {
    match answer {
        Answer::Label(label) => {
            Verdict { label, stage: Stage::Llm, confidence: 1.0, reason: Reason::LlmAnswered }
        }
        Answer::Declined => Verdict::unclassified(0.0, Reason::LlmDeclined),
        Answer::Failed(_) if owed.fallback.stage == Stage::None => {
            Verdict::unclassified(owed.fallback.confidence, Reason::LlmFailed)
        }
        Answer::Failed(_) | Answer::Unasked => owed.fallback,
    }
}
