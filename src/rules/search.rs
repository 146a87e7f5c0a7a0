//! Finds which of some thousand literals a text holds, many times faster than it takes to try their patterns.
//!
//! Of each literal, windows of a few bytes at a fixed distance from each other are kept, so that one of them is met wherever
//! the literal stands, although the text is looked at only every few bytes. A look is a bit for the hash of what stands there,
//! in a table that stays in the first-level cache; only where it is set are the literals compared. Unlike the states of an
//! automaton, the looks at neighbouring positions do not wait for each other. Case does not count: patterns that ignore it
//! would have a literal for each way to write a word.
//!
//! The longer a literal, the wider its windows and the fewer the looks, so there is a table for each of three lengths. Nearly
//! all literals are long.

use std::cmp::Reverse;

/// Bits of a filter to a window, at least.
const SPARSENESS: usize = 16;
/// Bits of the largest filter, as a power of two: 32 KiB.
const LARGEST: u32 = 18;
/// Counters of windows, as a power of two.
const FREQUENCY_BITS: u32 = 15;
/// The filter's bits to one list of literals, as a power of two.
const BITS_TO_A_BUCKET: u32 = 4;
/// Places of the table in front of the short literals, as a power of two: few enough for a byte each.
const FRONT_BITS: u32 = 13;
/// Positions that are looked up there at a time.
const BLOCK: usize = 8;
/// Bytes of the windows at those.
const BLOCK_BYTES: usize = BLOCK + 3;

/// Literals to search for.
#[derive(Debug, Clone)]
pub(super) struct Search {
    long: Option<Table<8, 4>>,
    middling: Option<Table<4, 4>>,
    short: Option<Short>,
}

impl Search {
    /// A search for `literals`, each in lower case and four bytes long or longer; none where there are none, since most groups of rules
    /// that a user writes have no literals, and need no pass over the text.
    pub(super) fn new(literals: impl Iterator<Item = &'static str>) -> Option<Self> {
        const LONG: usize = Table::<8, 4>::SHORTEST;
        const MIDDLING: usize = Table::<4, 4>::SHORTEST;
        let literals: Vec<(usize, &[u8])> = literals.map(str::as_bytes).enumerate().collect();
        let of_length = |least: usize, most: usize| {
            let fitting = literals.iter().filter(|(_, text)| (least..most).contains(&text.len()));
            fitting.copied().collect::<Vec<_>>()
        };
        let long = Table::new(&of_length(LONG, usize::MAX));
        let middling = Table::new(&of_length(MIDDLING, LONG));
        let short = Table::new(&of_length(0, MIDDLING)).map(Short::new);
        (!literals.is_empty()).then_some(Self { long, middling, short })
    }

    /// Calls `found` with the number of a literal wherever it is in `text`.
    pub(super) fn each(&self, text: &[u8], mut found: impl FnMut(usize)) {
        if let Some(table) = &self.long {
            table.each(text, &mut found);
        }
        if let Some(table) = &self.middling {
            table.each(text, &mut found);
        }
        if let Some(short) = &self.short {
            short.each(text, &mut found);
        }
    }
}

/// Literals that have windows of `WINDOW` bytes, and of which one is met if the text is looked at every `STRIDE` bytes.
#[derive(Debug, Clone)]
struct Table<const WINDOW: usize, const STRIDE: usize> {
    /// Of each window, two bits of one word.
    filter: Vec<u64>,
    /// What of a hash is not the place of a word, in bits.
    shift: u32,
    /// Where the entries of each bucket begin, and one past the last.
    buckets: Vec<u32>,
    bucket_shift: u32,
    /// The window of each entry, beside the others', so that few lines of memory are read to find one.
    windows: Vec<u64>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    window: u64,
    /// Where the window is in the literal.
    offset: usize,
    text: &'static [u8],
    literal: usize,
}

impl<const WINDOW: usize, const STRIDE: usize> Table<WINDOW, STRIDE> {
    /// The shortest literal that has as many windows as there are positions in a stride.
    const SHORTEST: usize = WINDOW + STRIDE - 1;

