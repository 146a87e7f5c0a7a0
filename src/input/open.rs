//! Opening an input: where it comes from, its header, and which columns matter.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::csv::{CsvLayout, fields, unquote};
use super::decode::Bytes;
use super::reader::{ChunkReader, Limits, read_some};
use super::{Column, FieldForm, FieldSpan, InputError, Layout, LineLayout};

/// Columns by name, as command line and configuration give them.
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
}

/// A CSV whose header has been read.
pub struct CsvInput {
    /// The rest, in chunks.
    pub reader: ChunkReader<Bytes>,
    /// The header's own bytes, a byte order mark included, the line terminator not. Without a header, the
    /// mark.
    pub header: Vec<u8>,
    /// The header's fields, unquoted; without a header, the columns' numbers.
    pub names: Vec<String>,
    /// What ends the header's line, and any last line that lacks an end of its own.
    pub newline: &'static [u8],
    /// Where the columns are.
    pub layout: CsvLayout,
    /// Whether the delimiter was told by the header.
    pub sniffed: bool,
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

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What may stand between fields when nothing is said about it.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The beginning of a CSV: enough to hold its header.
struct Start {
    data: Vec<u8>,
    /// Where the first record begins, behind a byte order mark and empty lines.
    from: usize,
    ended: bool,
}

impl Start {
    fn read(bytes: &mut Bytes, limits: Limits) -> Result<Self> {
        let mut start = Self { data: Vec::new(), from: 0, ended: false };
        loop {
            start.ended = read_some(bytes, &mut start.data).context("cannot be read")? == 0;
            start.from = if start.data.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
            while matches!(start.data.get(start.from), Some(b'\n' | b'\r')) {
                start.from += 1;
            }
            // Whatever the delimiter is: with a wrong one a quoted field may not end, with the right one it
            // does.
            if start.ended || DELIMITERS.iter().all(|&delimiter| start.header(delimiter).is_some()) {
                return Ok(start);
            }
            if start.data.len() > limits.record_bytes {
                return Ok(start);
            }
        }
    }

    fn header(&self, delimiter: u8) -> Option<(Vec<FieldSpan>, super::RecordSpan)> {
        fields(&self.data, self.from, delimiter, self.ended)
    }

    fn names(&self, spans: &[FieldSpan]) -> Vec<String> {
        spans
            .iter()
            .map(|span| {
                unquote(&self.data[span.start as usize..span.end as usize], span.form == FieldForm::Quoted)
            })
            .map(|name| String::from_utf8_lossy(&name).trim().to_owned())
            .collect()
    }

    /// The one delimiter that makes a header of the first line, if a comma does not and no other one does.
    fn sniff(&self, columns: &ColumnNames) -> Option<u8> {
        let fits = |delimiter: u8| {
            let names = self.header(delimiter).map(|(spans, _)| self.names(&spans)).unwrap_or_default();
            names.len() > 1
                && names.contains(&columns.message)
                && (columns.labelled || columns.source.as_ref().is_none_or(|source| names.contains(source)))
        };
        let mut fitting = DELIMITERS.into_iter().filter(|&delimiter| fits(delimiter));
        match (fitting.next(), fitting.next()) {
            (Some(delimiter), None) if delimiter != b',' => Some(delimiter),
            _ => None,
        }
    }
}

/// Reads the header of a CSV and finds the columns. Without a `delimiter` it is a comma, unless the header
/// leaves no doubt that it is another one.
///
/// # Errors
/// When there is no header, a column is missing or named twice, or the label column exists already; each
/// names the columns there are and the flag to set.
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
    let sniffed = if delimiter.is_none() && !columns.no_header { start.sniff(columns) } else { None };
    let delimiter = delimiter.or(sniffed).unwrap_or(b',');
    let Some((spans, record)) = start.header(delimiter) else {
        let line = 1 + super::csv::lines_in(&start.data[..start.from]);
        return Err(if start.ended {
            InputError::OpenQuoteInHeader { line }
        } else {
            InputError::HeaderTooLong { line, limit: limits.record_bytes }
        }
        .into());
    };
    let names = if columns.no_header {
        (1..=spans.len()).map(|number| number.to_string()).collect()
    } else {
        start.names(&spans)
    };
    let layout = layout(&names, delimiter, columns)?;
    let newline: &[u8] = match &start.data[record.end as usize..record.next as usize] {
        b"\r\n" => b"\r\n",
        b"\r" => b"\r",
        _ => b"\n",
    };
    let (shown, next) = if columns.no_header {
        (start.from, start.from)
    } else {
        (record.end as usize, record.next as usize)
    };
    let line = 1 + super::csv::lines_in(&start.data[..next]);
    let header = start.data[..shown].to_vec();
    start.data.drain(..next);
    let reader = ChunkReader::new(reader, start.data, Layout::Csv(layout), limits, line, next as u64);
    Ok(CsvInput { reader, header, names, newline, layout, sniffed: sniffed.is_some() })
}

/// Opens lines: NDJSON or plain text. The byte order mark, which belongs to no record, is given back.
///
/// # Errors
/// When the beginning cannot be read.
pub fn open_lines(
    mut reader: Bytes,
    layout: LineLayout,
    limits: Limits,
) -> Result<(ChunkReader<Bytes>, &'static [u8])> {
    let mut data = Vec::new();
    loop {
        match read_some(&mut reader, &mut data) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            read => break read.context("cannot be read").map(drop)?,
        }
    }
    let mark = if data.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK } else { b"" };
    data.drain(..mark.len());
    Ok((ChunkReader::new(reader, data, Layout::Lines(layout), limits, 1, mark.len() as u64), mark))
}

fn layout(names: &[String], delimiter: u8, columns: &ColumnNames) -> Result<CsvLayout, InputError> {
    let message = find(names, &columns.message, Column::Message)?;
    let source = columns.source.as_ref().map(|name| find(names, name, Column::Source)).transpose();
    let source = match source {
        Err(InputError::MissingColumn { .. }) if columns.labelled => None,
        found => found?,
    };
    let severity = columns.severity.as_ref().map(|name| find(names, name, Column::Severity)).transpose()?;
    let time = columns.time.as_ref().map(|name| find(names, name, Column::Time)).transpose()?;
    if columns.labelled {
        let label = Some(find(names, &columns.label, Column::Label)?);
        return Ok(CsvLayout { delimiter, fields: names.len(), message, source, severity, time, label });
    }
    let existing = names.iter().position(|name| *name == columns.label);
    if existing.is_some() && !columns.overwrite {
        return Err(InputError::LabelColumnExists { label: columns.label.clone() });
    }
    Ok(CsvLayout { delimiter, fields: names.len(), message, source, severity, time, label: existing })
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
