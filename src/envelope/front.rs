//! What stands before a message and says nothing: the NULs of a log that was truncated while it was written, other
//! control characters, a stray byte order mark, and blanks without end.

/// Blanks in front that are left to the message: an indentation says something, a thousand blanks do not.
const INDENTATION: usize = 1 << 10;

/// The message without control characters in front, and without blanks where they stand beside those or are
/// too many for an indentation. An escape is left, because it begins a colour.
pub fn front(message: &[u8]) -> &[u8] {
    let mut at = 0;
    let mut is_controlled = false;
    loop {
        match message[at..] {
            [b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r', ..] => at += 1,
            [0..=0x1a | 0x1c..=0x1f | 0x7f, ..] => (at, is_controlled) = (at + 1, true),
            [0xef, 0xbb, 0xbf, ..] => (at, is_controlled) = (at + 3, true),
            _ => break,
        }
    }
    if is_controlled || at > INDENTATION { &message[at..] } else { message }
}

#[cfg(test)]
mod tests {
    use super::front;

    #[test]
    fn controls_in_front_say_nothing_and_an_indentation_stays() {
        for (message, text) in [
            (&b"\0\0disk full"[..], &b"disk full"[..]),
            (b" \0 \x01disk full", b"disk full"),
            (b"\xef\xbb\xbfdisk full", b"disk full"),
            (b"    at main", b"    at main"),
            (b"\x1b[31mdisk", b"\x1b[31mdisk"),
            (b"\0\x1b[31mdisk", b"\x1b[31mdisk"),
            (b"disk\0", b"disk\0"),
            (b"\0\0", b""),
            (b"", b""),
        ] {
            assert_eq!(front(message), text, "{message:?}");
        }
        assert_eq!(front(&[&[b' '; 2_000][..], b"disk"].concat()), b"disk");
    }
}
