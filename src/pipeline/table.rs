//! What the pipeline remembers of templates: bounded, and right when full.
//!
//! Two generations: new entries go to the young one; when that is full it becomes the old one, and the old
//! one is dropped. A template dropped and met again is simply classified again.

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::verdicts::Known;
use crate::cascade::Path;
use crate::envelope::Severity;
use crate::prehashed::PrehashedMap;

/// 128 bits of hash stand for a template and its path: two templates of a run share one with a probability
/// under 1e-24 for a million of them.
pub type Key = u128;

/// A map whose keys are hashes already.
pub type KeyMap<V> = PrehashedMap<Key, V>;

/// The key of a template that takes `path`.
pub fn key(text: &str, severity: Option<Severity>, path: Path) -> Key {
    let severity = severity.map_or(0, |severity| 1 + severity as u64);
    let seed = u64::from(path.rules) | u64::from(path.model) << 1 | (path.llm as u64) << 2 | severity << 8;
    xxh3_128_with_seed(text.as_bytes(), seed)
}

/// The templates met so far.
#[derive(Debug)]
pub struct Table {
    young: KeyMap<Known>,
    old: KeyMap<Known>,
    size: usize,
}

impl Table {
    /// A table that remembers `size` templates at the least.
    pub fn new(size: usize) -> Self {
        Self { young: KeyMap::default(), old: KeyMap::default(), size: size.max(1) }
    }

    /// What is known of a template.
    pub fn get(&self, key: Key) -> Option<Known> {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    /// Adds templates.
    pub fn insert(&mut self, fresh: KeyMap<Known>) {
        for (key, known) in fresh {
            if self.young.len() >= self.size {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(key, known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Reason, Verdict};

    #[test]
    fn a_full_table_forgets_the_oldest_and_stays_bounded() {
        let known = Known { verdict: Verdict::unclassified(0.0, Reason::Empty), owed: false, ticket: None };
        let mut table = Table::new(3);
        for key in 0..10 {
            table.insert(std::iter::once((key, known)).collect());
            assert!(table.get(key).is_some());
            assert!(table.young.len() + table.old.len() <= 6);
        }
        assert!(table.get(0).is_none());
        assert!(table.get(7).is_some());
    }
}
