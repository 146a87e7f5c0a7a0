//! The tokens of a `WordPiece` vocabulary, found by the longest prefix.
//!
//! One table and one buffer of text instead of a map of strings, because reading thirty thousand of them is part of every start.

use std::fmt;

use anyhow::{Result, ensure};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The tokens in an open-addressing hash table, found by the hashes of all prefixes of a word in one pass.
pub(super) struct Vocabulary {
    /// Upper half: bits of the hash; lower half: index of the token plus one, 0 in a free slot.
    slots: Vec<u64>,
    /// Token text, one after the other, as they were in the file.
    text: Vec<u8>,
    tokens: Vec<Token>,
    /// Bytes of the longest token, at most [`LONGEST`].
    longest: usize,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    /// Of its text, without the prefix of one that continues a word.
    start: u32,
    end: u32,
    id: u32,
    continuing: bool,
}

/// Bytes of the longest token that there may be; the longest of BERT's has 18.
pub(super) const LONGEST: usize = 256;

/// The bits of a slot that are the hash's.
const TAG: u64 = 0xffff_ffff_0000_0000;

/// Room for the hashes of the prefixes of a word.
pub(super) type Hashes = [u64; LONGEST];

/// The hash before the first byte (FNV-1a's offset basis), and that for continuing tokens, which are apart from the others.
const BASIS: [u64; 2] = [0xcbf2_9ce4_8422_2325, hash_byte(0xcbf2_9ce4_8422_2325, b'#')];

/// FNV-1a, 64 bits.
#[inline]
const fn hash_byte(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3)
}

impl Vocabulary {
    /// `prefix` marks the tokens that continue a word.
    pub(super) fn new(raw: RawVocabulary, prefix: &[u8]) -> Result<Self> {
        let mut vocabulary = Self {
            slots: vec![0; (2 * raw.tokens.len() + 1).next_power_of_two()],
            text: raw.text,
            tokens: raw.tokens,
            longest: 0,
        };
        for index in 0..vocabulary.tokens.len() {
            let token = &mut vocabulary.tokens[index];
            let text = &vocabulary.text[token.start as usize..token.end as usize];
            if !prefix.is_empty() && text.len() > prefix.len() && text.starts_with(prefix) {
                token.continuing = true;
                token.start += u32::try_from(prefix.len()).unwrap_or(0);
            }
            let text = &vocabulary.text[token.start as usize..token.end as usize];
            ensure!(
                text.len() <= LONGEST,
                "tokenizer: a token of {} bytes is not supported, only {LONGEST}",
                text.len()
            );
            vocabulary.longest = vocabulary.longest.max(text.len());
            let hash =
                text.iter().fold(BASIS[usize::from(token.continuing)], |hash, &byte| hash_byte(hash, byte));
            let mask = vocabulary.slots.len() - 1;
            let mut slot = Self::home(hash) & mask;
            while vocabulary.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            vocabulary.slots[slot] = (hash & TAG) | (index as u64 + 1);
        }
        Ok(vocabulary)
    }

    /// FNV's low bits depend on few bits of the text; the middle ones on all.
    #[allow(clippy::cast_possible_truncation, reason = "the rest is cut off by the mask of the table anyway")]
    fn home(hash: u64) -> usize {
        (hash ^ (hash >> 29)) as usize
    }

    /// The id of the token that is `text`.
    pub(super) fn find(&self, text: &str, continuing: bool) -> Option<u32> {
        let start = BASIS[usize::from(continuing)];
        self.probe(text.as_bytes(), continuing, text.bytes().fold(start, hash_byte))
    }

    #[inline]
    fn probe(&self, text: &[u8], continuing: bool, hash: u64) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut slot = Self::home(hash) & mask;
        loop {
            let entry = self.slots[slot];
            if entry == 0 {
                return None;
            }
            if (entry ^ hash) & TAG == 0 {
                let token = &self.tokens[usize::try_from(entry & !TAG).unwrap_or(0) - 1];
                if token.continuing == continuing
                    && &self.text[token.start as usize..token.end as usize] == text
                {
                    return Some(token.id);
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Bytes and id of the longest token that `text` begins with.
    #[inline]
    pub(super) fn longest(&self, text: &[u8], continuing: bool, hashes: &mut Hashes) -> Option<(usize, u32)> {
        let text = &text[..text.len().min(self.longest)];
        let mut hash = BASIS[usize::from(continuing)];
        for (slot, &byte) in hashes.iter_mut().zip(text) {
            hash = hash_byte(hash, byte);
            *slot = hash;
        }
        (1..=text.len())
            .rev()
            .find_map(|length| Some((length, self.probe(&text[..length], continuing, hashes[length - 1])?)))
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Vocabulary({} tokens)", self.tokens.len())
    }
}

/// The vocabulary as in the file: one buffer of text, whose allocation is the only one.
#[derive(Default)]
pub(super) struct RawVocabulary {
    text: Vec<u8>,
    tokens: Vec<Token>,
}

impl<'de> Deserialize<'de> for RawVocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVocabularyVisitor)
    }
}

struct RawVocabularyVisitor;

impl<'de> Visitor<'de> for RawVocabularyVisitor {
    type Value = RawVocabulary;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a vocabulary")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawVocabulary, A::Error> {
        let mut vocabulary = RawVocabulary::default();
        let mut start = 0;
        while let Some(end) = map.next_key_seed(Append(&mut vocabulary.text))? {
            let id = map.next_value()?;
            vocabulary.tokens.push(Token { start, end, id, continuing: false });
            start = end;
        }
        Ok(vocabulary)
    }

    /// Other kinds of tokenizers have lists: read over them, so that the error is about the kind.
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<RawVocabulary, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(RawVocabulary::default())
    }
}

/// Appends a string to a buffer and gives its new length.
struct Append<'a>(&'a mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for Append<'_> {
    type Value = u32;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Append<'_> {
    type Value = u32;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a token")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u32, E> {
        self.0.extend_from_slice(text.as_bytes());
        u32::try_from(self.0.len()).map_err(E::custom)
    }
}
