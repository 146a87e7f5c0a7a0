//! Formats of single products, which share nothing with others: databases, Erlang, Windows, supercomputers.

use memchr::memmem;

use super::layer::Layer;
use super::moment::{Moment, Shape, moment};
use super::scan::{blanks, bracket, byte, digits, has, is_blank, is_gap, part, rest, run, token};
use super::severity::Severity;

/// `PostgreSQL`: a prefix of the customer's own, then `LOG:  msg` with two spaces. The words for more about
/// a message (`DETAIL`, `HINT`, `STATEMENT`) stay.
pub(super) fn postgres(text: &[u8], found: Moment) -> Option<Layer<'_>> {
    let head = part(text, found.end, text.len().min(found.end + 200));
    let end = found.end + memchr::memchr_iter(b':', head).find(|&colon| has(head, colon, b":  "))?;
    let word_length = rest(text, found.end)
        .iter()
        .take(end - found.end)
        .rev()
        .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        .count();
    let start = end - word_length;
    let word = part(text, start, end);
    let prefix = part(text, found.end, start);
    if word.is_empty() || prefix.contains(&b'\n') || !prefix.ends_with(b" ") && !prefix.ends_with(b":") {
        return None;
    }
    // Nothing but ids, names with `@` or `=`, and brackets.
    let known = prefix.split(|&byte| byte == b' ').all(|part| {
        part.iter().any(|byte| matches!(byte, b'@' | b'=' | b'[' | b']'))
            || part.iter().all(|byte| !byte.is_ascii_alphabetic())
    });
    if !known {
        return None;
    }
    let layer = match word {
        b"DETAIL" | b"HINT" | b"STATEMENT" | b"CONTEXT" | b"QUERY" | b"LOCATION" => {
            Layer::around(rest(text, start))
        }
        _ => Layer::around(rest(text, end + 1)).severity(Some(Severity::parse(word)?)),
    };
    Some(layer.time(part(text, 0, found.end), found.dated))
}

/// The container runtime's form: `2026-01-01T00:00:00.0Z stdout F msg`.
pub(super) fn cri(text: &[u8], found: Moment) -> Option<Layer<'_>> {
    let at = found.end;
    if !has(text, at, b" stdout ") && !has(text, at, b" stderr ") {
        return None;
    }
    let flag = at + 8;
    let tagged = matches!(byte(text, flag), b'F' | b'P') && is_gap(byte(text, flag + 1));
    tagged.then(|| Layer::around(rest(text, flag + 1)).time(part(text, 0, at), true))
}

/// java.util.logging's two lines: `Jan 02, 2024 3:04:05 PM com.acme.Foo run⏎INFO: msg`.
pub(super) fn two_lines(text: &[u8], found: Moment) -> Option<Layer<'_>> {
    let head = part(text, found.end, text.len().min(found.end + 200));
    let line = found.end + memchr::memchr(b'\n', head)?;
    let name = part(text, found.end, line).trim_ascii();
    if !name.contains(&b'.') || name.contains(&b':') {
        return None;
    }
    let end = run(text, line + 1, 14, |byte| byte.is_ascii_alphabetic());
    let severity = Severity::parse(part(text, line + 1, end))?;
    let class = part(name, 0, token(name, 0, 200));
    let layer = Layer::around(rest(text, end + 1)).severity(Some(severity)).logger(class);
    (byte(text, end) == b':').then(|| layer.time(part(text, 0, found.end), true))
}

/// .NET's console: `info: Microsoft.Hosting.Lifetime[14]⏎      msg`.
pub(super) fn dotnet(text: &[u8]) -> Option<Layer<'_>> {
    if byte(text, 4) != b':' || byte(text, 5) != b' ' {
        return None;
    }
    let severity = Severity::parse(part(text, 0, 4))?;
    let end = run(text, 6, 160, |byte| !is_gap(byte) && byte != b'[');
    let id = run(text, end + 1, 12, |byte| byte.is_ascii_digit() || byte == b'-');
    let line = id + 1 + usize::from(byte(text, id + 1) == b'\r');
    let named = byte(text, end) == b'[' && byte(text, id) == b']' && byte(text, line) == b'\n';
    named.then(|| Layer::around(rest(text, line)).severity(Some(severity)).logger(part(text, 6, end)))
}

