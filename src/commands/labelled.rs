//! Reading labelled rows, for `train` and `eval`.

use anyhow::{Context, Result, bail};
use std::path::Path;

use crate::input::{Column, InputError};
use crate::train::Example;

/// A row with what it should be labelled.
#[derive(Debug, Clone)]
pub struct LabelledRow {
    /// The source; empty where there is no such column.
    pub source: String,
    /// The message.
    pub message: String,
    /// The label; empty where there is none.
    pub label: String,
    /// What `--group-column` names; empty without.
    pub group: String,
    /// How much it counts in training.
    pub weight: f32,
}

impl LabelledRow {
    /// The row as training takes it.
    pub fn example(&self) -> Example<'_> {
        Example { message: &self.message, label: &self.label, group: &self.group, weight: self.weight }
    }
}

/// Names of the columns.
#[derive(Debug, Clone, Copy)]
pub struct LabelledColumns<'a> {
    /// The source, which may be missing.
    pub source: &'a str,
    /// The message.
    pub message: &'a str,
    /// The label.
    pub label: &'a str,
    /// Groups that cross-validation keeps together.
    pub group: Option<&'a str>,
}

/// Reads the rows of a CSV.
///
/// # Errors
/// When a column is missing (naming those there are), a record is ragged, or there are no rows.
pub fn read(bytes: &[u8], path: &Path, columns: LabelledColumns<'_>) -> Result<Vec<LabelledRow>> {
    let context = || path.display().to_string();
    let mut reader = csv::Reader::from_reader(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let header = reader.byte_headers().with_context(context)?.clone();
    let find = |wanted: &str| header.iter().position(|name| name == wanted.as_bytes());
    let need = |wanted: &str, column: Column| {
        let there = || header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let missing = || InputError::MissingColumn { column, wanted: wanted.to_owned(), there: there() };
        find(wanted).ok_or_else(missing).with_context(context)
    };
    let message = need(columns.message, Column::Message)?;
    let label = need(columns.label, Column::Label)?;
    let group = columns.group.map(|group| need(group, Column::Group)).transpose()?;
    let source = find(columns.source);
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.with_context(context)?;
        let text = |index: usize| String::from_utf8_lossy(&record[index]).into_owned();
        rows.push(LabelledRow {
            source: source.map(text).unwrap_or_default(),
            message: text(message),
            label: text(label).trim().to_owned(),
            group: group.map(text).unwrap_or_default(),
            weight: 1.0,
        });
    }
    if rows.is_empty() {
        bail!("{}: no rows below the header", path.display());
    }
    Ok(rows)
}
