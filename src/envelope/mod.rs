//! Opens the envelope of a log message: time, severity, program and logger, as dozens of formats write them
//! around what was meant to be said, the *body*.
//!
//! One recogniser after another looks at the front of the text, chosen by its first byte, until none takes
//! anything off any more: a container runtime's line may hold a line of syslog, which holds a JSON record,
//! whose message starts with a level. Each recogniser decides by what it sees alone, so that opening a body
//! again changes nothing. What no recogniser knows is all body.

mod ansi;
mod calendar;
mod clock;
mod frames;
mod front;
mod header;
mod hint;
mod inside;
mod instant;
mod json;
mod layer;
mod letters;
mod level;
mod logfmt;
mod moment;
mod name;
mod record;
mod role;
mod scan;
mod severity;
mod syslog;
mod vendor;

use std::borrow::Cow;

pub use calendar::civil;
pub use clock::Clock;
pub use front::front;
pub use instant::instant;
use layer::Layer;
use moment::{Moment, Shape, moment};
use scan::{byte, digits, has};
pub use severity::Severity;

/// No message has more wrappings; one that seems to is taken for a body as a whole.
const MOST_LAYERS: usize = 8;

/// A log message, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The time as it is written: the outermost that has a date, or else the outermost.
    pub time: Option<Cow<'a, [u8]>>,
    /// How grave the line itself says it is; the innermost that is found.
    pub severity: Option<Severity>,
    /// The program that wrote it: `sshd`, `postfix/smtpd`. The innermost.
    pub program: Option<Cow<'a, [u8]>>,
    /// The part of the program: a class, a module, a place in the source. The innermost.
    pub logger: Option<Cow<'a, [u8]>>,
    /// What is said.
    pub body: Cow<'a, [u8]>,
}

/// Opens the envelope of a message. Whatever is not understood is body.
///
/// ```
/// use logclass::envelope::{Severity, open};
///
/// let envelope = open(b"Jan  2 03:04:05 web1 sshd[42]: error: no more sessions");
/// assert_eq!(envelope.program.as_deref(), Some(&b"sshd"[..]));
/// assert_eq!(envelope.severity, Some(Severity::Error));
/// assert_eq!(&*envelope.body, b"error: no more sessions");
/// ```
pub fn open(message: &[u8]) -> Envelope<'_> {
    let text = ansi::strip(message);
    let mut envelope = Envelope { time: None, severity: None, program: None, logger: None, body: text };
    let mut dated = false;
    let mut priority = None;
    let mut layers = 0;
    while let Some(layer) = step(&envelope.body) {
        // A wrapping around nothing is what there is to say.
        if layer.body.trim_ascii().is_empty() {
            break;
        }
        if layers == MOST_LAYERS {
            return Envelope {
                time: None,
                severity: None,
                program: None,
                logger: None,
                body: ansi::strip(message),
            };
        }
        layers += 1;
        if layer.time.is_some() && (envelope.time.is_none() || (layer.dated && !dated)) {
            dated = layer.dated;
            envelope.time = layer.time;
        }
        envelope.severity = layer.severity.or(envelope.severity);
        priority = layer.priority.or(priority);
        envelope.program = layer.program.or(envelope.program);
        envelope.logger = layer.logger.or(envelope.logger);
        envelope.body = layer.body;
    }
    let body = &*envelope.body;
    envelope.severity = hint::field(body).or(envelope.severity).or_else(|| hint::prefix(body)).or(priority);
    envelope
}

/// Takes one wrapping off, if there is one.
fn step<'a>(text: &Cow<'a, [u8]>) -> Option<Layer<'a>> {
    match text {
        Cow::Borrowed(text) => recognise(text),
        Cow::Owned(text) => recognise(text).map(Layer::into_owned),
    }
}

/// The one recogniser that takes something off the front of a text, chosen by its first byte.
fn recognise(text: &[u8]) -> Option<Layer<'_>> {
    let trimmed = text.trim_ascii_start();
    let trimmed = trimmed.strip_prefix(b"\xef\xbb\xbf").unwrap_or(trimmed);
    let layer = if byte(trimmed, 0).is_ascii_alphabetic() && is_prose(trimmed) {
        None
    } else {
        wrapping(trimmed).or_else(|| structured(trimmed))
    };
    layer.or_else(|| {
        let cleaned = frames::clean(text)?;
        Some(Layer { body: Cow::Owned(cleaned), ..Layer::default() })
    })
}