/// A line with the name of its file in front: `nova-api.log 2024-01-02 03:04:05 ...`; or Nest's, with its
/// own name and the number of the process: `[Nest] 123  - 01/02/2024, 3:04:05 AM     LOG [App] msg`.
pub(super) fn named_front(text: &[u8]) -> Option<Layer<'_>> {
    let end = if has(text, 0, b"[Nest] ") {
        let dash = blanks(text, digits(text, 7));
        if byte(text, dash) == b'-' { dash + 1 } else { return None }
    } else {
        let end = run(text, 0, 80, |byte| !is_gap(byte));
        let name = part(text, 0, end);
        memchr::memchr_iter(b'.', name).find(|&dot| has(name, dot, b".log"))?;
        end
    };
    let start = blanks(text, end);
    moment(text, start).filter(|found| start > end && found.dated).map(|_| Layer::around(rest(text, start)))
}

/// monolog: `[2024-01-01T00:00:00+00:00] app.ERROR: msg {"a":1} []`.
pub(super) fn monolog(text: &[u8]) -> Option<Layer<'_>> {
    let (inside, end) = bracket(text, 0, 60)?;
    let found = moment(inside, 0).filter(|found| found.end == inside.len())?;
    let start = blanks(text, end);
    let dot = run(text, start, 60, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let stop = run(text, dot + 1, 12, |byte| byte.is_ascii_uppercase());
    if byte(text, dot) != b'.' || byte(text, stop) != b':' || dot == start {
        return None;
    }
    let severity = Severity::parse(part(text, dot + 1, stop))?;
    let mut body = rest(text, stop + 1).trim_ascii();
    for _ in 0..2 {
        let cut = body.strip_suffix(b"[]").or_else(|| body.strip_suffix(b"{}"));
        body = cut.filter(|cut| cut.ends_with(b" ")).unwrap_or(body).trim_ascii_end();
    }
    let layer = Layer::around(body).severity(Some(severity)).logger(part(text, start, dot));
    Some(layer.time(part(inside, 0, found.end), found.dated))
}

/// Couchbase: `[ns_server:info,2024-01-01T00:00:00.000Z,ns_1@cb.local:<0.1.0>:mod:fun:12]msg`.
pub(super) fn couchbase(text: &[u8]) -> Option<Layer<'_>> {
    let (inside, end) = bracket(text, 0, 300)?;
    let mut parts = inside.splitn(3, |&byte| byte == b',');
    let (first, time) = (parts.next()?, parts.next()?);
    parts.next()?;
    let colon = first.iter().position(|&byte| byte == b':')?;
    let severity = Severity::parse(rest(first, colon + 1))?;
    let found = moment(time, 0).filter(|found| found.end == time.len())?;
    let layer = Layer::around(rest(text, end)).severity(Some(severity)).logger(part(first, 0, colon));
    Some(layer.time(time, found.dated))
}

/// Erlang's reports: `=ERROR REPORT==== 1-Jan-2024::10:00:00 ===⏎msg`.
pub(super) fn erlang(text: &[u8]) -> Option<Layer<'_>> {
    let end = run(text, 1, 24, |byte| byte.is_ascii_uppercase());
    if !has(text, end, b" REPORT====") {
        return None;
    }
    let severity = match part(text, 1, end) {
        b"CRASH" | b"SUPERVISOR" => Severity::Error,
        b"PROGRESS" => Severity::Info,
        word => Severity::parse(word)?,
    };
    let start = blanks(text, end + 11);
    let mut layer = Layer::default();
    let mut at = start;
    if let Some(found) = moment(text, start) {
        layer = layer.time(part(text, start, found.end), true);
        at = found.end;
    }
    at = run(text, at, 12, |byte| is_blank(byte) || byte == b'=');
    Some(Layer { body: rest(text, at).trim_ascii().into(), severity: Some(severity), ..layer })
}

/// The text that Windows shows of an event: `Log Name: ... Level: Error ... Description: msg`.
pub(super) fn windows_event(text: &[u8]) -> Option<Layer<'_>> {
    let head = part(text, 0, text.len().min(2048));
    let field = |name: &[u8]| {
        let start = memmem::find(head, name)? + name.len();
        let start = blanks(head, start);
        let line = run(head, start, 200, |byte| !matches!(byte, b'\n' | b'\r'));
        Some(part(head, start, line))
    };
    let start = memmem::find(head, b"Description:")?;
    let level = field(b"Level:")?;
    let word = part(level, 0, run(level, 0, 14, |byte| byte.is_ascii_alphabetic()));
    let source = field(b"Source:").unwrap_or_default();
    // Where all is on one line, the name of the next field ends the value.
    let source_end = memmem::find(source, b" Date:").unwrap_or(source.len());
    let time = field(b"Date:").unwrap_or_default();
    let time = moment(time, 0).map_or(&b""[..], |found| part(time, 0, found.end));
    let layer = Layer::around(rest(text, start + 12)).severity(Severity::parse(word)).time(time, true);
    Some(layer.program(part(source, 0, source_end)))
}

