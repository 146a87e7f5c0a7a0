//! The header that most programs write: time, level, thread, process and logger, in any order and in any
//! bracket.
//!
//! A field is *sure* where it says what it is (a time, a level, the number of a process), and what stands
//! between sure fields is part of the header as well. What is behind the last sure field is the body.

use super::inside::{is_process, kafka, timed};
use super::layer::Layer;
use super::level::{self, Place};
use super::moment::{Moment, moment};
use super::name::{self, Name};
use super::scan::{blanks, bracket, byte, digits, has, is_blank, is_gap, part, rest, run};
use super::severity::Severity;

/// No header has more fields.
const MOST_FIELDS: usize = 14;

/// What was found so far.
struct Header<'a> {
    text: &'a [u8],
    /// Where the next field starts.
    at: usize,
    /// Where the last sure field ends.
    sure: usize,
    time: Option<&'a [u8]>,
    dated: bool,
    severity: Option<Severity>,
    logger: Option<&'a [u8]>,
    /// A name that is a logger if a level follows.
    maybe: Option<&'a [u8]>,
    /// A name in a bracket in front of the level: a thread, or a logger if nothing else is one.
    thread: Option<&'a [u8]>,
    /// Brackets with names that were taken.
    names: u32,
    /// Whether fields are set apart with ` - `, ` | ` or tabs.
    dashes: bool,
    /// Whether the name of a logger in front of a colon need not look like one.
    lenient: bool,
}

/// Takes off the header of a text, whose time was already found where `time` says so.
pub(super) fn open(text: &[u8], time: Option<Moment>) -> Option<Layer<'_>> {
    let mut header = Header {
        text,
        at: 0,
        sure: 0,
        time: None,
        dated: false,
        severity: None,
        logger: None,
        maybe: None,
        thread: None,
        names: 0,
        dashes: false,
        lenient: false,
    };
    if let Some(found) = time {
        header.take_time(0, found, found.end);
        header.lenient = byte(text, 2) == b'/' && byte(text, 5) == b'/'; // Spark
    }
    for _ in 0..MOST_FIELDS {
        if !header.field() {
            break;
        }
    }
    if header.time.is_none() && header.severity.is_none() {
        return None;
    }
    let end = header.gap(header.sure, true).0;
    let body = rest(text, end).trim_ascii();
    if body.is_empty() && header.severity.is_none() {
        return None;
    }
    let (body, behind) = if byte(text, 0) == b'[' { kafka(body) } else { (body, None) };
    let thread = header.thread.filter(|_| header.severity.is_some());
    let layer = Layer::around(body)
        .time(header.time.unwrap_or_default(), header.dated)
        .severity(header.severity)
        .logger(header.logger.or(behind).or(thread).unwrap_or_default());
    Some(layer)
}

