//! What a row is made of, each part alone: masking, rules, tokens, vectors.
//!
//!     cargo bench                     all of it
//!     cargo bench -- masking          what has the word in its name
//!
//! The messages are those of the corpus. Throughput is in messages or, for masking and rules, in bytes.

#![allow(missing_docs, clippy::missing_panics_doc, reason = "a bench is no library")]

use std::sync::LazyLock;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use logclass::encoder::native::Instructions;
use logclass::encoder::wordpiece::WordPiece;
use logclass::encoder::{Encoder, parse_source};
use logclass::envelope;
use logclass::head::Head;
use logclass::head::lexical::Scratch;
use logclass::rules::{Rules, packs};
use logclass::template::{self, Template};

fn main() {
    divan::main();
}

/// Every message of the corpus.
static MESSAGES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut messages = Vec::new();
    let folders = ["resources/corpus/programs", "resources/corpus/sentences"];
    let mut files: Vec<_> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "csv")) {
        for record in csv::Reader::from_path(file).unwrap().records() {
            messages.push(record.unwrap()[1].to_owned());
        }
    }
    messages
});

static TEMPLATES: LazyLock<Vec<String>> =
    LazyLock::new(|| MESSAGES.iter().map(|message| template::mask(message.as_bytes())).collect());

static OPENED: LazyLock<Vec<Template>> =
    LazyLock::new(|| MESSAGES.iter().map(|message| Template::of(message.as_bytes())).collect());

fn bytes(texts: &[String]) -> BytesCount {
    BytesCount::new(texts.iter().map(String::len).sum::<usize>())
}

#[divan::bench]
fn masking(bencher: Bencher<'_, '_>) {
    let mut masked = String::new();
    bencher.counter(bytes(&MESSAGES)).bench_local(|| {
        for message in &*MESSAGES {
            template::mask_into(message.as_bytes(), &mut masked);
            black_box(&masked);
        }
    });
}

/// What a new message costs before it is looked up: envelope and masking.
#[divan::bench]
fn envelope_and_masking(bencher: Bencher<'_, '_>) {
    let mut masked = String::new();
    bencher.counter(bytes(&MESSAGES)).bench_local(|| {
        for message in &*MESSAGES {
            template::mask_into(&envelope::open(message.as_bytes()).body, &mut masked);
            black_box(&masked);
        }
    });
}

/// The bundled rules over messages of all programs, each with its program.
#[divan::bench]
fn rules(bencher: Bencher<'_, '_>) {
    let rules = Rules::new(packs::all_bundled()).unwrap();
    let opened: Vec<_> =
        MESSAGES.iter().map(|message| (message, envelope::open(message.as_bytes()))).collect();
    bencher.counter(bytes(&MESSAGES)).bench(|| {
        for (message, envelope) in &opened {
            black_box(rules.first_match(b"", message.as_bytes(), envelope));
        }
    });
}

#[divan::bench]
fn tokens(bencher: Bencher<'_, '_>) {
    let json = std::fs::read("models/all-MiniLM-L6-v2-logs/tokenizer.json").unwrap();
    let tokenizer = WordPiece::from_json(&json).unwrap();
    let mut ids = Vec::new();
    bencher.counter(ItemsCount::new(TEMPLATES.len())).bench_local(|| {
        for template in &*TEMPLATES {
            ids.clear();
            tokenizer.encode_into(template, 256, &mut ids);
            black_box(&ids);
        }
    });
}

/// The lexical path's features of a template: n-grams, words and pairs of words.
#[divan::bench]
fn lexical_features(bencher: Bencher<'_, '_>) {
    let head = Head::bundled().unwrap();
    let shape = head.lexical().unwrap().info.shape;
    let (mut part, mut features) = (Vec::new(), Vec::new());
    bencher.counter(ItemsCount::new(MESSAGES.len())).bench_local(|| {
        for template in &*OPENED {
            shape.extract_into(template, &mut part, &mut features);
            black_box(&features);
        }
    });
}

/// The lexical path's answer, features included.
#[divan::bench]
fn lexical_answer(bencher: Bencher<'_, '_>) {
    let head = Head::bundled().unwrap();
    let lexical = head.lexical().unwrap();
    let mut scratch = Scratch::default();
    bencher.counter(ItemsCount::new(MESSAGES.len())).bench_local(|| {
        for template in &*OPENED {
            black_box(lexical.predict(template, &mut scratch));
        }
    });
}

/// Finding a template among those that the model was trained on.
#[divan::bench]
fn lexical_trained_on(bencher: Bencher<'_, '_>) {
    let head = Head::bundled().unwrap();
    bencher.counter(ItemsCount::new(MESSAGES.len())).bench_local(|| {
        for template in &*OPENED {
            black_box(head.was_trained_on(template));
        }
    });
}

/// Reading the bundled model, as each process does.
#[divan::bench]
fn reading_the_model(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Head::bundled().unwrap());
}

/// Vectors of a batch of 32 texts, by the instructions this processor has and by the length of the texts in words.
#[divan::bench(args = cases(), sample_count = 20)]
fn vectors(bencher: Bencher<'_, '_>, (instructions, words): &(Instructions, usize)) {
    const BATCH: usize = 32;
    let encoder = Encoder::native(&parse_source(None).unwrap(), *instructions).unwrap();
    let pool: Vec<&str> = TEMPLATES.iter().flat_map(|template| template.split(' ')).collect();
    let texts: Vec<String> = pool.chunks_exact(*words).take(BATCH).map(|words| words.join(" ")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    bencher.counter(ItemsCount::new(BATCH)).bench(|| encoder.encode(black_box(&texts)).unwrap());
}

fn cases() -> Vec<(Instructions, usize)> {
    Instructions::available().into_iter().flat_map(|way| [4, 12, 40].map(|words| (way, words))).collect()
}
