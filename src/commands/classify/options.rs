//! From flags to the options of a session.

use anyhow::Result;
use std::path::Path;

use super::super::records;
use crate::cli::{Addition, Classify, InputFormat, OnBadRow};
use crate::error::usage;
use crate::input::open::{ColumnNames, Source};
use crate::input::{BadRows, Limits};
use crate::label::LabelFilter;
use crate::pipeline::Added;
use crate::session::{Format, Options, OutputFormat};

/// What the flags say of the input at `input`, whose rows go to `output`.
pub fn options(
    arguments: &Classify,
    columns: &ColumnNames,
    input: &Path,
    output: Option<&Path>,
) -> Result<Options> {
    let format = format_of(arguments, input);
    let name = || Source::new(Some(input)).name();
    if format == Format::Ndjson && arguments.csv_safe {
        return Err(usage(format!("--csv-safe is for CSV, and {} is ndjson", name())));
    }
    if format != Format::Text && arguments.output_format.is_some() {
        return Err(usage(format!(
            "--output-format is for text: {} comes back in the format it has",
            name()
        )));
    }
    let read = records::options(&arguments.reading, Some(format), columns, Some(input))?;
    Ok(Options {
        text_output: output_format_of(arguments, output),
        added: Added {
            severity: arguments.add.contains(&Addition::Severity),
            template: arguments.add.contains(&Addition::Template),
            explanation: arguments.explain,
        },
        filter: filter(arguments),
        only_label: arguments.only_label,
        csv_safe: arguments.csv_safe,
        limits: Limits {
            bad_rows: match arguments.on_bad_row {
                OnBadRow::Fail => BadRows::Fail,
                OnBadRow::Skip => BadRows::Skip,
                OnBadRow::Unclassified => BadRows::Unclassified,
            },
            live: arguments.follow,
            ..read.limits
        },
        ..read
    })
}

/// Which rows are written.
pub fn filter(arguments: &Classify) -> LabelFilter {
    match (&arguments.only[..], &arguments.except[..]) {
        ([], []) => LabelFilter::All,
        ([], except) => LabelFilter::Except(except.to_vec()),
        (only, _) => LabelFilter::Only(only.to_vec()),
    }
}

/// The format that a flag names, unless it is columnar.
fn rows_of(format: InputFormat) -> Option<Format> {
    match format {
        InputFormat::Csv => Some(Format::Csv),
        InputFormat::Ndjson => Some(Format::Ndjson),
        InputFormat::Text => Some(Format::Text),
        #[cfg(feature = "columnar")]
        InputFormat::Arrow | InputFormat::Parquet => None,
    }
}

/// What the input at `path` is, unless it is columnar: as the flag says, else as its name does.
pub fn format_of(arguments: &Classify, path: &Path) -> Format {
    arguments.format.and_then(rows_of).unwrap_or_else(|| Format::named(path))
}

/// What the lines of a text become in the file at `output`: as the flag says, else as its name does.
pub fn output_format_of(arguments: &Classify, output: Option<&Path>) -> OutputFormat {
    arguments.output_format.unwrap_or_else(|| output.map_or(OutputFormat::Csv, OutputFormat::named))
}
