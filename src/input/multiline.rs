//! Records of several lines in plain text: a stack trace, a statement, a table belongs to the line that it stands below.
//!
//! What begins a record is told by the line itself where a pattern says so, and else by what follows it: indented lines, stack frames
//! of the usual languages, causes, and the lines that some servers write below a message. A line with a time of its own begins a
//! record, unless it is one of those.

use regex::bytes::Regex;

use crate::envelope;

/// How lines become records.
#[derive(Debug, Clone)]
pub enum Multiline {
    /// Each line is a record.
    Off,
    /// Lines that belong to the one above are joined to it.
    Auto,
    /// A line that matches begins a record.
    Starts(Regex),
}

impl PartialEq for Multiline {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Off, Self::Off) | (Self::Auto, Self::Auto) => true,
            (Self::Starts(one), Self::Starts(other)) => one.as_str() == other.as_str(),
            _ => false,
        }
    }
}

impl Eq for Multiline {}

/// A record that grows beyond this ends, so that a file without any structure is read in bounded memory.
const LONGEST: usize = 256 << 10;

/// A line: where it ends before its terminator, and where the next begins.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    end: usize,
    next: usize,
}

impl Line {
    /// The line at `start`; nothing while its end has not come.
    fn at(data: &[u8], start: usize, last: bool) -> Option<Self> {
        let (end, next) = match memchr::memchr(b'\n', &data[start..]) {
            Some(found) => (start + found, start + found + 1),
            None if last => (data.len(), data.len()),
            None => return None,
        };
        let end = if end > start && end < next && data[end - 1] == b'\r' { end - 1 } else { end };
        Some(Self { start, end, next })
    }

    fn text<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &data[self.start..self.end]
    }
}

impl Multiline {
    /// Where the record at `start` ends before its last terminator, and where the next begins; nothing while that cannot be told.
    /// `last` says that nothing follows `data`.
    pub(super) fn record(&self, data: &[u8], start: usize, last: bool) -> Option<(usize, usize)> {
        let head = Line::at(data, start, last)?;
        if *self == Self::Off || head.start == head.end {
            return Some((head.end, head.next));
        }
        let (mut end, mut next) = (head.end, head.next);
        let mut state = State::new(head.text(data));
        // Empty lines belong to a record only if a line of it follows.
        let mut blank = next;
        while blank < data.len() && blank - start < LONGEST {
            // What was truncated while it was written goes on behind NULs, with a record of its own.
            if data[blank] == 0 {
                return Some((end, next));
            }
            let line = Line::at(data, blank, last)?;
            let text = line.text(data);
            let belongs = match self {
                Self::Starts(pattern) => !pattern.is_match(text),
                _ if text.is_empty() && state.may_have_gaps() => {
                    blank = line.next;
                    continue;
                }
                _ => state.takes(text),
            };
            if !belongs {
                return Some((end, next));
            }
            (end, next, blank) = (line.end, line.next, line.next);
        }
        let ended = last || blank - start >= LONGEST;
        ended.then_some((end, next))
    }
}

/// What is known of a record from the lines read so far.
struct State {
    /// The head has a time, so that what has none is likely below it.
    timed: bool,
    /// The head is a time alone, or promises what follows.
    open: bool,
    /// A stack trace is going on.
    trace: bool,
    /// What is special about it.
    kind: Kind,
}

/// Records that do not end as others do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// Python's stack trace, which ends with an exception that is not indented.
    Python,
    /// A slow query's comment lines and the statement behind them.
    SlowQuery,
}

impl State {
    fn new(head: &[u8]) -> Self {
        let envelope = envelope::open(envelope::front(head));
        let body = envelope.body.trim_ascii();
        let kind = if body.starts_with(b"Traceback (most recent call last)") {
            Kind::Python
        } else if body.starts_with(b"# Time: ") || body.starts_with(b"# User@Host: ") {
            Kind::SlowQuery
        } else {
            Kind::Plain
        };
        Self {
            timed: envelope.time.is_some(),
            open: body.is_empty() || (body.ends_with(b":") && kind == Kind::Plain),
            trace: kind == Kind::Python
                || body.starts_with(b"panic: ")
                || body.starts_with(b"fatal error: ")
                || (body.starts_with(b"thread '") && contains(body, b"panicked at")),
            kind,
        }
    }

    /// Whether an empty line may stand inside of the record.
    fn may_have_gaps(&self) -> bool {
        self.trace
    }