impl Header<'_> {
    fn take_time(&mut self, start: usize, found: Moment, end: usize) {
        self.time = Some(part(self.text, start, found.end));
        self.dated = found.dated;
        self.settle(end);
    }

    fn take_level(&mut self, severity: Severity, end: usize) {
        self.severity = Some(severity);
        self.logger = self.logger.or(self.maybe);
        self.names = 0;
        self.settle(end);
    }

    /// What is before `end` is header.
    fn settle(&mut self, end: usize) {
        self.at = end;
        self.sure = end;
    }

    /// Where the next field starts behind what sets fields apart, and whether more than blanks do.
    fn gap(&self, from: usize, last: bool) -> (usize, bool) {
        let mut at = blanks(self.text, from);
        if from == 0 {
            return (at, false);
        }
        let mut marks = at > from && part(self.text, from, at).contains(&b'\t');
        for _ in 0..3 {
            let end = run(self.text, at, 3, |byte| byte == b'-');
            let next = byte(self.text, end);
            if end > at && (is_blank(next) || (next == b'[' && !last)) {
                marks = true;
                at = blanks(self.text, end);
                continue;
            }
            if has(self.text, at, b"|-") && byte(self.text, at + 2).is_ascii_uppercase() {
                at += 2; // logback's own status
                continue;
            }
            let next = byte(self.text, at + 1);
            let sets_apart = match byte(self.text, at) {
                b'|' => true,
                b':' => is_gap(next),
                b',' | b';' => next == b' ',
                b'>' => is_blank(next),
                _ => false,
            };
            if sets_apart {
                marks |= byte(self.text, at) == b'|';
                at = blanks(self.text, at + 1);
                continue;
            }
            break;
        }
        (at, marks)
    }

    /// Takes one more field; `false` where there is none.
    fn field(&mut self) -> bool {
        let (at, marks) = self.gap(self.at, false);
        self.dashes |= marks;
        let next = byte(self.text, at);
        if is_gap(next) {
            return false;
        }
        if self.time.is_none()
            && (next.is_ascii_digit() || next.is_ascii_uppercase())
            && (self.severity.is_some() || self.sure == 0)
            && let Some(found) = moment(self.text, at)
        {
            self.take_time(at, found, found.end);
            return true;
        }
        match next {
            b'[' | b'(' | b'<' => self.bracketed(at, next),
            b'{' if self.time.is_some() && name::is_place(self.text, at + 1) => {
                // Airflow's place in the source
                let end = run(self.text, at, 120, |byte| byte != b'}' && byte != b'\n');
                self.maybe = Some(part(self.text, at + 1, end));
                self.at = end + usize::from(byte(self.text, end) == b'}');
                byte(self.text, end) == b'}'
            }
            b'0'..=b'9' => self.digits(at),
            b'#' if has(self.text, at, b"##[") && self.severity.is_none() => {
                match bracket(self.text, at + 2, 16) {
                    Some((word, end)) if Severity::parse(word).is_some() => {
                        self.level_of(Severity::parse(word), end)
                    }
                    _ => false,
                }
            }
            b'*' if self.severity.is_some() && digits(self.text, at + 1) > at + 1 => {
                // nginx's number of a connection
                let end = digits(self.text, at + 1);
                if byte(self.text, end) == b' ' && self.names == 0 && self.sure == self.at {
                    self.names += 1;
                    self.settle(end);
                    return true;
                }
                false
            }
            _ => self.word(at),
        }
    }

    fn level_of(&mut self, severity: Option<Severity>, end: usize) -> bool {
        let Some(severity) = severity else { return false };
        self.take_level(severity, end);
        true
    }

    /// A field in a bracket.
    fn bracketed(&mut self, at: usize, open: u8) -> bool {
        let Some((inside, end)) = bracket(self.text, at, 200) else { return false };
        let inside = inside.trim_ascii();
        let begun = self.sure > 0;
        if self.severity.is_none() {
            let place = if begun { Place::Behind } else { Place::Front };
            if let Some((severity, logger)) = level::in_bracket(inside, place) {
                self.maybe = self.maybe.or(logger);
                self.take_level(severity, end);
                return true;
            }
        }
        if self.time.is_none()
            && let Some((time, severity, logger)) = timed(inside)
        {
            self.time = Some(part(inside, time.0, time.1.end));
            self.dated = time.1.dated;
            self.severity = self.severity.or(severity);
            self.logger = self.logger.or(logger);
            self.settle(end);
            return true;
        }
        if !begun {
            return false;
        }
        let tight = byte(self.text, end) == b'[' || (at > 0 && byte(self.text, at - 1) == b']');
        let apart = is_gap(byte(self.text, end)) || matches!(byte(self.text, end), b':' | b'[' | b'|' | b'-');
        let sure = (apart && is_process(inside))
            || (self.severity.is_some() && self.is_name(inside, end, tight, open));
        if sure {
            if self.severity.is_some() && self.logger.is_none() && name::is_structured(inside) {
                self.logger = Some(inside);
            }
            self.names += 1;
            self.settle(end);
            return true;
        }
        if apart && self.severity.is_none() && self.names < 4 && !inside.contains(&b'"') && open != b'<' {
            if name::is_structured(inside) {
                self.thread = Some(inside);
            }
            self.names += 1;
            self.at = end; // part of the header if a level follows
            return true;
        }
        false
    }

    /// Whether a bracket behind the level names a thread, a logger, or something else of the header.
    fn is_name(&self, inside: &[u8], end: usize, tight: bool, open: u8) -> bool {
        let next = byte(self.text, end);
        if inside.is_empty() || inside == b"-" {
            return open == b'[';
        }
        if self.names >= 4 || !(is_gap(next) || matches!(next, b':' | b'[' | b'|' | b'-')) || open == b'<' {
            return open == b'<' && is_process(inside);
        }
        if tight
            || inside.starts_with(b"req-")
            || inside.starts_with(b"client ")
            || inside.starts_with(b"pid ")
        {
            return true;
        }
        if self.names >= 2 {
            return false;
        }
        if !inside.contains(&b' ') {
            let long = open == b'[' || inside.len() > 5 || self.logger.is_some();
            return inside.len() <= 100 && !inside.contains(&b'%') && long;
        }
        if open == b'(' && self.logger.is_some() && inside.ends_with(b"hread") {
            return true; // JBoss: `(Controller Boot Thread)`
        }
        // Names with spaces: `[pool-1 thread-2]`, `[c:a s:shard1 r:b]`, but not `[SocketServer
        // brokerId=0]`.
        let followed = self.gap(end, false);
        inside.starts_with(b"c:")
            || followed.1
            || (!inside.contains(&b'=') && inside.iter().any(u8::is_ascii_digit) && inside.len() <= 60)
    }

    /// Digits: the number of a process or a thread.
    fn digits(&mut self, at: usize) -> bool {
        let end = digits(self.text, at);
        if self.sure == 0 {
            return false;
        }
        let next = byte(self.text, end);
        if next == b'#' && self.severity.is_some() {
            // nginx's process and thread, `12#12: `
            let stop = digits(self.text, end + 1);
            if has(self.text, stop, b": ") {
                self.settle(stop + 1);
                return true;
            }
        }
        if !is_blank(next) || end - at > 20 {
            return false;
        }
        let behind = blanks(self.text, end);
        if self.severity.is_some() && has(self.text, behind, b"--") {
            self.settle(end);
            return true;
        }
        if self.severity.is_none() && self.names < 4 {
            self.names += 1;
            self.at = end;
            return true;
        }
        false
    }

    /// A word: a level, or the name of a logger.
    fn word(&mut self, at: usize) -> bool {
        if self.severity.is_none() {
            let place = if self.sure == 0 {
                Place::Front
            } else if self.maybe.is_some() && !self.dashes {
                Place::Inside
            } else {
                Place::Behind
            };
            if let Some((severity, end)) = level::bare(self.text, at, place) {
                if self.sure == 0 && byte(self.text, end) == b':' && byte(self.text, end + 1) != b' ' {
                    return self.python(severity, end);
                }
                self.take_level(severity, end);
                return true;
            }
            if self.sure == 0 || self.names >= 4 {
                return false;
            }
        }
        if self.severity.is_some() && self.logger.is_some() && !self.dashes && !name::is_place(self.text, at)
        {
            return false;
        }
        if self.time.is_some() && self.severity.is_some() && self.logger.is_none() && self.names == 0 {
            // Django: `ERROR 2024-01-02 03:04:05,678 views 123 456 msg`
            let end =
                run(self.text, at, 60, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
            let process = digits(self.text, end + 1);
            let thread = digits(self.text, process + 1);
            let numbers = process > end + 1 && thread > process + 1 && byte(self.text, thread) == b' ';
            if numbers && byte(self.text, end) == b' ' && byte(self.text, process) == b' ' {
                self.logger = Some(part(self.text, at, end));
                self.settle(thread);
                return true;
            }
        }
        let lenient = self.lenient && self.severity.is_some();
        let Some(Name { end, sure, logger }) = name::logger(self.text, at, self.dashes, lenient) else {
            return false;
        };
        self.names += 1;
        if self.severity.is_none() {
            if logger {
                self.maybe = self.maybe.or(Some(part(self.text, at, end)));
            }
            if name::is_place(self.text, at) {
                self.logger = self.maybe;
                self.settle(end); // Go's own log package
            }
            self.at = end;
            return self.names <= 4;
        }
        if !sure || self.names > 6 {
            return false;
        }
        if self.logger.is_none() && logger {
            self.logger = Some(part(self.text, at, end));
        }
        self.settle(end);
        true
    }

    /// Python's default, `LEVEL:name:message`, whose level ends at `end`; or a level in front of the end of
    /// a line.
    fn python(&mut self, severity: Severity, end: usize) -> bool {
        let start = end + 1;
        let stop = run(self.text, start, 100, |byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
        });
        if stop > start && byte(self.text, stop) == b':' {
            self.logger = Some(part(self.text, start, stop));
            self.take_level(severity, stop + 1);
            self.names = 9;
            return false;
        }
        if is_gap(byte(self.text, start)) {
            self.take_level(severity, start);
            return true;
        }
        false
    }
}
