//! The masking scanner: the loop over words, and the recognisers of numbers and identifiers; those of
//! addresses and of times have their own files.
//!
//! Every recogniser takes the text's bytes and a position at the start of a word and returns the position
//! behind what it recognised. All look at ASCII only, so every cut falls on a character boundary.

use super::address::{begins_host, hardware_address, host, ipv4, ipv6, mail, quad};
use super::bytes::{CLASSES, Class, byte, digits, follows_word, goes_on, is_word, word};
use super::moment::moment;
use super::number::{Written, is_class, written};

/// Masks `text` into `out` (cleared first), at most `limit` bytes of it.
pub(super) fn mask_text(text: &str, out: &mut String, limit: usize) {
    out.clear();
    let bytes = text.as_bytes();
    let mut position = 0;
    let mut copied = 0; // everything before is in `out`
    // A run without an `@` is searched for one only once, a text without any not at all.
    let mut no_mail_before = if memchr::memchr(b'@', bytes).is_some() { 0 } else { usize::MAX };
    while position < bytes.len() && out.len() + (position - copied) <= limit {
        match CLASSES[usize::from(bytes[position])] {
            // One space between two words is copied with them.
            Class::Space if position > copied && is_single_space(bytes, position) => position += 1,
            Class::Space => {
                out.push_str(&text[copied..position]);
                while position < bytes.len() && CLASSES[usize::from(bytes[position])] == Class::Space {
                    position += 1;
                }
                if !out.is_empty() && !out.ends_with(' ') && position < bytes.len() {
                    out.push(' ');
                }
                copied = position;
            }
            Class::Other => {
                if bytes[position] == b':'
                    && !follows_word(bytes, position)
                    && byte(bytes, position + 1) == b':'
                    && let Some(end) = ipv6(bytes, position)
                {
                    out.push_str(&text[copied..position]);
                    out.push_str("<ip>");
                    position = end;
                    copied = end;
                    continue;
                }
                position += 1;
            }
            Class::Letter | Class::Digit => {
                let (word_end, has_digit) = word(bytes, position);
                if !has_digit && is_plain(bytes, position, word_end, no_mail_before) {
                    position = word_end + usize::from(is_single_space(bytes, word_end));
                    continue;
                }
                if let Some((end, placeholder)) =
                    variable(bytes, position, word_end, has_digit, &mut no_mail_before)
                {
                    out.push_str(&text[copied..position]);
                    if placeholder == "#" {
                        push_number(&text[position..end], bytes, position, out);
                    } else {
                        out.push_str(placeholder);
                    }
                    position = end;
                    copied = end;
                } else if has_digit {
                    out.push_str(&text[copied..position]);
                    position = mask_digits(text, position, word_end, out);
                    copied = position;
                } else {
                    position = word_end;
                }
            }
        }
    }
    // The limit can be reached inside a character.
    while !text.is_char_boundary(position) {
        position += 1;
    }
    out.push_str(&text[copied..position]);
    if out.len() > limit {
        cut(out, limit);
    }
    if out.ends_with(' ') {
        out.pop();
    }
}

/// Whether a space stands at `position`, and more text behind it.
fn is_single_space(bytes: &[u8], position: usize) -> bool {
    byte(bytes, position) == b' '
        && bytes.get(position + 1).is_some_and(|&next| CLASSES[usize::from(next)] != Class::Space)
}

/// Whether a word without digits is no variable part and begins none, as one look at what is around it shows; most are not.
fn is_plain(bytes: &[u8], start: usize, end: usize, no_mail_before: usize) -> bool {
    let letters = end - start;
    let no_mail = start < no_mail_before;
    match byte(bytes, end) {
        // The name of a month or of a day.
        b' ' => letters != 3 || !bytes[start].is_ascii_uppercase(),
        b'@' | b'_' | b'+' | b'%' => no_mail,
        // An address in hexadecimal.
        b':' => no_mail && (letters > 4 || !bytes[start].is_ascii_hexdigit()),
        b'.' => no_mail && !begins_host(bytes, start),
        // The same, or a UUID.
        b'-' => no_mail && !matches!(letters, 2 | 8) && !begins_host(bytes, start),
        _ => true,
    }
}

/// Cuts between words where there is a space, so that no part of a word becomes a word of its own.
fn cut(out: &mut String, limit: usize) {
    let mut end = limit;
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    if let Some(space) = out[..end].rfind(' ') {
        out.truncate(space);
    } else {
        let stem = out[..end].trim_end_matches(|c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '@' | '_' | '+' | '%' | ':')
        });
        let part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'@' | b'.');
        let keep = if stem.is_empty() && !out[..end].bytes().any(part) { end } else { stem.len() };
        out.truncate(keep);
    }
}

