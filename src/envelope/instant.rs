//! Reads a time as logs write it: from the text that an envelope gives to seconds since 1970.
//!
//! Understood are RFC 3339 and its relatives, syslog with and without a year, web servers' `10/Oct/2000:13:55:36
//! -0700`, log4j, klog, logcat, HDFS, names of days and months, and counts of seconds, milliseconds, microseconds
//! or nanoseconds. A time without a zone is taken for UTC; one without a year is the latest such day that is not
//! more than a day ahead of `now`. A clock without a date says nothing.

use super::calendar::{civil, days};
use super::scan::{byte, digits, part, run};

const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
const DAYS: [&[u8; 3]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];

/// Half hours from UTC of the zones that are written by name. Names that several countries use are read as in the United
/// States, `IST` as in India.
const ZONES: [(&[u8], i64); 28] = [
    (b"UTC", 0),
    (b"GMT", 0),
    (b"WET", 0),
    (b"CET", 2),
    (b"WEST", 2),
    (b"BST", 2),
    (b"CEST", 4),
    (b"MEST", 4),
    (b"EET", 4),
    (b"SAST", 4),
    (b"EEST", 6),
    (b"MSK", 6),
    (b"IST", 11),
    (b"HKT", 16),
    (b"SGT", 16),
    (b"JST", 18),
    (b"KST", 18),
    (b"AEST", 20),
    (b"AEDT", 22),
    (b"BRT", -6),
    (b"EDT", -8),
    (b"EST", -10),
    (b"CDT", -10),
    (b"CST", -12),
    (b"MDT", -12),
    (b"MST", -14),
    (b"PDT", -14),
    (b"PST", -16),
];

/// A date as it is written, where the year may be missing.
struct Date {
    year: Option<i64>,
    month: i64,
    day: i64,
}

/// Seconds since 1970 of a time, which is `now` (in seconds since 1970) or earlier where it leaves its year open.
///
/// ```
/// use logclass::envelope::instant;
///
/// assert_eq!(instant(b"1970-01-02T00:00:00.5+01:00", 0), Some(82_800));
/// assert_eq!(instant(b"Jan  2 03:04:05", 1_700_000_000), Some(1_672_628_645));
/// assert_eq!(instant(b"03:04:05", 0), None);
/// ```
pub fn instant(text: &[u8], now: i64) -> Option<i64> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"[").unwrap_or(text);
    let first = digits(text, 0);
    if first >= 10 {
        return count(text, first);
    }
    let mut at = 0;
    if DAYS.iter().any(|day| is_name(text, 0, **day)) {
        at = 3 + usize::from(byte(text, 3) == b',');
        at = blanks(text, at);
    }
    let (day, end) = if byte(text, at).is_ascii_digit() { numeric(text, at) } else { named(text, at) }?;
    let (seconds, end) = clock(text, end)?;
    let mut year = day.year;
    let mut zone_at = end;
    if year.is_none() {
        // `Sun Dec 04 04:47:44 2005`, `Tue Jan  2 03:04:05 UTC 2024`
        let start = blanks(text, end);
        let behind = blanks(text, run(text, start, 5, |byte| byte.is_ascii_uppercase()));
        let stop = digits(text, behind);
        if behind > end && stop - behind == 4 {
            year = number(text, behind, stop);
            zone_at = if behind == start { stop } else { end };
        }
    }
    let seconds = seconds - zone(text, zone_at)?;
    let at = |year: i64| Some(days(year, day.month, day.day)? * 86_400 + seconds);
    if let Some(year) = year {
        return at(year);
    }
    let latest = now.saturating_add(86_400);
    let this = civil(latest.div_euclid(86_400)).0;
    // The 29th of February is not in every year.
    (0..8).filter_map(|back| at(this - back)).find(|&found| found <= latest)
}

/// Seconds, or a thousandth, a millionth or a billionth of one, since 1970.
fn count(text: &[u8], first: usize) -> Option<i64> {
    let value = number(text, 0, first.min(19))?;
    let end = if byte(text, first) == b'.' { digits(text, first + 1) } else { first };
    if !matches!(byte(text, end), 0 | b']' | b' ') {
        // `20240102T030405`: nothing like that has ten digits, but `2024010203 ...` may go on.
        return None;
    }
    match first {
        10 => Some(value),
        13 => Some(value / 1_000),
        16 => Some(value / 1_000_000),
        19 => Some(value / 1_000_000_000),
        14 => {
            let day = Date {
                year: Some(value / 10_000_000_000),
                month: value / 100_000_000 % 100,
                day: value / 1_000_000 % 100,
            };
            let clock = value % 1_000_000;
            Some(
                days(day.year?, day.month, day.day)? * 86_400
                    + clock / 10_000 * 3_600
                    + clock / 100 % 100 * 60
                    + clock % 100,
            )
        }
        _ => None,
    }
}

