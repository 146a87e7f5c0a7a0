//! Small steps over bytes that every recogniser of this module takes. None of them can leave the text.

/// The byte at `at`, or 0 behind the end.
#[inline]
pub(super) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// `bytes[start..end]`, empty where that is not inside.
#[inline]
pub(super) fn part(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    bytes.get(start..end).unwrap_or_default()
}

/// What is left from `start` on.
#[inline]
pub(super) fn rest(bytes: &[u8], start: usize) -> &[u8] {
    bytes.get(start..).unwrap_or_default()
}

/// Whether `literal` stands at `at`.
#[inline]
pub(super) fn has(bytes: &[u8], at: usize, literal: &[u8]) -> bool {
    rest(bytes, at).starts_with(literal)
}

/// Where the bytes from `at` on that satisfy `wanted` end; at most `most` of them are looked at.
#[inline]
pub(super) fn run(bytes: &[u8], at: usize, most: usize, wanted: impl Fn(u8) -> bool) -> usize {
    at + rest(bytes, at).iter().take(most).take_while(|&&byte| wanted(byte)).count()
}

/// Where the digits from `at` on end. More than 24 are no number of an envelope.
#[inline]
pub(super) fn digits(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, 24, |byte| byte.is_ascii_digit())
}

/// The number in a few digits; `None` for anything else.
pub(super) fn number(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter()
        .try_fold(0, |value: u32, &byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))
}

/// Where the spaces and tabs from `at` on end.
#[inline]
pub(super) fn blanks(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, usize::MAX, is_blank)
}

/// Space or tab.
#[inline]
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Whether a word may end in front of this byte: white space, or the end of the text (as [`byte`] gives
/// it).
#[inline]
pub(super) fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0)
}

/// Where the run of bytes that are no white space from `at` on ends; at most `most` of them.
#[inline]
pub(super) fn token(bytes: &[u8], at: usize, most: usize) -> usize {
    run(bytes, at, most, |byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// The text in the bracket that opens at `at` (`[`, `(` or `<`), and where it goes on behind it. Brackets
/// of the same kind nest; it has to close on its line, within `most` bytes.
pub(super) fn bracket(bytes: &[u8], at: usize, most: usize) -> Option<(&[u8], usize)> {
    let open = byte(bytes, at);
    let close = match open {
        b'[' => b']',
        b'(' => b')',
        b'<' => b'>',
        _ => return None,
    };
    let mut depth = 0_u32;
    for (offset, &byte) in rest(bytes, at).iter().take(most).enumerate() {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth -= 1;
            if depth == 0 {
                let end = at + offset;
                return Some((part(bytes, at + 1, end), end + 1));
            }
        } else if byte == b'\n' {
            return None;
        }
    }
    None
}

/// Whether the text is a UUID.
pub(super) fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(index, &byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether the text is a long number in hexadecimal, as ids of requests and traces are.
pub(super) fn is_long_hex(text: &[u8]) -> bool {
    text.len() >= 16 && text.len() <= 64 && text.iter().all(u8::is_ascii_hexdigit)
}
