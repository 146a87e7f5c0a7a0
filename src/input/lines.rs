//! Lines: how NDJSON and plain text are cut into records.

use super::csv::Scan;
use super::json::JsonLayout;
use super::multiline::Multiline;
use super::{FieldForm, FieldSpan, RecordSpan};

/// What a line holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineLayout {
    /// Lines of text are the message, an empty one too.
    Text(Multiline),
    /// The line is an object; lines of white space stand between objects.
    Json(JsonLayout),
}

impl LineLayout {
    /// Reads the line at `start`, which ends with `\n` or `\r\n`, or where the data does when nothing follows.
    #[allow(clippy::cast_possible_truncation)] // a chunk holds less than 4 GiB
    pub fn scan(&self, data: &[u8], start: usize, last: bool) -> Scan {
        if let Self::Text(multiline) = self {
            return match multiline.record(data, start, last) {
                Some((end, next)) => Scan::Record(span(start, end, next)),
                None => Scan::Incomplete,
            };
        }
        let (end, next) = match memchr::memchr(b'\n', &data[start..]) {
            Some(found) => (start + found, start + found + 1),
            None if last => (data.len(), data.len()),
            None => return Scan::Incomplete,
        };
        let end = if end > start && end < next && data[end - 1] == b'\r' { end - 1 } else { end };
        let span = span(start, end, next);
        let line = &data[start..end];
        match self {
            Self::Text(_) => Scan::Record(span),
            Self::Json(_) if line.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) => {
                Scan::Blank(next)
            }
            Self::Json(layout) => match layout.read(&line[zeros(line)..], (start + zeros(line)) as u32) {
                Ok(found) => Scan::Record(RecordSpan {
                    message: found.message,
                    source: found.source,
                    severity: found.severity,
                    time: found.time,
                    label: found.label,
                    ..span
                }),
                Err(reason) => Scan::Bad { next, reason },
            },
        }
    }
}

/// NULs in front: what a log begins with that was truncated while it was written.
fn zeros(line: &[u8]) -> usize {
    line.iter().take_while(|&&byte| byte == 0).count()
}

/// A record that is all message.
#[allow(clippy::cast_possible_truncation)] // a chunk holds less than 4 GiB
fn span(start: usize, end: usize, next: usize) -> RecordSpan {
    RecordSpan {
        start: start as u32,
        end: end as u32,
        next: next as u32,
        message: FieldSpan { start: start as u32, end: end as u32, form: FieldForm::Plain },
        ..RecordSpan::default()
    }
}
