//! Recognisers of dates and times, in the shapes that logs write them.

use super::bytes::{byte, digits, is_word};

const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
const WEEKDAYS: [&[u8; 3]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];

/// A date, a time, or both, with weekday, fraction and zone: the end of all of it.
pub(super) fn moment(bytes: &[u8], start: usize, word_end: usize) -> Option<usize> {
    if bytes[start].is_ascii_digit() {
        return match byte(bytes, digits(bytes, start)) {
            b':' => clock(bytes, start, b':').map(|end| zone(bytes, end)),
            b'-' | b'/' | b'.' | b' ' => date(bytes, start).map(|end| zone(bytes, time_behind(bytes, end))),
            _ => None,
        };
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
    // No month has a day 0, and a number 0 stays in a template, where it must not become a day.
    if end == day || end - day > 4 || end - day == 3 || is_word(byte(bytes, end)) || &bytes[day..end] == b"0"
    {
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
