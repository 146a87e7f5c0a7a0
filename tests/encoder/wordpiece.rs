//! Our `WordPiece` against the `tokenizers` crate: the same ids for the same text.

use std::sync::LazyLock;

use logclass::encoder::wordpiece::WordPiece;
use proptest::prelude::*;
use tokenizers::{Tokenizer, TruncationParams};

static JSON: LazyLock<Vec<u8>> =
    LazyLock::new(|| include_bytes!("../../models/all-MiniLM-L6-v2-logs/tokenizer.json").to_vec());
static OURS: LazyLock<WordPiece> = LazyLock::new(|| WordPiece::from_json(&JSON).expect("tokenizer"));
static THEIRS: LazyLock<Tokenizer> = LazyLock::new(|| theirs(None));

fn theirs(limit: Option<usize>) -> Tokenizer {
    let mut tokenizer = Tokenizer::from_bytes(&*JSON).expect("tokenizer");
    tokenizer.with_padding(None);
    let truncation = limit.map(|max_length| TruncationParams { max_length, ..TruncationParams::default() });
    tokenizer.with_truncation(truncation).expect("truncation");
    tokenizer
}

fn ours(text: &str, limit: usize) -> Vec<u32> {
    let mut ids = Vec::new();
    OURS.encode_into(text, limit, &mut ids);
    ids
}

fn expected(text: &str) -> Vec<u32> {
    THEIRS.encode(text, true).expect("ids").get_ids().to_vec()
}

fn assert_same(text: &str) {
    assert_eq!(ours(text, usize::MAX), expected(text), "{text:?}");
}

#[test]
fn difficult_texts_get_the_same_ids() {
    for text in [
        "",
        " ",
        "\t\r\n",
        "hello",
        "Hello, World!",
        "a\0b\u{1}c",
        "\u{85}x\u{b}y\u{c}z",
        "unaffable",
        "x##ing ## ing",
        "[CLS] a [SEP]",
        "[CLS",
        "a[MASK]b[unk][UNK]",
        "[[PAD]][PAD",
        "[\u{0}CLS]",
        "[cls] [Cls]",
        "é[SEP]é",
        "İstanbul ISTANBUL ıi",
        "ΣΑΣ ΟΔΥΣΣΕΥΣ Σ",
        "Straße ẞ",
        "ﬁ ﬀ Ⅷ ①",
        "e\u{301}\u{323} \u{323}\u{301}e",
        "\u{301}",
        "a\u{302e}\u{301}b",
        "日本語のテスト 中文字符 한국어 각",
        "ไทย ภาษา",
        "العربية مُحَمَّد",
        "हिन्दी देवनागरी",
        "👩‍👩‍👧‍👦 🇩🇪 👍🏽 ❤️",
        "\u{200b}zero\u{200d}width\u{feff}",
        "\u{e000}private\u{f0000}",
        "\u{378}\u{1fffe}\u{10ffff}",
        "\u{fffd}replaced\u{fffd}",
        "a\u{a0}b\u{2003}c\u{3000}d\u{2028}e",
        "“quoted” – dash… «x»",
        "$100 €5 +=~^`|<>",
        "\u{37e}\u{1fef}",
        "naïve café ÀÉÎÕÜ",
        "\u{fb00}\u{1d165}\u{1d16e}",
        "0x7ffe8a 10.0.0.1:8080 2024-01-02T03:04:05.678Z /var/log/x.log key=value {\"a\":[1,2]}",
    ] {
        assert_same(text);
    }
    for length in [99, 100, 101, 511, 512, 513, 2000] {
        assert_same(&format!("x {} y", "a".repeat(length)));
        assert_same(&format!("x {} y", "é".repeat(length)));
        assert_same(&format!("x {}\u{1f600} y", "1".repeat(length)));
        assert_same(&format!("x {} y", "a\u{301}".repeat(length)));
    }
}

