//! How a row is written: the record as it came, with its label in it.

use std::borrow::Cow;

use crate::cascade::Cascade;
use crate::input::open::CsvInput;
use crate::input::{Chunk, FieldForm, FieldSpan, InputError, RecordSpan, csv};
use crate::label::{LabelFilter, LabelId, Labels};
use crate::template::{mask, open_front};
use crate::verdict::Verdict;

/// Columns that `--explain` adds.
pub const EXPLAINED: [&str; 3] = ["label_stage", "label_confidence", "label_reason"];

/// What is added beside the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Added {
    /// The severity: `trace`, `debug`, `info`, `warn`, `error` or `fatal`; empty where the record states none.
    pub severity: bool,
    /// The template: the masked body (OpenTelemetry's `log.record.template`).
    pub template: bool,
    /// Stage, confidence and reason of the label.
    pub explanation: bool,
}

impl Added {
    /// Names of the columns or fields, in order.
    pub fn names(self) -> Vec<&'static str> {
        let mut names = Vec::new();
        names.extend(self.severity.then_some("severity"));
        names.extend(self.template.then_some("template"));
        names.extend(self.explanation.then_some(EXPLAINED).into_iter().flatten());
        names
    }

    /// The values that are added to a row, in the order of [`Added::names`].
    pub fn values(
        self,
        chunk: &Chunk,
        record: &RecordSpan,
        verdict: &Verdict,
        cascade: &Cascade,
    ) -> Vec<Value> {
        let mut values = Vec::new();
        if self.severity || self.template {
            let message = chunk.field(record.message);
            let envelope = open_front(&message);
            if self.severity {
                let severity = chunk.severity(record, &envelope);
                values.push(severity.map_or(Value::Nothing, |found| Value::Text(found.as_str().to_owned())));
            }
            if self.template {
                values.push(Value::Text(mask(&envelope.body)));
            }
        }
        if self.explanation {
            values.push(Value::Text(verdict.stage.name().to_owned()));
            values.push(Value::Number(verdict.confidence));
            values.push(Value::Text(cascade.explain(verdict)));
        }
        values
    }
}

/// A value that is added to a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A confidence.
    Number(f32),
    /// What the record does not state.
    Nothing,
}

/// What the rows of a run look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// CSV records: their own bytes, with the label behind or in the column that is there.
    Csv {
        /// Byte between fields.
        delimiter: u8,
        /// Ends a last record that has no end of its own.
        newline: &'static [u8],
        /// Whether the label goes into a column that is there.
        overwrite: bool,
        /// Whether cells that a spreadsheet would run are made harmless.
        safe: bool,
    },
    /// Objects: their own bytes, with the label as a last field or in the place of the one that is there.
    Json {
        /// Name of the label's field.
        label: String,
    },
    /// Lines of text, as CSV.
    TextToCsv {
        /// Whether cells that a spreadsheet would run are made harmless.
        safe: bool,
    },
    /// Lines of text, as objects.
    TextToJson {
        /// Name of the message's field.
        message: String,
        /// Name of the label's field.
        label: String,
    },
}

/// How a row is written.
#[derive(Debug)]
pub struct RowFormat {
    shape: Shape,
    /// Each label as it is written.
    cells: Vec<Vec<u8>>,
    added: Added,
    /// Whether rows of each label are written.
    writes: Vec<bool>,
}

impl RowFormat {
    /// Rows of `shape`, with what is `added` behind the label; those whose label `filter` does not pass are left out.
    pub fn new(labels: &Labels, shape: Shape, added: Added, filter: &LabelFilter) -> Self {
        let writes = labels.names().iter().map(|name| filter.passes(name)).collect();
        let cells = labels.names().iter().map(|name| cell_of(&shape, name)).collect();
        Self { shape, cells, added, writes }
    }

    /// Whether rows of this label are written.
    pub(super) fn writes(&self, label: LabelId) -> bool {
        self.writes[usize::from(label)]
    }

