//! Makes an envelope of the fields of a structured record: which of them are time and level, and what body
//! the others make.
//!
//! With a message, the body is the message, and behind it the few fields that tell what happened
//! ([`role::tells`]). Without one, it is all fields but those of the envelope, as `path=value`, and what
//! says what happened comes first. Such a body is itself read as logfmt, and makes itself again: all that
//! is dropped or moved is dropped or moved at once, by name and value alone.

use std::borrow::Cow;

use memchr::memmem;

use super::json::{self, Fields};
use super::layer::Layer;
use super::role::{self, Role, role};
use super::scan::{byte, is_uuid, number, part};
use super::severity::Severity;
use super::{ansi, frames, logfmt};

/// Most bytes of fields behind a message.
const MOST_EXTRA: usize = 256;
/// Most bytes of a body without a message.
const MOST_FLAT: usize = 1024;
/// Most bytes of one value.
const MOST_VALUE: usize = 200;

/// A JSON object that is a log record.
pub(super) fn json(text: &[u8]) -> Option<Layer<'_>> {
    let fields = json::scan(text.trim_ascii())?;
    let found = Found::of(&fields);
    if !found.is_record || (!fields.whole && found.message.is_none()) {
        return None;
    }
    found.layer(&fields)
}

/// A line of logfmt: with the fields of a record, or with nothing but fields.
pub(super) fn pairs(text: &[u8]) -> Option<Layer<'_>> {
    let trimmed = text.trim_ascii();
    let (fields, loose) = logfmt::scan(trimmed)?;
    let found = Found::of(&fields);
    if loose && !found.is_record {
        return None;
    }
    found.layer(&fields).filter(|layer| *layer.body != *trimmed)
}

/// What the fields of a record say about its envelope.
#[derive(Default)]
struct Found<'a> {
    is_record: bool,
    time: Option<&'a Cow<'a, [u8]>>,
    severity: Option<Severity>,
    /// What a field says that may be a level or not.
    maybe: Option<Severity>,
    logger: Option<&'a Cow<'a, [u8]>>,
    program: Option<&'a Cow<'a, [u8]>>,
    /// Rank and index.
    message: Option<(u8, usize)>,
    /// What each field is for by its path alone: looked up once, since there are some hundred names.
    roles: Vec<Role>,
}

impl<'a> Found<'a> {
    fn of(fields: &'a Fields<'a>) -> Self {
        let mut found = Self { roles: Vec::with_capacity(fields.len()), ..Self::default() };
        for (index, (path, value)) in fields.iter().enumerate() {
            let role = role(path);
            found.roles.push(role);
            if value.trim_ascii().is_empty() {
                continue;
            }
            match refined(role, path, value) {
                Role::Time => {
                    found.is_record = true;
                    found.time = found.time.or(Some(value));
                }
                Role::Level => {
                    found.is_record = true;
                    found.severity = found.severity.or_else(|| level(value));
                }
                Role::LevelNumber => {
                    found.is_record = true;
                    found.maybe = found.maybe.or_else(|| Severity::open_telemetry(number(value)?));
                }
                Role::MaybeLevel => {
                    let letter = (role::last(path) == b"s" && value.len() <= 2).then(|| byte(value, 0));
                    let severity = letter.map_or_else(|| Severity::parse(value), Severity::letter);
                    found.maybe = found.maybe.or(severity);
                }
                Role::Logger => {
                    found.logger =
                        found.logger.or(Some(value).filter(|value| byte(value, 0).is_ascii_alphabetic()));
                }
                Role::Program => {
                    found.program =
                        found.program.or(Some(value).filter(|value| byte(value, 0).is_ascii_alphabetic()));
                }
                Role::Message(rank) => {
                    found.is_record = true;
                    if found.message.is_none_or(|(best, _)| rank < best) {
                        found.message = Some((rank, index));
                    }
                }
                Role::Noise | Role::Event | Role::Other => {}
            }
        }
        found
    }

    fn layer<'b>(&self, fields: &Fields<'_>) -> Option<Layer<'b>> {
        let body = match self.message {
            Some((_, index)) => with_message(fields, &self.roles, index)?,
            None => without_message(fields, &self.roles),
        };
        if body.is_empty() {
            return None;
        }
        let own = |text: Option<&Cow<'_, [u8]>>| {
            let text = text?.trim_ascii();
            (text.len() <= 256).then(|| Cow::Owned(text.to_vec()))
        };
        Some(Layer {
            time: own(self.time),
            dated: true,
            severity: self.severity.or(self.maybe),
            priority: None,
            program: own(self.program),
            logger: own(self.logger),
            body: Cow::Owned(body),
        })
    }
}

