//! What syslog puts around a message: RFC 3164 and 5424, what journald exports, and Cisco's numbers and
//! times.

use super::layer::Layer;
use super::moment::{Moment, Shape, moment};
use super::scan::{blanks, bracket, byte, digits, has, is_gap, number, part, rest, run, token};
use super::severity::Severity;

/// A message that starts with a priority, `<13>`.
pub(super) fn with_priority(text: &[u8]) -> Option<Layer<'_>> {
    let end = digits(text, 1);
    let value = number(part(text, 1, end)).filter(|&value| value <= 191)?;
    if byte(text, end) != b'>' || end > 4 {
        return None;
    }
    let at = end + 1;
    let mut layer = version_1(text, at)
        .or_else(|| cisco(text, at))
        .or_else(|| {
            let found = moment(text, at)?;
            (found.shape != Shape::Clock).then(|| behind_time(text, at, found, true))?
        })
        .or_else(|| tag(text, at).map(|tag| tag.layer(text)))
        .unwrap_or_else(|| Layer::around(rest(text, at)));
    layer.priority = Severity::syslog(value & 7).filter(|&severity| severity >= Severity::Warn);
    Some(layer)
}

/// RFC 5424 from its version on: `1 TIME HOST APP PROCID MSGID [SD] MSG`.
pub(super) fn version_1(text: &[u8], at: usize) -> Option<Layer<'_>> {
    if !has(text, at, b"1 ") {
        return None;
    }
    let start = at + 2;
    let (time, mut end) = if has(text, start, b"- ") {
        (&b""[..], start + 1)
    } else {
        let found = moment(text, start).filter(|found| found.shape == Shape::Iso)?;
        (part(text, start, found.end), found.end)
    };
    let mut fields = [&b""[..]; 4];
    let mut last = end;
    for field in &mut fields {
        if byte(text, end) != b' ' {
            return None;
        }
        last = end + 1;
        end = token(text, last, 256);
        *field = part(text, last, end);
        if field.is_empty() {
            return None;
        }
    }
    let mut at = end + 1;
    if byte(text, at) == b'-' && is_gap(byte(text, at + 1)) {
        at += 1;
    } else if byte(text, at) == b'[' {
        while let Some(end) = element(text, at) {
            at = end;
        }
    }
    let body = rest(text, at).trim_ascii_start();
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // Without a message, its identifier and the structured data are what is said.
    let body =
        if body.is_empty() { rest(text, if fields[3] == b"-" { end + 1 } else { last }) } else { body };
    Some(Layer::around(body).time(time, true).program(fields[1]))
}

/// One element of structured data, `[id name="value" ...]`, whose values may hold brackets.
fn element(text: &[u8], at: usize) -> Option<usize> {
    if byte(text, at) != b'[' || !byte(text, at + 1).is_ascii_alphanumeric() {
        return None;
    }
    let mut quoted = false;
    let mut bytes = rest(text, at).iter().enumerate().take(8192);
    while let Some((offset, &byte)) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => {
                bytes.next();
            }
            b']' if !quoted => return Some(at + offset + 1),
            _ => {}
        }
    }
    None
}

