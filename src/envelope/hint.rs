//! What a body says of its own severity, where no field around it said anything, or where the body is
//! itself a format that has one (Cisco's mnemonics, CEF).

use super::scan::{byte, has, is_gap, number, part, rest, run};
use super::severity::Severity;
use super::syslog;

/// The severity that a format which stays in the body has as a field.
pub(super) fn field(body: &[u8]) -> Option<Severity> {
    match byte(body, 0) {
        b'%' => syslog::mnemonic(body).and_then(Severity::syslog),
        b'C' if has(body, 0, b"CEF:") => cef(body),
        b'L' if has(body, 0, b"LEEF:") => leef(body),
        _ => None,
    }
}

/// The severity that the first words of a message tell: `error: x`, `PHP Warning:  x`, `npm ERR! x`.
pub(super) fn prefix(body: &[u8]) -> Option<Severity> {
    let start = match byte(body, 0) {
        b'P' if has(body, 0, b"PHP ") => 4,
        b'n' if has(body, 0, b"npm ") => {
            let end = run(body, 4, 8, |byte| byte.is_ascii_alphabetic());
            return Severity::parse(part(body, 4, end));
        }
        b':' if has(body, 0, b"::") => {
            let end = run(body, 2, 8, |byte| byte.is_ascii_alphabetic());
            let command = matches!(byte(body, end), b':' | b' ');
            return Severity::parse(part(body, 2, end)).filter(|_| command);
        }
        _ => 0,
    };
    let end = run(body, start, 14, |byte| byte.is_ascii_alphabetic());
    let word = part(body, start, end);
    if start == 4 && has(body, start, b"Fatal error:") {
        return Some(Severity::Fatal);
    }
    if start == 4 && (has(body, start, b"Parse error:") || has(body, start, b"Recoverable fatal error:")) {
        return Some(Severity::Error);
    }
    if byte(body, end) != b':' || !is_gap(byte(body, end + 1)) || end + 1 >= body.len() {
        return None;
    }
    let severity = Severity::parse(word)?;
    let common = [&b"config"[..], b"log", b"note", b"fine", b"alert"];
    let capitals = word.iter().all(u8::is_ascii_uppercase);
    (capitals || !common.iter().any(|common| word.eq_ignore_ascii_case(common))).then_some(severity)
}

/// `CEF:0|Vendor|Product|1|id|name|5|ext`: the seventh field, a number up to 10 or a word.
fn cef(body: &[u8]) -> Option<Severity> {
    let mut bars = 0;
    let mut bytes = body.iter().enumerate().take(1024);
    while let Some((at, &byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'|' => bars += 1,
            _ => {}
        }
        if bars == 6 {
            let end = run(body, at + 1, 16, |byte| !matches!(byte, b'|' | b' '));
            return rank(part(body, at + 1, end));
        }
    }
    None
}

/// `LEEF:1.0|...|sev=5`: an attribute, which may be missing.
fn leef(body: &[u8]) -> Option<Severity> {
    let at = memchr::memmem::find(part(body, 0, body.len().min(4096)), b"sev=")?;
    let end = run(body, at + 4, 12, |byte| byte.is_ascii_alphanumeric());
    rank(part(rest(body, 0), at + 4, end))
}

fn rank(text: &[u8]) -> Option<Severity> {
    Some(match number(text) {
        Some(0..=3) => Severity::Info,
        Some(4..=6) => Severity::Warn,
        Some(7..=8) => Severity::Error,
        Some(9..=10) => Severity::Fatal,
        Some(_) => return None,
        None => match text {
            b"Low" | b"low" | b"Unknown" => Severity::Info,
            b"Medium" | b"medium" => Severity::Warn,
            b"High" | b"high" => Severity::Error,
            b"Very-High" | b"very-high" => Severity::Fatal,
            word => return Severity::parse(word),
        },
    })
}