/// A day that begins with a digit, and where it ends.
fn numeric(text: &[u8], at: usize) -> Option<(Date, usize)> {
    let first = digits(text, at);
    let value = number(text, at, first)?;
    let separator = byte(text, first);
    match first - at {
        4 if matches!(separator, b'-' | b'/' | b'.') => {
            let (month, end) = month(text, first + 1)?;
            let (day, end) = short(text, end + 1)?;
            Some((Date { year: Some(value), month, day }, end))
        }
        // klog's `0102`
        4 => Some((Date { year: None, month: value / 100, day: value % 100 }, first)),
        8 => {
            let day = Date { year: Some(value / 10_000), month: value / 100 % 100, day: value % 100 };
            Some((day, first))
        }
        // HDFS: `081109 203615`
        6 => {
            let day =
                Date { year: Some(century(value / 10_000)), month: value / 100 % 100, day: value % 100 };
            Some((day, first))
        }
        1 | 2 => {
            let second = first + 1;
            if byte(text, second).is_ascii_alphabetic() {
                let (month, end) = month(text, second)?;
                let (year, end) = year_behind(text, end, separator);
                return Some((Date { year, month, day: value }, end));
            }
            let (middle, end) = short(text, second)?;
            if byte(text, end) != separator {
                return Some((Date { year: None, month: value, day: middle }, end));
            }
            let stop = digits(text, end + 1);
            let last = number(text, end + 1, stop)?;
            let day = match stop - end - 1 {
                // Spark writes the year first, and so does `date +%y/%m/%d`.
                2 => Date { year: Some(century(value)), month: middle, day: last },
                4 if separator == b'/' && value <= 12 => Date { year: Some(last), month: value, day: middle },
                4 => Date { year: Some(last), month: middle, day: value },
                _ => return None,
            };
            Some((day, stop))
        }
        _ => None,
    }
}

/// A day that begins with a month's name.
fn named(text: &[u8], at: usize) -> Option<(Date, usize)> {
    let (month, end) = month(text, at)?;
    let (day, end) = short(text, blanks(text, end))?;
    let (year, end) = year_behind(text, end + usize::from(byte(text, end) == b','), b' ');
    Some((Date { year, month, day }, end))
}

/// A year behind a separator, unless that is the hour of a clock.
fn year_behind(text: &[u8], at: usize, separator: u8) -> (Option<i64>, usize) {
    let stop = digits(text, at + 1);
    let clock = byte(text, stop) == b':' && stop - at - 1 < 4;
    match (byte(text, at) == separator && !clock, stop - at - 1) {
        (true, 4) => (number(text, at + 1, stop), stop),
        (true, 2) => (number(text, at + 1, stop).map(century), stop),
        _ => (None, at),
    }
}

/// The clock behind a day that ends at `at`: its seconds, and where it ends.
fn clock(text: &[u8], at: usize) -> Option<(i64, usize)> {
    let start = run(text, at, 3, |byte| matches!(byte, b'T' | b't' | b' ' | b':' | b'_' | b'-' | b','));
    let first = digits(text, start);
    if start == at || first == start {
        return None;
    }
    let value = number(text, start, first)?;
    let (mut hour, minute, second, mut end) = match (first - start, byte(text, first)) {
        (6, _) => (value / 10_000, value / 100 % 100, value % 100, first),
        (1 | 2, separator @ (b':' | b'.')) => {
            let (minute, end) = short(text, first + 1)?;
            if byte(text, end) == separator {
                let (second, end) = short(text, end + 1)?;
                (value, minute, second, end)
            } else {
                (value, minute, 0, end)
            }
        }
        _ => return None,
    };
    if matches!(byte(text, end), b'.' | b',' | b':') {
        let stop = digits(text, end + 1);
        end = if stop > end + 1 { stop } else { end };
    }
    let half = end + usize::from(byte(text, end) == b' ');
    match part(text, half, half + 2) {
        b"AM" | b"am" => (hour, end) = (hour % 12, half + 2),
        b"PM" | b"pm" => (hour, end) = (hour % 12 + 12, half + 2),
        _ => {}
    }
    (hour < 25 && minute < 60 && second < 61).then_some((hour * 3_600 + minute * 60 + second, end))
}

/// Seconds that the zone at `at` is ahead of UTC; 0 where none is written.
fn zone(text: &[u8], at: usize) -> Option<i64> {
    let start = blanks(text, at);
    if matches!(byte(text, start), b'+' | b'-') {
        let end = digits(text, start + 1);
        let value = number(text, start + 1, end)?;
        let minutes = match end - start - 1 {
            4 => value / 100 * 60 + value % 100,
            2 if byte(text, end) == b':' => value * 60 + short(text, end + 1)?.0,
            2 => value * 60,
            _ => return Some(0),
        };
        return Some(if byte(text, start) == b'-' { -60 * minutes } else { 60 * minutes });
    }
    let name = part(text, start, run(text, start, 5, |byte| byte.is_ascii_uppercase()));
    let known = ZONES.iter().find(|(known, _)| *known == name);
    Some(known.map_or(0, |(_, halves)| halves * 1_800))
}

