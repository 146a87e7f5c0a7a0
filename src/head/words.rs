//! Words and pairs of neighbouring words: what the lexical path knows beside character n-grams.
//!
//! A word is a run of letters, a whole placeholder of the masking (`<time>`), or any other character but white space. Upper and
//! lower case are the same. Words and pairs are found in one pass, by hashes that are carried on from letter to letter.

use serde::{Deserialize, Serialize};
use std::ops::Range;

use super::ngrams::{FNV_OFFSET, FNV_PRIME, SparseVector, bucket, gather};

/// How words are hashed. Part of a model: it must be the same for training and prediction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WordShape {
    /// Number of buckets, a power of two.
    pub buckets: usize,
    /// Euclidean length of the resulting vector.
    pub weight: f32,
}

/// A word or a pair of words in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// FNV-1a hash of its lower-case letters, with a space between the words of a pair.
    pub hash: u32,
    /// The first word of a pair.
    pub before: Option<Range<usize>>,
    /// The word, or the second one.
    pub word: Range<usize>,
}

impl Term {
    /// The term as it is named: lower case, with a space between the words of a pair.
    pub fn name(&self, template: &str) -> String {
        let mut name = String::new();
        if let Some(before) = &self.before {
            name.push_str(&template[before.clone()]);
            name.push(' ');
        }
        name.push_str(&template[self.word.clone()]);
        name.make_ascii_lowercase();
        name
    }
}

impl WordShape {
    /// Whether the numbers make sense, for reading model files.
    pub fn is_valid(&self) -> bool {
        self.buckets.is_power_of_two()
            && self.buckets <= 1 << 22
            && self.weight.is_finite()
            && self.weight >= 0.0
    }

    /// The bucket of a term.
    pub fn bucket(&self, term: &Term) -> u32 {
        bucket(term.hash, self.buckets)
    }

    /// The words and pairs of `template` into `out` (cleared first). A word that comes often counts by the root of how often.
    pub fn extract_into(&self, template: &str, out: &mut SparseVector) {
        out.clear();
        each_term(template, |term| out.push((self.bucket(&term), 1.0)));
        gather(out);
        let length = out.iter().map(|&(_, count)| count).sum::<f32>().sqrt();
        if length > 0.0 {
            let scale = self.weight / length;
            out.iter_mut().for_each(|(_, count)| *count = count.sqrt() * scale);
        }
    }
}

/// Calls `visit` with each word of `template`, and with each pair of neighbours.
pub fn each_term(template: &str, mut visit: impl FnMut(Term)) {
    let bytes = template.as_bytes();
    let mut before: Option<(Range<usize>, u32)> = None;
    let mut start = 0;
    while start < bytes.len() {
        if bytes[start].is_ascii_whitespace() {
            start += 1;
            continue;
        }
        let word = start..end_of_word(bytes, start);
        let (mut alone, mut pair) = (FNV_OFFSET, before.as_ref().map_or(0, |(_, hash)| step(*hash, b' ')));
        for byte in bytes[word.clone()].iter().map(u8::to_ascii_lowercase) {
            alone = step(alone, byte);
            pair = step(pair, byte);
        }
        visit(Term { hash: alone, before: None, word: word.clone() });
        if let Some((first, _)) = before {
            visit(Term { hash: pair, before: Some(first), word: word.clone() });
        }
        start = word.end;
        before = Some((word, alone));
    }
}

/// One past the end of the word that begins at `start`, always at the end of a character.
fn end_of_word(bytes: &[u8], start: usize) -> usize {
    // What is not ASCII is taken for letters, so no character is cut.
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    let letters = |start: usize| bytes[start..].iter().take_while(|byte| is_letter(byte)).count();
    let run = letters(start);
    if run > 0 {
        return start + run;
    }
    if bytes[start] == b'<' {
        let end = start + 1 + letters(start + 1);
        if end > start + 1 && bytes.get(end) == Some(&b'>') {
            return end + 1;
        }
    }
    start + 1
}

fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(FNV_PRIME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(template: &str) -> Vec<String> {
        let mut names = Vec::new();
        each_term(template, |term| names.push(term.name(template)));
        names
    }

    #[test]
    fn words_placeholders_and_pairs_are_found() {
        assert_eq!(
            names("Login FAILED: <ip>#"),
            ["login", "failed", "login failed", ":", "failed :", "<ip>", ": <ip>", "#", "<ip> #"]
        );
        assert!(names(" \t").is_empty());
        assert_eq!(names("a < b"), ["a", "<", "a <", "b", "< b"]);
    }

    #[test]
    fn what_has_one_name_has_one_hash_and_the_vector_the_length_asked_for() {
        let shape = WordShape { buckets: 1024, weight: 0.5 };
        let (mut one, mut other) = (Vec::new(), Vec::new());
        shape.extract_into("disk  Full disk full", &mut one);
        shape.extract_into("DISK full DISK full", &mut other);
        assert_eq!(one, other);
        let length = one.iter().map(|&(_, value)| value * value).sum::<f32>().sqrt();
        assert!((length - 0.5).abs() < 1e-6);
        shape.extract_into("", &mut one);
        assert!(one.is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_cut_between_characters(text in "\\PC{0,40}") {
            each_term(&text, |term| { term.name(&text); });
        }
    }
}
