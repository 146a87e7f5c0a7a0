//! NDJSON bodies: each object goes through the engine as a CSV row that carries it along, and comes back with its
//! label behind its own bytes.

use serde_json::{Map, Value};
use std::io::{self, BufRead, BufReader, Read, Write};

use super::engine::Options;
use super::rows::Rows;
use crate::input::open::ColumnNames;
use crate::pipeline::EXPLAINED;

/// Longest line, in bytes.
const LINE_BYTES: u64 = 4 << 20;

/// Wraps a reader of NDJSON and a writer of NDJSON as the CSV that the engine speaks, with its options.
pub fn around(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    columns: &ColumnNames,
    explain: bool,
) -> (Box<dyn Read + Send>, Box<dyn Write + Send>, Options) {
    let reader = ToCsv {
        lines: BufReader::with_capacity(64 << 10, input),
        columns: columns.clone(),
        explain,
        line: 0,
        row: b"source,log_message,json\n".to_vec(),
        given: 0,
    };
    let writer = FromCsv { output, rows: Rows::new(b','), label: columns.label.clone(), header: true };
    let options = Options {
        explain,
        source_column: Some("source".to_owned()),
        message_column: Some("log_message".to_owned()),
        label_column: Some("target_label".to_owned()),
        ..Options::default()
    };
    (Box::new(reader), Box::new(writer), options)
}

struct ToCsv<R> {
    lines: BufReader<R>,
    columns: ColumnNames,
    explain: bool,
    line: u64,
    row: Vec<u8>,
    given: usize,
}

impl<R: Read> ToCsv<R> {
    /// Puts the next object into `row`; an empty row is the end.
    fn next_row(&mut self) -> io::Result<()> {
        self.row.clear();
        self.given = 0;
        let mut line = Vec::new();
        loop {
            self.line += 1;
            line.clear();
            (&mut self.lines).take(LINE_BYTES).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                return Ok(());
            }
            if line.len() as u64 == LINE_BYTES && !line.ends_with(b"\n") {
                return Err(self.wrong(&format!("longer than {LINE_BYTES} bytes")));
            }
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            let object: Map<String, Value> = serde_json::from_slice(text)
                .map_err(|error| self.wrong(&format!("expected a JSON object ({error})")))?;
            let message = self.member(&object, &self.columns.message, "--message-column")?;
            let source = match &self.columns.source {
                Some(name) => {
                    self.member(&object, name, "--source-column (or --no-source if there is none)")?
                }
                None => "",
            };
            let added = if self.explain { &EXPLAINED[..] } else { &[] };
            if let Some(taken) =
                added.iter().copied().chain([&*self.columns.label]).find(|&name| object.contains_key(name))
            {
                return Err(self.wrong(&format!(
                    "there is a member {taken:?} already: name another with --label-column"
                )));
            }
            for (cell, end) in [(source.as_bytes(), b','), (message.as_bytes(), b','), (text, b'\n')] {
                self.row.extend_from_slice(&crate::input::csv::quote(cell, b','));
                self.row.push(end);
            }
            return Ok(());
        }
    }

    fn member<'a>(&self, object: &'a Map<String, Value>, name: &str, flag: &str) -> io::Result<&'a str> {
        match object.get(name) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(self.wrong(&format!("the member {name:?} is no text"))),
            None => {
                let there = object.keys().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
                Err(self.wrong(&format!(
                    "no member {name:?}; the members are {there}: name the right one with {flag}"
                )))
            }
        }
    }

    fn wrong(&self, what: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {what}", self.line))
    }
}

impl<R: Read> Read for ToCsv<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.row.len() {
            self.next_row()?;
        }
        let length = buffer.len().min(self.row.len() - self.given);
        buffer[..length].copy_from_slice(&self.row[self.given..self.given + length]);
        self.given += length;
        Ok(length)
    }
}

struct FromCsv<W> {
    output: W,
    rows: Rows,
    label: String,
    header: bool,
}

impl<W: Write> Write for FromCsv<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = Vec::with_capacity(bytes.len());
        let Self { rows, label, header, .. } = self;
        rows.push(bytes, |row| {
            if std::mem::take(header) {
                return;
            }
            // Source, message, the object, label, and, when asked for, stage, confidence and reason.
            text.extend_from_slice(row[2].strip_suffix(b"}").unwrap_or(&row[2]).trim_ascii_end());
            member(&mut text, label, &string(&row[3]));
            if let [stage, confidence, reason] = &row[4..] {
                member(&mut text, EXPLAINED[0], &string(stage));
                member(&mut text, EXPLAINED[1], &String::from_utf8_lossy(confidence));
                member(&mut text, EXPLAINED[2], &string(reason));
            }
            text.extend_from_slice(b"}\n");
        });
        self.output.write_all(&text)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

fn string(bytes: &[u8]) -> String {
    Value::from(String::from_utf8_lossy(bytes)).to_string()
}

/// Every object has members already: its message at the least.
fn member(text: &mut Vec<u8>, name: &str, value: &str) {
    text.extend_from_slice(format!(",{}:{value}", Value::from(name)).as_bytes());
}
