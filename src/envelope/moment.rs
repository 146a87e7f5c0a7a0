//! Recognises a time at the front of a text, in the shapes that logs write them. A date alone is none.

use super::scan::{byte, digits, part, run};
use super::severity::Severity;

/// A time that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Where it ends.
    pub end: usize,
    /// Whether it has a date, or counts seconds from a fixed day.
    pub dated: bool,
    /// How its date is written.
    pub shape: Shape,
}

/// The shapes that tell formats apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `Nov 14 08:30:56`, as in RFC 3164, year or not.
    Month,
    /// `2024-01-02T03:04:05`: a `T` between date and time.
    Iso,
    /// `01-02 03:04:05.678`: month and day alone.
    Short,
    /// `10:00:00`: no date at all.
    Clock,
    /// Anything else.
    Other,
}

/// The time that starts at `at`.
pub(super) fn moment(bytes: &[u8], at: usize) -> Option<Moment> {
    let first = byte(bytes, at);
    let found = if first.is_ascii_digit() {
        numeric(bytes, at)
    } else if first.is_ascii_alphabetic() && matches!(byte(bytes, at + 3), b' ' | b',') {
        named(bytes, at)
    } else {
        None
    }?;
    // Not where the text goes on: `10:00:00.1.2`, `2024-01-01 10:00:00,a,b`.
    match byte(bytes, found.end) {
        b',' if !matches!(byte(bytes, found.end + 1), b' ' | b'\t' | b'n') => None,
        b'.' | b'/' | b'_' | b'+' | b'%' | b'=' => None,
        next if next.is_ascii_alphanumeric() => None,
        _ => Some(found),
    }
}

/// Three letters at `at`, in lower case.
fn three(bytes: &[u8], at: usize) -> [u8; 3] {
    [byte(bytes, at) | 0x20, byte(bytes, at + 1) | 0x20, byte(bytes, at + 2) | 0x20]
}

fn is_month(bytes: &[u8], at: usize) -> bool {
    matches!(
        &three(bytes, at),
        b"jan"
            | b"feb"
            | b"mar"
            | b"apr"
            | b"may"
            | b"jun"
            | b"jul"
            | b"aug"
            | b"sep"
            | b"oct"
            | b"nov"
            | b"dec"
    )
}

fn is_weekday(bytes: &[u8], at: usize) -> bool {
    matches!(&three(bytes, at), b"mon" | b"tue" | b"wed" | b"thu" | b"fri" | b"sat" | b"sun")
}

fn dated(end: usize, shape: Shape) -> Moment {
    Moment { end, dated: true, shape }
}

/// A time that starts with a digit.
fn numeric(bytes: &[u8], at: usize) -> Option<Moment> {
    let first = digits(bytes, at);
    let separator = byte(bytes, first);
    match (first - at, separator) {
        (4, b'-' | b'/' | b'.') => {
            let month = first + 1;
            let month_end = if is_month(bytes, month) { month + 3 } else { short(bytes, month)? };
            if byte(bytes, month_end) != separator {
                return None;
            }
            let end = short(bytes, month_end + 1)?;
            let shape = if matches!(byte(bytes, end), b'T' | b't') { Shape::Iso } else { Shape::Other };
            Some(dated(clock_behind(bytes, end)?, shape))
        }
        (1 | 2, b':') if matches!(part(bytes, first + 3, first + 5), b"AM" | b"PM") => {
            // zerolog's `10:00AM INF msg`: a level has to follow, or else it is an appointment.
            let end = sized(bytes, first + 1, 2)? + 2;
            let level = part(bytes, end + 1, end + 4);
            let shaped = byte(bytes, end) == b' ' && byte(bytes, end + 4) == b' ';
            let levelled =
                shaped && level.iter().all(u8::is_ascii_uppercase) && Severity::parse(level).is_some();
            levelled.then_some(Moment { end, dated: false, shape: Shape::Clock })
        }
        (1 | 2, b':') => {
            clock(bytes, at).map(|end| Moment { end: zone(bytes, end), dated: false, shape: Shape::Clock })
        }
        (1 | 2, b'/' | b'-' | b'.' | b' ') => day_first(bytes, first, separator),
        (8, b'T' | b' ' | b'-' | b'_') => {
            let end = clock(bytes, first + 1).or_else(|| sized(bytes, first + 1, 6));
            Some(dated(zone(bytes, end?), Shape::Other))
        }
        (6, b' ') => {
            let start = super::scan::blanks(bytes, first);
            let end = clock(bytes, start).or_else(|| sized(bytes, start, 6))?;
            Some(dated(end, Shape::Other))
        }
        (10, _) if byte(bytes, at) == b'1' => {
            let end = if separator == b'.' { digits(bytes, first + 1) } else { first };
            matches!(byte(bytes, end), b' ' | b'\t' | b']' | 0).then_some(dated(end, Shape::Other))
        }
        (13, b' ' | b'\t' | b']') if byte(bytes, at) == b'1' => Some(dated(first, Shape::Other)),
        _ => None,
    }
}

/// A time whose day (or month, or year of two digits) ends at `first`, in front of `separator`.
fn day_first(bytes: &[u8], first: usize, separator: u8) -> Option<Moment> {
    let second = first + 1;
    if is_month(bytes, second) {
        let mut end = second + 3;
        if byte(bytes, end) == separator {
            let year = digits(bytes, end + 1);
            if matches!(year - end - 1, 2 | 4) && byte(bytes, year) != b':' || year - end - 1 == 4 {
                end = year;
            }
        }
        return Some(dated(clock_behind(bytes, end)?, Shape::Other));
    }
    if separator == b' ' {
        return None;
    }
    let second_end = short(bytes, second)?;
    if byte(bytes, second_end) == separator {
        let third = second_end + 1;
        let end = digits(bytes, third);
        return if matches!(end - third, 2 | 4) {
            Some(dated(clock_behind(bytes, end)?, Shape::Other))
        } else {
            None
        };
    }
    let end = if byte(bytes, second_end) == b' ' { clock(bytes, second_end + 1)? } else { return None };
    Some(dated(end, Shape::Short))
}

