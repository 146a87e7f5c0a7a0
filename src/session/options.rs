//! What an input is and what becomes of it.

use super::format::{Format, OutputFormat};
use crate::input::csv::CsvLayout;
use crate::input::open::ColumnNames;
use crate::input::{BadRows, Limits, Multiline};
use crate::label::LabelFilter;
use crate::pipeline::{Added, Unreadable};

/// What an input is and what becomes of it.
#[derive(Debug, Clone)]
pub struct Options {
    /// What it is.
    pub format: Format,
    /// What its lines become, where it is text.
    pub text_output: OutputFormat,
    /// Its columns.
    pub columns: ColumnNames,
    /// Byte between its fields; nothing leaves that to the header.
    pub delimiter: Option<u8>,
    /// What is added beside the label.
    pub added: Added,
    /// Whether the encoder is asked about every template.
    pub thorough: bool,
    /// Which rows are written.
    pub filter: LabelFilter,
    /// How lines of text become records.
    pub multiline: Multiline,
    /// Write the label and what is added beside it, and nothing of the records.
    pub only_label: bool,
    /// Make cells harmless that a spreadsheet would run.
    pub csv_safe: bool,
    /// How it is read.
    pub limits: Limits,
    /// Bytes that it may become when it is decompressed.
    pub decompressed_bytes: u64,
}

impl Options {
    /// The columns as they are read: one of the label is no obstacle where the records' own columns are not
    /// written.
    pub(super) fn columns_read(&self) -> ColumnNames {
        let columns = self.columns.clone();
        ColumnNames { overwrite: columns.overwrite || self.only_label, ..columns }
    }

    /// The label and what is added beside it.
    pub(super) fn new_names(&self) -> Vec<&str> {
        std::iter::once(self.columns.label.as_str()).chain(self.added.names()).collect()
    }

    /// What records that cannot be read become, where they are rows all the same.
    pub(super) fn unreadable(&self, layout: Option<CsvLayout>) -> Option<Unreadable> {
        let wanted = self.limits.bad_rows == BadRows::Unclassified;
        wanted.then(|| Unreadable { message: self.columns.message.clone(), layout })
    }
}