#[test]
fn every_character_gets_the_same_ids() {
    let all: Vec<char> = ('\0'..=char::MAX).collect();
    for some in all.chunks(64) {
        let text: String = some
            .iter()
            .flat_map(|&character| ['x', character, 'y', ' ', character, ' ', character, '\u{301}', ' '])
            .collect();
        if ours(&text, usize::MAX) != expected(&text) {
            for &character in some {
                assert_same(&format!("x{character}y {character} {character}\u{301}"));
            }
            assert_same(&text);
        }
    }
}

#[test]
fn every_line_of_the_corpus() {
    for part in ["programs", "sentences"] {
        let folder = format!("{}/resources/corpus/{part}", env!("CARGO_MANIFEST_DIR"));
        for file in std::fs::read_dir(folder).expect("the corpus") {
            let text = std::fs::read(file.expect("file").path()).expect("text");
            String::from_utf8_lossy(&text).lines().for_each(assert_same);
        }
    }
}

#[test]
fn truncation_keeps_the_last_special_token() {
    let text = "[MASK] unaffable reconfiguration [SEP] 10.20.30.40 été 日本 terminated-abnormally".repeat(9);
    for limit in [2, 3, 4, 5, 17, 100, 255, 256, 257, 1000] {
        let expected = theirs(Some(limit)).encode(text.as_str(), true).expect("ids").get_ids().to_vec();
        assert_eq!(ours(&text, limit), expected, "limit {limit}");
    }
    assert_eq!(ours(&text, 0), [101, 102]);
}

#[test]
fn ids_are_appended() {
    let mut ids = vec![7];
    OURS.encode_into("hello", 256, &mut ids);
    assert_eq!(ids, [7, 101, 7592, 102]);
}

#[test]
fn other_tokenizers_are_refused() {
    let json = String::from_utf8(JSON.clone()).expect("JSON");
    for (from, to, says) in [
        ("\"type\":\"BertNormalizer\"", "\"type\":\"Lowercase\"", "normalizer"),
        ("\"lowercase\":true", "\"lowercase\":false", "lowercase"),
        ("\"strip_accents\":null", "\"strip_accents\":false", "strip_accents"),
        ("\"type\":\"BertPreTokenizer\"", "\"type\":\"Whitespace\"", "pre_tokenizer"),
        ("\"type\":\"WordPiece\",\"unk", "\"type\":\"BPE\",\"unk", "BPE"),
        ("\"type\":\"TemplateProcessing\"", "\"type\":\"ByteLevel\"", "post_processor"),
        ("\"normalized\":false", "\"normalized\":true", "added token"),
        ("\"max_input_chars_per_word\":100", "\"max_input_chars_per_word\":1000", "1000 characters"),
    ] {
        assert!(json.contains(from), "{from}");
        let error = WordPiece::from_json(json.replacen(from, to, 1).as_bytes()).expect_err(from).to_string();
        assert!(error.contains(says), "{error}");
    }
    assert!(WordPiece::from_json(b"{}").is_err());
    assert!(WordPiece::from_json(br#"{"model":{"type":"Unigram","vocab":[["a",1.5]]}}"#).is_err());
}

/// Text that is likely to meet in special tokens, marks, spaces and words.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "\\PC{0,12}",
        "[a-zA-Z0-9]{1,14}",
        "[ -~]{0,20}",
        "[\\x00-\\x7f]{0,8}",
        "\\p{M}{1,4}",
        "\\p{Greek}{1,8}|\\p{Cyrillic}{1,8}|\\p{Han}{1,4}|\\p{Hangul}{1,4}|\\p{Arabic}{1,8}|\\p{Devanagari}{1,8}",
        prop::sample::select(vec![
            "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[", "]", " ", "\u{301}", "İ", "Σ", "##", "👍🏽"
        ])
        .prop_map(String::from),
        (1usize..110).prop_map(|length| "ab".repeat(length)),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_text_gets_the_same_ids(text in pieces()) {
        prop_assert_eq!(ours(&text, usize::MAX), expected(&text));
    }
}
