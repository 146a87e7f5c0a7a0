//! A scanner of JSON that flattens a document into paths and values. It never recurses, forgives a document
//! that was cut off, and passes bytes that are no UTF-8 through.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;

use super::scan::{byte, has, part, rest, run};

/// Deeper than this, values are skipped.
const MOST_DEPTH: usize = 16;
/// Fields behind this many are skipped.
const MOST_FIELDS: usize = 400;

/// One scalar of a document, or an array of scalars.
pub(super) struct Field<'a> {
    path: Range<usize>,
    /// What it says; the scalars of an array are joined with commas.
    pub value: Cow<'a, [u8]>,
}

/// The scalars of a document in its order.
pub(super) struct Fields<'a> {
    paths: Vec<u8>,
    list: Vec<Field<'a>>,
    /// Whether the document is complete.
    pub whole: bool,
}

impl<'a> Fields<'a> {
    /// None yet, with room for those of most records.
    pub fn new() -> Self {
        Self { paths: Vec::with_capacity(256), list: Vec::with_capacity(24), whole: false }
    }

    /// Adds a field.
    pub fn push(&mut self, path: &[u8], value: Cow<'a, [u8]>) {
        if self.list.len() < MOST_FIELDS {
            let start = self.paths.len();
            self.paths.extend_from_slice(path);
            self.list.push(Field { path: start..self.paths.len(), value });
        }
    }

    /// Paths and values; the names of a path are joined with dots.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Cow<'a, [u8]>)> {
        self.list.iter().map(|field| (part(&self.paths, field.path.start, field.path.end), &field.value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The value of the field at `index`.
    pub fn value(&self, index: usize) -> Option<&Cow<'a, [u8]>> {
        self.list.get(index).map(|field| &field.value)
    }

    fn join(&mut self, index: usize, value: &[u8]) {
        if let Some(field) = self.list.get_mut(index) {
            let joined = field.value.to_mut();
            joined.push(b',');
            joined.extend_from_slice(value);
        }
    }
}

/// An object or an array that is open.
struct Open {
    is_array: bool,
    /// Length of the path outside of it.
    outside: usize,
    /// The field that scalars of this array are joined into.
    joined: Option<usize>,
}

/// Flattens an object at the front of the text. `None` where that is no JSON, or more than one document.
pub(super) fn scan(text: &[u8]) -> Option<Fields<'_>> {
    let mut fields = Fields::new();
    let mut path: Vec<u8> = Vec::with_capacity(64);
    let mut open: Vec<Open> = Vec::with_capacity(MOST_DEPTH);
    let mut at = 0;
    // Each turn takes a value, with the name in front of it where it has one.
    loop {
        at = space(text, at);
        let Some(inside) = open.last() else {
            if at == 0 && byte(text, 0) == b'{' {
                open.push(Open { is_array: false, outside: 0, joined: None });
                at = 1;
                continue;
            }
            fields.whole = at == text.len();
            return (fields.whole && at > 0).then_some(fields);
        };
        if at >= text.len() {
            return Some(fields); // cut off
        }
        let outside = inside.outside;
        match byte(text, at) {
            b',' => {
                at += 1;
                continue;
            }
            closing @ (b'}' | b']') => {
                if (closing == b']') != inside.is_array {
                    return None;
                }
                path.truncate(outside);
                open.pop();
                at += 1;
                continue;
            }
            _ => {}
        }
        if !inside.is_array {
            let (name, end) = string(text, at)?;
            let base = base(&open);
            path.truncate(base);
            if base > 0 {
                path.push(b'.');
            }
            path.extend(name.iter().map(|&byte| if breaks_key(byte) { b'_' } else { byte }));
            at = space(text, end);
            if at >= text.len() {
                return Some(fields);
            }
            if byte(text, at) != b':' {
                return None;
            }
            at = space(text, at + 1);
        }
        match byte(text, at) {
            0 if at >= text.len() => return Some(fields),
            opening @ (b'{' | b'[') => {
                if open.len() >= MOST_DEPTH {
                    at = skip(text, at);
                } else {
                    open.push(Open { is_array: opening == b'[', outside: path.len(), joined: None });
                    at += 1;
                }
            }
            b'"' => {
                let (value, end) = string(text, at)?;
                scalar(&mut fields, &mut open, &path, value);
                at = end;
            }
            _ => {
                let end = run(text, at, 64, |byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
                });
                let value = part(text, at, end);
                if value.is_empty() || !is_plain(value) && end < text.len() {
                    return None;
                }
                if value != b"null" {
                    scalar(&mut fields, &mut open, &path, Cow::Borrowed(value));
                }
                at = end;
            }
        }
    }
}

