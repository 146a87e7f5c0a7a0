//! Compiles `resources/rules/*.toml` into one table, so that a run that needs three rules does not read a thousand first.
//!
//! The table leaves the examples out; `logclass rules check` and the tests read those from the packs' text, which the program
//! carries as well.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Literal};
use serde::Deserialize;
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

/// Texts of which every match has one, at its beginning or its end: what is searched for before a pattern is tried. Empty where a
/// pattern has none, or too many.
fn literals(pattern: &str) -> Vec<String> {
    const SHORTEST: usize = 4;
    let Ok(hir) = ParserBuilder::new().utf8(false).build().parse(pattern) else { return Vec::new() };
    let mut best: (usize, Vec<String>) = (0, Vec::new());
    for kind in [ExtractKind::Prefix, ExtractKind::Suffix] {
        let mut extractor = Extractor::new();
        extractor.kind(kind).limit_total(64).limit_class(4);
        let sequence = extractor.extract(&hir);
        let Some(found) = sequence.literals() else { continue };
        let shortest = found.iter().map(Literal::len).min().unwrap_or(0);
        let texts: Result<Vec<String>, _> =
            found.iter().map(|literal| String::from_utf8(literal.as_bytes().to_vec())).collect();
        if let Ok(texts) = texts
            && shortest >= SHORTEST
            && shortest > best.0
        {
            best = (shortest, texts);
        }
    }
    best.1
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
