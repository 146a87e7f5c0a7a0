//! How a row is written: the record as it came, with its label in it.

use super::cells::{Value, cell, json, push_cells, push_field, push_first_field, replace, safe_record};
use crate::cascade::Cascade;
use crate::input::csv::CsvLayout;
use crate::input::{Chunk, RecordSpan, Reject};
use crate::label::{LabelFilter, LabelId, Labels};
use crate::template::{mask, open_front};
use crate::verdict::{Stage, Verdict};

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
    /// Nothing of the records: the label and what is added beside it, as CSV.
    LabelsToCsv {
        /// Byte between fields.
        delimiter: u8,
        /// Ends a row.
        newline: &'static [u8],
        /// Whether cells that a spreadsheet would run are made harmless.
        safe: bool,
    },
    /// Nothing of the records: the label and what is added beside it, as objects.
    LabelsToJson {
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

/// What a record that cannot be read becomes: a row whose message is the record's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Name of the message's field.
    pub message: String,
    /// The columns of a CSV.
    pub layout: Option<CsvLayout>,
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
    unreadable: Option<Unreadable>,
}

impl RowFormat {
    /// Rows of `shape`, with what is `added` behind the label; those whose label `filter` does not pass are left out.
    pub fn new(labels: &Labels, shape: Shape, added: Added, filter: &LabelFilter) -> Self {
        let writes = labels.names().iter().map(|name| filter.passes(name)).collect();
        let cells = labels.names().iter().map(|name| cell_of(&shape, name)).collect();
        Self { shape, cells, added, writes, unreadable: None }
    }

    /// The same, with a row for each record that cannot be read.
    #[must_use]
    pub fn with_unreadable(self, unreadable: Option<Unreadable>) -> Self {
        Self { unreadable, ..self }
    }

    /// Whether a record that cannot be read becomes a row.
    pub(super) fn writes_unreadable(&self) -> bool {
        self.unreadable.is_some()
    }

