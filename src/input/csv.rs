//! CSV: finding records and fields without copying them.
//!
//! The grammar is that of the `csv` crate (RFC 4180, and for what it leaves open what most readers do): a
//! quote opens a quoted field only as its first byte, a doubled quote inside stands for one, text behind the
//! closing quote belongs to the field, and `\n`, `\r\n` and `\r` end a record. Tests hold it against that
//! crate. It is our own because the pipeline needs what a copying reader cannot give: each record's own
//! bytes, so that they come back untouched, and the line on which a quote was left open.

use std::borrow::Cow;

use super::{FieldForm, FieldSpan, RecordError, RecordSpan};

const QUOTE: u8 = b'"';

/// How records are cut, and which fields matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvLayout {
    /// Byte between fields.
    pub delimiter: u8,
    /// Fields a record must have.
    pub fields: usize,
    /// Index of the message.
    pub message: usize,
    /// Index of the source.
    pub source: Option<usize>,
    /// Index of the severity.
    pub severity: Option<usize>,
    /// Index of the time.
    pub time: Option<usize>,
    /// Index of the label column that is overwritten.
    pub label: Option<usize>,
    /// What ends a line of the file, as an editor counts them.
    pub line_ends: LineEnds,
}

/// What ends a line of a file where lines are counted. It is not what ends a record: in a file whose lines end
/// with `\n`, a `\r` that stands alone is part of a line, in an editor and in `grep -n` alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineEnds {
    /// `\n`, with or without a `\r` before it.
    #[default]
    Feeds,
    /// Also a `\r` that stands alone, since that is what ends the header.
    Returns,
    /// Nothing: there are records without lines, and each counts as one.
    Records,
}

impl LineEnds {
    /// Those of a file whose first line ends with `terminator`.
    pub fn told_by(terminator: &[u8]) -> Self {
        if terminator == b"\r" { Self::Returns } else { Self::Feeds }
    }

    /// Lines that end in `data`.
    pub fn count(self, data: &[u8]) -> u64 {
        let feeds = memchr::memchr_iter(b'\n', data).count();
        let returns = match self {
            Self::Feeds | Self::Records => 0,
            Self::Returns => {
                memchr::memchr_iter(b'\r', data).filter(|&at| data.get(at + 1) != Some(&b'\n')).count()
            }
        };
        (feeds + returns) as u64
    }
}

/// What stands at a position.
#[derive(Debug, PartialEq, Eq)]
pub enum Scan {
    /// A record.
    Record(RecordSpan),
    /// An empty line, ending before this position.
    Blank(usize),
    /// A record that cannot be taken.
    Bad {
        /// Behind its line terminator.
        next: usize,
        /// Why.
        reason: RecordError,
    },
    /// The data ends inside a record, and more may follow.
    Incomplete,
    /// The data ends inside a quoted field that began at this position, and nothing follows.
    Unclosed(usize),
}

enum FieldEnd {
    Delimiter(usize),
    /// Behind the field, and behind the line terminator.
    Record(usize, usize),
    Incomplete,
    Unclosed,
}

impl CsvLayout {
    /// Reads the record at `start`. `last` says that nothing follows `data`.
    pub fn scan(&self, data: &[u8], start: usize, last: bool) -> Scan {
        if start >= data.len() {
            return Scan::Incomplete;
        }
        if let Some(next) = line_end(data, start, last) {
            return next.map_or(Scan::Incomplete, Scan::Blank);
        }
        let mut span = RecordSpan { start: narrow(start), ..RecordSpan::default() };
        let mut position = start;
        let mut index = 0;
        loop {
            let end = field_end(data, position, self.delimiter, last);
            let (field, done) = match end {
                FieldEnd::Delimiter(end) => (end, None),
                FieldEnd::Record(end, next) => (end, Some(next)),
                FieldEnd::Incomplete => return Scan::Incomplete,
                FieldEnd::Unclosed => return Scan::Unclosed(position),
            };
            let here = FieldSpan { start: narrow(position), end: narrow(field), form: form(data, position) };
            if index == self.message {
                span.message = here;
            }
            if Some(index) == self.source {
                span.source = here;
            }
            if Some(index) == self.severity {
                span.severity = here;
            }
            if Some(index) == self.time {
                span.time = here;
            }
            if Some(index) == self.label {
                span.label = here;
            }
            index += 1;
            if let Some(next) = done {
                span.end = narrow(field);
                span.next = narrow(next);
                return if index == self.fields {
                    Scan::Record(span)
                } else {
                    Scan::Bad { next, reason: RecordError::Ragged { fields: index, expected: self.fields } }
                };
            }
            position = field + 1;
        }
    }
}

