//! Numbers that decide what a message means, and so are no variable part: zero against any other count, exit
//! and return codes with their sign, the class of an HTTP status.
//!
//! What stands before a number is read from the template so far, not from the message. So a template that is
//! masked again meets the same words, and masking stays idempotent.

use super::bytes::byte;

/// Words before a code that tells how something ended.
const CODE: [&str; 9] = ["code", "errno", "exitcode", "rc", "retval", "ret", "returned", "signal", "exited"];
/// Words before a status, of a process or of a request.
const STATUS: [&str; 7] = ["status", "statuscode", "http", "response", "returns", "responded", "sc"];
/// Words before `status` that make it one of a process.
const EXIT: [&str; 5] = ["exit", "exited", "exits", "exiting", "wait"];
/// Words between those and their number.
const BETWEEN: [&str; 4] = ["is", "was", "of", "with"];

/// How the number `start..end` of the message is written behind `template`; its sign, if it has one, is
/// written already.
pub(super) enum Written {
    /// As a variable part.
    Masked,
    /// As it stands in the message.
    Kept,
    /// As the class of a status.
    Class(&'static str),
    /// As a variable part, but its sign says something.
    Signed,
}

pub(super) fn written(template: &str, bytes: &[u8], start: usize, end: usize) -> Written {
    let digits = &bytes[start..end];
    if !stands_alone(bytes, end) || !digits.iter().all(u8::is_ascii_digit) || digits.len() > 3 {
        return Written::Masked;
    }
    let (before, negative) = match template.strip_suffix('-') {
        Some(before) => (before, true),
        None => (template, false),
    };
    if digits == b"0" {
        return if !negative && begins_word(before) { Written::Kept } else { Written::Masked };
    }
    let context = context(before);
    if digits.len() == 3 && (b'1'..=b'5').contains(&digits[0]) {
        if !negative && (context == Some(Context::Status) || ends_request(before)) {
            return Written::Class(["1xx", "2xx", "3xx", "4xx", "5xx"][usize::from(digits[0] - b'1')]);
        }
        if context == Some(Context::Status) {
            return Written::Masked;
        }
    }
    match context {
        None => Written::Masked,
        Some(_) if negative => Written::Signed,
        Some(_) => Written::Kept,
    }
}

/// Whether `word` is the class of a status, as [`Written::Class`] writes it.
pub(super) fn is_class(word: &[u8]) -> bool {
    matches!(word, [b'1'..=b'5', b'x', b'x'])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Code,
    Status,
}

/// Whether nothing of the number's own stands at `end`: a unit, a path, a range would make it a mere figure.
fn stands_alone(bytes: &[u8], end: usize) -> bool {
    matches!(byte(bytes, end), 0..=b' ' | b',' | b';' | b')' | b']' | b'}' | b'"' | b'\'' | b'%' | b'/')
        || byte(bytes, end) == b'.' && byte(bytes, end + 1) <= b' '
}

/// Whether a word of its own can begin behind `before`: a number inside of an address or a list is none.
fn begins_word(before: &str) -> bool {
    let mut last = before.bytes().rev();
    match last.next() {
        None | Some(b' ' | b'=' | b'(' | b'"' | b'\'') => true,
        Some(b':') => last.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'"'),
        _ => false,
    }
}

/// What the words before the number say that the number is.
fn context(before: &str) -> Option<Context> {
    let (word, rest) = telling_word(before)?;
    let is_status = is_one_of(word, &STATUS);
    if !is_status && !is_one_of(word, &CODE) {
        return None;
    }
    // An `exit status` is a code, a `status code` a status.
    match telling_word(rest) {
        Some((qualifier, _)) if is_one_of(qualifier, &EXIT) => Some(Context::Code),
        Some((qualifier, _)) if is_one_of(qualifier, &STATUS) => Some(Context::Status),
        _ if is_status => Some(Context::Status),
        _ => Some(Context::Code),
    }
}

/// The last word of `text` that is none of [`BETWEEN`], and what is before it.
fn telling_word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = last_word(text)?;
    if is_one_of(word, &BETWEEN) { last_word(rest) } else { Some((word, rest)) }
}

fn is_one_of(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// The letters at the end of `text`, spaces and what may stand before a value left out, and what is before
/// them.
fn last_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_end_matches([' ', '=', ':', '"', '\'', '(', '[', '_', '-']);
    let letters = text.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
    let start = text.len() - letters;
    (letters > 0).then(|| (&text[start..], &text[..start]))
}

/// Whether a request line ends here, as access logs have it: `"GET / HTTP/1.1" `.
fn ends_request(before: &str) -> bool {
    before.ends_with("HTTP/#\" ") || before.ends_with("HTTP/# ")
}
