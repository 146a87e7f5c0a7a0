//! The tokenizer: any text gives the ids that the `tokenizers` crate gives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logclass::encoder::wordpiece::WordPiece;
use std::sync::LazyLock;
use tokenizers::Tokenizer;

const JSON: &[u8] = include_bytes!("../../models/all-MiniLM-L6-v2-logs/tokenizer.json");

static OURS: LazyLock<WordPiece> = LazyLock::new(|| WordPiece::from_json(JSON).expect("a tokenizer"));
static THEIRS: LazyLock<Tokenizer> = LazyLock::new(|| {
    let mut tokenizer = Tokenizer::from_bytes(JSON).expect("a tokenizer");
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).expect("no truncation");
    tokenizer
});

fuzz_target!(|text: &str| {
    let mut ours = Vec::new();
    OURS.encode_into(text, usize::MAX, &mut ours);
    let theirs = THEIRS.encode(text, true).expect("any text has ids");
    assert_eq!(ours, theirs.get_ids());
    let mut cut = Vec::new();
    OURS.encode_into(text, 8, &mut cut);
    assert!(cut.len() <= 8);
});
