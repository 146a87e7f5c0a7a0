//! Texts as a person reads them, so that no encoding hides a line from a rule.

use std::borrow::Cow;

/// The text as a person reads it: white space of any kind is a space, and a byte that is no UTF-8 the letter that it is in
/// Windows-1252. So a tab, a no-break space or a letter in another encoding does not hide a line from a rule.
pub(super) fn readable(text: &[u8]) -> Cow<'_, [u8]> {
    // Piece by piece without a branch, so that many bytes are looked at at once.
    let is_plain =
        |piece: &[u8]| piece.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~' | b'\n'));
    if text.chunks(32).all(is_plain) {
        return Cow::Borrowed(text);
    }
    let spaced = |letter: char| match letter {
        // The two letters beside ASCII's own that a pattern which ignores case takes for letters of ASCII.
        'ſ' => 's',
        '\u{212a}' => 'K',
        '\n' => '\n',
        '\0' => ' ',
        space if space.is_whitespace() => ' ',
        _ => letter,
    };
    let mut readable = String::with_capacity(text.len() + text.len() / 8);
    for piece in text.utf8_chunks() {
        readable.extend(piece.valid().chars().map(spaced));
        readable.extend(piece.invalid().iter().map(|&byte| spaced(windows_1252(byte))));
    }
    Cow::Owned(readable.into_bytes())
}

/// Where Windows-1252 is not Latin-1: 0x80 to 0x9f.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}
