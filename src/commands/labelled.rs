//! Reading labelled rows, for `train` and `eval`.

use anyhow::{Context, Result, anyhow, bail};
use std::path::Path;

use super::records::{Records, template_of};
use crate::cli::Reading;
use crate::error::{find, usage};
use crate::input::open::{ColumnNames, Source};
use crate::input::{Column, InputError};
use crate::label::canonical;
use crate::session::Format;
use crate::template::Template;
use crate::train::Example;

/// A row with what it should be labelled.
#[derive(Debug, Clone)]
pub struct LabelledRow {
    /// The source; empty where there is no such column.
    pub source: Vec<u8>,
    /// The message.
    pub message: Vec<u8>,
    /// Its template, with the severity of the row.
    pub template: Template,
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
        Example { template: &self.template, label: &self.label, group: &self.group, weight: self.weight }
    }
}

/// How labelled rows are read.
#[derive(Debug, Clone, Copy)]
pub struct Labelled<'a> {
    /// What the input is; nothing leaves that to its name.
    pub format: Option<Format>,
    /// How it is read.
    pub reading: &'a Reading,
    /// Its columns.
    pub columns: &'a ColumnNames,
    /// Column of the groups that cross-validation keeps together. It is read in place of the source, which
    /// nothing that is grouped needs.
    pub group: Option<&'a str>,
    /// Say nothing but warnings.
    pub quiet: bool,
}

impl Labelled<'_> {
    /// Reads the rows of the input at `path`.
    ///
    /// # Errors
    /// When a column is missing (naming those there are), a record cannot be taken, or there are no rows.
    pub fn read(self, path: &Path) -> Result<Vec<LabelledRow>> {
        if self.format.unwrap_or_else(|| Format::named(path)) == Format::Text {
            return Err(usage(format!(
                "{}: is text, whose lines have no label: expected CSV or NDJSON (--format says which)",
                path.display()
            )));
        }
        let source = self.group.map(str::to_owned).or_else(|| self.columns.source.clone());
        let columns = ColumnNames { source, labelled: true, ..self.columns.clone() };
        let mut records = Records::open(Some(path), self.format, self.reading, &columns)
            .map_err(|error| if self.group.is_some() { of_group(error, path) } else { error })?;
        if !records.has_source() {
            self.check_source(&records)?;
        }
        if !self.quiet {
            records.tell_delimiter();
        }
        let mut rows = Vec::new();
        let (mut has_label, mut has_group) = (false, false);
        while let Some(chunk) = records.next_chunk()? {
            for record in &chunk.records {
                let text = |span| String::from_utf8_lossy(&chunk.field(span)).into_owned();
                has_label |= record.label.end > 0;
                has_group |= record.source.end > 0;
                let source = chunk.field(record.source).into_owned();
                rows.push(LabelledRow {
                    template: template_of(&chunk, record),
                    message: chunk.field(record.message).into_owned(),
                    label: canonical(&text(record.label)).to_owned(),
                    group: self.group.map(|_| text(record.source)).unwrap_or_default(),
                    source: if self.group.is_some() { Vec::new() } else { source },
                    weight: 1.0,
                });
            }
        }
        if rows.is_empty() {
            bail!("{}: no rows below the header", records.name());
        }
        // Fields of objects are found row by row, so that a name that no row has shows only now.
        let missing = |wanted: &str, flag: &str| {
            let name = records.name();
            Err(anyhow!("{name}: no row has the field {wanted:?}: name the right one with {flag}"))
        };
        match self.group {
            _ if !has_label => missing(&self.columns.label, "--label-column"),
            Some(group) if !has_group => missing(group, "--group-column"),
            _ => Ok(rows),
        }
    }

    /// A column that was asked for by its flag has to be there.
    fn check_source(self, records: &Records) -> Result<()> {
        let wanted = match (self.group, &self.reading.columns.source_column) {
            (Some(group), _) => (Column::Group, group),
            (None, Some(source)) if self.columns.source.is_some() => (Column::Source, source.as_str()),
            (None, _) => return Ok(()),
        };
        let there = records.columns().to_vec();
        let error = InputError::MissingColumn { column: wanted.0, wanted: wanted.1.to_owned(), there };
        Err(error).with_context(|| records.name().to_owned())
    }
}

/// The error in the words for a column of groups.
fn of_group(error: anyhow::Error, path: &Path) -> anyhow::Error {
    match find::<InputError>(&error) {
        Some(InputError::RepeatedColumn { column: Column::Source, wanted, numbers }) => {
            let (wanted, numbers) = (wanted.clone(), *numbers);
            let error = InputError::RepeatedColumn { column: Column::Group, wanted, numbers };
            anyhow::Error::new(error).context(Source::new(Some(path)).name())
        }
        _ => error,
    }
}
