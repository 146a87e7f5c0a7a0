//! The beginning of a CSV: what exporters write before the header, the header, and what it tells.

use anyhow::{Context, Result};

use super::csv::{MOST_COLUMNS, TooManyFields, fields_up_to, unquote};
use super::decode::Bytes;
use super::reader::{Limits, read_some};
use super::{FieldForm, FieldSpan, RecordSpan};

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What may stand between fields when nothing is said about it.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The header's fields, and where the record ends.
type Header = (Vec<FieldSpan>, RecordSpan);

/// The beginning of a CSV: enough to hold its header.
pub(super) struct Start {
    pub data: Vec<u8>,
    /// Where the first record begins, behind byte order marks, empty lines and what is no header.
    pub from: usize,
    /// Nothing follows the data.
    pub ended: bool,
    /// Lines before the header that are none, as `sep=;` for a spreadsheet.
    pub passed: Vec<String>,
    /// The delimiter that such a line tells.
    pub told: Option<u8>,
}

impl Start {
    /// Reads until the header is there, whatever the delimiter is: with a wrong one a quoted field may not end,
    /// with the right one it does.
    pub fn read(bytes: &mut Bytes, limits: Limits) -> Result<Self> {
        let mut start = Self { data: Vec::new(), from: 0, ended: false, passed: Vec::new(), told: None };
        let mut tried = 0;
        loop {
            let held = start.data.len();
            start.ended = read_some(bytes, &mut start.data).context("cannot be read")? == 0;
            // A first line without end is looked at a few times, not once for each piece of it.
            let has_end =
                start.data[held.saturating_sub(1)..].iter().any(|byte| matches!(byte, b'\n' | b'\r'));
            let grown = limits.live || start.data.len() >= 2 * tried;
            let full = start.data.len() > limits.record_bytes;
            if !(start.ended || full || (has_end && grown)) {
                continue;
            }
            tried = start.data.len();
            start.find_header();
            let is_there = |delimiter| !matches!(start.header(delimiter), Ok(None));
            if start.ended || full || DELIMITERS.into_iter().all(is_there) {
                return Ok(start);
            }
        }
    }

