//! Opening an input: where it comes from, its header, and which columns matter.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::csv::{CsvLayout, LineEnds, MOST_COLUMNS, TooManyFields};
use super::decode::Bytes;
use super::reader::{BadRows, ChunkReader, Limits, read_some};
use super::start::{BYTE_ORDER_MARK, Start, header_place};
use super::{Column, InputError, Layout, LineLayout, json, magic};

/// Columns by name, as command line and configuration give them.
#[allow(clippy::struct_excessive_bools)] // each is a choice of its own
#[derive(Debug, Clone)]
pub struct ColumnNames {
    /// The source; nothing when the input has none.
    pub source: Option<String>,
    /// The message.
    pub message: String,
    /// The severity, where a column has it.
    pub severity: Option<String>,
    /// The time, where a column has it.
    pub time: Option<String>,
    /// The column to add.
    pub label: String,
    /// Whether a label column that exists already is overwritten.
    pub overwrite: bool,
    /// Whether the first line is a record, so that columns go by number.
    pub no_header: bool,
    /// Whether the rows are labelled already, for training and evaluation: the label's column has to be there,
    /// and that of the source may be missing.
    pub labelled: bool,
    /// Whether the source's column may be missing.
    pub source_optional: bool,
}

/// A CSV whose header has been read.
pub struct CsvInput {
    /// The rest, in chunks.
    pub reader: ChunkReader<Bytes>,
    /// The header's own bytes and what stands before it, the line terminator not; behind it a delimiter for each
    /// column that it has no name for. Without a header, only what stands before the first record.
    pub header: Vec<u8>,
    /// The header's fields, unquoted; without a header, the columns' numbers.
    pub names: Vec<String>,
    /// What ends the header's line, and any last line that lacks an end of its own.
    pub newline: &'static [u8],
    /// Where the columns are.
    pub layout: CsvLayout,
    /// Whether the delimiter was told by the header.
    pub sniffed: bool,
    /// Lines before the header that are none, as `sep=;` for a spreadsheet.
    pub passed: Vec<String>,
}

impl CsvInput {
    /// Where the header's own record begins in [`CsvInput::header`].
    pub fn header_place(&self) -> usize {
        header_place(&self.header)
    }
}

/// Where an input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Source {
    /// Nothing or `-` is standard input.
    pub fn new(path: Option<&Path>) -> Self {
        match path {
            None => Self::Stdin,
            Some(path) if path == Path::new("-") => Self::Stdin,
            Some(path) => Self::File(path.to_owned()),
        }
    }

    /// The name that errors begin with.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// The bytes, and how many there are when that is known.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(&self) -> Result<(Bytes, Option<u64>)> {
        match self {
            Self::Stdin => Ok((Box::new(io::stdin()), None)),
            Self::File(path) => {
                let file = File::open(path).with_context(|| self.name())?;
                let metadata = file.metadata().with_context(|| self.name())?;
                if metadata.is_dir() {
                    bail!("{}: is a folder, expected a file", self.name());
                }
                let length = metadata.is_file().then_some(metadata.len());
                Ok((Box::new(file), length))
            }
        }
    }
}

/// Reads the header of a CSV and finds the columns. Without a `delimiter` it is a comma, unless the file leaves
/// no doubt that it is another one.
///
/// A column behind those of the header can be named by its number, where the records have one: some exporters
/// write no name above their last column.
///
/// # Errors
/// When there is no header, a column is missing or named twice, or the label column exists already; each
/// names the columns there are and the flag to set. Or the file is no CSV at all.
pub fn open_csv(
    mut reader: Bytes,
    delimiter: Option<u8>,
    columns: &ColumnNames,
    limits: Limits,
) -> Result<CsvInput> {
    let mut start = Start::read(&mut reader, limits)?;
    if start.from == start.data.len() {
        return Err(InputError::Empty { message: columns.message.clone() }.into());
    }
    let source = columns.source.as_deref().filter(|_| !columns.labelled && !columns.source_optional);
    let sniff = || start.sniff(&columns.message, source);
    let sniffed =
        if delimiter.is_none() && start.told.is_none() && !columns.no_header { sniff() } else { None };
    let delimiter = delimiter.or(start.told).or(sniffed).unwrap_or(b',');
    let first = first_record(&start, delimiter, limits);
    let (spans, record) = first.map_err(|error| told_otherwise(&start, error))?;
    let mut names = if columns.no_header {
        (1..=spans.len()).map(|number| number.to_string()).collect()
    } else {
        start.names(&spans)
    };
    let (end, next) = (record.end as usize, record.next as usize);
    let newline: &[u8] = match &start.data[end..next] {
        b"\r\n" => b"\r\n",
        b"\r" => b"\r",
        _ => b"\n",
    };
    let mut unnamed = 0;
    if !columns.no_header
        && lies_behind(&names, columns)
        && let Some(fields) = start.record(next, delimiter, &mut reader, limits)?
    {
        unnamed = fields.saturating_sub(names.len());
        names.resize(names.len() + unnamed, String::new());
    }
    let line_ends = LineEnds::told_by(newline);
    let layout =
        layout(&names, delimiter, columns, line_ends).map_err(|error| told_otherwise(&start, error))?;
    let (shown, next) = if columns.no_header { (start.from, start.from) } else { (end, next) };
    let line = 1 + line_ends.count(&start.data[..next]);
    let mut header = start.data[..shown].to_vec();
    header.resize(header.len() + unnamed, delimiter);
    start.data.drain(..next);
    let passed = start.passed;
    let reader = ChunkReader::new(reader, start.data, Layout::Csv(layout), limits, line, next as u64);
    Ok(CsvInput { reader, header, names, newline, layout, sniffed: sniffed.is_some(), passed })
}

