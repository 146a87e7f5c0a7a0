//! Columnar inputs: what they are, and which flags they cannot have.

use anyhow::{Context, Result};
use std::path::Path;

use crate::cli::{Classify, InputFormat};
use crate::columnar::{Input, Kind};
use crate::error::usage;
use crate::input::decode::Bytes;
use crate::input::open::Source;
use crate::session::{Format, OutputFormat, extension};

/// Whether `input` is columnar, and its bytes: as the flag says, else as its first bytes leave no doubt, else as its name
/// does.
pub fn kind_of(arguments: &Classify, input: &Path, bytes: Bytes) -> Result<(Option<Kind>, Bytes)> {
    if let Some(format) = arguments.format {
        return Ok((of_format(format), bytes));
    }
    let (kind, bytes) = Kind::of_bytes(bytes).context("cannot be read")?;
    Ok((kind.or_else(|| named(input)), bytes))
}

/// The kind of an input that is not opened yet, as far as that can be told.
pub fn expected_kind(arguments: &Classify, input: &Path) -> Option<Kind> {
    match arguments.format {
        Some(format) => of_format(format),
        None => Kind::of_file(input).or_else(|| named(input)),
    }
}

fn of_format(format: InputFormat) -> Option<Kind> {
    match format {
        InputFormat::Arrow => Some(Kind::Arrow),
        InputFormat::Parquet => Some(Kind::Parquet),
        _ => None,
    }
}

fn named(path: &Path) -> Option<Kind> {
    extension(path).as_deref().and_then(Kind::named)
}

/// Opens the bytes of `input`, whose rows go to `output`.
pub fn open(
    arguments: &Classify,
    kind: Kind,
    input: &Path,
    output: Option<&Path>,
    bytes: Bytes,
) -> Result<Input> {
    let source = Source::new(Some(input));
    let name = source.name();
    let words = kind.words();
    let refused = |flag: &str, why: &str| Err(usage(format!("{flag} is for {why}, and {name} is {words}")));
    if arguments.csv_safe {
        return refused("--csv-safe", "CSV");
    }
    if arguments.only_label {
        return refused("--only-label", "CSV, NDJSON and text");
    }
    if arguments.output_format.is_some() {
        return refused("--output-format", "text");
    }
    if arguments.reading.no_header {
        return refused("--no-header", "CSV");
    }
    if kind == Kind::Parquet && arguments.follow {
        return refused("--follow", "streams");
    }
    if kind == Kind::Parquet && arguments.no_end_of_stream {
        return refused("--no-end-of-stream", "Arrow streams");
    }
    // In a folder, an output has its input's name, whatever that is.
    let renamed = output.filter(|output| output.file_name() != input.file_name());
    if let Some(output) = renamed.filter(|output| means_other(output, kind)) {
        let (format, extension) = match kind {
            Kind::Arrow => ("Arrow", ".arrow or .arrows"),
            Kind::Parquet => ("Parquet", ".parquet"),
        };
        let output = output.display();
        return Err(usage(format!("{output}: {name} comes back as {format}: name the output {extension}")));
    }
    let path = match &source {
        Source::File(path) => Some(path.as_path()),
        Source::Stdin => None,
    };
    Input::new(kind, bytes, path, arguments.reading.max_decompressed_bytes).context(name)
}

/// Whether an output's name stands for something else than `kind`.
fn means_other(output: &Path, kind: Kind) -> bool {
    let is_rows = extension(output).is_some_and(|extension| {
        ["csv", "tsv", "txt"].contains(&extension.as_str())
            || OutputFormat::named(output) == OutputFormat::Ndjson
            || Format::named(output) == Format::Text
    });
    is_rows || named(output).is_some_and(|named| named != kind)
}

/// Refuses an output whose name stands for a columnar format, for an input that is none.
pub fn check_rows(arguments: &Classify, input: &Path, output: Option<&Path>) -> Result<()> {
    let name = Source::new(Some(input)).name();
    if let Some(output) = output.filter(|output| named(output).is_some()) {
        let output = output.display();
        return Err(usage(format!(
            "{output}: Arrow and Parquet are written for inputs of the same kind, and {name} is none"
        )));
    }
    if arguments.no_end_of_stream {
        return Err(usage(format!("--no-end-of-stream is for Arrow streams, and {name} is none")));
    }
    Ok(())
}
