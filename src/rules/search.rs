//! Finds which of some thousand literals a text holds, many times faster than it takes to try their patterns.
//!
//! Four bytes of each literal, those that are rarest in logs, are its *window*. A text is searched for windows, by a bit for the hash
//! of each in a table that stays in the first-level cache; only where a bit is set are the literals looked at. Unlike the states of an
//! automaton, the look-ups of neighbouring positions do not wait for each other. Case does not count: patterns that ignore it would
//! have a literal for each way to write a word.

use std::cmp::Reverse;

/// Bytes in a window.
const WINDOW: usize = 4;
/// Positions that are looked up at a time.
const BLOCK: usize = 64;
/// Bits of the filter to a literal, at least: one position in as many, about, is looked at in vain.
const SPARSENESS: usize = 32;
/// Bits of the largest filter, as a power of two: 16 KiB, half of a first-level cache.
const LARGEST: u32 = 17;
/// Counters of windows, as a power of two.
const FREQUENCY_BITS: u32 = 15;
/// The filter's bits to one list of literals, as a power of two.
const BITS_TO_A_BUCKET: u32 = 5;

/// Literals to search for.
#[derive(Debug)]
pub(super) struct Search {
    filter: Vec<u64>,
    /// The number of its bits, as a power of two.
    filter_bits: u32,
    /// Where the entries of each bucket begin, and one past the last.
    buckets: Vec<usize>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    window: u32,
    /// The first bytes of the literal, which most texts that have the window lack.
    start: u32,
    /// Where the window is in the literal.
    offset: usize,
    text: &'static [u8],
    literal: usize,
}

impl Search {
    /// A search for `literals`, each in lower case and four bytes long or longer; none where there are none, since most groups of rules
    /// that a user writes have no literals, and need no pass over the text.
    pub(super) fn new(literals: impl Iterator<Item = &'static str>) -> Option<Self> {
        let literals: Vec<&[u8]> = literals.map(str::as_bytes).collect();
        // The literals are of logs themselves: what many of them have is frequent there.
        let mut frequency = vec![0_u32; 1 << FREQUENCY_BITS];
        let place = |window: &[u8]| hash(number(window), FREQUENCY_BITS);
        for window in literals.iter().flat_map(|text| text.windows(WINDOW)) {
            frequency[place(window)] += 1;
        }
        let mut entries: Vec<Entry> = literals
            .into_iter()
            .enumerate()
            .map(|(literal, text)| {
                let windows = text.windows(WINDOW).enumerate();
                let rarest =
                    windows.min_by_key(|(_, window)| (frequency[place(window)], Reverse(rarity(window))));
                let (offset, window) = rarest.expect("four bytes or more");
                Entry { window: number(window), start: number(&text[..WINDOW]), offset, text, literal }
            })
            .collect();
        if entries.is_empty() {
            return None;
        }
        let filter_bits = (entries.len() * SPARSENESS).next_power_of_two().ilog2().clamp(6, LARGEST);
        let bit = |entry: &Entry| hash(entry.window, filter_bits);
        entries.sort_by_key(|entry| (bit(entry), entry.literal));
        let mut filter = vec![0_u64; (1 << filter_bits) / 64];
        let mut buckets = vec![0; (1 << (filter_bits - BITS_TO_A_BUCKET)) + 1];
        for entry in &entries {
            let bit = bit(entry);
            filter[bit / 64] |= 1_u64 << (bit % 64);
            buckets[(bit >> BITS_TO_A_BUCKET) + 1] += 1;
        }
        for index in 1..buckets.len() {
            buckets[index] += buckets[index - 1];
        }
        Some(Self { filter, filter_bits, buckets, entries })
    }

    /// Calls `found` with the number of a literal wherever it is in `text`.
    pub(super) fn each(&self, text: &[u8], mut found: impl FnMut(usize)) {
        for start in (0..text.len().saturating_sub(WINDOW - 1)).step_by(BLOCK) {
            let end = text.len().min(start + BLOCK + WINDOW - 1);
            let mut set = self.filtered(&text[start..end]);
            while set != 0 {
                self.look(text, start + set.trailing_zeros() as usize, &mut found);
                set &= set - 1;
            }
        }
    }

    /// The positions in a block that have a bit in the filter. Without a branch: the processor could not foresee it.
    fn filtered(&self, block: &[u8]) -> u64 {
        let last = self.filter.len() - 1;
        let mut set = 0;
        for (position, window) in block.windows(WINDOW).enumerate() {
            let bit = hash(number(window), self.filter_bits);
            set |= (self.filter[(bit / 64) & last] >> (bit % 64) & 1) << position;
        }
        set
    }

    /// Calls `found` for the literals whose window is at a position.
    fn look(&self, text: &[u8], position: usize, found: &mut impl FnMut(usize)) {
        let window = number(&text[position..position + WINDOW]);
        let bucket = hash(window, self.filter_bits) >> BITS_TO_A_BUCKET;
        for entry in &self.entries[self.buckets[bucket]..self.buckets[bucket + 1]] {
            let start = position.wrapping_sub(entry.offset);
            let is_there =
                |text: &[u8]| number(&text[..WINDOW]) == entry.start && text.eq_ignore_ascii_case(entry.text);
            if entry.window == window
                && text.get(start..start.wrapping_add(entry.text.len())).is_some_and(is_there)
            {
                found(entry.literal);
            }
        }
    }
}

/// The window as a number, the same for upper and lower case. Some other bytes become the same as well.
fn number(window: &[u8]) -> u32 {
    u32::from_le_bytes(window.try_into().expect("four bytes")) | 0x2020_2020
}

/// The upper bits of a product with 2^32 over the golden ratio (Knuth, The Art of Computer Programming, volume 3, 6.4).
fn hash(window: u32, bits: u32) -> usize {
    (window.wrapping_mul(0x9e37_79b9) >> (32 - bits)) as usize
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

    const LITERALS: [&str; 7] = ["disk", "disk full", "full of", "panic", " by ", "isk f", "abc["];

    #[test]
    fn without_literals_there_is_nothing_to_search_for() {
        assert!(Search::new(std::iter::empty()).is_none());
    }

    proptest! {
        #[test]
        fn every_literal_is_found_in_any_case_wherever_it_is(text in "(disk|Disk| full| FULL| of|panic| by |ABC|abc|\\[|\\{|x|é){0,12}") {
            let mut found = Vec::new();
            Search::new(LITERALS.into_iter()).unwrap().each(text.as_bytes(), |literal| found.push(literal));
            found.sort_unstable();
            found.dedup();
            let expected: Vec<usize> = (0..LITERALS.len()).filter(|&at| text.to_ascii_lowercase().contains(LITERALS[at])).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