/// How the field that begins at `position` is written.
fn form(data: &[u8], position: usize) -> FieldForm {
    if data.get(position) == Some(&QUOTE) { FieldForm::Quoted } else { FieldForm::Plain }
}

/// Columns that a header may have. No table has as many; a first line that does is no header.
pub const MOST_COLUMNS: usize = 100_000;

/// There are more fields than asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyFields;

/// The fields of the record at `start` and where the next record begins; nothing when `data` does not hold
/// all of it.
pub fn fields(data: &[u8], start: usize, delimiter: u8, last: bool) -> Option<(Vec<FieldSpan>, RecordSpan)> {
    fields_up_to(data, start, delimiter, last, usize::MAX).ok().flatten()
}

/// The same, as long as there are no more than `most` fields.
///
/// # Errors
/// When there are more.
pub fn fields_up_to(
    data: &[u8],
    start: usize,
    delimiter: u8,
    last: bool,
    most: usize,
) -> Result<Option<(Vec<FieldSpan>, RecordSpan)>, TooManyFields> {
    let mut fields = Vec::new();
    let mut position = start;
    loop {
        let (end, done) = match field_end(data, position, delimiter, last) {
            FieldEnd::Delimiter(end) => (end, None),
            FieldEnd::Record(end, next) => (end, Some(next)),
            FieldEnd::Incomplete | FieldEnd::Unclosed => return Ok(None),
        };
        if fields.len() == most {
            return Err(TooManyFields);
        }
        fields.push(FieldSpan { start: narrow(position), end: narrow(end), form: form(data, position) });
        if let Some(next) = done {
            let span = RecordSpan {
                start: narrow(start),
                end: narrow(end),
                next: narrow(next),
                ..RecordSpan::default()
            };
            return Ok(Some((fields, span)));
        }
        position = end + 1;
    }
}

/// Positions fit: a chunk holds less than 4 GiB, which the reader sees to.
#[allow(clippy::cast_possible_truncation)]
fn narrow(position: usize) -> u32 {
    position as u32
}

/// If a line ends right at `position`: behind its terminator, or nothing when a `\n` may yet follow a `\r`.
#[allow(clippy::option_option)] // "no terminator", "a terminator of unknown length", "a terminator"
fn line_end(data: &[u8], position: usize, last: bool) -> Option<Option<usize>> {
    match data[position] {
        b'\n' => Some(Some(position + 1)),
        b'\r' => Some(match data.get(position + 1) {
            Some(b'\n') => Some(position + 2),
            Some(_) => Some(position + 1),
            None => last.then_some(position + 1),
        }),
        _ => None,
    }
}

fn field_end(data: &[u8], start: usize, delimiter: u8, last: bool) -> FieldEnd {
    let mut position = start;
    if data.get(start) == Some(&QUOTE) {
        position += 1;
        loop {
            let Some(found) = memchr::memchr(QUOTE, &data[position..]) else {
                return if last { FieldEnd::Unclosed } else { FieldEnd::Incomplete };
            };
            position += found + 1;
            match data.get(position) {
                Some(&QUOTE) => position += 1,
                None if !last => return FieldEnd::Incomplete,
                _ => break,
            }
        }
    }
    match memchr::memchr3(delimiter, b'\n', b'\r', &data[position..]) {
        Some(found) => {
            let end = position + found;
            if data[end] == delimiter {
                return FieldEnd::Delimiter(end);
            }
            match line_end(data, end, last).flatten() {
                Some(next) => FieldEnd::Record(end, next),
                None => FieldEnd::Incomplete,
            }
        }
        None if last => FieldEnd::Record(data.len(), data.len()),
        None => FieldEnd::Incomplete,
    }
}

