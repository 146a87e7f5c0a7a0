//! Colours and other sequences for terminals, which tools write into their logs all the same.

use std::borrow::Cow;

use memchr::memchr;

use super::scan::{byte, rest, run};

const ESCAPE: u8 = 0x1b;

/// The text without sequences for terminals. No escape is left, so doing it twice is doing it once.
pub(super) fn strip(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr(ESCAPE, text) else { return Cow::Borrowed(text) };
    let mut kept = Vec::with_capacity(text.len());
    let mut at = 0;
    let mut next = Some(first);
    while let Some(offset) = next {
        kept.extend_from_slice(super::scan::part(text, at, at + offset));
        at = behind(text, at + offset);
        next = memchr(ESCAPE, rest(text, at));
    }
    kept.extend_from_slice(rest(text, at));
    Cow::Owned(kept)
}

/// Where the sequence that starts with the escape at `at` ends.
fn behind(text: &[u8], at: usize) -> usize {
    match byte(text, at + 1) {
        b'[' => {
            let end = run(text, at + 2, 64, |byte| (0x20..0x40).contains(&byte));
            end + usize::from((0x40..0x7f).contains(&byte(text, end)))
        }
        b']' => {
            // Up to a bell, or to an escape, whose backslash goes with it in the next turn.
            let end = run(text, at + 2, 512, |byte| !matches!(byte, 0x07 | ESCAPE | b'\n'));
            end + usize::from(byte(text, end) == 0x07)
        }
        b'(' | b')' => (at + 3).min(text.len()),
        b'\\' | b'=' | b'>' | b'7' | b'8' | b'c' | b'M' => at + 2,
        _ => at + 1,
    }
}
