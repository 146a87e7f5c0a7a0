//! What a file's name says about it: its format, and the byte between its fields.

use clap::ValueEnum;
use std::path::Path;

/// What an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Fields between delimiters
    #[default]
    Csv,
    /// One JSON object per line
    Ndjson,
    /// One message per line
    Text,
}

impl Format {
    /// The format that the name of `path` stands for.
    pub fn named(path: &Path) -> Self {
        match extension(path).as_deref() {
            Some("ndjson" | "jsonl" | "json") => Self::Ndjson,
            _ if is_log_named(path) => Self::Text,
            _ => Self::Csv,
        }
    }
}

/// Whether a name is that of a log, also of one that was rotated: `app.log`, `app.log.1`,
/// `app.log-20260131.gz`.
fn is_log_named(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(compression_named(path).unwrap_or_default()).unwrap_or(&name);
    let rotation = name.rfind(".log").map(|place| &name[place + ".log".len()..]);
    let is_part_of_one =
        |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | '-' | '_' | 't' | ':');
    rotation.is_some_and(|rotation| {
        rotation.is_empty()
            || rotation.starts_with(['.', '-', '_'])
                && rotation.ends_with(|letter: char| letter.is_ascii_digit())
                && rotation.chars().all(is_part_of_one)
    })
}

/// What lines of text become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputFormat {
    /// A column for the line, and the label
    #[default]
    Csv,
    /// An object with the line and the label
    Ndjson,
}

impl OutputFormat {
    /// The format that the name of `path` stands for.
    pub fn named(path: &Path) -> Self {
        match extension(path).as_deref() {
            Some("ndjson" | "jsonl" | "json") => Self::Ndjson,
            _ => Self::Csv,
        }
    }
}

/// Whether the name of `path` says that a file is JSON and leaves open whether it is NDJSON.
pub fn is_json_named(path: &Path) -> bool {
    extension(path).as_deref() == Some("json")
}

/// The delimiter that the name of `path` stands for, where it stands for one.
pub fn delimiter_named(path: &Path) -> Option<u8> {
    (extension(path)? == "tsv").then_some(b'\t')
}

/// The extension of a compressed file, with its dot, in lower case.
pub fn compression_named(path: &Path) -> Option<&'static str> {
    let found = path.extension()?;
    [".gz", ".zst"].into_iter().find(|known| found.eq_ignore_ascii_case(&known[1..]))
}

/// The extension in lower case, in front of that of a compression.
pub fn extension(path: &Path) -> Option<String> {
    let inner = if compression_named(path).is_some() { Path::new(path.file_stem()?) } else { path };
    inner.extension().map(|found| found.to_string_lossy().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_format_whatever_the_case_and_the_compression() {
        let cases = [
            ("a.csv", Format::Csv),
            ("a", Format::Csv),
            ("a.gz", Format::Csv),
            ("a.CSV", Format::Csv),
            ("a.JSONL", Format::Ndjson),
            ("a.json", Format::Ndjson),
            ("0a1b-json.log", Format::Text),
            ("a.ndjson.zst", Format::Ndjson),
            ("app.log.GZ", Format::Text),
            ("app.log.1", Format::Text),
            ("app.LOG.12.gz", Format::Text),
            ("app.log-20260131", Format::Text),
            ("app.log.2026-01-31T02.zst", Format::Text),
            ("app.log.csv", Format::Csv),
            ("app.log.1.json", Format::Ndjson),
            ("app.log.", Format::Csv),
            ("catalogue.1", Format::Csv),
        ];
        for (name, format) in cases {
            assert_eq!(Format::named(Path::new(name)), format, "{name}");
        }
        assert_eq!(OutputFormat::named(Path::new("a.jsonl.gz")), OutputFormat::Ndjson);
        assert_eq!(OutputFormat::named(Path::new("a.Json")), OutputFormat::Ndjson);
        assert!(is_json_named(Path::new("a.JSON.gz")) && !is_json_named(Path::new("a.jsonl")));
        assert_eq!(delimiter_named(Path::new("a.TSV.gz")), Some(b'\t'));
        assert_eq!(delimiter_named(Path::new("tsv")), None);
    }
}
