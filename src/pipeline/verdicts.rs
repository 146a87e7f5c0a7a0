//! What is known of templates and rows on their way from the coordinator to the writer.

use crate::history::Groups;
use crate::input::Chunk;
use crate::llm::Ticket;
use crate::verdict::Verdict;

/// Rows of a chunk with their verdicts, on the way to the writer.
pub struct Classified {
    pub chunk: Chunk,
    pub verdicts: Vec<Verdict>,
    pub owed: Vec<Owed>,
    /// Its rows as a history counts them, where there is one.
    pub groups: Option<Groups>,
}

/// A row that waits for the LLM.
pub struct Owed {
    pub row: usize,
    pub ticket: Option<Ticket>,
    /// Its verdict if there is no answer.
    pub fallback: Verdict,
}

/// What is known of a template.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub verdict: Verdict,
    pub owed: bool,
    pub ticket: Option<Ticket>,
}