    /// A table of literals, each with its number; none where there are none.
    fn new(literals: &[(usize, &'static [u8])]) -> Option<Self> {
        if literals.is_empty() {
            return None;
        }
        // The literals are of logs themselves: what many of them have is frequent there.
        let mut frequency = vec![0_u32; 1 << FREQUENCY_BITS];
        let counter = |window: &[u8]| top(hash(number::<WINDOW>(window)), u64::BITS - FREQUENCY_BITS);
        for window in literals.iter().flat_map(|(_, text)| text.windows(WINDOW)) {
            frequency[counter(window)] += 1;
        }
        let mut entries = Vec::new();
        for &(literal, text) in literals {
            let frequencies: Vec<u32> =
                text.windows(WINDOW).map(|window| frequency[counter(window)]).collect();
            let parts = text.windows(Self::SHORTEST).zip(frequencies.windows(STRIDE)).enumerate();
            let rarest = parts.min_by_key(|(_, (part, frequencies))| {
                (
                    frequencies.iter().copied().max(),
                    Reverse(part.iter().map(|&byte| rarity(byte)).sum::<u32>()),
                )
            });
            let (start, (part, _)) = rarest.expect("no literal is shorter");
            entries.extend(part.windows(WINDOW).enumerate().map(|(offset, window)| Entry {
                window: number::<WINDOW>(window),
                offset: start + offset,
                text,
                literal,
            }));
        }
        let bits = (entries.len() * SPARSENESS).next_power_of_two().ilog2().clamp(8, LARGEST);
        let shift = u64::BITS - (bits - u64::BITS.ilog2());
        let bucket_shift = u64::BITS - (bits - BITS_TO_A_BUCKET);
        entries.sort_by_key(|entry| (top(hash(entry.window), bucket_shift), entry.window, entry.literal));
        let mut filter = vec![0_u64; 1 << (u64::BITS - shift)];
        let mut buckets = vec![0; (1 << (u64::BITS - bucket_shift)) + 1];
        for entry in &entries {
            let hash = hash(entry.window);
            filter[top(hash, shift)] |= bits_of(hash);
            buckets[top(hash, bucket_shift) + 1] += 1;
        }
        for index in 1..buckets.len() {
            buckets[index] += buckets[index - 1];
        }
        let windows = entries.iter().map(|entry| entry.window).collect();
        Some(Self { filter, shift, buckets, bucket_shift, windows, entries })
    }

    /// Calls `found` with the number of a literal wherever it is in `text`.
    fn each(&self, text: &[u8], found: &mut impl FnMut(usize)) {
        let mut position = 0;
        while let Some(window) = text.get(position..position + WINDOW) {
            self.at(text, position, window, found);
            position += STRIDE;
        }
    }

    /// Calls `found` for the literals that have this window, which is at `position`, and stand around it.
    #[inline]
    fn at(&self, text: &[u8], position: usize, window: &[u8], found: &mut impl FnMut(usize)) {
        let window = number::<WINDOW>(window);
        let hash = hash(window);
        let bits = bits_of(hash);
        if self.filter[top(hash, self.shift) & (self.filter.len() - 1)] & bits == bits {
            self.look(text, position, window, found);
        }
    }

    /// The same, where the filter says that there may be some.
    fn look(&self, text: &[u8], position: usize, window: u64, found: &mut impl FnMut(usize)) {
        let bucket = top(hash(window), self.bucket_shift);
        let indices = self.buckets[bucket] as usize..self.buckets[bucket + 1] as usize;
        for index in indices.filter(|&index| self.windows[index] == window) {
            let entry = &self.entries[index];
            let start = position.wrapping_sub(entry.offset);
            let there = text.get(start..start.wrapping_add(entry.text.len()));
            if there.is_some_and(|there| there.eq_ignore_ascii_case(entry.text)) {
                found(entry.literal);
            }
        }
    }
}

/// Short literals, which may begin anywhere. They are few, so most blocks of the text have nothing of them.
#[derive(Debug, Clone)]
struct Short {
    front: Box<[u8; 1 << FRONT_BITS]>,
    table: Table<4, 1>,
}

impl Short {
    fn new(table: Table<4, 1>) -> Self {
        let mut front = Box::new([0; 1 << FRONT_BITS]);
        for entry in &table.entries {
            front[place(entry.text, entry.offset)] = 1;
        }
        Self { front, table }
    }

    /// Calls `found` with the number of a literal wherever it is in `text`.
    fn each(&self, text: &[u8], found: &mut impl FnMut(usize)) {
        let mut position = 0;
        while let Some(block) = text[position..].first_chunk::<BLOCK_BYTES>() {
            self.block(text, position, block, found);
            position += BLOCK;
        }
        // The rest is the end of a last block, unless the text is shorter than one.
        if let Some(block) = text.last_chunk::<BLOCK_BYTES>() {
            self.block(text, text.len() - BLOCK_BYTES, block, found);
        } else {
            for (position, window) in text.windows(4).enumerate() {
                self.table.at(text, position, window, found);
            }
        }
    }

    /// The same for the literals whose window is in a block, which is at `position`.
    #[inline]
    fn block(&self, text: &[u8], position: usize, block: &[u8; BLOCK_BYTES], found: &mut impl FnMut(usize)) {
        let any = (0..BLOCK).fold(0, |any, offset| any | self.front[place(block, offset)]);
        if any == 0 {
            return;
        }
        for (offset, window) in block.windows(4).enumerate() {
            if self.front[place(block, offset)] != 0 {
                self.table.at(text, position + offset, window, found);
            }
        }
    }
}

/// The place of the window at `offset` in the table in front.
fn place(text: &[u8], offset: usize) -> usize {
    let window: [u8; 4] = text[offset..offset + 4].try_into().expect("four bytes");
    let product = (u32::from_le_bytes(window) | 0x2020_2020).wrapping_mul(0x9e37_79b9);
    (product >> (u32::BITS - FRONT_BITS)) as usize
}

/// The window as a number, the same for upper and lower case. Some other bytes become the same as well.
fn number<const WINDOW: usize>(window: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes[..WINDOW].copy_from_slice(&window[..WINDOW]);
    u64::from_le_bytes(bytes) | 0x2020_2020_2020_2020
}

/// Both halves of a product with 2^64 over the golden ratio (Knuth, The Art of Computer Programming, volume 3, 6.4), so that
/// every byte of the window counts in every bit.
#[allow(clippy::cast_possible_truncation)] // both halves are used
fn hash(window: u64) -> u64 {
    let product = u128::from(window) * 0x9e37_79b9_7f4a_7c15;
    (product >> 64) as u64 ^ product as u64
}

/// The upper bits of a hash, without as many of the lower ones.
#[allow(clippy::cast_possible_truncation)] // no more are left than a table has places
fn top(hash: u64, shift: u32) -> usize {
    (hash >> shift) as usize
}

/// The two bits of a hash in its word of the filter.
fn bits_of(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63)
}

/// How rarely a byte stands in a log: an estimate.
fn rarity(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' | b' ' | b'.' | b':' | b'/' | b'-' => 0,
        b'e' | b't' | b'a' | b'o' | b'n' | b'i' | b'r' | b's' => 1,
        b'l' | b'd' | b'c' | b'u' | b'p' | b'm' | b'f' | b'g' | b'=' | b'[' | b'(' | b'"' | b',' => 2,
        b'a'..=b'z' => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LITERALS: [&str; 14] = [
        "disk",
        "disk full",
        "full of",
        "panic",
        " by ",
        "isk f",
        "abc[",
        "disk full of",
        "panic by disk",
        "refused",
        "connection refused by disk",
        "tion refused by panic",
        "connection refu",
        "disk disk disk disk disk",
    ];

    #[test]
    fn without_literals_there_is_nothing_to_search_for() {
        assert!(Search::new(std::iter::empty()).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn every_literal_is_found_in_any_case_wherever_it_is(
            text in "(disk|Disk| full| FULL| of|panic| by |ABC|abc|\\[|\\{|x|é|connection |tion refused|Refused| disk){0,12}"
        ) {
            let mut found = Vec::new();
            Search::new(LITERALS.into_iter()).unwrap().each(text.as_bytes(), |literal| found.push(literal));
            found.sort_unstable();
            found.dedup();
            let expected: Vec<usize> = (0..LITERALS.len()).filter(|&at| text.to_ascii_lowercase().contains(LITERALS[at])).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