    /// Reads on until the record at `from` is there, and gives the number of its fields.
    pub fn record(
        &mut self,
        from: usize,
        delimiter: u8,
        bytes: &mut Bytes,
        limits: Limits,
    ) -> Result<Option<usize>> {
        let mut tried = 0;
        loop {
            if limits.live || self.ended || self.data.len() >= 2 * tried {
                tried = self.data.len();
                let blank = self.data[from..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
                let from = from + blank;
                if from < self.data.len()
                    && let Ok(Some((spans, _))) = self.fields(from, delimiter)
                {
                    return Ok(Some(spans.len()));
                }
            }
            if self.ended || self.data.len() - from > limits.record_bytes {
                return Ok(None);
            }
            self.ended = read_some(bytes, &mut self.data).context("cannot be read")? == 0;
        }
    }

    /// The fields of the header, when all of it is there.
    pub fn header(&self, delimiter: u8) -> Result<Option<Header>, TooManyFields> {
        self.fields(self.from, delimiter)
    }

    fn fields(&self, from: usize, delimiter: u8) -> Result<Option<Header>, TooManyFields> {
        fields_up_to(&self.data, from, delimiter, self.ended, MOST_COLUMNS)
    }

    /// The names in a header, without blanks and NULs around them.
    pub fn names(&self, spans: &[FieldSpan]) -> Vec<String> {
        spans
            .iter()
            .map(|span| {
                unquote(&self.data[span.start as usize..span.end as usize], span.form == FieldForm::Quoted)
            })
            .map(|name| {
                let name = String::from_utf8_lossy(&name);
                name.trim_matches(|letter: char| letter.is_whitespace() || letter == '\0').to_owned()
            })
            .collect()
    }

    /// The one delimiter that makes a header of the first line, if a comma does not and no other one does.
    pub fn sniff(&self, message: &str, source: Option<&str>) -> Option<u8> {
        let fits = |delimiter: u8| {
            let Ok(Some((spans, _))) = self.header(delimiter) else { return false };
            let names = self.names(&spans);
            let has = |wanted: &str| names.iter().any(|name| name == wanted);
            names.len() > 1 && has(message) && source.is_none_or(has)
        };
        let mut fitting = DELIMITERS.into_iter().filter(|&delimiter| fits(delimiter));
        match (fitting.next(), fitting.next()) {
            (Some(delimiter), None) if delimiter != b',' => Some(delimiter),
            _ => None,
        }
    }

    /// The first byte that is no blank.
    pub fn first_byte(&self) -> Option<u8> {
        self.data[self.from..].iter().copied().find(|byte| !byte.is_ascii_whitespace())
    }

    fn find_header(&mut self) {
        (self.from, self.told) = (0, None);
        self.passed.clear();
        loop {
            let rest = &self.data[self.from..];
            if rest.starts_with(BYTE_ORDER_MARK) {
                self.from += BYTE_ORDER_MARK.len();
            } else if matches!(rest.first(), Some(b'\n' | b'\r')) {
                self.from += 1;
            } else if let Some(end) = no_header(rest, self.ended) {
                let line = &rest[..end];
                self.told = separator(line).or(self.told);
                self.passed.push(String::from_utf8_lossy(line).into_owned());
                self.from += end;
            } else {
                return;
            }
        }
    }
}

/// Where the first line ends, if it is one that exporters write before the header: `sep=;` for Excel, `#TYPE` by
/// PowerShell.
fn no_header(data: &[u8], ended: bool) -> Option<usize> {
    let end = memchr::memchr2(b'\n', b'\r', data).or(ended.then_some(data.len()))?;
    let line = &data[..end];
    (line.starts_with(b"#TYPE ") || separator(line).is_some()).then_some(end)
}

/// The byte that a line like `sep=;` names. A spreadsheet that saved the file again has filled the line up with
/// that byte.
fn separator(line: &[u8]) -> Option<u8> {
    let line = line.strip_prefix(b"\"").map_or(line, |inner| {
        let end = memchr::memchr(b'"', inner).unwrap_or(inner.len());
        &inner[..end]
    });
    let (name, value) = line.split_at_checked(4)?;
    let (&byte, rest) = value.split_first()?;
    let names = name.eq_ignore_ascii_case(b"sep=") && byte.is_ascii() && byte != b'"';
    (names && !byte.is_ascii_alphanumeric() && rest.iter().all(|&other| other == byte)).then_some(byte)
}

/// Where the header's record begins in the bytes that were given back before the first record: behind what
/// stands before it.
pub(super) fn header_place(data: &[u8]) -> usize {
    let mut start = Start { data: data.to_vec(), from: 0, ended: true, passed: Vec::new(), told: None };
    start.find_header();
    start.from
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn start(text: &str) -> Start {
        Start::read(&mut (Box::new(Cursor::new(text.as_bytes().to_vec())) as Bytes), Limits::default())
            .unwrap()
    }

    #[test]
    fn lines_for_a_spreadsheet_are_no_header() {
        for (text, header, told) in [
            ("sep=;\r\na;b\r\n", "a;b", Some(b';')),
            ("\u{feff}SEP=\t\na\tb\n", "a\tb", Some(b'\t')),
            ("\"sep=;\"\na;b\n", "a;b", Some(b';')),
            ("sep=;;;\na;b\n", "a;b", Some(b';')),
            ("#TYPE System.X\r\na,b\r\n", "a,b", None),
            ("sep=,\n#TYPE System.X\n\u{feff}\n\"a\",b\n", "\"a\",b", Some(b',')),
            ("\u{feff}\u{feff}a,b\n", "a,b", None),
            ("sep=a,b\n", "sep=a,b", None),
            ("sep,b\n", "sep,b", None),
            ("sep=\nb\n", "sep=", None),
            ("#TYPED,b\n", "#TYPED,b", None),
        ] {
            let start = start(text);
            assert_eq!(start.told, told, "{text:?}");
            assert_eq!(header_place(&start.data), start.from);
            let line = &start.data[start.from..];
            let line = line.split(|&byte| byte == b'\n').next().unwrap().trim_ascii_end();
            assert_eq!(line, header.as_bytes(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_beginning_is_read_to_its_end_or_its_header(text in "(sep=[;,a]|#TYPE x|\u{feff}|\"|a|,|\n|\r){0,30}") {
            let start = start(&text);
            prop_assert!(start.from <= text.len());
            prop_assert!(start.passed.iter().all(|line| text.contains(line.as_str())));
        }
    }
}
