//! What is known of templates and rows on their way from the coordinator to the writer.

use crate::history::Groups;
use crate::input::Chunk;
use crate::llm::Ticket;
use crate::verdict::Verdict;

/// Rows of a chunk with their verdicts, on the way to the writer.
#[derive(Debug)]
pub struct Classified {
    /// The rows.
    pub chunk: Chunk,
    /// The verdict of each.
    pub verdicts: Vec<Verdict>,
    /// Those that wait for the LLM.
    pub owed: Vec<Owed>,
    /// Its rows as a history counts them, where there is one.
    pub groups: Option<Groups>,
}

/// A row that waits for the LLM.
#[derive(Debug)]
pub struct Owed {
    /// Its index in the chunk.
    pub row: usize,
    /// What to ask for its answer with.
    pub ticket: Option<Ticket>,
    /// Its verdict if there is no answer.
    pub fallback: Verdict,
}

/// What is known of a template.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// What the model says of it.
    pub verdict: Verdict,
    /// Whether the LLM has the last word.
    pub owed: bool,
    /// What to ask for its answer with.
    pub ticket: Option<Ticket>,
}