/// What a field is for, which by its path alone has this role: a name of one letter needs a look at its value.
fn refined(role: Role, path: &[u8], value: &[u8]) -> Role {
    let other = match path {
        b"c" => !value.iter().all(u8::is_ascii_uppercase),
        b"t" | b"ts" | b"@t" => value.len() < 10 && !value.contains(&b'.'),
        _ => false,
    };
    if other { Role::Other } else { role }
}

/// The severity in the value of a field.
fn level(value: &[u8]) -> Option<Severity> {
    let value = value.trim_ascii();
    if let Some(number) = number(value) {
        return Severity::number(number);
    }
    Severity::parse(value).or_else(|| {
        let end = value.iter().position(|byte| !byte.is_ascii_alphabetic())?;
        Severity::parse(part(value, 0, end)) // `INFO+2`, `warning (4)`
    })
}

fn with_message(fields: &Fields<'_>, roles: &[Role], index: usize) -> Option<Vec<u8>> {
    let message = ansi::strip(fields.value(index)?.trim_ascii()).into_owned();
    if byte(&message, 0) == b'{' {
        return Some(message); // a record of its own
    }
    let mut body = frames::clean(&message).unwrap_or(message);
    let said = body.len();
    // One word alone (`http`, `done`) says nothing without its fields.
    let is_terse = !body.iter().any(u8::is_ascii_whitespace);
    for (other, ((path, value), &role)) in fields.iter().zip(roles).enumerate() {
        let value = first_line(value);
        let name = telling(path, role).or_else(|| {
            (is_terse && is_detail(refined(role, path, value), value)).then(|| role::inner(path))
        });
        let Some(name) = name.filter(|_| other != index && !value.is_empty()) else { continue };
        // `status=error` is a level, and `type=log` says nothing.
        let known = (role == Role::MaybeLevel && Severity::parse(value).is_some())
            || (name == b"type" && matches!(value, b"log" | b"Error" | b"error" | b"event" | b"logEvent"));
        if known || memmem::find(part(&body, 0, said), value).is_some() {
            continue;
        }
        let before = body.len();
        body.push(b' ');
        pair(&mut body, name, value);
        if body.len() > said + MOST_EXTRA {
            body.truncate(before);
        }
    }
    Some(body)
}

/// The name under which a field with this role stands behind the message, if it does.
fn telling(path: &[u8], role: Role) -> Option<&[u8]> {
    let path = role::inner(path);
    let name = role::last(path);
    if matches!(name, b"message" | b"msg") && name.len() < path.len() {
        let parent = role::last(part(path, 0, path.len() - name.len() - 1));
        return matches!(parent, b"err" | b"error" | b"exception").then_some(parent);
    }
    (!matches!(role, Role::Noise | Role::Level | Role::Time) && role::tells(name)).then_some(name)
}

/// Whether a field of this role belongs to no envelope, whatever it says.
fn is_detail(role: Role, value: &[u8]) -> bool {
    let says_something = match role {
        Role::Event | Role::Other => true,
        Role::MaybeLevel => Severity::parse(value).is_none() && value.len() > 1,
        _ => false,
    };
    says_something && !is_uuid(value)
}

fn without_message(fields: &Fields<'_>, roles: &[Role]) -> Vec<u8> {
    let mut body = Vec::with_capacity(MOST_EXTRA);
    for first in [true, false] {
        for ((path, value), &role) in fields.iter().zip(roles) {
            let value = first_line(value);
            let role = refined(role, path, value);
            let is_kept = is_detail(role, value) || (role == Role::Program && !is_uuid(value));
            if !is_kept || value.is_empty() || (role == Role::Event) != first {
                continue;
            }
            let before = body.len();
            if before > 0 {
                body.push(b' ');
            }
            pair(&mut body, role::inner(path), value);
            if body.len() > MOST_FLAT {
                body.truncate(before);
            }
        }
    }
    body
}

/// The first line of a value, not too much of it.
fn first_line(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    let line = value.iter().take(MOST_VALUE).take_while(|&&byte| byte != b'\n').count();
    let mut end = line;
    while end > 0 && end < value.len() && byte(value, end) & 0xc0 == 0x80 {
        end -= 1; // not amid a character
    }
    part(value, 0, end).trim_ascii()
}

/// Writes `name=value`, with quotes where the value needs them.
fn pair(body: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    body.extend_from_slice(name);
    body.push(b'=');
    let plain = value.iter().all(|&byte| byte > b' ' && byte != b'"' && byte != 0x7f);
    if plain {
        body.extend_from_slice(value);
        return;
    }
    body.push(b'"');
    for &byte in value {
        match byte {
            b'"' | b'\\' => body.extend_from_slice(&[b'\\', byte]),
            0x1b => {}
            0..=0x1f | 0x7f => body.push(b' '),
            _ => body.push(byte),
        }
    }
    body.push(b'"');
}