/// One or two digits at `at`: where they end.
fn short(bytes: &[u8], at: usize) -> Option<usize> {
    let end = digits(bytes, at);
    matches!(end - at, 1 | 2).then_some(end)
}

/// Exactly `count` digits at `at`: where they end.
fn sized(bytes: &[u8], at: usize, count: usize) -> Option<usize> {
    let end = digits(bytes, at);
    (end - at == count).then_some(end)
}

/// A time that starts with a weekday or a month.
fn named(bytes: &[u8], at: usize) -> Option<Moment> {
    let mut month = at;
    let mut shape = Shape::Month;
    if is_weekday(bytes, at) {
        month = at + 3 + usize::from(byte(bytes, at + 3) == b',');
        month += usize::from(byte(bytes, month) == b' ');
        shape = Shape::Other;
        if byte(bytes, month).is_ascii_digit() {
            return numeric(bytes, month).filter(|found| found.dated);
        }
    }
    if !is_month(bytes, month) || byte(bytes, month + 3) != b' ' {
        return None;
    }
    let day = month + 4 + usize::from(byte(bytes, month + 4) == b' ');
    let mut end = short(bytes, day)?;
    if byte(bytes, end) == b',' {
        shape = Shape::Other;
        end += 1;
    }
    if byte(bytes, end) == b' ' {
        let year = digits(bytes, end + 1);
        if year - end - 1 == 4 {
            end = year + usize::from(byte(bytes, year) == b',');
        }
    }
    let mut end = clock_behind(bytes, end)?;
    // `Sun Dec 04 04:47:44 2005`
    if byte(bytes, end) == b' ' && matches!(byte(bytes, end + 1), b'1' | b'2') {
        let year = digits(bytes, end + 1);
        if year - end - 1 == 4 && matches!(byte(bytes, year), b' ' | b']' | b':' | b'\t' | b')' | 0 | b'\n') {
            end = year;
        }
    }
    Some(dated(end, shape))
}

/// A clock behind a date that ends at `at`, with its zone.
fn clock_behind(bytes: &[u8], at: usize) -> Option<usize> {
    let start = at
        + match (byte(bytes, at), byte(bytes, at + 1)) {
            (b',' | b' ', b' ') | (b':', b':') => 2,
            (b' ', b'-') if byte(bytes, at + 2) == b' ' => 3,
            (b'T' | b't' | b' ' | b':' | b'_' | b'-' | b',', _) => 1,
            _ => return None,
        };
    clock(bytes, start).map(|end| zone(bytes, end))
}

/// `10:00:00`, with a fraction of a second and AM or PM; dots between the parts only with a fraction.
fn clock(bytes: &[u8], at: usize) -> Option<usize> {
    let hour = short(bytes, at)?;
    let separator = byte(bytes, hour);
    if !matches!(separator, b':' | b'.') {
        return None;
    }
    let minute = sized(bytes, hour + 1, 2)?;
    if byte(bytes, minute) != separator {
        return None;
    }
    let mut end = sized(bytes, minute + 1, 2)?;
    let fraction = digits(bytes, end + 1);
    let length = fraction - end - 1;
    match byte(bytes, end) {
        b'.' if (1..=9).contains(&length) => end = fraction,
        b',' | b':' if (1..=6).contains(&length) && byte(bytes, fraction) != b',' => end = fraction,
        _ if separator == b'.' => return None,
        _ => {}
    }
    if byte(bytes, end) == b' '
        && matches!(part(bytes, end + 1, end + 3), b"AM" | b"PM" | b"am" | b"pm")
        && !byte(bytes, end + 3).is_ascii_alphanumeric()
    {
        end += 3;
    }
    Some(end)
}

/// A zone behind a clock that ends at `at`: where it ends.
fn zone(bytes: &[u8], at: usize) -> usize {
    if byte(bytes, at) == b'Z' {
        return at + 1;
    }
    let start = at + usize::from(byte(bytes, at) == b' ');
    if matches!(byte(bytes, start), b'+' | b'-') {
        let end = digits(bytes, start + 1);
        let fits = match end - start - 1 {
            4 => true,
            2 if byte(bytes, end) == b':' => {
                return sized(bytes, end + 1, 2).unwrap_or(at);
            }
            2 => start == at,
            _ => false,
        };
        return if fits { end } else { at };
    }
    let end = run(bytes, start, 5, |byte| byte.is_ascii_uppercase());
    let named = start > at
        && end > start + 2
        && !byte(bytes, end).is_ascii_alphanumeric()
        && matches!(
            part(bytes, start, end),
            b"UTC"
                | b"GMT"
                | b"CET"
                | b"CEST"
                | b"EST"
                | b"EDT"
                | b"CST"
                | b"CDT"
                | b"MST"
                | b"MDT"
                | b"PST"
                | b"PDT"
                | b"MSK"
                | b"JST"
                | b"IST"
                | b"BST"
                | b"EET"
                | b"EEST"
                | b"MEST"
                | b"WET"
                | b"WEST"
                | b"KST"
                | b"AEST"
                | b"AEDT"
                | b"HKT"
                | b"SGT"
                | b"BRT"
                | b"SAST"
        );
    if named { end } else { at }
}