/// The header's record, or the first one where there is no header.
fn first_record(
    start: &Start,
    delimiter: u8,
    limits: Limits,
) -> Result<(Vec<super::FieldSpan>, super::RecordSpan), InputError> {
    let line = 1 + LineEnds::Feeds.count(&start.data[..start.from]);
    match start.header(delimiter) {
        Ok(Some(found)) => Ok(found),
        Err(TooManyFields) => Err(InputError::TooManyColumns { line, limit: MOST_COLUMNS }),
        Ok(None) if start.ended => Err(InputError::OpenQuoteInHeader { line }),
        Ok(None) => Err(InputError::HeaderTooLong { line, limit: limits.record_bytes }),
    }
}

/// The error for a beginning that is no header: what it is instead, where that can be told.
fn told_otherwise(start: &Start, error: InputError) -> InputError {
    match start.first_byte() {
        _ if matches!(error, InputError::LabelColumnExists { .. } | InputError::RepeatedColumn { .. }) => {
            error
        }
        Some(b'[') => InputError::JsonArray,
        Some(b'{') => InputError::Json,
        _ if magic::is_binary(&start.data[..start.data.len().min(SAMPLE)]) => magic::binary(),
        _ => error,
    }
}

/// Whether a column is named by a number that is higher than the header has columns.
fn lies_behind(names: &[String], columns: &ColumnNames) -> bool {
    let behind = |wanted: &String| {
        wanted.parse().is_ok_and(|number: usize| (names.len() + 1..=MOST_COLUMNS).contains(&number))
            && !names.contains(wanted)
    };
    [Some(&columns.message), columns.source.as_ref(), columns.severity.as_ref(), columns.time.as_ref()]
        .into_iter()
        .flatten()
        .any(behind)
}

/// Lines whose beginning has been read.
pub struct LinesInput {
    /// All of them, in chunks.
    pub reader: ChunkReader<Bytes>,
    /// The byte order mark, which belongs to no record. Some exporters write two.
    pub mark: Vec<u8>,
    /// Of a text whose first line is a JSON object: whether it has the field that the message is named by.
    pub json: Option<bool>,
}

/// Bytes that tell whether a file is text.
const SAMPLE: usize = 4 << 10;

/// Opens lines: NDJSON, or plain text, of which the message may be named `message`.
///
/// # Errors
/// When the beginning cannot be read, or is no text.
pub fn open_lines(
    mut reader: Bytes,
    layout: LineLayout,
    message: &str,
    limits: Limits,
) -> Result<LinesInput> {
    let mut data = Vec::new();
    loop {
        match read_some(&mut reader, &mut data) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            Err(error) => return Err(error).context("cannot be read"),
            Ok(0) => break,
            Ok(_) if limits.live || data.len() >= SAMPLE => break,
            Ok(_) => {}
        }
    }
    let marks = data.chunks(BYTE_ORDER_MARK.len()).take_while(|mark| *mark == BYTE_ORDER_MARK).count();
    let rest = data.split_off(marks * BYTE_ORDER_MARK.len());
    let mark = std::mem::replace(&mut data, rest);
    let mut json = None;
    match layout {
        LineLayout::Text(_) => {
            if magic::is_binary(&data[..data.len().min(SAMPLE)]) {
                return Err(magic::binary().into());
            }
            let line = data.split(|&byte| byte == b'\n').next().unwrap_or_default();
            json = json::has_field(line, message);
        }
        LineLayout::Json(_) => {
            let first = data.iter().find(|byte| !byte.is_ascii_whitespace() && **byte != 0);
            if first == Some(&b'[') && limits.bad_rows == BadRows::Fail {
                return Err(InputError::JsonArray.into());
            }
        }
    }
    let reader = ChunkReader::new(reader, data, Layout::Lines(layout), limits, 1, mark.len() as u64);
    Ok(LinesInput { reader, mark, json })
}

fn layout(
    names: &[String],
    delimiter: u8,
    columns: &ColumnNames,
    line_ends: LineEnds,
) -> Result<CsvLayout, InputError> {
    let message = find(names, &columns.message, Column::Message)?;
    let source = columns.source.as_ref().map(|name| find(names, name, Column::Source)).transpose();
    let source = match source {
        Err(InputError::MissingColumn { .. }) if columns.labelled || columns.source_optional => None,
        found => found?,
    };
    let severity = columns.severity.as_ref().map(|name| find(names, name, Column::Severity)).transpose()?;
    let time = columns.time.as_ref().map(|name| find(names, name, Column::Time)).transpose()?;
    let label = if columns.labelled {
        Some(find(names, &columns.label, Column::Label)?)
    } else {
        names.iter().position(|name| *name == columns.label)
    };
    if label.is_some() && !columns.labelled && !columns.overwrite {
        return Err(InputError::LabelColumnExists { label: columns.label.clone() });
    }
    Ok(CsvLayout { delimiter, fields: names.len(), message, source, severity, time, label, line_ends })
}

/// The column of this name, or, where no column has it, of this number.
fn find(names: &[String], wanted: &str, column: Column) -> Result<usize, InputError> {
    let places: Vec<usize> =
        names.iter().enumerate().filter(|(_, name)| *name == wanted).map(|(index, _)| index).collect();
    if let [first, second, ..] = places[..] {
        let numbers = (first + 1, second + 1);
        return Err(InputError::RepeatedColumn { column, wanted: wanted.to_owned(), numbers });
    }
    let number = wanted.parse().ok().filter(|number| (1..=names.len()).contains(number));
    places
        .first()
        .copied()
        .or_else(|| number.map(|number| number - 1))
        .ok_or_else(|| InputError::MissingColumn { column, wanted: wanted.to_owned(), there: names.to_vec() })
}