    /// Whether what stands between the records is written as well.
    pub(super) fn writes_gaps(&self) -> bool {
        !matches!(self.shape, Shape::LabelsToCsv { .. } | Shape::LabelsToJson { .. })
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
        let values = self.values(chunk, record, verdict, cascade);
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
                if !there && line[..close].trim_ascii_end().ends_with(b"{") {
                    push_first_field(name, label, out);
                } else if !there {
                    push_field(name, label, out);
                }
                push_fields(self.added, &values, out);
                out.extend_from_slice(&line[close..]);
                out.extend_from_slice(if terminator.is_empty() { b"\n" } else { terminator });
            }
            Shape::LabelsToCsv { .. } | Shape::LabelsToJson { .. } => self.labels_only(label, &values, out),
            Shape::TextToCsv { safe } => {
                out.extend_from_slice(&cell(line, b',', *safe));
                out.push(b',');
                out.extend_from_slice(label);
                push_cells(&values, b',', *safe, out);
                out.push(b'\n');
            }
            Shape::TextToJson { message, label: name } => {
                out.push(b'{');
                push_first_field(message, &json(&String::from_utf8_lossy(line)), out);
                push_field(name, label, out);
                push_fields(self.added, &values, out);
                out.extend_from_slice(b"}\n");
            }
        }
    }

    /// Appends a row without anything of its record.
    fn labels_only(&self, label: &[u8], values: &[Value], out: &mut Vec<u8>) {
        match &self.shape {
            Shape::LabelsToCsv { delimiter, newline, safe } => {
                out.extend_from_slice(label);
                push_cells(values, *delimiter, *safe, out);
                out.extend_from_slice(newline);
            }
            Shape::LabelsToJson { label: name } => {
                out.push(b'{');
                push_first_field(name, label, out);
                push_fields(self.added, values, out);
                out.extend_from_slice(b"}\n");
            }
            _ => {}
        }
    }

    /// Appends a row for a record that cannot be read: its text is the message, every other column is empty.
    pub(super) fn unreadable_row(&self, chunk: &Chunk, reject: &Reject, out: &mut Vec<u8>) {
        let Some(Unreadable { message, layout }) = &self.unreadable else { return };
        let text = &chunk.data[reject.start as usize..reject.end as usize];
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let label = self.cells[usize::from(Labels::UNCLASSIFIED)].as_slice();
        let mut values = Vec::new();
        values.extend(self.added.severity.then_some(Value::Nothing));
        values.extend(self.added.template.then(|| Value::Text(String::new())));
        if self.added.explanation {
            values.push(Value::Text(Stage::None.name().to_owned()));
            values.push(Value::Number(0.0));
            values.push(Value::Text(format!("the record cannot be read: {}", reject.reason)));
        }
        match &self.shape {
            Shape::LabelsToCsv { .. } | Shape::LabelsToJson { .. } => self.labels_only(label, &values, out),
            Shape::Csv { delimiter, newline, overwrite, safe } => {
                let (columns, place) = layout.map_or((1, 0), |layout| (layout.fields, layout.message));
                let replaced = layout.and_then(|layout| layout.label).filter(|_| *overwrite);
                for column in 0..columns {
                    if column > 0 {
                        out.push(*delimiter);
                    }
                    if Some(column) == replaced {
                        out.extend_from_slice(label);
                    } else if column == place {
                        out.extend_from_slice(&cell(text, *delimiter, *safe));
                    }
                }
                if !overwrite {
                    out.push(*delimiter);
                    out.extend_from_slice(label);
                }
                push_cells(&values, *delimiter, *safe, out);
                out.extend_from_slice(newline);
            }
            Shape::TextToCsv { safe } => {
                out.extend_from_slice(&cell(text, b',', *safe));
                out.push(b',');
                out.extend_from_slice(label);
                push_cells(&values, b',', *safe, out);
                out.push(b'\n');
            }
            Shape::Json { label: name } | Shape::TextToJson { label: name, .. } => {
                out.push(b'{');
                push_first_field(message, &json(&String::from_utf8_lossy(text)), out);
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
            Shape::LabelsToCsv { .. } | Shape::LabelsToJson { .. } => (0, b""),
            Shape::TextToCsv { .. } => (usize::from(row.first() == Some(&b'"')), b"\0"),
            Shape::TextToJson { message, .. } => (json(message).len() + b"{:\"".len(), b"\\u0000"),
        }
    }

    /// The values that are added to a row, in the order of [`Added::names`].
    fn values(&self, chunk: &Chunk, record: &RecordSpan, verdict: &Verdict, cascade: &Cascade) -> Vec<Value> {
        let mut values = Vec::new();
        if self.added.severity || self.added.template {
            let message = chunk.field(record.message);
            let envelope = open_front(&message);
            if self.added.severity {
                let severity = chunk.severity(record, &envelope);
                values.push(severity.map_or(Value::Nothing, |found| Value::Text(found.as_str().to_owned())));
            }
            if self.added.template {
                values.push(Value::Text(mask(&envelope.body)));
            }
        }
        if self.added.explanation {
            values.push(Value::Text(verdict.stage.name().to_owned()));
            values.push(Value::Number(verdict.confidence));
            values.push(Value::Text(cascade.explain(verdict)));
        }
        values
    }
}

fn cell_of(shape: &Shape, name: &str) -> Vec<u8> {
    match shape {
        Shape::Csv { delimiter, safe, .. } | Shape::LabelsToCsv { delimiter, safe, .. } => {
            cell(name.as_bytes(), *delimiter, *safe).into_owned()
        }
        Shape::TextToCsv { safe } => cell(name.as_bytes(), b',', *safe).into_owned(),
        Shape::Json { .. } | Shape::LabelsToJson { .. } | Shape::TextToJson { .. } => json(name),
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
