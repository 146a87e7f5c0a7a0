//! BERT's `WordPiece` tokenizer: text to token ids, read from a `tokenizer.json`.
//!
//! It exists because the general `tokenizers` crate takes longer than the encoder it feeds. It gives the same ids, to the last: for that it
//! shares that crate's Unicode tables, which are older than Rust's. ASCII text takes a path of its own that allocates nothing.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;

mod vocabulary;

use vocabulary::{Hashes, LONGEST, RawVocabulary, Vocabulary};

/// A tokenizer of lower-case text without accents, framed by CLS and SEP.
#[derive(Debug)]
pub struct WordPiece {
    vocabulary: Vocabulary,
    /// Tokens that are recognised in the text as it is, the longest first.
    special: Vec<(Box<str>, u32)>,
    /// Whether a special token begins with a byte.
    special_start: [bool; 256],
    frame: (u32, u32),
    unknown: u32,
    /// Characters of a word, beyond which it is unknown.
    max_characters: usize,
}

impl WordPiece {
    /// Reads the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// If it is not JSON, or another kind of tokenizer than that of uncased BERT models; the error says what is not supported.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let file: TokenizerFile = serde_json::from_slice(bytes).context("tokenizer: not a tokenizer.json")?;
        expect(&file.normalizer, "normalizer", "type", &[Value::from("BertNormalizer")])?;
        expect(&file.normalizer, "normalizer", "clean_text", &[Value::from(true)])?;
        expect(&file.normalizer, "normalizer", "handle_chinese_chars", &[Value::from(true)])?;
        expect(&file.normalizer, "normalizer", "strip_accents", &[Value::Null, Value::from(true)])?;
        expect(&file.normalizer, "normalizer", "lowercase", &[Value::from(true)])?;
        expect(&file.pre_tokenizer, "pre_tokenizer", "type", &[Value::from("BertPreTokenizer")])?;
        ensure!(
            file.model.kind == "WordPiece",
            "tokenizer: model {:?} is not supported, only WordPiece",
            file.model.kind
        );

        let vocabulary = Vocabulary::new(file.model.vocab, file.model.continuing_subword_prefix.as_bytes())?;
        let unknown = vocabulary.find(&file.model.unk_token, false).with_context(|| {
            format!("tokenizer: the vocabulary lacks the unknown token {:?}", file.model.unk_token)
        })?;
        let max_characters = file.model.max_input_chars_per_word;
        ensure!(
            max_characters < MAX_ASCII_WORD,
            "tokenizer: words of {max_characters} characters are not supported"
        );
        let mut special = Vec::new();
        let mut special_start = [false; 256];
        for token in file.added_tokens {
            let plain = !(token.normalized
                || token.single_word
                || token.lstrip
                || token.rstrip
                || token.content.is_empty());
            ensure!(plain, "tokenizer: the kind of added token {:?} is not supported", token.content);
            special_start[usize::from(token.content.as_bytes()[0])] = true;
            special.push((token.content.into_boxed_str(), token.id));
        }
        special.sort_by_key(|(content, _)| std::cmp::Reverse(content.len()));
        Ok(Self {
            vocabulary,
            special,
            special_start,
            frame: frame(&file.post_processor)?,
            unknown,
            max_characters,
        })
    }

    /// Appends the ids of `text` to `ids`: CLS, the first `limit - 2` tokens at most, SEP. A `limit` below 2 is taken as 2.
    pub fn encode_into(&self, text: &str, limit: usize, ids: &mut Vec<u32>) {
        ids.push(self.frame.0);
        let end = ids.len() + limit.saturating_sub(2);
        let mut hashes = [0; LONGEST];
        let mut rest = text;
        while ids.len() < end && !rest.is_empty() {
            let (before, special, after) = self.split_at_special(rest);
            if before.is_ascii() {
                self.encode_ascii(before.as_bytes(), end, &mut hashes, ids);
            } else {
                self.encode_unicode(before, end, &mut hashes, ids);
            }
            ids.extend(special);
            rest = after;
        }
        ids.truncate(end);
        ids.push(self.frame.1);
    }

    /// The text before the first special token, that token, and the text after it.
    fn split_at_special<'a>(&self, text: &'a str) -> (&'a str, Option<u32>, &'a str) {
        for (start, byte) in text.bytes().enumerate() {
            if self.special_start[usize::from(byte)] {
                let rest = &text.as_bytes()[start..];
                let found = self.special.iter().find(|(content, _)| rest.starts_with(content.as_bytes()));
                if let Some((content, id)) = found {
                    return (&text[..start], Some(*id), &text[start + content.len()..]);
                }
            }
        }
        (text, None, "")
    }

    /// Tokens of ASCII text, until `ids` has `end` or a few more.
    fn encode_ascii(&self, text: &[u8], end: usize, hashes: &mut Hashes, ids: &mut Vec<u32>) {
        let mut word = [0; MAX_ASCII_WORD];
        let mut length = 0;
        for &byte in text {
            match ASCII[usize::from(byte)] {
                IGNORED => {}
                SPACE => {
                    self.encode_word(&word[..length], length, hashes, ids);
                    length = 0;
                    if ids.len() >= end {
                        return;
                    }
                }
                PUNCTUATION => {
                    self.encode_word(&word[..length], length, hashes, ids);
                    length = 0;
                    self.encode_word(&[byte], 1, hashes, ids);
                    if ids.len() >= end {
                        return;
                    }
                }
                lower => {
                    if length < word.len() {
                        word[length] = lower;
                        length += 1;
                    }
                }
            }
        }
        self.encode_word(&word[..length], length, hashes, ids);
    }

    /// Tokens of any text, until `ids` has `end` or a few more.
    fn encode_unicode(&self, text: &str, end: usize, hashes: &mut Hashes, ids: &mut Vec<u32>) {
        let cleaned = text.chars().filter(|&character| is_kept(character)).flat_map(|character| {
            let spaced = is_chinese(character).then_some(' ');
            let character = if character.is_whitespace() { ' ' } else { character };
            spaced.into_iter().chain([character]).chain(spaced)
        });
        let normalized = cleaned
            .nfd()
            .map(|(character, _)| character)
            .filter(|character| !character.is_mark_nonspacing())
            .flat_map(char::to_lowercase);
        let mut word = String::new();
        let mut characters = 0;
        for character in normalized {
            let is_punctuation = character.is_ascii_punctuation() || character.is_punctuation();
            if is_punctuation || character.is_whitespace() {
                self.encode_word(word.as_bytes(), characters, hashes, ids);
                word.clear();
                characters = 0;
                if is_punctuation {
                    self.encode_word(character.encode_utf8(&mut [0; 4]).as_bytes(), 1, hashes, ids);
                }
                if ids.len() >= end {
                    return;
                }
            } else {
                word.push(character);
                characters += 1;
            }
        }
        self.encode_word(word.as_bytes(), characters, hashes, ids);
    }

    /// The fewest, longest known pieces of a word from left to right, or the unknown token.
    fn encode_word(&self, word: &[u8], characters: usize, hashes: &mut Hashes, ids: &mut Vec<u32>) {
        if word.is_empty() {
            return;
        }
        let before = ids.len();
        let mut start = 0;
        while start < word.len() {
            match self.vocabulary.longest(&word[start..], start > 0, hashes) {
                Some((length, id)) if characters <= self.max_characters => {
                    ids.push(id);
                    start += length;
                }
                _ => {
                    ids.truncate(before);
                    ids.push(self.unknown);
                    return;
                }
            }
        }
    }
}

