//! Recognisers of addresses: of machines on a network, and of people.

use super::bytes::{byte, digits, goes_on, is_word};

/// Six pairs of hexadecimal digits joined by `separator`.
pub(super) fn hardware_address(bytes: &[u8], start: usize, separator: u8) -> Option<usize> {
    let end = start + 17;
    let text = bytes.get(start..end)?;
    let shaped = text
        .iter()
        .enumerate()
        .all(|(index, &byte)| if index % 3 == 2 { byte == separator } else { byte.is_ascii_hexdigit() });
    (shaped && !goes_on(byte(bytes, end)) && byte(bytes, end) != separator).then_some(end)
}

/// Four numbers up to 255 with dots between them.
pub(super) fn quad(bytes: &[u8], start: usize) -> Option<usize> {
    let mut end = start;
    for part in 0..4 {
        if part > 0 {
            if byte(bytes, end) != b'.' {
                return None;
            }
            end += 1;
        }
        let stop = digits(bytes, end);
        if stop == end || stop - end > 3 {
            return None;
        }
        let value = bytes[end..stop].iter().fold(0_u32, |value, digit| value * 10 + u32::from(digit - b'0'));
        if value > 255 {
            return None;
        }
        end = stop;
    }
    Some(end)
}

/// The address whose four numbers end at `end`, with a port or a prefix length behind.
pub(super) fn ipv4(bytes: &[u8], end: usize) -> Option<usize> {
    if is_word(byte(bytes, end)) || (byte(bytes, end) == b'.' && byte(bytes, end + 1).is_ascii_digit()) {
        return None;
    }
    Some(port_or_prefix(bytes, end))
}

/// `:8080` or `/24` behind an address.
fn port_or_prefix(bytes: &[u8], end: usize) -> usize {
    if matches!(byte(bytes, end), b':' | b'/') {
        let stop = digits(bytes, end + 1);
        if stop > end + 1 && stop - end <= 6 && !is_word(byte(bytes, stop)) {
            return stop;
        }
    }
    end
}

/// Groups of up to four hexadecimal digits between colons: eight of them, or fewer around one `::`.
pub(super) fn ipv6(bytes: &[u8], start: usize) -> Option<usize> {
    if start > 0 && matches!(bytes[start - 1], b'#' | b'>') {
        return None; // the rest of something that was masked
    }
    let mut end = start;
    let mut groups = 0;
    let mut gap = false;
    let mut has_digit = false;
    if byte(bytes, end) == b':' {
        gap = true;
        end += 2;
    }
    loop {
        let group = end;
        while byte(bytes, end).is_ascii_hexdigit() {
            has_digit |= bytes[end].is_ascii_digit();
            end += 1;
        }
        if end - group > 4 {
            return None;
        }
        if end == group {
            break;
        }
        groups += 1;
        if byte(bytes, end) != b':' || groups == 8 {
            break;
        }
        if byte(bytes, end + 1) == b':' {
            if gap {
                return None;
            }
            gap = true;
            end += 2;
        } else if byte(bytes, end + 1).is_ascii_hexdigit() {
            end += 1;
        } else {
            break;
        }
    }
    let complete = groups == 8 || (gap && groups > 0);
    if !complete || !has_digit || goes_on(byte(bytes, end)) {
        return None;
    }
    Some(if byte(bytes, end) == b'/' { port_or_prefix(bytes, end) } else { end })
}

