//! Compiles `resources/rules/*.toml` into one table, so that a run that needs three rules does not read a thousand first.
//!
//! The table leaves the examples out; `logclass rules check` and the tests read those from the packs' text, which the program
//! carries as well.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition,
};
use serde::Deserialize;
use std::cmp::Reverse;
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct File {
    pack: Pack,
    #[serde(default, rename = "rule")]
    rules: Vec<toml::Spanned<Rule>>,
}

#[derive(Deserialize)]
struct Pack {
    name: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    programs: Vec<String>,
}

#[derive(Deserialize)]
struct Rule {
    name: String,
    label: String,
    pattern: String,
    #[serde(default)]
    anywhere: bool,
    #[serde(default)]
    on: Option<String>,
}

/// Fewest bytes of a literal: what the search looks for at once.
const SHORTEST: usize = 4;

/// Bytes beyond which a longer literal is no better.
const LONG_ENOUGH: usize = 20;

/// Texts of which every match has one, in lower case: what is searched for, in whatever case, before a pattern is tried. Empty
/// where a pattern has none, or too many.
fn literals(pattern: &str) -> Vec<String> {
    let hir = ParserBuilder::new().utf8(false).build().parse(pattern);
    let mut texts = hir.ok().and_then(|hir| required(&lowered(&hir))).unwrap_or_default();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// The same pattern in lower case, where a letter of whatever case is that letter: otherwise a word would have a text for
/// each way to write it. Text that a rule sees has no letter beside ASCII's that is the same without its case (`readable` in
/// `src/rules/matcher.rs`).
fn lowered(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Literal(literal) => Hir::literal(literal.0.to_ascii_lowercase()),
        HirKind::Class(class) => match letter(class) {
            Some(letter) => Hir::literal([letter]),
            None => hir.clone(),
        },
        HirKind::Capture(capture) => lowered(&capture.sub),
        HirKind::Repetition(repetition) => {
            Hir::repetition(Repetition { sub: Box::new(lowered(&repetition.sub)), ..repetition.clone() })
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(lowered).collect()),
        HirKind::Alternation(branches) => Hir::alternation(branches.iter().map(lowered).collect()),
        HirKind::Empty | HirKind::Look(_) => hir.clone(),
    }
}

/// The letter that a class is, if it is one letter in any case.
fn letter(class: &Class) -> Option<u8> {
    (b'a'..=b'z').find(|&letter| {
        let (lower, upper) = (char::from(letter), char::from(letter.to_ascii_uppercase()));
        match class {
            Class::Unicode(class) => {
                let mut either = ClassUnicode::new([ClassUnicodeRange::new(lower, lower)]);
                either.case_fold_simple();
                *class == either
            }
            Class::Bytes(class) => {
                let range = |letter: char| ClassBytesRange::new(letter as u8, letter as u8);
                *class == ClassBytes::new([range(lower), range(upper)])
            }
        }
    })
}

/// The best texts of which every match of `hir` has one: the shortest as long as can be, and few.
fn required(hir: &Hir) -> Option<Vec<String>> {
    let mut found: Vec<Vec<String>> = [ExtractKind::Prefix, ExtractKind::Suffix]
        .into_iter()
        .filter_map(|kind| extracted(hir, kind))
        .collect();
    match hir.kind() {
        HirKind::Capture(capture) => found.extend(required(&capture.sub)),
        HirKind::Repetition(repetition) if repetition.min > 0 => found.extend(required(&repetition.sub)),
        HirKind::Alternation(branches) => {
            let all: Option<Vec<_>> = branches.iter().map(required).collect();
            found.extend(all.map(|all| all.concat()));
        }
        HirKind::Concat(parts) => {
            for (at, part) in parts.iter().enumerate() {
                found.extend(required(part));
                found.extend(extracted(&Hir::concat(parts[at..].to_vec()), ExtractKind::Prefix));
            }
        }
        _ => {}
    }
    let shortest = |texts: &Vec<String>| texts.iter().map(String::len).min().unwrap_or(0);
    found.retain(|texts| shortest(texts) >= SHORTEST && texts.len() <= 64);
    found.into_iter().max_by_key(|texts| (shortest(texts).min(LONG_ENOUGH), Reverse(texts.len())))
}

/// What every match begins with, or ends with.
fn extracted(hir: &Hir, kind: ExtractKind) -> Option<Vec<String>> {
    let mut extractor = Extractor::new();
    extractor.kind(kind).limit_total(64).limit_class(4);
    let sequence = extractor.extract(hir);
    let texts = sequence.literals()?.iter().map(|literal| String::from_utf8(literal.as_bytes().to_vec()));
    texts.collect::<Result<_, _>>().ok()
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=resources/rules");
    let folder =
        Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join("resources/rules");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("resources/rules is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    // What is sure in any log stands behind what knows its program.
    files.sort_by_key(|path| (path.file_stem().is_some_and(|name| name == "general"), path.clone()));
    let mut table = String::from("&[\n");
    for path in &files {
        println!("cargo:rerun-if-changed={}", path.display());
        let text = std::fs::read_to_string(path).expect("readable");
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let stem = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        assert_eq!(stem.as_deref(), Some(file.pack.name.as_str()), "a pack is called as its file is");
        let programs: Vec<String> = file.pack.programs.iter().map(|name| name.to_lowercase()).collect();
        let _ = writeln!(
            table,
            "    BundledPack {{ name: {:?}, about: {:?}, programs: &{programs:?}, text: include_str!({:?}), rules: &[",
            file.pack.name,
            file.pack.about,
            path.display().to_string()
        );
        for spanned in file.rules {
            let line = text[..spanned.span().start].matches('\n').count() + 1;
            let rule = spanned.into_inner();
            let _ = writeln!(
                table,
                "        BundledRule {{ name: {:?}, label: {:?}, pattern: {:?}, literals: &{:?}, anywhere: {}, message: {}, line: {line} }},",
                rule.name,
                rule.label,
                rule.pattern,
                literals(&rule.pattern),
                rule.anywhere,
                rule.on.as_deref() == Some("message")
            );
        }
        table.push_str("    ] },\n");
    }
    table.push_str("]\n");
    let target = Path::new(&std::env::var("OUT_DIR").expect("set by cargo")).join("rule_packs.rs");
    std::fs::write(target, table).expect("the table can be written");
}