/// The content of a field.
pub fn unquote(raw: &[u8], quoted: bool) -> Cow<'_, [u8]> {
    if !quoted {
        return Cow::Borrowed(raw);
    }
    let inner = &raw[1..];
    if let Some(content) = inner.strip_suffix(&[QUOTE])
        && memchr::memchr(QUOTE, content).is_none()
    {
        return Cow::Borrowed(content);
    }
    let mut content = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(quote) = memchr::memchr(QUOTE, rest) {
        content.extend_from_slice(&rest[..quote]);
        if rest.get(quote + 1) != Some(&QUOTE) {
            // The closing quote: what follows is literal.
            rest = &rest[quote + 1..];
            break;
        }
        content.push(QUOTE);
        rest = &rest[quote + 2..];
    }
    content.extend_from_slice(rest);
    Cow::Owned(content)
}

/// `cell` as a field: quoted when it must be.
pub fn quote(cell: &[u8], delimiter: u8) -> Cow<'_, [u8]> {
    let plain = cell.iter().all(|&byte| byte != delimiter && !matches!(byte, QUOTE | b'\n' | b'\r'));
    if plain && !cell.is_empty() {
        return Cow::Borrowed(cell);
    }
    let mut quoted = Vec::with_capacity(cell.len() + 2);
    quoted.push(QUOTE);
    for &byte in cell {
        if byte == QUOTE {
            quoted.push(QUOTE);
        }
        quoted.push(byte);
    }
    quoted.push(QUOTE);
    Cow::Owned(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every record as a list of contents, by our scanner.
    fn ours(data: &[u8]) -> Option<Vec<Vec<Vec<u8>>>> {
        let mut records = Vec::new();
        let mut position = 0;
        while position < data.len() {
            if let Some(next) = line_end(data, position, true) {
                position = next.unwrap();
                continue;
            }
            let (spans, record) = fields(data, position, b',', true)?;
            let content = |span: &FieldSpan| {
                unquote(&data[span.start as usize..span.end as usize], span.form == FieldForm::Quoted)
                    .into_owned()
            };
            records.push(spans.iter().map(content).collect());
            position = record.next as usize;
        }
        Some(records)
    }

    fn theirs(data: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(data);
        reader.byte_records().map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn fields_are_those_the_csv_crate_reads(text in "[ab,\"\r\n]{0,40}") {
            if let Some(records) = ours(text.as_bytes()) {
                prop_assert_eq!(records, theirs(text.as_bytes()), "{:?}", text);
            }
        }

        #[test]
        fn a_quoted_cell_reads_back(cell in prop::collection::vec(any::<u8>(), 0..30)) {
            let field = quote(&cell, b',');
            let mut line = field.to_vec();
            line.push(b'\n');
            prop_assert_eq!(theirs(&line), vec![vec![cell.clone()]]);
            prop_assert_eq!(unquote(&field, field[0] == QUOTE).into_owned(), cell);
        }

        #[test]
        fn a_record_cut_anywhere_is_incomplete(text in "[ab,\"\r\n]{1,30}", cut in 0_usize..30) {
            let layout = CsvLayout { delimiter: b',', fields: 2, message: 1, source: Some(0), severity: None, time: None, label: None, line_ends: LineEnds::Feeds };
            let data = text.as_bytes();
            let cut = cut.min(data.len());
            let part = layout.scan(&data[..cut], 0, false);
            if part != Scan::Incomplete {
                prop_assert_eq!(part, layout.scan(data, 0, true));
            }
        }
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        assert_eq!(LineEnds::told_by(b"\r\n").count(b"a\nb\r\nc\rd"), 2);
        assert_eq!(LineEnds::told_by(b"\r").count(b"a\nb\r\nc\rd"), 3);
    }
}