fn is_name(text: &[u8], at: usize, name: [u8; 3]) -> bool {
    part(text, at, at + 3).eq_ignore_ascii_case(&name)
}

/// A month by name or number, and where it ends.
fn month(text: &[u8], at: usize) -> Option<(i64, usize)> {
    if byte(text, at).is_ascii_digit() {
        return short(text, at);
    }
    let index = MONTHS.iter().position(|name| is_name(text, at, **name))?;
    Some((i64::try_from(index).ok()? + 1, run(text, at, 9, |byte| byte.is_ascii_alphabetic())))
}

/// One or two digits, and where they end.
fn short(text: &[u8], at: usize) -> Option<(i64, usize)> {
    let end = digits(text, at);
    if matches!(end - at, 1 | 2) { Some((number(text, at, end)?, end)) } else { None }
}

fn blanks(text: &[u8], at: usize) -> usize {
    run(text, at, 3, |byte| byte == b' ')
}

fn number(text: &[u8], start: usize, end: usize) -> Option<i64> {
    let text = part(text, start, end);
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_i64, |value, byte| value.checked_mul(10)?.checked_add(i64::from(byte - b'0')))
}

/// A year of two digits: 1970 to 2069.
fn century(year: i64) -> i64 {
    if year < 70 { 2000 + year } else { 1900 + year }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2 January 2024, 03:04:05 UTC.
    const THEN: i64 = 1_704_164_645;

    #[test]
    fn a_time_is_the_same_however_it_is_written() {
        for text in [
            "2024-01-02T03:04:05Z",
            "2024-01-02T03:04:05.678Z",
            "2024-01-02T05:04:05.678901+02:00",
            "2024-01-01 22:04:05,678 -0500",
            "2024-01-02 03:04:05",
            "2024/01/02 03:04:05",
            "2024-Jan-02 03:04:05",
            "2024-01-02-03.04.05.675872",
            "2024-01-02 03:04:05 UTC",
            "2024-01-02 04:04:05.123 CET",
            "Jan  2 03:04:05",
            "Jan 02 03:04:05",
            "Jan  2 2024 03:04:05",
            "Jan  2 03:04:05 2024",
            "Tue Jan  2 03:04:05 2024",
            "Tue Jan 02 03:04:05.123 2024",
            "Tue Jan  2 03:04:05 UTC 2024",
            "Tue Jan  2 04:04:05 CET 2024",
            "Tue, 02 Jan 2024 03:04:05 GMT",
            "02/Jan/2024:03:04:05 +0000",
            "01/Jan/2024:20:04:05 -0700",
            "02-Jan-2024 03:04:05",
            "02.01.2024 03:04:05",
            "01/02/2024 3:04:05 AM",
            "24/01/02 03:04:05",
            "240102 030405",
            "20240102T030405",
            "20240102 03:04:05",
            "20240102-03:04:05:678",
            "20240102030405",
            "0102 03:04:05.678901",
            "01-02 03:04:05.678",
            "1704164645",
            "1704164645.123",
            "1704164645123",
            "1704164645123456",
            "1704164645123456789",
            "[1704164645]",
            " 2024-01-02T03:04:05Z ",
        ] {
            assert_eq!(instant(text.as_bytes(), THEN + 3_600), Some(THEN), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "03:04:05",
            "2024-13-02 03:04:05",
            "2024-02-30 03:04:05",
            "Jan 32 03:04:05",
            "2024-01-02",
            "Foo  2 03:04:05",
            "1234",
            "12345678901",
            "99999999999999999999999",
            "2024-01-02 25:61:00",
            "-",
            "Tue",
        ] {
            assert_eq!(instant(text.as_bytes(), THEN), None, "{text:?}");
        }
    }

    #[test]
    fn a_year_that_is_left_open_is_the_latest_that_is_not_ahead() {
        let new_year = THEN - 86_400;
        assert_eq!(instant(b"Dec 31 23:00:00", new_year), Some(1_704_063_600));
        assert_eq!(instant(b"Jan  3 03:04:05", THEN), Some(THEN + 86_400));
        assert_eq!(instant(b"Jan  4 03:04:05", THEN), Some(THEN + 2 * 86_400 - 365 * 86_400));
        assert_eq!(instant(b"Feb 29 00:00:00", THEN), Some(1_582_934_400));
    }

    proptest! {
        #[test]
        fn no_text_and_no_clock_is_trouble(text in prop::collection::vec(any::<u8>(), 0..50), now in any::<i64>()) {
            let _ = instant(&text, now);
        }

        #[test]
        fn nothing_like_a_time_is_trouble(text in "[0-9T:/., +-]{0,30}( ?[A-Z]{0,4})", now in any::<i64>()) {
            let _ = instant(text.as_bytes(), now);
        }
    }
}
