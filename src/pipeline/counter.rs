//! What a history is told of a row: which template it has, and when it was.

use xxhash_rust::xxh3::xxh3_64;

use crate::envelope::{Clock, Envelope};
use crate::history::{Counting, Groups, Sighting, mixed, source_of};
use crate::input::{Chunk, RecordSpan};
use crate::verdict::Verdict;
use crate::verdicts::Key;

/// A thread's view of the rows, for a history.
#[derive(Debug)]
pub struct Counter {
    counting: Counting,
    clock: Clock,
}

impl Counter {
    /// For rows that are counted like this.
    pub fn new(counting: Counting) -> Self {
        Self { counting, clock: Clock::new(counting.now) }
    }

    /// The groups of a chunk that begins.
    pub fn groups(&self) -> Groups {
        Groups::new(self.counting)
    }

    /// A message whose template has this key, with what the rules say of it.
    #[allow(clippy::cast_possible_truncation)] // the low half of a hash is one
    pub fn sighting(
        &mut self,
        key: Key,
        by_rules: Option<Verdict>,
        source: &[u8],
        envelope: &Envelope<'_>,
    ) -> Sighting {
        let rule = by_rules.map_or(0, |verdict| 1 + u64::from(verdict.label));
        let what = mixed(mixed(key as u64, xxh3_64(source_of(source, envelope))), rule);
        Sighting { what, seconds: self.clock.message(envelope.time.as_deref()) }
    }

    /// The time of a row with this message: the message's, unless the row has a field for it.
    pub fn seconds(&mut self, seen: Sighting, chunk: &Chunk, record: &RecordSpan) -> i64 {
        if record.time.end == 0 {
            return seen.seconds;
        }
        self.clock.field(&chunk.field(record.time)).unwrap_or(seen.seconds)
    }
}
