//! Finds which of some thousand literals a text holds, many times faster than it takes to try their patterns.
//!
//! Four bytes of each literal, those that are rarest in logs, are its *window*. A text is searched for windows, by a bit for the hash
//! of each in a table that stays in the first-level cache; only where a bit is set are the literals looked at. Unlike the states of an
//! automaton, the look-ups of neighbouring positions do not wait for each other.

/// Bytes in a window.
const WINDOW: usize = 4;
/// Bits of the filter: 16 KiB.
const FILTER_BITS: u32 = 17;
/// Lists of literals by hash.
const BUCKET_BITS: u32 = 12;

/// Literals to search for.
#[derive(Debug)]
pub(super) struct Search {
    filter: Vec<u64>,
    /// Where the entries of each bucket begin, and one past the last.
    buckets: Vec<usize>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    window: u32,
    /// Where the window is in the literal.
    offset: usize,
    text: &'static [u8],
    literal: usize,
}

impl Search {
    /// A search for `literals`, each four bytes long or longer; none where there are none, since most groups of rules
    /// that a user writes have no literals, and need no pass over the text.
    pub(super) fn new(literals: impl Iterator<Item = &'static str>) -> Option<Self> {
        let mut entries: Vec<Entry> = literals
            .enumerate()
            .map(|(literal, text)| {
                let text = text.as_bytes();
                let rarest = text.windows(WINDOW).enumerate().max_by_key(|(_, window)| rarity(window));
                let (offset, window) = rarest.expect("four bytes or more");
                Entry { window: number(window), offset, text, literal }
            })
            .collect();
        if entries.is_empty() {
            return None;
        }
        entries.sort_by_key(|entry| (bucket(entry.window), entry.literal));
        let mut filter = vec![0; 1 << (FILTER_BITS - 6)];
        let mut buckets = vec![0; (1 << BUCKET_BITS) + 1];
        for entry in &entries {
            let bit = hash(entry.window, FILTER_BITS);
            filter[bit / 64] |= 1_u64 << (bit % 64);
            buckets[bucket(entry.window) + 1] += 1;
        }
        for index in 1..buckets.len() {
            buckets[index] += buckets[index - 1];
        }
        Some(Self { filter, buckets, entries })
    }

    /// Calls `found` with the number of a literal wherever it is in `text`.
    pub(super) fn each(&self, text: &[u8], mut found: impl FnMut(usize)) {
        for (position, window) in text.windows(WINDOW).enumerate() {
            let window = number(window);
            let bit = hash(window, FILTER_BITS);
            if self.filter[bit / 64] >> (bit % 64) & 1 == 0 {
                continue;
            }
            let bucket = bucket(window);
            for entry in &self.entries[self.buckets[bucket]..self.buckets[bucket + 1]] {
                let start = position.wrapping_sub(entry.offset);
                let is_there = entry.window == window
                    && text.get(start..start.wrapping_add(entry.text.len())) == Some(entry.text);
                if is_there {
                    found(entry.literal);
                }
            }
        }
    }
}

fn number(window: &[u8]) -> u32 {
    u32::from_le_bytes(window.try_into().expect("four bytes"))
}

/// The upper bits of a product with 2^32 over the golden ratio (Knuth, The Art of Computer Programming, volume 3, 6.4).
fn hash(window: u32, bits: u32) -> usize {
    (window.wrapping_mul(0x9e37_79b9) >> (32 - bits)) as usize
}

fn bucket(window: u32) -> usize {
    hash(window, BUCKET_BITS)
}

/// How rarely four bytes stand in a log: an estimate, by the letters alone.
fn rarity(window: &[u8]) -> u32 {
    let of_byte = |byte: &u8| match byte {
        b'0'..=b'9' | b' ' | b'.' | b':' | b'/' | b'-' => 0,
        b'e' | b't' | b'a' | b'o' | b'n' | b'i' | b'r' | b's' => 1,
        b'l' | b'd' | b'c' | b'u' | b'p' | b'm' | b'f' | b'g' | b'=' | b'[' | b'(' | b'"' | b',' => 2,
        b'a'..=b'z' => 3,
        _ => 4,
    };
    window.iter().map(of_byte).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LITERALS: [&str; 7] = ["disk", "disk full", "full of", "panic", " by ", "isk f", "ABCD"];

    #[test]
    fn without_literals_there_is_nothing_to_search_for() {
        assert!(Search::new(std::iter::empty()).is_none());
    }

    proptest! {
        #[test]
        fn every_literal_is_found_wherever_it_is(text in "(disk| full| of|panic| by |ABC|D|x|é){0,12}") {
            let mut found = Vec::new();
            Search::new(LITERALS.into_iter()).unwrap().each(text.as_bytes(), |literal| found.push(literal));
            found.sort_unstable();
            found.dedup();
            let expected: Vec<usize> = (0..LITERALS.len()).filter(|&at| text.contains(LITERALS[at])).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