    /// Whether a line belongs to the record.
    fn takes(&mut self, text: &[u8]) -> bool {
        let trimmed = text.trim_ascii_start();
        if trimmed.is_empty() {
            return false;
        }
        if self.kind == Kind::SlowQuery {
            return self.takes_of_slow_query(text);
        }
        let indented = trimmed.len() < text.len();
        if is_trace(trimmed) {
            if trimmed.starts_with(b"Traceback (most recent call last)") {
                self.kind = Kind::Python;
            }
            self.trace = true;
            return true;
        }
        if indented {
            let opened = envelope::open(text);
            let alone = opened.time.is_some() && opened.body.len() < trimmed.len();
            self.trace |= !alone && is_frame(trimmed);
            return !alone;
        }
        if is_below(text) {
            return true;
        }
        if self.kind == Kind::Python {
            // The exception itself closes the trace.
            let closes = is_exception(text) || !self.timed;
            self.kind = Kind::Plain;
            return closes && envelope::open(text).time.is_none();
        }
        if !(self.timed || self.trace) || envelope::open(text).time.is_some() {
            return false;
        }
        if is_exception(text) {
            self.trace = true;
            return true;
        }
        // Without a time that would tell the next record, only one line is sure to be what the head promised.
        let promised = self.open;
        self.open &= self.timed;
        promised
            || matches!(text[0], b'}' | b']' | b')')
            || is_statement(text)
            || (self.trace && is_call(text))
    }
}

impl State {
    /// A slow query is comment lines, then the statement; the next comment line begins another.
    fn takes_of_slow_query(&mut self, text: &[u8]) -> bool {
        let comment = text.starts_with(b"#");
        let begins = text.starts_with(b"# Time: ") || (comment && self.trace);
        self.trace |= !comment;
        !begins
    }
}

/// Lines that stack traces have and nothing else does, whatever their indentation.
fn is_trace(line: &[u8]) -> bool {
    const STARTS: [&[u8]; 14] = [
        b"Caused by: ",
        b"Suppressed: ",
        b"Traceback (most recent call last)",
        b"During handling of the above exception",
        b"The above exception was the direct cause",
        b"stack backtrace:",
        b"Stack backtrace:",
        b"Stack trace:",
        b"goroutine ",
        b"created by ",
        b"--- End of ",
        b"[signal SIG",
        b"note: run with `RUST_BACKTRACE",
        b"note: Some details are omitted",
    ];
    if STARTS.iter().any(|start| line.starts_with(start)) {
        return !line.starts_with(b"goroutine ") || line.ends_with(b":");
    }
    // PHP: `#0 /srv/app.php(12): f()`, and Java: `... 12 more`.
    let number = |rest: &[u8]| rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match line {
        [b'#', rest @ ..] => matches!(number(rest), 1..=3) && rest.get(number(rest)) == Some(&b' '),
        [b'.', b'.', b'.', b' ', rest @ ..] => number(rest) > 0 && rest.ends_with(b" more"),
        _ => false,
    }
}

/// An indented line of a stack trace.
fn is_frame(line: &[u8]) -> bool {
    line.starts_with(b"at ") || line.starts_with(b"File \"") || line.starts_with(b"from ")
}

/// Lines that servers write below the message that they explain, with a time of their own or without.
fn is_below(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 6] =
        [b"DETAIL:  ", b"HINT:  ", b"STATEMENT:  ", b"CONTEXT:  ", b"QUERY:  ", b"LOCATION:  "];
    WORDS.iter().any(|word| match memchr::memmem::find(&text[..text.len().min(200)], word) {
        Some(0) => true,
        Some(place) => text[place - 1] == b' ' && envelope::open(text).time.is_some(),
        None => false,
    })
}

/// `java.io.IOException: no`, `ValueError: no`, `System.InvalidOperationException`: a name that ends as exceptions do.
fn is_exception(text: &[u8]) -> bool {
    let name =
        text.iter().take_while(|&&byte| byte.is_ascii_alphanumeric() || b"._$\\".contains(&byte)).count();
    let rest = &text[name..];
    if !(rest.is_empty() || rest.starts_with(b":") || rest.starts_with(b" (")) {
        return false;
    }
    let name = &text[..name];
    [&b"Exception"[..], b"Error", b"Throwable", b"Failure", b"Warning", b"Interrupt", b"Exit"]
        .iter()
        .any(|ending| name.ends_with(ending))
        && name.first().is_some_and(u8::is_ascii_alphabetic)
}

/// A line of SQL.
fn is_statement(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 14] = [
        b"SELECT ",
        b"FROM ",
        b"WHERE ",
        b"AND ",
        b"OR ",
        b"INSERT ",
        b"UPDATE ",
        b"DELETE ",
        b"JOIN ",
        b"LEFT ",
        b"GROUP BY ",
        b"ORDER BY ",
        b"VALUES",
        b"SET ",
    ];
    WORDS.iter().any(|word| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)))
}

/// A frame of Go: `main.(*Server).run(0xc000012345, 0x1)`.
fn is_call(text: &[u8]) -> bool {
    text.ends_with(b")") && memchr::memchr(b'(', text).is_some_and(|open| open > 0 && text[open - 1] != b' ')
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}
