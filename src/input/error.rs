//! What can be wrong with an input. The words, the line and the flags that help come from the type, so that
//! nobody has to read them out of a text.

use thiserror::Error;

/// An input that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InputError {
    /// There is nothing in it.
    #[error("the file is empty: expected a header line with the column {message:?}")]
    Empty {
        /// Column that the header should have.
        message: String,
    },
    /// A column is not there.
    #[error(
        "no column {wanted:?}; the columns are {}: name the right one with {}",
        listed(.there), .column.remedy()
    )]
    MissingColumn {
        /// What it is for.
        column: Column,
        /// Its name.
        wanted: String,
        /// The columns there are.
        there: Vec<String>,
    },
    /// A column is there more than once.
    #[error(
        "the column {wanted:?} is there more than once: give its number ({} or {}) with {}",
        .numbers.0, .numbers.1, .column.remedy()
    )]
    RepeatedColumn {
        /// What it is for.
        column: Column,
        /// Its name.
        wanted: String,
        /// The first two of that name, from 1.
        numbers: (usize, usize),
    },
    /// The column to add is there already.
    #[error(
        "there is a column {label:?} already: overwrite it with --overwrite, or name another with \
         --label-column"
    )]
    LabelColumnExists {
        /// Its name.
        label: String,
    },
    /// A column that `--explain` or `--add` adds is there already.
    #[error("there is a column {column:?} already: {} would add another", adding(.column))]
    AddedColumnExists {
        /// Its name.
        column: &'static str,
    },
    /// A quote in the first record is never closed.
    #[error("line {line}: a quote is opened in the first record and never closed")]
    OpenQuoteInHeader {
        /// Line of the file, from 1.
        line: u64,
    },
    /// The first record is longer than allowed.
    #[error(
        "line {line}: the first record is longer than {limit} bytes: is this a CSV, or a quote left open? \
         (--max-record-bytes sets the limit)"
    )]
    HeaderTooLong {
        /// Line of the file, from 1.
        line: u64,
        /// Longest record, in bytes.
        limit: usize,
    },
    /// The first record has more columns than any table.
    #[error(
        "line {line}: the first record has more than {limit} columns: is this a CSV, and the delimiter the right \
         one? (--delimiter names another)"
    )]
    TooManyColumns {
        /// Line of the file, from 1.
        line: u64,
        /// Columns that there may be.
        limit: usize,
    },
    /// It is read as CSV, and begins like JSON.
    #[error(
        "looks like JSON, not CSV: --format ndjson reads an object a line (jq -c . FILE makes such lines), and \
         --message-column names the message's field"
    )]
    Json,
    /// It is one JSON array.
    #[error(
        "is a JSON array, expected an object a line: jq -c '.[]' FILE | logclass classify --format ndjson"
    )]
    JsonArray,
    /// A record cannot be taken.
    #[error("line {line} (byte {offset}): {error}")]
    Record {
        /// Line of the file, from 1.
        line: u64,
        /// Offset in the file, in bytes.
        offset: u64,
        /// Why.
        error: RecordError,
    },
    /// It is no text.
    #[error("{} {what}: {remedy}", if *.inside { "when decompressed, is" } else { "is" })]
    NoText {
        /// What it is instead.
        what: &'static str,
        /// What helps.
        remedy: &'static str,
        /// Whether it was inside of a compressed file.
        inside: bool,
    },
    /// It is in an encoding that is not read.
    #[error("is UTF-32: convert it first (iconv -f UTF-32 -t UTF-8)")]
    Utf32,
    /// It cannot be decompressed.
    #[error("{0}")]
    Damaged(String),
    /// It becomes too much when it is decompressed.
    #[error("decompresses to more than {limit} bytes (--max-decompressed-bytes sets the limit)")]
    Oversize {
        /// Bytes that it may become.
        limit: u64,
    },
}