/// What follows the time in syslog: a host, a tag, a message. `surely` where a priority was in front.
pub(super) fn behind_time<'a>(text: &'a [u8], at: usize, found: Moment, surely: bool) -> Option<Layer<'a>> {
    let time = part(text, at, found.end);
    let mut start = found.end;
    if byte(text, start) == b':' {
        // Cisco: `Nov 14 08:30:56.699: %SYS-5-CONFIG_I: ...`
        start = blanks(text, start + 1);
        return (byte(text, start) == b'%').then(|| Layer::around(rest(text, start)).time(time, true));
    }
    if byte(text, start) != b' ' {
        return None;
    }
    start = blanks(text, start);
    let host_end = token(text, start, 256);
    let host = part(text, start, host_end);
    if !byte(host, 0).is_ascii_alphanumeric()
        && !matches!(byte(host, 0), b'_' | b'/' | b'(' | b':' | b'-' | b'*')
    {
        return None;
    }
    let month = found.shape == Shape::Month;
    let by_tag = |tag: Tag<'a>| tag.layer_of(text, time);
    let inner = blanks(text, host_end);
    if surely || month {
        if Severity::parse(host.strip_suffix(b":").unwrap_or(host)).is_some() && !surely {
            return None;
        }
        if let Some(layer) = cisco(text, inner).or_else(|| cisco(text, start)) {
            return Some(Layer { time: Some(time.into()), dated: true, ..layer });
        }
        let inner = if has(text, inner, b": %") { inner + 2 } else { inner };
        if byte(text, inner) == b'%' && mnemonic(rest(text, inner)).is_some() {
            return Some(Layer::around(rest(text, inner)).time(time, true));
        }
        if let Some(found) = tag(text, start) {
            return Some(by_tag(found));
        }
        let dashes = if has(text, inner, b"-- ") { 3 } else { 0 };
        if let Some(found) = tag(text, inner + dashes) {
            return Some(by_tag(found));
        }
        let said = rest(text, inner);
        let plain = surely
            || has(said, 0, b"last message repeated")
            || has(said, 0, b"message repeated")
            || has(said, 0, b"CEF:")
            || has(said, 0, b"LEEF:")
            || byte(said, 0) == b'{'
            || is_host(host);
        let body = if plain && inner > host_end { said } else { rest(text, start) };
        return Some(Layer::around(body).time(time, true));
    }
    // Other times may stand in front of anything, so the tag has to be beyond doubt.
    if Severity::parse(host).is_some() {
        return None;
    }
    let iso = found.shape == Shape::Iso;
    // Heroku's have the name of a process instead of its number: `app[web.1]: `.
    if let Some(found) = tag(text, start).filter(|tag| tag.pid || (iso && tag.process)) {
        return Some(by_tag(found));
    }
    if found.shape != Shape::Iso && found.shape != Shape::Other {
        return None;
    }
    let found = tag(text, inner)?;
    let sure = found.pid || (iso && (is_host(host) || DAEMONS.contains(&found.name)));
    let cef = iso && (has(text, inner, b"CEF:") || has(text, inner, b"LEEF:"));
    if cef {
        return Some(Layer::around(rest(text, inner)).time(time, true));
    }
    (sure && byte(host, 0).is_ascii_alphanumeric() && !host.ends_with(b":")).then(|| by_tag(found))
}

/// Programs that log under a bare name.
const DAEMONS: [&[u8]; 10] =
    [b"kernel", b"systemd", b"sudo", b"sshd", b"cron", b"CRON", b"su", b"dockerd", b"audit", b"rsyslogd"];

/// Whether a word looks like the name or the address of a machine.
fn is_host(word: &[u8]) -> bool {
    let has_letter_or_colon = word.iter().any(|&byte| byte.is_ascii_alphabetic() || byte == b':');
    let marks = word.iter().filter(|&&byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.')).count();
    let plain =
        word.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':'));
    let address = word.split(|&byte| byte == b'.').count() == 4;
    plain && marks > 0 && (has_letter_or_colon || address) && !word.ends_with(b":") && !word.ends_with(b".")
}

/// `kernel: [  998.390602] msg` without the front, or `[    5.123456] host systemd[1]: msg`.
pub(super) fn monotonic(text: &[u8]) -> Option<Layer<'_>> {
    let start = blanks(text, 1);
    let seconds = digits(text, start);
    let end = digits(text, seconds + 1);
    if seconds == start || byte(text, seconds) != b'.' || end - seconds < 3 || end - seconds > 10 {
        return None;
    }
    // The number of a processor or a thread may stand behind the time: `[    5.123456,2]`, `[  5.1234][
    // T1]`
    let mut at = end + usize::from(byte(text, end) == b']');
    if at == end {
        return None;
    }
    if byte(text, at) == b'[' {
        at = bracket(text, at, 16)
            .filter(|(inside, _)| matches!(byte(inside.trim_ascii(), 0), b'T' | b'C'))?
            .1;
    }
    let time = part(text, start, end);
    let host = blanks(text, at);
    let inner = blanks(text, token(text, host, 128));
    let tagged = tag(text, inner).filter(|tag| tag.pid || tag.name == b"kernel");
    if let Some(tag) = tagged {
        return Some(Layer { dated: false, ..tag.layer_of(text, time) });
    }
    Some(Layer::around(rest(text, at)).time(time, false))
}