/// Configuration Manager's trace: `<![LOG[msg]LOG]!><time="..." date="..." component="..." type="3" ...>`.
pub(super) fn cmtrace(text: &[u8]) -> Option<Layer<'_>> {
    let inner = text.strip_prefix(b"<![LOG[")?;
    let end = memmem::find(inner, b"]LOG]!>")?;
    let tail = rest(inner, end + 7);
    let field = |name: &[u8]| {
        let start = memmem::find(tail, name)? + name.len();
        Some(part(tail, start, run(tail, start, 120, |byte| byte != b'"')))
    };
    let severity = match field(b" type=\"") {
        Some(b"1") => Some(Severity::Info),
        Some(b"2") => Some(Severity::Warn),
        Some(b"3") => Some(Severity::Error),
        _ => None,
    };
    let layer = Layer::around(part(inner, 0, end))
        .severity(severity)
        .time(field(b"time=\"").unwrap_or_default(), false);
    Some(layer.logger(field(b" component=\"").unwrap_or_default()))
}

/// Blue Gene and its kin: `- 1767225600 2026.01.01 R31-M0 2026-01-01-00.00.00.104411 R31-M0 RAS KERNEL INFO
/// msg`, or syslog behind the first four fields.
pub(super) fn supercomputer(text: &[u8]) -> Option<Layer<'_>> {
    let epoch = token(text, 0, 24) + 1;
    let date = digits(text, epoch) + 1;
    let node = token(text, date, 12) + 1;
    if date - epoch != 11 || node - date != 11 || byte(text, date + 4) != b'.' || byte(text, date + 7) != b'.'
    {
        return None;
    }
    let start = token(text, node, 80) + 1;
    let found = moment(text, start)?;
    let layer = Layer::around(rest(text, start));
    if found.shape == Shape::Month {
        return super::syslog::behind_time(text, start, found, true);
    }
    let kind = token(text, found.end + 1, 80);
    let mut at = blanks(text, kind);
    for _ in 0..3 {
        let end = token(text, at, 20);
        if let Some(severity) = Severity::parse(part(text, at, end)) {
            let layer = Layer::around(rest(text, end)).severity(Some(severity));
            return Some(layer.time(part(text, start, found.end), true));
        }
        at = blanks(text, end);
    }
    Some(layer)
}

/// What compose and kubectl put in front: `name-1  | msg`, `[pod/x/c] msg`.
pub(super) fn prefixed(text: &[u8]) -> Option<Layer<'_>> {
    if byte(text, 0) == b'[' {
        let (inside, end) = bracket(text, 0, 300).filter(|(inside, _)| inside.starts_with(b"pod/"))?;
        let program = inside.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        return Some(Layer::around(rest(text, end)).program(program));
    }
    let end = run(text, 0, 64, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let pipe = run(text, end, 64, |byte| byte == b' ');
    if pipe == end || byte(text, pipe) != b'|' || !is_gap(byte(text, pipe + 1)) {
        return None;
    }
    let name = part(text, 0, end);
    let letters = name.iter().any(u8::is_ascii_lowercase);
    let number = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let numbered =
        number > 0 && name.len() > number && matches!(byte(name, name.len() - number - 1), b'-' | b'_');
    let line = run(text, pipe + 1, 200, |byte| byte != b'\n');
    let alone = !part(text, pipe + 1, line).contains(&b'|') && pipe - end >= 2;
    (letters && (numbered || alone)).then(|| Layer::around(rest(text, pipe + 1)).program(name))
}

/// `20260114-09:41:12:050|Sync_Core|41880|msg`: fields between bars, the last of which is the message.
pub(super) fn barred(text: &[u8], found: Moment) -> Option<Layer<'_>> {
    if byte(text, found.end) != b'|' {
        return None;
    }
    let name = found.end + 1;
    let name_end = run(text, name, 60, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let id = digits(text, name_end + 1);
    if byte(text, name_end) != b'|' || byte(text, id) != b'|' || name_end == name || id == name_end + 1 {
        return None;
    }
    let layer = Layer::around(rest(text, id + 1)).logger(part(text, name, name_end));
    Some(layer.time(part(text, 0, found.end), true))
}
