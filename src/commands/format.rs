//! What an input is, as its flags and its name say, and how it is opened.

use anyhow::{Context, Result};
use std::path::Path;

use super::setup;
use crate::cli::{Classify, Format, OnBadRow, OutputFormat};
use crate::input::decode::{Bytes, decode};
use crate::input::open::{ColumnNames, Source, open_csv, open_lines};
use crate::input::{BadRows, ChunkReader, JsonLayout, Limits, LineLayout};
use crate::pipeline::{EXPLAINED, Shape, header, new_columns, text_header};

/// An input that is ready to be read.
pub struct Opened {
    /// Its records.
    pub reader: ChunkReader<Bytes>,
    /// What the output begins with.
    pub head: Vec<u8>,
    /// How its rows are written.
    pub shape: Shape,
    /// How long it is, where that is known.
    pub length: Option<u64>,
}

/// The extension in lower case, behind which one of a compression may stand.
pub fn extension(path: &Path) -> Option<String> {
    let lower = |path: &Path| path.extension().map(|found| found.to_string_lossy().to_ascii_lowercase());
    match lower(path) {
        Some(packed) if packed == "gz" || packed == "zst" => lower(Path::new(path.file_stem()?)),
        other => other,
    }
}

/// What the file at `path` is.
pub fn format(arguments: &Classify, path: &Path) -> Format {
    arguments.format.unwrap_or_else(|| match extension(path).as_deref() {
        Some("ndjson" | "jsonl") => Format::Ndjson,
        Some("log") => Format::Text,
        _ => Format::Csv,
    })
}

/// What the lines of a text become in the file at `output`.
pub fn output_format(arguments: &Classify, output: Option<&Path>) -> OutputFormat {
    let by_name = || match output.and_then(extension).as_deref() {
        Some("ndjson" | "jsonl") => OutputFormat::Ndjson,
        _ => OutputFormat::Csv,
    };
    arguments.output_format.unwrap_or_else(by_name)
}

/// Opens `path` to be written to `output`.
pub fn open(
    arguments: &Classify,
    columns: &ColumnNames,
    path: &Path,
    output: Option<&Path>,
) -> Result<Opened> {
    let source = Source::new(Some(path));
    let format = format(arguments, path);
    if format == Format::Ndjson && arguments.csv_safe {
        crate::usage!("--csv-safe is for CSV, and {} is ndjson", source.name());
    }
    if format != Format::Text && arguments.output_format.is_some() {
        crate::usage!("--output-format is for text: {} comes back in the format it has", source.name());
    }
    let (bytes, length) = source.open()?;
    let decoded = decode(bytes, arguments.max_decompressed_bytes).with_context(|| source.name())?;
    if decoded.transcoded && !arguments.running.quiet {
        super::tell(&format!("logclass: note: {}: is UTF-16; the output is UTF-8\n", source.name()));
    }
    let limits = Limits {
        record_bytes: arguments.max_record_bytes,
        bad_rows: if arguments.on_bad_row == OnBadRow::Skip { BadRows::Skip } else { BadRows::Fail },
        live: arguments.follow,
        ..Limits::default()
    };
    let length = length.filter(|_| !decoded.compressed);
    let explained: &[&str] = if arguments.explain { &EXPLAINED } else { &[] };
    match format {
        Format::Csv => csv(arguments, columns, &source, decoded.bytes, limits, length),
        Format::Ndjson => {
            let layout = JsonLayout {
                message: columns.message.clone(),
                source: columns.source.clone(),
                label: columns.label.clone(),
                overwrite: columns.overwrite,
                added: if arguments.explain { &EXPLAINED } else { &[] },
            };
            let (reader, mark) =
                open_lines(decoded.bytes, LineLayout::Json(layout), limits).with_context(|| source.name())?;
            let shape = Shape::Json { label: columns.label.clone() };
            Ok(Opened { reader, head: mark.to_vec(), shape, length })
        }
        Format::Text => {
            let (reader, _) =
                open_lines(decoded.bytes, LineLayout::Text, limits).with_context(|| source.name())?;
            let (message, label) = (columns.message.clone(), columns.label.clone());
            let safe = arguments.csv_safe;
            let (head, shape) = match output_format(arguments, output) {
                OutputFormat::Csv => {
                    let names = [&[message.as_str(), label.as_str()], explained].concat();
                    (text_header(&names, safe), Shape::TextToCsv { safe })
                }
                OutputFormat::Ndjson => (Vec::new(), Shape::TextToJson { message, label }),
            };
            Ok(Opened { reader, head, shape, length })
        }
    }
}

fn csv(
    arguments: &Classify,
    columns: &ColumnNames,
    source: &Source,
    bytes: Bytes,
    limits: Limits,
    length: Option<u64>,
) -> Result<Opened> {
    let path = match source {
        Source::Stdin => None,
        Source::File(path) => Some(path.as_path()),
    };
    let delimiter = setup::delimiter(&arguments.columns, path);
    let input = open_csv(bytes, delimiter, columns, limits).with_context(|| source.name())?;
    let delimiter = input.layout.delimiter;
    if input.sniffed && !arguments.running.quiet {
        super::tell(&format!(
            "logclass: note: {}: its header has {:?} between columns (--delimiter says otherwise)\n",
            source.name(),
            char::from(delimiter)
        ));
    }
    let overwrite = input.layout.label.is_some();
    let new = new_columns(&input, &columns.label, arguments.explain).with_context(|| source.name())?;
    let head = if columns.no_header {
        input.header
    } else {
        header(&input.header, &new, delimiter, input.newline, arguments.csv_safe)
    };
    let shape = Shape::Csv { delimiter, newline: input.newline, overwrite, safe: arguments.csv_safe };
    Ok(Opened { reader: input.reader, head, shape, length })
}