impl InputError {
    /// The line of the file that is meant, from 1.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::OpenQuoteInHeader { line }
            | Self::HeaderTooLong { line, .. }
            | Self::TooManyColumns { line, .. }
            | Self::Record { line, .. } => Some(*line),
            _ => None,
        }
    }

    /// The flags that help, without their dashes.
    pub fn flags(&self) -> &'static [&'static str] {
        match self {
            Self::MissingColumn { column, .. } | Self::RepeatedColumn { column, .. } => column.flags(),
            Self::LabelColumnExists { .. } => &LABEL_EXISTS,
            Self::HeaderTooLong { .. } => &["max-record-bytes"],
            Self::TooManyColumns { .. } => &["delimiter"],
            Self::Json | Self::JsonArray => &["format"],
            Self::Oversize { .. } => &["max-decompressed-bytes"],
            Self::Record { error, .. } => error.flags(),
            _ => &[],
        }
    }
}

/// A record that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// It has another number of fields than the header.
    #[error(
        "{fields} {}, header has {expected} (is there a delimiter or a newline in a field that is not \
         quoted?)",
        if *.fields == 1 { "field" } else { "fields" }
    )]
    Ragged {
        /// Fields it has.
        fields: usize,
        /// Fields it should have.
        expected: usize,
    },
    /// A quote is opened at the place that is named beside, and never closed.
    #[error("a quote is opened here and never closed")]
    OpenQuote,
    /// A quote is opened somewhere in the record, and never closed.
    #[error("a quote is opened at line {line}, byte {offset}, and never closed")]
    OpenQuoteAt {
        /// Line of the file, from 1.
        line: u64,
        /// Offset in the file, in bytes.
        offset: u64,
    },
    /// It is longer than allowed.
    #[error(
        "the record is longer than {limit} bytes: is a quote left open? (--max-record-bytes sets the \
         limit){}",
        if *.cut { "; the end of the line is not kept" } else { "" }
    )]
    TooLong {
        /// Longest record, in bytes.
        limit: usize,
        /// Whether only its beginning is kept among the rejects.
        cut: bool,
    },
    /// It is no JSON object.
    #[error("no JSON object: {0}")]
    NoObject(String),
    /// It has no message.
    #[error("no field {message:?} (--message-column names another)")]
    MissingField {
        /// Name of the message's field.
        message: String,
    },
    /// The field to add is there already.
    #[error(
        "there is a field {label:?} already: overwrite it with --overwrite, or name another with \
         --label-column"
    )]
    LabelFieldExists {
        /// Its name.
        label: String,
    },
    /// A field that `--explain` or `--add` adds is there already.
    #[error("there is a field {field:?} already: {} would add another", adding(.field))]
    AddedFieldExists {
        /// Its name.
        field: &'static str,
    },
}

impl RecordError {
    fn flags(&self) -> &'static [&'static str] {
        match self {
            Self::TooLong { .. } => &["max-record-bytes"],
            Self::MissingField { .. } => Column::Message.flags(),
            Self::LabelFieldExists { .. } => &LABEL_EXISTS,
            _ => &[],
        }
    }
}

const LABEL_EXISTS: [&str; 2] = ["overwrite", "label-column"];

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The source.
    Source,
    /// The message.
    Message,
    /// The label that is read.
    Label,
    /// Groups that cross-validation keeps together.
    Group,
    /// The severity.
    Severity,
    /// The time.
    Time,
}

impl Column {
    /// The flags that name it, or do without it.
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Source => &["source-column", "no-source"],
            Self::Message => &["message-column"],
            Self::Label => &["label-column"],
            Self::Group => &["group-column"],
            Self::Severity => &["severity-column"],
            Self::Time => &["time-column"],
        }
    }

    /// The same as errors name them.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Source => "--source-column (or --no-source if there is none)",
            Self::Message => "--message-column",
            Self::Label => "--label-column",
            Self::Group => "--group-column",
            Self::Severity => "--severity-column",
            Self::Time => "--time-column",
        }
    }
}

/// The flag that adds a column.
fn adding(column: &str) -> String {
    if column.starts_with("label_") { "--explain".to_owned() } else { format!("--add {column}") }
}

/// Columns that an error lists, and characters of each: what is no CSV may seem to have thousands of any length.
const LISTED: (usize, usize) = (30, 60);

fn listed(names: &[String]) -> String {
    let short = |name: &String| match name.char_indices().nth(LISTED.1) {
        Some((end, _)) => format!("{:?}...", &name[..end]),
        None => format!("{name:?}"),
    };
    let list = names.iter().take(LISTED.0).map(short).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED.0) {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}
