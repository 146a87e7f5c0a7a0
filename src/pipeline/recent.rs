//! The messages that a thread met a moment ago. Real logs repeat themselves word by word, and a message that does needs neither
//! rules nor masking.
//!
//! A table with one place for each hash: what comes last stays. So it is bounded, needs no clean-up, and costs a
//! log that never repeats itself no more than a hash and a write for each row.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use super::table::Key;
use crate::record::Verdict;

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
    places: Vec<Option<(Key, Met)>>,
}

/// The key of a message from `source`: 128 bits, as for templates.
pub fn key(source: &[u8], message: &[u8]) -> Key {
    xxh3_128_with_seed(message, xxh3_64(source))
}

#[allow(clippy::cast_possible_truncation)] // the low bits are meant
fn place(key: Key) -> usize {
    key as usize % PLACES
}

impl Recent {
    /// An empty memory.
    pub fn new() -> Self {
        Self { places: vec![None; PLACES] }
    }

    /// What is known of a message.
    pub fn get(&self, key: Key) -> Option<Met> {
        self.places[place(key)].filter(|(kept, _)| *kept == key).map(|(_, met)| met)
    }

    /// Keeps what is known of a message, in the place of another.
    pub fn put(&mut self, key: Key, met: Met) {
        self.places[place(key)] = Some((key, met));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Reason;

    #[test]
    fn a_message_is_found_until_another_takes_its_place() {
        let mut recent = Recent::new();
        let met = Met::Settled(Verdict::unclassified(0.0, Reason::Empty));
        let first = key(b"app", b"message");
        assert!(recent.get(first).is_none());
        recent.put(first, met);
        assert!(recent.get(first).is_some());
        assert!(recent.get(key(b"other app", b"message")).is_none());
        let rival = first + PLACES as u128;
        assert!(recent.get(rival).is_none());
        recent.put(rival, met);
        assert!(recent.get(first).is_none() && recent.get(rival).is_some());
    }
}
