//! Reads `key=value key="value" ...` into fields.

use std::borrow::Cow;

use super::json::Fields;
use super::scan::{byte, has, part, rest, run};

/// The fields of a text that starts with two pairs, and whether words without a key are among them. Such a
/// word belongs to the value in front of it.
pub(super) fn scan(text: &[u8]) -> Option<(Fields<'_>, bool)> {
    let first = key(text, 0)?;
    let (_, first_end) = value(text, first + 1)?;
    key(text, space(text, first_end))?;
    if has(text, 0, b"type=")
        && memchr::memmem::find(part(text, 0, text.len().min(120)), b" msg=audit(").is_some()
    {
        return None; // auditd's own, of which every field counts
    }
    let mut fields = Fields::new();
    let mut loose = false;
    let mut at = 0;
    let mut last: Option<(usize, usize, Cow<'_, [u8]>)> = None; // key, its end, value
    while at < text.len() {
        if let Some(end) = key(text, at) {
            let (value, behind) = value(text, end + 1)?;
            if let Some((start, end, value)) = last.replace((at, end, value)) {
                fields.push(part(text, start, end), value);
            }
            at = behind;
        } else {
            loose = true;
            let end = run(text, at, usize::MAX, |byte| !is_space(byte));
            if let Some((_, _, value)) = &mut last {
                let joined = value.to_mut();
                if !joined.is_empty() {
                    joined.push(b' ');
                }
                joined.extend_from_slice(part(text, at, end));
            }
            at = end;
        }
        at = space(text, at);
    }
    if let Some((start, end, value)) = last {
        fields.push(part(text, start, end), value);
    }
    fields.whole = true;
    Some((fields, loose))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn space(text: &[u8], at: usize) -> usize {
    run(text, at, usize::MAX, is_space)
}

/// Where the key at `at` ends, in front of its `=`.
fn key(text: &[u8], at: usize) -> Option<usize> {
    let first = byte(text, at);
    if !first.is_ascii_alphabetic() && !matches!(first, b'_' | b'@' | b'$') {
        return None;
    }
    let end = run(text, at, 80, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@' | b'/' | b'$' | b':')
    });
    (byte(text, end) == b'=' && byte(text, end + 1) != b'=').then_some(end)
}

/// The value at `at` and where it ends.
fn value(text: &[u8], at: usize) -> Option<(Cow<'_, [u8]>, usize)> {
    if byte(text, at) != b'"' {
        let end = run(text, at, usize::MAX, |byte| !is_space(byte));
        return Some((Cow::Borrowed(part(text, at, end)), end));
    }
    let start = at + 1;
    let mut kept: Option<Vec<u8>> = None;
    let mut at = start;
    loop {
        match byte(text, at) {
            b'"' => {
                let end = at + 1;
                if end < text.len() && !is_space(byte(text, end)) && byte(text, end) != b',' {
                    return None;
                }
                let value = kept.map_or(Cow::Borrowed(part(text, start, at)), Cow::Owned);
                return Some((value, end + usize::from(byte(text, end) == b',')));
            }
            b'\\' => {
                let kept = kept.get_or_insert_with(|| part(text, start, at).to_vec());
                kept.push(match byte(text, at + 1) {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    other => other,
                });
                at += 2;
            }
            0 if at >= text.len() => {
                // Cut off.
                let value = kept.map_or(Cow::Borrowed(rest(text, start)), Cow::Owned);
                return Some((value, text.len()));
            }
            other => {
                if let Some(kept) = &mut kept {
                    kept.push(other);
                }
                at += 1;
            }
        }
    }
}