    /// Appends the record with its verdict to `out`.
    pub(super) fn row(
        &self,
        chunk: &Chunk,
        record: &RecordSpan,
        verdict: &Verdict,
        cascade: &Cascade,
        out: &mut Vec<u8>,
    ) {
        let (start, end, next) = (record.start as usize, record.end as usize, record.next as usize);
        let label = self.cells[usize::from(verdict.label)].as_slice();
        let line = &chunk.data[start..end];
        let terminator = &chunk.data[end..next];
        let values = self.added.values(chunk, record, verdict, cascade);
        match &self.shape {
            Shape::Csv { delimiter, newline, overwrite, safe } => {
                let replaced = overwrite.then_some((record.label, label));
                if *safe {
                    safe_record(&chunk.data, start, *delimiter, replaced, out);
                } else {
                    replace(&chunk.data[..end], start, replaced, out);
                }
                if !overwrite {
                    out.push(*delimiter);
                    out.extend_from_slice(label);
                }
                push_cells(&values, *delimiter, *safe, out);
                out.extend_from_slice(if terminator.is_empty() { newline } else { terminator });
            }
            Shape::Json { label: name } => {
                // The reader saw to it that the last brace closes the object.
                let close = memchr::memrchr(b'}', line).unwrap_or(line.len());
                let there = record.label.end > 0;
                replace(&chunk.data[..start + close], start, there.then_some((record.label, label)), out);
                if !there {
                    push_field(name, label, out);
                }
                push_fields(self.added, &values, out);
                out.extend_from_slice(&line[close..]);
                out.extend_from_slice(if terminator.is_empty() { b"\n" } else { terminator });
            }
            Shape::TextToCsv { safe } => {
                out.extend_from_slice(&cell(line, b',', *safe));
                out.push(b',');
                out.extend_from_slice(label);
                push_cells(&values, b',', *safe, out);
                out.push(b'\n');
            }
            Shape::TextToJson { message, label: name } => {
                out.push(b'{');
                out.extend_from_slice(&json(message));
                out.push(b':');
                out.extend_from_slice(&json(&String::from_utf8_lossy(line)));
                push_field(name, label, out);
                push_fields(self.added, &values, out);
                out.extend_from_slice(b"}\n");
            }
        }
    }

    /// Where in a written row the NULs go that stood before its record and were only counted, and how each of
    /// them is written.
    pub(super) fn hole(&self, row: &[u8]) -> (usize, &'static [u8]) {
        match &self.shape {
            Shape::Csv { .. } | Shape::Json { .. } => (0, b"\0"),
            Shape::TextToCsv { .. } => (usize::from(row.first() == Some(&b'"')), b"\0"),
            Shape::TextToJson { message, .. } => (json(message).len() + b"{:\"".len(), b"\\u0000"),
        }
    }
}

fn push_cells(values: &[Value], delimiter: u8, safe: bool, out: &mut Vec<u8>) {
    for value in values {
        out.push(delimiter);
        match value {
            Value::Text(text) => out.extend_from_slice(&cell(text.as_bytes(), delimiter, safe)),
            Value::Number(number) => out.extend_from_slice(format!("{number:.4}").as_bytes()),
            Value::Nothing => {}
        }
    }
}

fn push_fields(added: Added, values: &[Value], out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    for (name, value) in added.names().into_iter().zip(values) {
        match value {
            Value::Text(text) => push_field(name, &json(text), out),
            Value::Number(number) => push_field(name, format!("{number:.4}").as_bytes(), out),
            Value::Nothing => push_field(name, b"null", out),
        }
    }
}

fn cell_of(shape: &Shape, name: &str) -> Vec<u8> {
    match shape {
        Shape::Csv { delimiter, safe, .. } => cell(name.as_bytes(), *delimiter, *safe).into_owned(),
        Shape::TextToCsv { safe } => cell(name.as_bytes(), b',', *safe).into_owned(),
        Shape::Json { .. } | Shape::TextToJson { .. } => json(name),
    }
}

