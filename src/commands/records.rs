//! The one way in for commands that read records and do not write them back: what `classify` reads, they read,
//! and what it refuses, they refuse.

use anyhow::{Context, Result};
use std::path::Path;

use super::setup;
use crate::cli::Reading;
use crate::console::tell;
use crate::error::usage;
use crate::input::open::{ColumnNames, Source};
use crate::input::{Chunk, Limits, RecordSpan};
use crate::label::LabelFilter;
use crate::pipeline::Added;
use crate::session::{self, Format, Options, OutputFormat};
use crate::template::{Template, mask, open_front};

/// An opened input; its errors begin with its name.
pub struct Records {
    name: String,
    records: session::Records,
}

impl Records {
    /// Opens `input`, which is of `format` where that is given; nothing or `-` is standard input.
    ///
    /// # Errors
    /// When it cannot be read, is of a kind that is not understood, or lacks a column.
    pub fn open(
        input: Option<&Path>,
        format: Option<Format>,
        reading: &Reading,
        columns: &ColumnNames,
    ) -> Result<Self> {
        let source = Source::new(input);
        let name = source.name();
        let options = options(reading, format, columns, input)?;
        let (bytes, _) = source.open()?;
        let records = session::Records::open(bytes, &options).with_context(|| name.clone())?;
        Ok(Self { name, records })
    }

    /// The name that errors begin with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Says which delimiter the header told, where nobody named one.
    pub fn tell_delimiter(&self) {
        if let Some(delimiter) = self.records.sniffed_delimiter() {
            tell(&delimiter_note(&self.name, delimiter));
        }
    }

    /// Names of the columns of a CSV.
    pub fn columns(&self) -> &[String] {
        self.records.columns()
    }

    /// Whether a CSV has the column of the source; true where every record has fields of its own.
    pub fn has_source(&self) -> bool {
        self.records.csv_layout().is_none_or(|layout| layout.source.is_some())
    }

    /// The next chunk; nothing at the end.
    ///
    /// # Errors
    /// When reading fails, or a record cannot be taken.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        self.records.next_chunk().with_context(|| self.name.clone())
    }
}

/// How `input`, which is of `format` where that is given, is read and not written; nothing or `-` is standard input.
///
/// # Errors
/// When a column is named that its format cannot have.
pub fn options(
    reading: &Reading,
    format: Option<Format>,
    columns: &ColumnNames,
    input: Option<&Path>,
) -> Result<Options> {
    let format = format.unwrap_or_else(|| input.map_or_else(Format::default, Format::named));
    if format == Format::Text && columns.time.is_some() {
        let name = Source::new(input).name();
        return Err(usage(format!("--time-column is for columns and fields, and {name} is text")));
    }
    Ok(Options {
        format,
        text_output: OutputFormat::default(),
        columns: columns.clone(),
        delimiter: setup::delimiter(&reading.columns, input),
        added: Added::default(),
        thorough: false,
        filter: LabelFilter::All,
        multiline: reading.multiline.clone(),
        only_label: false,
        csv_safe: false,
        limits: Limits { record_bytes: reading.max_record_bytes, ..Limits::default() },
        decompressed_bytes: reading.max_decompressed_bytes,
    })
}

/// What people are told of a delimiter that nobody named.
pub fn delimiter_note(name: &str, delimiter: u8) -> String {
    format!(
        "logclass: note: {name}: its header has {:?} between columns (--delimiter says otherwise)\n",
        char::from(delimiter)
    )
}

/// The template of a record, with the severity that `classify` would give it.
pub fn template_of(chunk: &Chunk, record: &RecordSpan) -> Template {
    let message = chunk.field(record.message);
    let envelope = open_front(&message);
    Template { text: mask(&envelope.body), severity: chunk.severity(record, &envelope) }
}
