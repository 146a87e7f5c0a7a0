//! Formats with a level of one letter or sign in a fixed place: klog, logcat, mongod, etcd, Redis, Ruby.

use super::layer::Layer;
use super::moment::{Moment, Shape, moment};
use super::scan::{blanks, byte, digits, has, is_blank, is_gap, part, rest, run, token};
use super::severity::Severity;

/// klog and glog: `I1124 10:00:00.000001    1 file.go:12] msg`, with or without a year.
pub(super) fn klog(text: &[u8]) -> Option<Layer<'_>> {
    let severity = Severity::letter(byte(text, 0))?;
    let date = digits(text, 1);
    if !matches!(date - 1, 4 | 8) || byte(text, date) != b' ' {
        return None;
    }
    let time = token(text, date + 1, 20);
    if byte(text, date + 3) != b':' {
        return None;
    }
    let thread = blanks(text, time);
    let place = blanks(text, digits(text, thread));
    let end = run(text, place, 160, |byte| !is_gap(byte) && byte != b']');
    if byte(text, end) != b']' || end == place {
        return None;
    }
    let layer = Layer::around(rest(text, end + 1)).severity(Some(severity)).logger(part(text, place, end));
    Some(layer.time(part(text, 1, time), true))
}

/// Ruby's logger: `I, [2024-01-02T03:04:05.123456 #123]  INFO -- prog: msg`.
pub(super) fn ruby(text: &[u8]) -> Option<Layer<'_>> {
    let severity = match byte(text, 0) {
        b'A' | b'U' => None,
        letter => Some(Severity::letter(letter)?),
    };
    let found = if has(text, 1, b", [") { moment(text, 4)? } else { return None };
    let pid = run(text, found.end, 2, |byte| matches!(byte, b' ' | b'#'));
    let end = digits(text, pid);
    let word = blanks(text, end + 1);
    let dashes = blanks(text, token(text, word, 8));
    if byte(text, end) != b']' || !has(text, dashes, b"--") {
        return None;
    }
    let name = blanks(text, dashes + 2);
    let stop = run(text, name, 80, |byte| !is_gap(byte) && byte != b':');
    let layer = if byte(text, stop) == b':' && is_gap(byte(text, stop + 1)) {
        Layer::around(rest(text, stop + 1)).logger(part(text, name, stop))
    } else {
        Layer::around(rest(text, name))
    };
    Some(layer.severity(severity).time(part(text, 4, found.end), true))
}

/// Android's brief form: `W/Tag(  123): msg`.
pub(super) fn logcat(text: &[u8], at: usize) -> Option<Layer<'_>> {
    let severity = match byte(text, at) {
        b'V' | b'D' | b'I' | b'W' | b'E' | b'F' => Severity::letter(byte(text, at)),
        b'A' => Some(Severity::Fatal),
        _ => None,
    }?;
    if byte(text, at + 1) != b'/' {
        return None;
    }
    let tag_end = run(text, at + 2, 80, |byte| !matches!(byte, b'(' | b':' | b'\n'));
    let mut end = tag_end;
    if byte(text, end) == b'(' {
        let pid = digits(text, blanks(text, end + 1));
        end = if byte(text, pid) == b')' { pid + 1 } else { return None };
    } else if part(text, at, end).contains(&b' ') {
        return None;
    }
    let named = byte(text, end) == b':' && is_gap(byte(text, end + 1)) && tag_end > at + 2;
    named.then(|| {
        Layer::around(rest(text, end + 1)).severity(Some(severity)).logger(part(text, at + 2, tag_end))
    })
}

/// What may follow a time: logcat's letter, mongod's, etcd's.
pub(super) fn behind_time(text: &[u8], at: usize, found: Moment) -> Option<Layer<'_>> {
    let start = blanks(text, found.end);
    let time = part(text, at, found.end);
    let layer = if byte(text, start).is_ascii_digit() {
        threadtime(text, start)?
    } else if found.shape == Shape::Short && byte(text, start + 1) == b'/' {
        logcat(text, start)?
    } else {
        let severity = Severity::letter(byte(text, start));
        let severity = severity.filter(|_| start > found.end)?;
        let next =
            start + 1 + usize::from(byte(text, start) == b'D' && byte(text, start + 1).is_ascii_digit());
        if has(text, next, b" | ") { etcd(text, next + 3) } else { mongod(text, next)? }
            .severity(Some(severity))
    };
    Some(layer.time(time, found.dated))
}

/// `  1234  5678 W Tag: msg`
fn threadtime(text: &[u8], at: usize) -> Option<Layer<'_>> {
    let pid = digits(text, at);
    let thread = blanks(text, pid);
    let thread_end = digits(text, thread);
    let letter = blanks(text, thread_end);
    if thread == pid || thread == thread_end || letter == thread_end || byte(text, letter + 1) != b' ' {
        return None;
    }
    let severity = Severity::letter(byte(text, letter))?;
    let tag = blanks(text, letter + 1);
    let end = run(text, tag, 80, |byte| !matches!(byte, b':' | b'\n'));
    let layer = if byte(text, end) == b':' && is_gap(byte(text, end + 1)) {
        Layer::around(rest(text, end + 1)).logger(part(text, tag, end))
    } else {
        Layer::around(rest(text, tag))
    };
    Some(layer.severity(Some(severity)))
}

/// `etcdserver: msg`
fn etcd(text: &[u8], at: usize) -> Layer<'_> {
    let end = run(text, at, 40, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-'));
    if has(text, end, b": ") {
        return Layer::around(rest(text, end + 1)).logger(part(text, at, end));
    }
    Layer::around(rest(text, at))
}

/// `  -  [conn11] msg`, ` NETWORK  [listener] msg`
fn mongod(text: &[u8], at: usize) -> Option<Layer<'_>> {
    let start = blanks(text, at);
    let end = run(text, start, 20, |byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'-'));
    let thread = blanks(text, end);
    if start == at || end == start || byte(text, thread) != b'[' {
        return None;
    }
    let close = run(text, thread, 120, |byte| !matches!(byte, b']' | b'\n'));
    (byte(text, close) == b']').then(|| Layer::around(rest(text, close + 1)).logger(part(text, start, end)))
}

/// Redis: `12:M 01 Jan 2024 10:00:00.123 * msg`, or `[12] 01 Jan 10:00:00 * msg` of old.
pub(super) fn redis(text: &[u8]) -> Option<Layer<'_>> {
    let bracket = usize::from(byte(text, 0) == b'[');
    let end = digits(text, bracket);
    let closed = if bracket == 1 {
        byte(text, end) == b']' && byte(text, end + 1) == b' '
    } else {
        byte(text, end) == b':' && matches!(byte(text, end + 1), b'M' | b'S' | b'C' | b'X' | b'R')
    };
    if end == bracket || !closed {
        return None;
    }
    let start = blanks(text, end + 2);
    let found = moment(text, start)?;
    let sign = blanks(text, found.end);
    let severity = match byte(text, sign) {
        b'.' => Severity::Debug,
        b'-' | b'*' => Severity::Info,
        b'#' => Severity::Warn,
        _ => return None,
    };
    let layer =
        Layer::around(rest(text, sign + 1)).severity(Some(severity)).time(part(text, start, found.end), true);
    is_blank(byte(text, sign + 1)).then_some(layer)
}
