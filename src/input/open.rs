//! Opening an input: where it comes from, its header, and which columns matter.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::csv::{CsvLayout, fields, unquote};
use super::reader::{ChunkReader, Limits};

/// Columns by name, as command line and configuration give them.
#[derive(Debug, Clone)]
pub struct ColumnNames {
    /// The source; nothing when the input has none.
    pub source: Option<String>,
    /// The message.
    pub message: String,
    /// The column to add.
    pub label: String,
    /// Whether a label column that exists already is overwritten.
    pub overwrite: bool,
}

/// A CSV whose header has been read.
pub struct CsvInput {
    /// The rest, in chunks.
    pub reader: ChunkReader<Box<dyn Read + Send>>,
    /// The header's own bytes, a byte order mark included, the line terminator not.
    pub header: Vec<u8>,
    /// The header's fields, unquoted.
    pub names: Vec<String>,
    /// What ends the header's line, and any last line that lacks an end of its own.
    pub newline: &'static [u8],
    /// Where the columns are.
    pub layout: CsvLayout,
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
    pub fn open(&self) -> Result<(Box<dyn Read + Send>, Option<u64>)> {
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

/// Reads the header of a CSV and finds the columns.
///
/// # Errors
/// When there is no header, a column is missing or named twice, or the label column exists already; each names
/// the columns there are and the flag to set.
pub fn open_csv(
    mut reader: Box<dyn Read + Send>,
    delimiter: u8,
    columns: &ColumnNames,
    limits: Limits,
) -> Result<CsvInput> {
    let mut data = Vec::new();
    let mut wanted = 64 << 10;
    let (start, spans, record) = loop {
        let missing = wanted - data.len();
        let read = (&mut reader).take(missing as u64).read_to_end(&mut data).context("cannot be read")?;
        let last = read < missing;
        let mut start = if data.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        while matches!(data.get(start), Some(b'\n' | b'\r')) {
            start += 1;
        }
        if start == data.len() && last {
            bail!("the file is empty: expected a header line with the columns {:?}", columns.message);
        }
        if let Some((spans, record)) = fields(&data, start, delimiter, last) {
            break (start, spans, record);
        }
        if last || data.len() > limits.record_bytes {
            bail!("line 1: a quote is opened in the header and never closed");
        }
        wanted *= 2;
    };
    let names: Vec<String> = spans
        .iter()
        .map(|span| unquote(&data[span.start as usize..span.end as usize], span.quoted))
        .map(|name| String::from_utf8_lossy(&name).trim().to_owned())
        .collect();
    let layout = layout(&names, delimiter, columns)?;
    let newline: &[u8] = match &data[record.end as usize..record.next as usize] {
        b"\r\n" => b"\r\n",
        b"\r" => b"\r",
        _ => b"\n",
    };
    let next = record.next as usize;
    let line = 1 + super::csv::lines_in(&data[..next]);
    let header = data[..record.end as usize].to_vec();
    debug_assert!(start <= header.len());
    data.drain(..next);
    let reader = ChunkReader::new(reader, data, layout, limits, line, next as u64);
    Ok(CsvInput { reader, header, names, newline, layout })
}

fn layout(names: &[String], delimiter: u8, columns: &ColumnNames) -> Result<CsvLayout> {
    let message = find(names, &columns.message, "--message-column")?;
    let source = match &columns.source {
        Some(name) => Some(find(names, name, "--source-column (or --no-source if there is none)")?),
        None => None,
    };
    let existing = names.iter().position(|name| *name == columns.label);
    if existing.is_some() && !columns.overwrite {
        bail!(
            "there is a column {:?} already: overwrite it with --overwrite, or name another with --label-column",
            columns.label
        );
    }
    Ok(CsvLayout { delimiter, fields: names.len(), message, source, label: existing })
}

fn find(names: &[String], wanted: &str, flag: &str) -> Result<usize> {
    let mut places = names.iter().enumerate().filter(|(_, name)| *name == wanted).map(|(index, _)| index);
    match (places.next(), places.next()) {
        (Some(index), None) => Ok(index),
        (Some(_), Some(_)) => {
            bail!("the column {wanted:?} is there more than once: name another with {flag}")
        }
        (None, _) => {
            let there = names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
            bail!("no column {wanted:?}; the columns are {there}: name the right one with {flag}")
        }
    }
}