/// `text` as a JSON string.
fn json(text: &str) -> Vec<u8> {
    serde_json::Value::from(text).to_string().into_bytes()
}

/// `,"name":value`.
fn push_field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.push(b',');
    out.extend_from_slice(&json(name));
    out.push(b':');
    out.extend_from_slice(value);
}

/// Appends `data` from `start` on, with another value in one place.
fn replace(data: &[u8], start: usize, replaced: Option<(FieldSpan, &[u8])>, out: &mut Vec<u8>) {
    match replaced {
        None => out.extend_from_slice(&data[start..]),
        Some((place, value)) => {
            out.extend_from_slice(&data[start..place.start as usize]);
            out.extend_from_slice(value);
            out.extend_from_slice(&data[place.end as usize..]);
        }
    }
}

/// Whether a spreadsheet may run a cell with this content: OWASP's list, full-width forms included.
fn runs(content: &[u8]) -> bool {
    matches!(content.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n'))
        || ["＝", "＋", "－", "＠"].iter().any(|sign| content.starts_with(sign.as_bytes()))
}

/// `content` as a field; with `safe`, behind an apostrophe where a spreadsheet would run it.
fn cell(content: &[u8], delimiter: u8, safe: bool) -> Cow<'_, [u8]> {
    if safe && runs(content) {
        let harmless = [b"'", content].concat();
        return Cow::Owned(csv::quote(&harmless, delimiter).into_owned());
    }
    csv::quote(content, delimiter)
}

/// Appends the record at `start`, each cell that a spreadsheet would run behind an apostrophe.
fn safe_record(
    data: &[u8],
    start: usize,
    delimiter: u8,
    replaced: Option<(FieldSpan, &[u8])>,
    out: &mut Vec<u8>,
) {
    let Some((fields, _)) = csv::fields(data, start, delimiter, true) else { return };
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            out.push(delimiter);
        }
        let raw = &data[field.start as usize..field.end as usize];
        match replaced {
            Some((place, value)) if place == field => out.extend_from_slice(value),
            _ if field.form == FieldForm::Quoted && runs(&raw[1..]) => {
                out.extend_from_slice(b"\"'");
                out.extend_from_slice(&raw[1..]);
            }
            _ if runs(raw) => {
                out.push(b'\'');
                out.extend_from_slice(raw);
            }
            _ => out.extend_from_slice(raw),
        }
    }
}

/// The columns that a CSV gets: the label's unless it is there to be overwritten, and what is `added` beside it.
///
/// # Errors
/// When a column that is added is there already.
pub fn new_columns<'a>(input: &CsvInput, label: &'a str, added: Added) -> Result<Vec<&'a str>, InputError> {
    let mut new = Vec::new();
    if input.layout.label.is_none() {
        new.push(label);
    }
    let names = added.names();
    if let Some(taken) = names.iter().find(|column| input.names.iter().any(|name| name == *column)) {
        return Err(InputError::AddedColumnExists { column: taken });
    }
    new.extend(names);
    Ok(new)
}

/// The header of `input` with the new columns.
pub fn header(input: &CsvInput, columns: &[&str], safe: bool) -> Vec<u8> {
    let (raw, place) = (&input.header, input.header_place());
    let (delimiter, newline) = (input.layout.delimiter, input.newline);
    let mut line = Vec::with_capacity(raw.len() + 64);
    line.extend_from_slice(&raw[..place]);
    if safe {
        safe_record(raw, place, delimiter, None, &mut line);
    } else {
        line.extend_from_slice(&raw[place..]);
    }
    for column in columns {
        line.push(delimiter);
        line.extend_from_slice(&cell(column.as_bytes(), delimiter, safe));
    }
    line.extend_from_slice(newline);
    line
}

/// The header of a CSV that is made from lines of text.
pub fn text_header(columns: &[&str], safe: bool) -> Vec<u8> {
    let mut line = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        line.extend_from_slice(&cell(column.as_bytes(), b',', safe));
    }
    line.push(b'\n');
    line
}
