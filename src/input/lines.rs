//! Lines: how NDJSON and plain text are cut into records.

use super::csv::Scan;
use super::json::JsonLayout;
use super::{FieldForm, FieldSpan, RecordSpan};

/// What a line holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineLayout {
    /// The line is the message, an empty one too.
    Text,
    /// The line is an object; lines of white space stand between objects.
    Json(JsonLayout),
}

impl LineLayout {
    /// Reads the line at `start`, which ends with `\n` or `\r\n`, or where the data does when nothing follows.
    #[allow(clippy::cast_possible_truncation)] // a chunk holds less than 4 GiB
    pub fn scan(&self, data: &[u8], start: usize, last: bool) -> Scan {
        let (end, next) = match memchr::memchr(b'\n', &data[start..]) {
            Some(found) => (start + found, start + found + 1),
            None if last => (data.len(), data.len()),
            None => return Scan::Incomplete,
        };
        let end = if end > start && end < next && data[end - 1] == b'\r' { end - 1 } else { end };
        let span = RecordSpan {
            start: start as u32,
            end: end as u32,
            next: next as u32,
            message: FieldSpan { start: start as u32, end: end as u32, form: FieldForm::Plain },
            ..RecordSpan::default()
        };
        let line = &data[start..end];
        match self {
            Self::Text => Scan::Record(span),
            Self::Json(_) if line.iter().all(u8::is_ascii_whitespace) => Scan::Blank(next),
            Self::Json(layout) => match layout.read(line, start as u32) {
                Ok(found) => Scan::Record(RecordSpan {
                    message: found.message,
                    source: found.source,
                    label: found.label,
                    ..span
                }),
                Err(reason) => Scan::Bad { next, reason },
            },
        }
    }
}