/// The one recogniser of lines that takes something off.
fn wrapping(text: &[u8]) -> Option<Layer<'_>> {
    match byte(text, 0) {
        b'<' => match byte(text, 1) {
            b'0'..=b'9' => syslog::with_priority(text),
            b'!' => vendor::cmtrace(text),
            _ => header::open(text, None),
        },
        b'[' => in_bracket(text),
        b'(' | b'#' => header::open(text, None),
        b'=' => vendor::erlang(text),
        b'-' if has(text, 0, b"- 1") => vendor::supercomputer(text),
        b'@' if has(text, 0, b"@cee:") => Some(Layer::around(scan::rest(text, 5))),
        b'*' => syslog::cisco(text, 0),
        b'0'..=b'9' => by_digit(text),
        b'A'..=b'Z' => by_letter(text),
        b'a'..=b'z' => by_small_letter(text),
        _ => None,
    }
}

/// A record of fields.
fn structured(text: &[u8]) -> Option<Layer<'_>> {
    match byte(text, 0) {
        b'{' => record::json(text),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'@' | b'$' => record::pairs(text),
        _ => None,
    }
}

/// Whether a text starts with a word, and with none that any format starts with. Most bodies do, and need
/// no further look.
fn is_prose(text: &[u8]) -> bool {
    let end = scan::run(text, 0, 40, |byte| byte.is_ascii_alphanumeric());
    byte(text, end) == b' '
        && end > 3
        && !matches!(byte(text, end + 1), b' ' | b'|')
        && !byte(text, 1).is_ascii_digit()
        && Severity::parse(scan::part(text, 0, end)).is_none()
}

fn in_bracket(text: &[u8]) -> Option<Layer<'_>> {
    if has(text, 0, b"[pod/") {
        return vendor::prefixed(text);
    }
    if matches!(byte(text, 1), b' ' | b'0'..=b'9') {
        let found =
            syslog::monotonic(text).or_else(|| letters::redis(text)).or_else(|| vendor::monolog(text));
        if found.is_some() {
            return found;
        }
    }
    if has(text, 0, b"[Nest] ") {
        return vendor::named_front(text);
    }
    // A tag with the id of a request, as Rails puts in front of all that belongs to it.
    if let Some((inside, end)) = scan::bracket(text, 0, 66)
        && (scan::is_uuid(inside) || scan::is_long_hex(inside))
    {
        return Some(Layer::around(scan::rest(text, end)));
    }
    vendor::couchbase(text).or_else(|| header::open(text, None))
}

fn by_digit(text: &[u8]) -> Option<Layer<'_>> {
    if let Some(found) = moment(text, 0) {
        return behind_time(text, found);
    }
    let end = digits(text, 0);
    match byte(text, end) {
        b' ' => syslog::version_1(text, 0),
        b':' => letters::redis(text).or_else(|| syslog::cisco(text, 0)),
        _ => None,
    }
    .or_else(|| vendor::prefixed(text))
}

fn by_letter(text: &[u8]) -> Option<Layer<'_>> {
    if let Some(layer) = timed(text) {
        return Some(layer);
    }
    let special = match byte(text, 1) {
        b'0'..=b'9' => letters::klog(text),
        b',' => letters::ruby(text),
        b'/' => letters::logcat(text, 0),
        b'o' if has(text, 0, b"Log Name:") => vendor::windows_event(text),
        _ => None,
    };
    special.or_else(|| header::open(text, None)).or_else(|| vendor::prefixed(text))
}

fn by_small_letter(text: &[u8]) -> Option<Layer<'_>> {
    vendor::dotnet(text)
        .or_else(|| timed(text))
        .or_else(|| vendor::prefixed(text))
        .or_else(|| vendor::named_front(text))
        .or_else(|| header::open(text, None))
}

/// A text that starts with a time in letters.
fn timed(text: &[u8]) -> Option<Layer<'_>> {
    moment(text, 0).and_then(|found| behind_time(text, found))
}

/// A text that starts with a time.
fn behind_time(text: &[u8], found: Moment) -> Option<Layer<'_>> {
    let special = match found.shape {
        Shape::Iso => vendor::cri(text, found)
            .or_else(|| letters::behind_time(text, 0, found))
            .or_else(|| syslog::behind_time(text, 0, found, false)),
        Shape::Month => syslog::behind_time(text, 0, found, false),
        Shape::Short => letters::behind_time(text, 0, found),
        Shape::Clock => None,
        Shape::Other => vendor::postgres(text, found)
            .or_else(|| vendor::two_lines(text, found))
            .or_else(|| vendor::barred(text, found))
            .or_else(|| letters::behind_time(text, 0, found))
            .or_else(|| syslog::behind_time(text, 0, found, false)),
    };
    special.or_else(|| header::open(text, Some(found)))
}