/// Appends the number at `start`, masked unless it decides what the message means. A minus or plus that
/// belongs to a masked number goes with it; behind a word it is a hyphen.
fn push_number(digits: &str, bytes: &[u8], start: usize, out: &mut String) {
    match written(out, bytes, start, start + digits.len()) {
        Written::Kept => out.push_str(digits),
        Written::Class(class) => out.push_str(class),
        Written::Signed => out.push('#'),
        Written::Masked => {
            if out.ends_with(['-', '+']) {
                let before = out.len().checked_sub(2).map_or(b' ', |index| out.as_bytes()[index]);
                if matches!(before, b' ' | b'(' | b'[' | b'=' | b':' | b',' | b'_') {
                    out.pop();
                }
            }
            out.push('#');
        }
    }
}

/// What stands at the word `start..word_end`, if it is one of the variable parts: its end and its
/// placeholder.
fn variable(
    bytes: &[u8],
    start: usize,
    word_end: usize,
    has_digit: bool,
    no_mail_before: &mut usize,
) -> Option<(usize, &'static str)> {
    if start >= *no_mail_before {
        match mail(bytes, start) {
            Ok(end) => return Some((end, "<email>")),
            Err(searched) => *no_mail_before = searched,
        }
    }
    let length = word_end - start;
    let next = byte(bytes, word_end);
    if length == 8
        && next == b'-'
        && let Some(end) = uuid(bytes, start)
    {
        return Some((end, "<uuid>"));
    }
    if let Some(end) = moment(bytes, start, word_end) {
        return Some((end, "<time>"));
    }
    if next == b':' || next == b'-' {
        if length == 2
            && let Some(end) = hardware_address(bytes, start, next)
        {
            return Some((end, "<hex>"));
        }
        if length <= 4
            && next == b':'
            && let Some(end) = ipv6(bytes, start)
        {
            return Some((end, "<ip>"));
        }
    }
    let address = if has_digit && length <= 3 && next == b'.' { quad(bytes, start) } else { None };
    // An address is no name, unless it goes on like one.
    let continues = |end| is_word(byte(bytes, end)) || matches!(byte(bytes, end), b'.' | b'-');
    if matches!(next, b'.' | b'-')
        && address.is_none_or(continues)
        && let Some(end) = host(bytes, start)
    {
        return Some((end, "<host>"));
    }
    if !has_digit {
        return None;
    }
    if let Some(end) = address.and_then(|end| ipv4(bytes, end)) {
        return Some((end, "<ip>"));
    }
    let text = &bytes[start..word_end];
    if text.iter().all(u8::is_ascii_digit) {
        return Some((number(bytes, start), "#"));
    }
    if length >= 3
        && text[0] == b'0'
        && matches!(text[1], b'x' | b'X')
        && text[2..].iter().all(u8::is_ascii_hexdigit)
    {
        return Some((word_end, "<hex>"));
    }
    if length >= 8 && text.iter().all(u8::is_ascii_hexdigit) {
        return Some((word_end, "<hex>"));
    }
    if looks_random(text) {
        return Some((word_end, "<id>"));
    }
    None
}

/// Letters and digits in three or more turns with three digits or more, or two digits in a short word: how
/// keys and generated names look, and how `node12`, `96259MB` and `sha256sum` do not.
fn looks_random(text: &[u8]) -> bool {
    let turns = text.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    let count = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    text.len() >= 5 && turns >= 3 && count >= 2
}

/// Copies the word with its runs of digits masked; returns where the copy ended, which a decimal can put
/// behind the word. Digits inside a short word (`k8s`, `p2p`) are part of a name and stay.
fn mask_digits(text: &str, start: usize, word_end: usize, out: &mut String) -> usize {
    let bytes = text.as_bytes();
    let word = &bytes[start..word_end];
    if is_class(word)
        || word.len() <= 4 && word[0].is_ascii_alphabetic() && word[word.len() - 1].is_ascii_alphabetic()
    {
        out.push_str(&text[start..word_end]);
        return word_end;
    }
    let (mut position, mut copied) = (start, start);
    while position < word_end {
        if bytes[position].is_ascii_digit() {
            out.push_str(&text[copied..position]);
            out.push('#');
            position = number(bytes, position);
            copied = position;
        } else {
            position += 1;
        }
    }
    out.push_str(&text[copied..position]);
    position
}

/// `12`, `12.5`, `1.2.3`, `1,234,567`: the end of the number at `start`.
fn number(bytes: &[u8], start: usize) -> usize {
    let mut end = digits(bytes, start);
    while byte(bytes, end) == b',' && end - start <= 3 + 4 * 8 {
        let group = digits(bytes, end + 1);
        if group - (end + 1) != 3 {
            break;
        }
        end = group;
    }
    while byte(bytes, end) == b'.' && byte(bytes, end + 1).is_ascii_digit() {
        end = digits(bytes, end + 1);
    }
    end
}

/// 8-4-4-4-12 hexadecimal digits.
fn uuid(bytes: &[u8], start: usize) -> Option<usize> {
    let end = start + 36;
    let text = bytes.get(start..end)?;
    let shaped = text.iter().enumerate().all(|(index, &byte)| {
        if matches!(index, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() }
    });
    (shaped && !goes_on(byte(bytes, end))).then_some(end)
}
