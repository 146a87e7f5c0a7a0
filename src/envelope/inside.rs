//! What the brackets of a header hold: a time with a level, a process, the name of a logger.

use super::level::{self, Place};
use super::moment::{Moment, moment};
use super::name;
use super::scan::{byte, is_long_hex, is_uuid, rest, run};
use super::severity::Severity;

/// Kafka's logger, which stands behind the message: `msg (kafka.network.Acceptor)`.
pub(super) fn kafka(body: &[u8]) -> (&[u8], Option<&[u8]>) {
    let found = || {
        let inner = body.strip_suffix(b")")?;
        let start = inner.iter().rev().take(120).position(|&byte| byte == b'(')?;
        let (said, name) = inner.split_at_checked(inner.len() - start)?;
        let said = said.strip_suffix(b" (")?;
        let named = name::is_structured(name) || matches!(name, b"state.change.logger");
        (named && name.contains(&b'.') && !body.contains(&b'\n')).then_some((said, Some(name)))
    };
    found().unwrap_or((body, None))
}

/// The content of a bracket that starts with a time, perhaps behind a letter for the level: where the time
/// is, the level, and the name of what logs.
pub(super) type Timed<'a> = ((usize, Moment), Option<Severity>, Option<&'a [u8]>);

pub(super) fn timed(inside: &[u8]) -> Option<Timed<'_>> {
    let letter = if byte(inside, 1) == b' ' { Severity::letter(byte(inside, 0)) } else { None };
    let start = if letter.is_some() { 2 } else { 0 };
    let found = moment(inside, start)?;
    let mut at = found.end;
    at = run(inside, at, 4, |byte| matches!(byte, b' ' | b':' | b',' | b'\t' | b'#'));
    if letter.is_some() {
        return Some(((start, found), letter, Some(rest(inside, at))));
    }
    if let Some((severity, end)) = level::bare(inside, at, Place::Behind) {
        let logger = rest(inside, end + usize::from(byte(inside, end) == b'/')).trim_ascii();
        return Some(((start, found), Some(severity), Some(logger)));
    }
    Some(((start, found), None, None))
}

/// Whether the content of a bracket is the number of a process or a request, and nothing else.
pub(super) fn is_process(inside: &[u8]) -> bool {
    let number = inside.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'#'));
    (number && byte(inside, 0).is_ascii_digit() && inside.len() <= 24)
        || is_uuid(inside)
        || is_long_hex(inside)
        || (inside.starts_with(b"pid ") && inside.len() < 60)
        || inside.starts_with(b"client ")
        || inside.starts_with(b"req-")
}
