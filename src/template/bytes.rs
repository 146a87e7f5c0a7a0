//! What a byte is to the masking scanner and its recognisers, and how far runs of them go.

/// What a byte is to the scanner; what words are made of comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Letter,
    Digit,
    Space,
    Other,
}

pub(super) const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(clippy::cast_possible_truncation)] // below 256
        let value = byte as u8;
        classes[byte] = match value {
            b'0'..=b'9' => Class::Digit,
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            0..=b' ' | 0x7f => Class::Space,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

/// The byte at `position`, 0 behind the end.
pub(super) fn byte(bytes: &[u8], position: usize) -> u8 {
    bytes.get(position).copied().unwrap_or(0)
}

pub(super) fn is_word(byte: u8) -> bool {
    matches!(CLASSES[usize::from(byte)], Class::Letter | Class::Digit)
}

/// Whether a word, or what stands for one in a template, ends at `position`.
pub(super) fn follows_word(bytes: &[u8], position: usize) -> bool {
    position > 0 && (is_word(bytes[position - 1]) || matches!(bytes[position - 1], b'#' | b'>'))
}

/// Whether a word, or what stands for one in a template, begins with `byte`.
pub(super) fn goes_on(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'#' | b'<')
}

/// End of the run of letters and digits at `start`, and whether it holds a digit.
pub(super) fn word(bytes: &[u8], start: usize) -> (usize, bool) {
    let mut has_digit = false;
    let mut is_part = |&byte: &u8| {
        let class = CLASSES[usize::from(byte)];
        has_digit |= class == Class::Digit;
        class as u8 <= Class::Digit as u8
    };
    let length = bytes[start..].iter().position(|byte| !is_part(byte));
    (length.map_or(bytes.len(), |length| start + length), has_digit)
}

/// End of the run of digits at `start`.
pub(super) fn digits(bytes: &[u8], start: usize) -> usize {
    let mut end = start;
    while byte(bytes, end).is_ascii_digit() {
        end += 1;
    }
    end
}
