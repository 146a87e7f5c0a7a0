//! A bounded map of templates, right when full.
//!
//! Two generations: new entries go to the young one; when that is full it becomes the old one, and the old
//! one is dropped. A template dropped and met again is simply classified again.

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::cascade::Path;
use crate::envelope::Severity;
use crate::prehashed::PrehashedMap;
use crate::template::Template;

/// 128 bits of hash stand for a template: two templates of a run share one with a probability under 1e-24 for a million
/// of them.
pub type Key = u128;

/// A map whose keys are hashes already.
pub type KeyMap<V> = PrehashedMap<Key, V>;

/// The key of what the model says of a template. A `thorough` run knows nothing of what was settled without the encoder, and the other way
/// round, so that an answer does not depend on who has met the template before.
pub fn key(template: &Template, thorough: bool) -> Key {
    xxh3_128_with_seed(template.text.as_bytes(), severity_bits(template.severity) | u64::from(thorough))
}

/// The key of a template that takes `path`.
pub fn key_of_path(text: &str, severity: Option<Severity>, path: Path) -> Key {
    let seed = u64::from(path.rules) | u64::from(path.model) << 1 | (path.llm as u64) << 2;
    xxh3_128_with_seed(text.as_bytes(), seed | severity_bits(severity))
}

fn severity_bits(severity: Option<Severity>) -> u64 {
    severity.map_or(0, |severity| 1 + severity as u64) << 8
}

/// What is known of templates.
#[derive(Debug)]
pub struct Table<V> {
    young: KeyMap<V>,
    old: KeyMap<V>,
    size: usize,
    dropped: u64,
}

impl<V: Copy> Table<V> {
    /// A table that remembers `size` templates at the least, and at most twice as many.
    pub fn new(size: usize) -> Self {
        Self { young: KeyMap::default(), old: KeyMap::default(), size: size.max(1), dropped: 0 }
    }

    /// What is known of a template.
    pub fn get(&self, key: Key) -> Option<V> {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    /// Adds templates.
    pub fn insert(&mut self, fresh: impl IntoIterator<Item = (Key, V)>) {
        for (key, known) in fresh {
            if self.young.len() >= self.size && !self.young.contains_key(&key) {
                let old = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
                self.dropped += old.len() as u64;
            }
            self.young.insert(key, known);
        }
    }

    /// Everything that is known, each template once.
    pub fn iter(&self) -> impl Iterator<Item = (Key, V)> {
        let old = self.old.iter().filter(|(key, _)| !self.young.contains_key(key));
        self.young.iter().chain(old).map(|(key, known)| (*key, *known))
    }

    /// Templates that were dropped because there were too many.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_forgets_the_oldest_and_stays_bounded() {
        let mut table = Table::new(3);
        for key in 0..10 {
            table.insert([(key, key)]);
            assert!(table.get(key).is_some());
            assert!(table.young.len() + table.old.len() <= 6);
        }
        assert!(table.get(0).is_none());
        assert!(table.get(7).is_some());
        assert_eq!(table.iter().count() as u64 + table.dropped(), 10);
    }

    #[test]
    fn a_template_that_is_learned_again_is_one_template() {
        let mut table = Table::new(2);
        table.insert([(1, 'a'), (2, 'b'), (2, 'c'), (3, 'd'), (1, 'e')]);
        let mut all: Vec<_> = table.iter().collect();
        all.sort_unstable();
        assert_eq!(all, [(1, 'e'), (2, 'c'), (3, 'd')]);
    }
}
