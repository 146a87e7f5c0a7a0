//! The masking scanner: the loop over words, and one recogniser for each kind of variable part.
//!
//! Every recogniser takes the text's bytes and a position at the start of a word and returns the position behind
//! what it recognised. All look at ASCII only, so every cut falls on a character boundary.

/// What a byte is to the scanner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Space,
    Other,
}

const CLASSES: [Class; 256] = {
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

const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
const WEEKDAYS: [&[u8; 3]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];

/// Masks `text` into `out` (cleared first), at most `limit` bytes of it.
pub(super) fn mask_text(text: &str, out: &mut String, limit: usize) {
    out.clear();
    let bytes = text.as_bytes();
    let mut position = 0;
    let mut copied = 0; // everything before is in `out`
    let mut no_mail_before = 0; // a run without an `@` is searched for one only once
    while position < bytes.len() && out.len() + (position - copied) <= limit {
        match CLASSES[usize::from(bytes[position])] {
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
                if !has_digit
                    && !matches!(byte(bytes, word_end), b'-' | b':' | b'.' | b'@' | b'_' | b'+' | b'%' | b' ')
                {
                    position = word_end;
                    continue;
                }
                if let Some((end, placeholder)) =
                    variable(bytes, position, word_end, has_digit, &mut no_mail_before)
                {
                    out.push_str(&text[copied..position]);
                    drop_sign(out, placeholder);
                    out.push_str(placeholder);
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
        let keep = if stem.is_empty() && !out[..end].bytes().any(|b| b.is_ascii_digit() || b == b'@') {
            end
        } else {
            stem.len()
        };
        out.truncate(keep);
    }
}

/// The byte at `position`, 0 behind the end.
fn byte(bytes: &[u8], position: usize) -> u8 {
    bytes.get(position).copied().unwrap_or(0)
}

fn is_word(byte: u8) -> bool {
    matches!(CLASSES[usize::from(byte)], Class::Letter | Class::Digit)
}

/// Whether a word, or what stands for one in a template, ends at `position`.
fn follows_word(bytes: &[u8], position: usize) -> bool {
    position > 0 && (is_word(bytes[position - 1]) || matches!(bytes[position - 1], b'#' | b'>'))
}

/// Whether a word, or what stands for one in a template, begins with `byte`.
fn goes_on(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'#' | b'<')
}

/// End of the run of letters and digits at `start`, and whether it holds a digit.
fn word(bytes: &[u8], start: usize) -> (usize, bool) {
    let mut end = start;
    let mut has_digit = false;
    while end < bytes.len() {
        match CLASSES[usize::from(bytes[end])] {
            Class::Letter => {}
            Class::Digit => has_digit = true,
            _ => break,
        }
        end += 1;
    }
    (end, has_digit)
}

/// End of the run of digits at `start`.
fn digits(bytes: &[u8], start: usize) -> usize {
    let mut end = start;
    while byte(bytes, end).is_ascii_digit() {
        end += 1;
    }
    end
}

/// A minus or plus that belongs to the number just masked goes with it; behind a word it is a hyphen.
fn drop_sign(out: &mut String, placeholder: &str) {
    if placeholder != "#" || !out.ends_with(['-', '+']) {
        return;
    }
    let before = out.len().checked_sub(2).map_or(b' ', |index| out.as_bytes()[index]);
    if matches!(before, b' ' | b'(' | b'[' | b'=' | b':' | b',' | b'_') {
        out.pop();
    }
}

/// What stands at the word `start..word_end`, if it is one of the variable parts: its end and its placeholder.
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
    if !has_digit {
        return None;
    }
    if length <= 3
        && next == b'.'
        && let Some(end) = ipv4(bytes, start)
    {
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

/// Letters and digits in three or more turns with three digits or more, or two digits in a short word: how keys
/// and generated names look, and how `node12`, `96259MB` and `sha256sum` do not.
fn looks_random(text: &[u8]) -> bool {
    let turns = text.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    let count = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    text.len() >= 5 && turns >= 3 && count >= 2
}

/// Copies the word with its runs of digits masked; returns where the copy ended, which a decimal can put behind
/// the word. Digits inside a short word (`k8s`, `p2p`) are part of a name and stay.
fn mask_digits(text: &str, start: usize, word_end: usize, out: &mut String) -> usize {
    let bytes = text.as_bytes();
    let word = &bytes[start..word_end];
    if word.len() <= 4 && word[0].is_ascii_alphabetic() && word[word.len() - 1].is_ascii_alphabetic() {
        out.push_str(&text[start..word_end]);
        return word_end;
    }
    let mut position = start;
    while position < word_end {
        if bytes[position].is_ascii_digit() {
            out.push('#');
            position = number(bytes, position);
        } else {
            out.push(char::from(bytes[position]));
            position += 1;
        }
    }
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

/// Six pairs of hexadecimal digits joined by `separator`.
fn hardware_address(bytes: &[u8], start: usize, separator: u8) -> Option<usize> {
    let end = start + 17;
    let text = bytes.get(start..end)?;
    let shaped = text
        .iter()
        .enumerate()
        .all(|(index, &byte)| if index % 3 == 2 { byte == separator } else { byte.is_ascii_hexdigit() });
    (shaped && !goes_on(byte(bytes, end)) && byte(bytes, end) != separator).then_some(end)
}

/// Four numbers up to 255, with a port or a prefix length behind.
fn ipv4(bytes: &[u8], start: usize) -> Option<usize> {
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
fn ipv6(bytes: &[u8], start: usize) -> Option<usize> {
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
fn mail(bytes: &[u8], start: usize) -> Result<usize, usize> {
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

/// A date, a time, or both, with weekday, fraction and zone: the end of all of it.
fn moment(bytes: &[u8], start: usize, word_end: usize) -> Option<usize> {
    if bytes[start].is_ascii_digit() {
        if let Some(end) = date(bytes, start) {
            return Some(zone(bytes, time_behind(bytes, end)));
        }
        return clock(bytes, start, b':').map(|end| zone(bytes, end));
    }
    if word_end - start != 3 {
        return None;
    }
    let mut month = start;
    if is_name(bytes, start, &WEEKDAYS) {
        month = word_end + usize::from(byte(bytes, word_end) == b',');
        month = spaces(bytes, month)?;
        if bytes[month].is_ascii_digit() {
            let end = date(bytes, month)?;
            return Some(zone(bytes, time_behind(bytes, end)));
        }
    }
    named_month(bytes, month).map(|end| zone(bytes, time_behind(bytes, end)))
}

/// One to two spaces at `position`: where they end.
fn spaces(bytes: &[u8], position: usize) -> Option<usize> {
    if byte(bytes, position) != b' ' {
        return None;
    }
    let end = position + 1 + usize::from(byte(bytes, position + 1) == b' ');
    (end < bytes.len()).then_some(end)
}

fn is_name(bytes: &[u8], start: usize, names: &[&[u8; 3]]) -> bool {
    bytes.get(start..start + 3).is_some_and(|text| {
        text[0].is_ascii_uppercase() && names.iter().any(|name| text.eq_ignore_ascii_case(&name[..]))
    })
}

/// `Nov 22`, `Nov 22, 2026`, `Nov 2026`.
fn named_month(bytes: &[u8], start: usize) -> Option<usize> {
    if !is_name(bytes, start, &MONTHS) {
        return None;
    }
    let day = spaces(bytes, start + 3)?;
    let mut end = digits(bytes, day);
    if end == day || end - day > 4 || end - day == 3 || is_word(byte(bytes, end)) {
        return None;
    }
    let year = end + usize::from(byte(bytes, end) == b',');
    if byte(bytes, year) == b' ' {
        let stop = digits(bytes, year + 1);
        if stop - (year + 1) == 4 && !is_word(byte(bytes, stop)) && byte(bytes, stop) != b':' {
            end = stop;
        }
    }
    Some(end)
}

/// `2026-11-22`, `2026/11/22`, `22.11.2026`, `11/22/26`, `22/Nov/2026`, `22 Nov 2026`.
fn date(bytes: &[u8], start: usize) -> Option<usize> {
    let first = digits(bytes, start);
    let separator = byte(bytes, first);
    if !matches!(separator, b'-' | b'/' | b'.' | b' ') || !matches!(first - start, 1 | 2 | 4) {
        return None;
    }
    let second = first + 1;
    if is_name(bytes, second, &MONTHS) {
        let year = second + 4;
        let end = digits(bytes, year);
        let shaped = byte(bytes, second + 3) == separator && end - year == 4 && first - start <= 2;
        return (shaped && !is_word(byte(bytes, end))).then_some(end);
    }
    let second_end = digits(bytes, second);
    if separator == b' ' || !matches!(second_end - second, 1 | 2) || byte(bytes, second_end) != separator {
        return None;
    }
    let third = second_end + 1;
    let end = digits(bytes, third);
    let widths = (first - start, end - third);
    let shaped = match widths {
        (4, 1 | 2) => true,
        (1 | 2, 4) => separator != b'.' || second_end - second == 2,
        (2, 2) => separator == b'/',
        _ => false,
    };
    if !shaped || (byte(bytes, end) == b'.' && byte(bytes, end + 1).is_ascii_digit() && separator == b'.') {
        return None;
    }
    // Only a `T` in front of a time may follow at once.
    (!is_word(byte(bytes, end)) || time_behind(bytes, end) > end).then_some(end)
}

/// A time behind a date: `T12:34:56`, ` 12:34`, `:12:34:56`, `-15.42.50.675872`, or a year behind that.
fn time_behind(bytes: &[u8], date_end: usize) -> usize {
    let mut start = date_end;
    start += match (byte(bytes, start), byte(bytes, start + 1)) {
        (b',' | b' ', b' ') => 2,
        (b'T' | b't' | b' ' | b':' | b'_' | b'-' | b',', _) => 1,
        _ => return date_end,
    };
    let time = clock(bytes, start, b':')
        .or_else(|| if bytes[start - 1] == b'-' { clock(bytes, start, b'.') } else { None });
    let Some(end) = time else { return date_end };
    // `Sun Dec 4 04:47:44 2005`
    if byte(bytes, end) == b' ' {
        let year = digits(bytes, end + 1);
        if year - (end + 1) == 4 && !is_word(byte(bytes, year)) && matches!(bytes[end + 1], b'1' | b'2') {
            return year;
        }
    }
    end
}

/// `9:05`, `21:20:29`, `21:20:29.123`, `21:20:29,123`.
fn clock(bytes: &[u8], start: usize, separator: u8) -> Option<usize> {
    let hour = digits(bytes, start);
    if !matches!(hour - start, 1 | 2) || byte(bytes, hour) != separator {
        return None;
    }
    let mut end = digits(bytes, hour + 1);
    if end - (hour + 1) != 2 {
        return None;
    }
    if byte(bytes, end) == separator {
        let second = digits(bytes, end + 1);
        if second - (end + 1) != 2 {
            return None;
        }
        end = second;
        if matches!(byte(bytes, end), b'.' | b',') {
            let fraction = digits(bytes, end + 1);
            if fraction > end + 1 && fraction - end <= 10 {
                end = fraction;
            }
        }
    }
    let next = byte(bytes, end);
    let stops = next != separator || !byte(bytes, end + 1).is_ascii_hexdigit();
    let zulu = next == b'Z' && !is_word(byte(bytes, end + 1));
    (stops && (!is_word(next) || zulu)).then_some(end)
}

/// `Z`, `+02:00`, ` -0700`, ` UTC`, ` PM` behind a time.
fn zone(bytes: &[u8], time_end: usize) -> usize {
    if byte(bytes, time_end) == b'Z' && !is_word(byte(bytes, time_end + 1)) {
        return time_end + 1;
    }
    let space = usize::from(byte(bytes, time_end) == b' ');
    let start = time_end + space;
    if matches!(byte(bytes, start), b'+' | b'-') {
        let hours = digits(bytes, start + 1);
        let end = match (hours - (start + 1), byte(bytes, hours)) {
            (4, _) => hours,
            (2, b':') => digits(bytes, hours + 1),
            _ => return time_end,
        };
        return if is_word(byte(bytes, end)) { time_end } else { end };
    }
    if space == 1 {
        for name in [&b"UTC"[..], b"GMT", b"AM", b"PM", b"CET", b"EST", b"PST"] {
            let end = start + name.len();
            if bytes.get(start..end) == Some(name) && !is_word(byte(bytes, end)) {
                return end;
            }
        }
    }
    time_end
}