/// Cisco's number in sequence and the time behind it, up to the mnemonic: `000123: *Nov 14 08:30:56.699:
/// %SYS-...`.
pub(super) fn cisco(text: &[u8], at: usize) -> Option<Layer<'_>> {
    memchr::memchr(b'%', part(text, at, text.len().min(at + 160)))?;
    let mut start = at;
    for _ in 0..2 {
        let end =
            run(text, start, 64, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        let numbered = digits(text, start) == end || digits(text, at) > at;
        if end > start && numbered && byte(text, end) == b':' && byte(text, end + 1) == b' ' {
            start = blanks(text, end + 1);
        }
    }
    let mark = start + usize::from(matches!(byte(text, start), b'*' | b'.'));
    let mut time = &b""[..];
    if let Some(found) = moment(text, mark).filter(|found| found.dated) {
        time = part(text, mark, found.end);
        start = found.end;
        // A zone of the customer's own: `Nov 14 08:30:56.699 AEDT: `
        if byte(text, start) == b' ' {
            let end = run(text, start + 1, 5, |byte| byte.is_ascii_uppercase());
            if byte(text, end) == b':' {
                start = end;
            }
        }
        if byte(text, start) != b':' {
            return None;
        }
        start = blanks(text, start + 1);
    }
    (start > at && byte(text, start) == b'%').then(|| Layer::around(rest(text, start)).time(time, true))
}

/// The digit of `%FACILITY-SEVERITY-MNEMONIC:` at the front.
pub(super) fn mnemonic(text: &[u8]) -> Option<u32> {
    if byte(text, 0) != b'%' {
        return None;
    }
    let end = run(text, 1, 80, |byte| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
    });
    let name = part(text, 1, end);
    if !matches!(byte(text, end), b':' | b' ') {
        return None;
    }
    let digit =
        name.windows(3).find(|three| three[0] == b'-' && three[1].is_ascii_digit() && three[2] == b'-')?;
    Some(u32::from(digit[1] - b'0')).filter(|&digit| digit <= 7)
}

/// The name of a program in front of its message.
struct Tag<'a> {
    name: &'a [u8],
    /// Whether the number of its process is with it.
    pid: bool,
    /// Whether that, or its name, is.
    process: bool,
    /// Where the message starts.
    body: usize,
}

impl<'a> Tag<'a> {
    fn layer(&self, text: &'a [u8]) -> Layer<'a> {
        Layer::around(rest(text, self.body)).program(self.name)
    }

    fn layer_of(&self, text: &'a [u8], time: &'a [u8]) -> Layer<'a> {
        self.layer(text).time(time, true)
    }
}

/// `sshd[123]: `, `postfix/smtpd[9]:`, `sshd(pam_unix)[19939]: `, `kernel: `, `launchd[1] (com.apple.x): `.
fn tag(text: &[u8], at: usize) -> Option<Tag<'_>> {
    let name_end = run(text, at, 100, |byte| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'_' | b'-' | b'/' | b'+' | b'@' | b'#' | b'\\')
            || byte >= 0x80
    });
    let mut name = part(text, at, name_end);
    let mut end = name_end;
    if name.is_empty() && byte(text, at) == b'(' {
        let (inside, behind) = bracket(text, at, 64)?;
        (name, end) = (inside, behind); // systemd's `(sd-pam)`
    }
    if byte(text, end) == b'(' {
        end = bracket(text, end, 64).filter(|(inside, _)| !inside.contains(&b' '))?.1;
    }
    let (mut pid, mut process) = (false, false);
    if byte(text, end) == b'[' {
        let (inside, behind) = bracket(text, end, 48)?;
        let known = !inside.is_empty() && !inside.contains(&b' ');
        process = known;
        pid = known && byte(inside, 0).is_ascii_digit();
        end = behind;
        if !known {
            return None;
        }
        if has(text, end, b" (")
            && let Some((_, behind)) = bracket(text, end + 1, 120)
            && byte(text, behind) == b':'
        {
            end = behind;
        }
    }
    let letters = name.iter().any(u8::is_ascii_alphabetic);
    let known = letters && !matches!(name, b"CEF" | b"LEEF") && Severity::parse(name).is_none();
    if !known
        || !(byte(name, 0).is_ascii_alphanumeric() || matches!(byte(name, 0), b'/' | b'_' | b'(' | b'-'))
    {
        return None;
    }
    match byte(text, end) {
        b':' if pid || is_gap(byte(text, end + 1)) => Some(Tag { name, pid, process, body: end + 1 }),
        b' ' if pid => Some(Tag { name, pid, process, body: end + 1 }),
        _ => None,
    }
}
