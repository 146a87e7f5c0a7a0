//! Finds the level in a header: a word that stands where a level stands, and is written as one.

use super::scan::{byte, has, is_blank, is_gap, part, run};
use super::severity::Severity;

/// Where in the header a level is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the very front, where a message may start as well.
    Front,
    /// Behind a time.
    Behind,
    /// Behind a time and words that may be the message's own.
    Inside,
}

/// Words that are levels in their place, but other things as well, so not at the front.
fn is_common(word: &[u8]) -> bool {
    [
        &b"config"[..],
        b"log",
        b"fine",
        b"finer",
        b"finest",
        b"fail",
        b"note",
        b"alert",
        b"err",
        b"panic",
        b"verbose",
    ]
    .iter()
    .any(|common| word.eq_ignore_ascii_case(common))
}

/// A level without a bracket at `at`, and where it ends.
pub(super) fn bare(text: &[u8], at: usize, place: Place) -> Option<(Severity, usize)> {
    let mut end = run(text, at, 14, |byte| byte.is_ascii_alphabetic());
    let length = end - at;
    if length < 3 {
        return None;
    }
    end += usize::from(length == 5 && matches!(byte(text, end), b'1'..=b'5'));
    let word = part(text, at, end);
    let severity = Severity::parse(word)?;
    let next = byte(text, end);
    if is_blank(next) && word.eq_ignore_ascii_case(b"fail") {
        return None; // `FAIL LOGIN` is what happened, `fail: ` a level
    }
    let capitals = word.iter().all(|byte| !byte.is_ascii_lowercase());
    if capitals && next == b'[' && (byte(text, end + 1).is_ascii_digit()) {
        // logrus: `INFO[0000] msg`
        let stop = run(text, end + 1, 40, |byte| byte != b']' && byte != b'\n');
        return (byte(text, stop) == b']').then_some((severity, stop + 1));
    }
    let spaced = is_gap(next) || matches!(next, b'|' | b']' | b'/' | b'-');
    let colon = next == b':';
    match place {
        Place::Front if capitals && (!is_common(word) || has(text, end, b":  ")) => {
            // `WARNING: x` keeps its word, `INFO: x` and `ERROR:   x` do not.
            if colon {
                let wide = is_blank(byte(text, end + 1)) && is_blank(byte(text, end + 2));
                let line = matches!(byte(text, end + 1), b'\n' | b'\r');
                let python = !is_blank(byte(text, end + 1));
                return (severity < Severity::Warn || wide || line || python).then_some((severity, end));
            }
            let blank = is_blank(next) || (next == b'|' && !has(text, end, b"||"));
            (blank && !has(text, end, b" EXCEPTION")).then_some((severity, end))
        }
        Place::Front if colon && !is_common(word) && severity < Severity::Warn => {
            let lower = word.iter().all(u8::is_ascii_lowercase);
            (lower && is_blank(byte(text, end + 1))).then_some((severity, end))
        }
        Place::Front => None,
        _ if capitals => (spaced || colon || next == b',' || next == b'>').then_some((severity, end)),
        Place::Inside => None,
        Place::Behind => {
            let lower = word.iter().all(u8::is_ascii_lowercase);
            if lower {
                return (spaced || (colon && is_gap(byte(text, end + 1)))).then_some((severity, end));
            }
            let wide = is_blank(next) && (next == b'\t' || is_blank(byte(text, end + 1)));
            let dash = has(text, end, b" - ") || has(text, end, b" | ") || has(text, end, b" [");
            (wide || dash || matches!(next, b',' | b'|' | b']')).then_some((severity, end))
        }
    }
}

/// The level in a bracket, and the name that may stand with it: `INFO`, `core:notice`, `info/MainProcess`.
pub(super) fn in_bracket(inside: &[u8], place: Place) -> Option<(Severity, Option<&[u8]>)> {
    if inside.len() == 1 && place != Place::Front {
        return Severity::letter(byte(inside, 0)).map(|severity| (severity, None));
    }
    if place == Place::Front && is_common(inside) && inside != b"err" && inside != b"alert" {
        return None;
    }
    if let Some(severity) = Severity::parse(inside) {
        return Some((severity, None));
    }
    if place == Place::Behind && inside == b"System" {
        return Some((Severity::Info, None)); // MySQL 8
    }
    let cut = inside.iter().take(64).position(|byte| matches!(byte, b':' | b'/'))?;
    let (first, second) = (part(inside, 0, cut), part(inside, cut + 1, inside.len()));
    if byte(inside, cut) == b':' {
        let module = first.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        let trace = second.len() == 6 && second.starts_with(b"trace");
        let severity = Severity::parse(second).or(trace.then_some(Severity::Trace))?;
        return module.then_some((severity, Some(first)));
    }
    // Celery has the level first, Minecraft last.
    let severity = Severity::parse(first).map(|severity| (severity, Some(second)));
    severity.or_else(|| {
        Severity::parse(second).filter(|_| place == Place::Behind).map(|severity| (severity, None))
    })
}