/// Bytes of an ASCII word that are kept: more than [`WordPiece::max_characters`] of any BERT model, so that a longer word stays too long.
const MAX_ASCII_WORD: usize = 512;

const IGNORED: u8 = 0;
const SPACE: u8 = b' ';
const PUNCTUATION: u8 = b'!';

/// What becomes of each ASCII byte: [`IGNORED`], [`SPACE`], [`PUNCTUATION`], or a letter or digit in lower case.
const ASCII: [u8; 128] = {
    let mut table = [IGNORED; 128];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => SPACE,
            byte if byte.is_ascii_punctuation() => PUNCTUATION,
            byte if byte.is_ascii_control() => IGNORED,
            byte => byte.to_ascii_lowercase(),
        };
        byte += 1;
    }
    table
};

/// Whether BERT's cleaning keeps a character: no control, format or private-use characters but tab and line ends.
fn is_kept(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\0' | '\u{fffd}' => false,
        _ => !character.is_other(),
    }
}

/// The characters that are words by themselves, as in the reference implementation of BERT (whose range from 2B920 on is a slip that vocabularies were made with).
fn is_chinese(character: char) -> bool {
    matches!(character,
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}' | '\u{2b920}'..='\u{2ceaf}' | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}

/// The ids of the tokens before and after the text.
fn frame(post_processor: &Value) -> Result<(u32, u32)> {
    let ids = match post_processor["type"].as_str() {
        Some("TemplateProcessing") => {
            let id = |place: usize| {
                let name = post_processor["single"][place]["SpecialToken"]["id"].as_str()?;
                post_processor["special_tokens"][name]["ids"][0].as_u64()
            };
            let single = post_processor["single"].as_array().map_or(0, Vec::len);
            (single == 3).then(|| id(0).zip(id(2))).flatten()
        }
        Some("BertProcessing") => post_processor["cls"][1].as_u64().zip(post_processor["sep"][1].as_u64()),
        _ => None,
    };
    let Some((first, last)) = ids else {
        bail!("tokenizer: the post_processor is not supported, only CLS text SEP");
    };
    Ok((u32::try_from(first)?, u32::try_from(last)?))
}

/// Fails unless `section.key` is one of `values`.
fn expect(section: &Value, name: &str, key: &str, values: &[Value]) -> Result<()> {
    let value = &section[key];
    ensure!(
        values.contains(value),
        "tokenizer: {name} with {key} {value} is not supported, only {}",
        values[0]
    );
    Ok(())
}

#[derive(Deserialize)]
struct TokenizerFile {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    model: ModelSection,
}

#[derive(Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "the names and types of the file")]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
}

#[derive(Deserialize)]
struct ModelSection {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    unk_token: String,
    #[serde(default)]
    continuing_subword_prefix: String,
    #[serde(default)]
    max_input_chars_per_word: usize,
    #[serde(default)]
    vocab: RawVocabulary,
}