/// `local@domain.tld`. Without an `@` behind the local part: how far was searched.
pub(super) fn mail(bytes: &[u8], start: usize) -> Result<usize, usize> {
    let local = |byte: u8| is_word(byte) || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-');
    let mut at = start;
    while local(byte(bytes, at)) {
        at += 1;
    }
    if byte(bytes, at) != b'@' {
        return Err(at);
    }
    let mut end = at + 1;
    while is_word(byte(bytes, end)) || matches!(byte(bytes, end), b'.' | b'-') {
        end += 1;
    }
    let domain = &bytes[at + 1..end];
    // The last dot with a name of letters behind it; digits further on are no part of the address.
    let mut dots = domain.iter().enumerate().rev().filter(|&(dot, &byte)| dot > 0 && byte == b'.');
    let named = dots.find_map(|(dot, _)| {
        let name = domain[dot + 1..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        (name >= 2).then_some(at + 1 + dot + 1 + name)
    });
    named.ok_or(at)
}

/// Endings of names on the public network, which no file and hardly a module has.
const TOP_LEVEL: [&[u8]; 6] = [b"com", b"net", b"org", b"edu", b"gov", b"mil"];
/// Endings that say so only with a port behind the name.
const TOP_LEVEL_WITH_PORT: [&[u8]; 11] = [
    b"io",
    b"dev",
    b"app",
    b"cloud",
    b"local",
    b"lan",
    b"internal",
    b"localdomain",
    b"example",
    b"test",
    b"info",
];
/// What stands before a country's two letters (`co.uk`).
const SECOND_LEVEL: [&[u8]; 7] = [b"com", b"co", b"net", b"org", b"edu", b"gov", b"ac"];
/// Two letters that end names of source files, too (`main.rs:12`).
const SOURCE_FILES: [&[u8]; 12] =
    [b"py", b"rs", b"pl", b"sh", b"md", b"cc", b"ps", b"so", b"js", b"go", b"ts", b"kt"];

/// Whether the word at `start` stands where a name on the network may begin, and begins like one.
pub(super) fn begins_host(bytes: &[u8], start: usize) -> bool {
    let before = byte_before(bytes, start);
    !matches!(before, b'.' | b'-' | b'_' | b'#' | b'>' | b'@' | b'\\')
        && matches!(byte(bytes, start), b'a'..=b'z' | b'0'..=b'9')
}

fn byte_before(bytes: &[u8], start: usize) -> u8 {
    start.checked_sub(1).map_or(b' ', |index| bytes[index])
}

/// `db3.example.com:5432`, `mail.example.org`, `shop.co.uk`: a name on the network with the port behind it. A
/// name of two parts alone (`java.net`) is one only behind `=` or `//`.
pub(super) fn host(bytes: &[u8], start: usize) -> Option<usize> {
    if !begins_host(bytes, start) {
        return None;
    }
    let before = byte_before(bytes, start);
    let (mut end, mut labels) = (start, 0_usize);
    let mut last = start..start;
    let mut second;
    loop {
        let label = end;
        while matches!(byte(bytes, end), b'a'..=b'z' | b'0'..=b'9' | b'-') {
            end += 1;
        }
        if end == label {
            return None;
        }
        labels += 1;
        second = std::mem::replace(&mut last, label..end);
        if byte(bytes, end) != b'.' || !matches!(byte(bytes, end + 1), b'a'..=b'z' | b'0'..=b'9') {
            break;
        }
        end += 1;
    }
    if labels < 2 || is_word(byte(bytes, end)) || matches!(byte(bytes, end), b'_' | b'#' | b'<' | b'@') {
        return None;
    }
    // `a.co.uk.<time>` comes from a date, which was no end of a name.
    if byte(bytes, end) == b'.' && matches!(byte(bytes, end + 1), b'#' | b'<') {
        return None;
    }
    let stop = if byte(bytes, end) == b':' { digits(bytes, end + 1) } else { end };
    let port = stop > end + 1 && stop - end <= 6 && !goes_on(byte(bytes, stop)) && {
        !(byte(bytes, stop) == b'.' && byte(bytes, stop + 1).is_ascii_digit())
    };
    let (last, second) = (&bytes[last], &bytes[second]);
    let country = last.len() == 2
        && last.iter().all(u8::is_ascii_lowercase)
        && (SECOND_LEVEL.contains(&second) && labels > 2 || port && !SOURCE_FILES.contains(&last));
    let named = TOP_LEVEL.contains(&last) || country || port && TOP_LEVEL_WITH_PORT.contains(&last);
    let behind_sign = before == b'=' || start >= 2 && &bytes[start - 2..start] == b"//";
    (named && (labels > 2 || port || behind_sign)).then_some(if port { stop } else { end })
}
