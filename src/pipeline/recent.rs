//! The messages that a thread met a moment ago. Real logs repeat themselves word by word, and a message that
//! does needs neither rules nor masking.
//!
//! A table with one place for each hash: what comes last stays. So it is bounded, needs no clean-up, and
//! costs a log that never repeats itself no more than a hash and a write for each row.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use crate::history::Sighting;
use crate::verdict::Verdict;
use crate::verdicts::Key;

/// Messages remembered by a thread: few enough for the second-level cache.
const PLACES: usize = 1 << 12;

/// What is known of a message.
#[derive(Debug, Clone, Copy)]
pub enum Met {
    /// Its verdict, which no later stage can change.
    Settled(Verdict),
    /// Its template, and what the rules say where they come after the LLM.
    Template(Key, Option<Verdict>),
}

/// A thread's memory of messages.
#[derive(Debug)]
pub struct Recent {
    /// Some bits of each key: so few bytes that most messages which are not known are told from those that are without waiting
    /// for memory.
    tags: Vec<u32>,
    places: Vec<Option<(Key, Met)>>,
    /// What a history is told of each; empty where there is none.
    seen: Vec<Sighting>,
}

/// The key of a message from `source` with a severity of its own: 128 bits, as for templates.
pub fn key(source: &[u8], message: &[u8], severity: &[u8]) -> Key {
    let seed = xxh3_64(source);
    xxh3_128_with_seed(
        message,
        if severity.is_empty() { seed } else { seed ^ xxh3_64(severity).rotate_left(1) },
    )
}

#[allow(clippy::cast_possible_truncation)] // the low bits are meant
fn place(key: Key) -> usize {
    key as usize % PLACES
}

#[allow(clippy::cast_possible_truncation)] // some bits are meant, others than those of the place
fn tag(key: Key) -> u32 {
    (key >> 64) as u32
}

impl Recent {
    /// An empty memory; `counting` says whether a history is told of the rows.
    pub fn new(counting: bool) -> Self {
        let seen = if counting { vec![Sighting::default(); PLACES] } else { Vec::new() };
        Self { tags: vec![0; PLACES], places: vec![None; PLACES], seen }
    }

    /// What is known of a message.
    pub fn get(&self, key: Key) -> Option<Met> {
        let place = place(key);
        if self.tags[place] != tag(key) {
            return None;
        }
        self.places[place].filter(|(kept, _)| *kept == key).map(|(_, met)| met)
    }

    /// What a history is told of the message with this key, which was found.
    pub fn seen(&self, key: Key) -> Sighting {
        self.seen.get(place(key)).copied().unwrap_or_default()
    }

    /// Keeps what is known of a message, in the place of another.
    pub fn put(&mut self, key: Key, met: Met, seen: Sighting) {
        let place = place(key);
        self.tags[place] = tag(key);
        self.places[place] = Some((key, met));
        if let Some(kept) = self.seen.get_mut(place) {
            *kept = seen;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Reason;

    #[test]
    fn a_message_is_found_until_another_takes_its_place() {
        let mut recent = Recent::new(false);
        let met = Met::Settled(Verdict::unclassified(0.0, Reason::Empty));
        let first = key(b"app", b"message", b"");
        assert!(recent.get(first).is_none());
        recent.put(first, met, Sighting::default());
        assert!(recent.get(first).is_some());
        assert!(recent.get(key(b"app", b"message", b"error")).is_none());
        assert!(recent.get(key(b"other app", b"message", b"")).is_none());
        let rival = first + PLACES as u128;
        assert!(recent.get(rival).is_none());
        recent.put(rival, met, Sighting::default());
        assert!(recent.get(first).is_none() && recent.get(rival).is_some());
        let like = rival ^ (1_u128 << 96);
        assert!(recent.get(like).is_none(), "the same place and tag, but another key");
    }
}