/// Length of the path of the innermost open object or array.
fn base(open: &[Open]) -> usize {
    open.last().map_or(0, |inside| inside.outside)
}

/// Bytes that no name of a field may have once it is written as `name=value`.
fn breaks_key(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'=' | b'"' | 0x7f)
}

/// Whether a scalar without quotes is one: a number, or one of three words.
fn is_plain(value: &[u8]) -> bool {
    matches!(value, b"true" | b"false" | b"null" | b"NaN" | b"Infinity" | b"-Infinity")
        || (matches!(byte(value, 0), b'-' | b'0'..=b'9')
            && value
                .iter()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E')))
}

fn scalar<'a>(fields: &mut Fields<'a>, open: &mut [Open], path: &[u8], value: Cow<'a, [u8]>) {
    let Some(array) = open.last_mut().filter(|inside| inside.is_array) else {
        fields.push(path, value);
        return;
    };
    if let Some(index) = array.joined {
        fields.join(index, &value);
    } else {
        array.joined = Some(fields.list.len());
        fields.push(path, value);
    }
}

fn space(text: &[u8], at: usize) -> usize {
    run(text, at, usize::MAX, |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Where the object or array at `at` ends.
fn skip(text: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut bytes = rest(text, at).iter().enumerate();
    while let Some((offset, &byte)) = bytes.next() {
        match byte {
            b'\\' if quoted => {
                bytes.next();
            }
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + offset + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// The string at `at` and where it goes on behind it. One that is cut off ends with the text.
fn string(text: &[u8], at: usize) -> Option<(Cow<'_, [u8]>, usize)> {
    if byte(text, at) != b'"' {
        return None;
    }
    let start = at + 1;
    let Some(first) = memchr2(b'"', b'\\', rest(text, start)) else {
        return Some((Cow::Borrowed(rest(text, start)), text.len()));
    };
    if byte(text, start + first) == b'"' {
        return Some((Cow::Borrowed(part(text, start, start + first)), start + first + 1));
    }
    let mut value = part(text, start, start + first).to_vec();
    let mut at = start + first;
    loop {
        match byte(text, at) {
            b'"' => return Some((Cow::Owned(value), at + 1)),
            b'\\' => at = escape(text, at, &mut value),
            _ => return Some((Cow::Owned(value), text.len())),
        }
        let next = memchr2(b'"', b'\\', rest(text, at)).map_or(text.len(), |offset| at + offset);
        value.extend_from_slice(part(text, at, next));
        at = next;
    }
}

/// Writes what the escape at `at` means: where it ends.
fn escape(text: &[u8], at: usize, value: &mut Vec<u8>) -> usize {
    let plain = match byte(text, at + 1) {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' | b'f' => b' ',
        b'u' => return unicode(text, at, value),
        0 if at + 1 >= text.len() => return text.len(),
        other => other,
    };
    value.push(plain);
    at + 2
}

/// `\u00e4`, or a pair of surrogates. A lone one becomes the sign for what cannot be shown.
fn unicode(text: &[u8], at: usize, value: &mut Vec<u8>) -> usize {
    let Some(first) = hex(text, at + 2) else { return (at + 6).min(text.len()) };
    let mut end = at + 6;
    let mut code = first;
    if (0xd800..0xdc00).contains(&first)
        && has(text, end, b"\\u")
        && let Some(second) = hex(text, end + 2).filter(|second| (0xdc00..0xe000).contains(second))
    {
        code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        end += 6;
    }
    let shown = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    value.extend_from_slice(shown.encode_utf8(&mut [0; 4]).as_bytes());
    end
}

fn hex(text: &[u8], at: usize) -> Option<u32> {
    let digits = part(text, at, at + 4);
    if digits.len() < 4 {
        return None;
    }
    digits.iter().try_fold(0, |value, &byte| Some(value * 16 + char::from(byte).to_digit(16)?))
}
