//! NDJSON: an object a line, in which fields are found by path and everything else is left alone.
//!
//! `log.message` is the field `message` of the object `log`, or a field whose name is `log.message` as it
//! stands. `serde_json` checks the whole line; what we add to it is where in the line the values stand.

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

use super::{FieldForm, FieldSpan, RecordError, RecordSpan};

/// Which fields matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonLayout {
    /// Path of the message.
    pub message: String,
    /// Path of the source; an object without it has no source.
    pub source: Option<String>,
    /// Path of the severity; an object without it has what its message states.
    pub severity: Option<String>,
    /// Path of the time; an object without it has what its message states.
    pub time: Option<String>,
    /// Name of the field to add.
    pub label: String,
    /// Whether a label that is there already is overwritten.
    pub overwrite: bool,
    /// Further names that must not be there, because they will be added.
    pub added: Vec<&'static str>,
    /// Whether an object without a message has an empty one, instead of being refused.
    pub message_optional: bool,
}

impl JsonLayout {
    /// Finds the fields of the object in `line`, which stands at `start` of its chunk.
    ///
    /// # Errors
    /// Why the line cannot be taken.
    pub fn read(&self, line: &[u8], start: u32) -> Result<RecordSpan, RecordError> {
        let source = self.source.as_deref().unwrap_or("");
        let severity = self.severity.as_deref().unwrap_or("");
        let time = self.time.as_deref().unwrap_or("");
        let mut paths = vec![self.message.as_str(), source, self.label.as_str(), severity, time];
        paths.extend(&self.added);
        let found = fields(line, &paths).map_err(|error| RecordError::NoObject(why(&error)))?;
        let span = |index: usize| found[index].map_or_else(FieldSpan::default, |raw| place(line, raw, start));
        if found[0].is_none() && !self.message_optional {
            return Err(RecordError::MissingField { message: self.message.clone() });
        }
        if found[2].is_some() && !self.overwrite {
            return Err(RecordError::LabelFieldExists { label: self.label.clone() });
        }
        if let Some(index) = found[5..].iter().position(Option::is_some) {
            return Err(RecordError::AddedFieldExists { field: self.added[index] });
        }
        let source = if self.source.is_some() { span(1) } else { FieldSpan::default() };
        let severity = if self.severity.is_some() { span(3) } else { FieldSpan::default() };
        let time = if self.time.is_some() { span(4) } else { FieldSpan::default() };
        Ok(RecordSpan { message: span(0), source, severity, time, label: span(2), ..RecordSpan::default() })
    }
}

/// What is wrong with a line. An object over several lines is common enough to be named.
fn why(error: &serde_json::Error) -> String {
    if error.is_eof() {
        format!("{error}: each object must be on a line of its own (jq -c . FILE writes them so)")
    } else {
        error.to_string()
    }
}

/// Of a line that is an object: whether it has a field at `path`.
pub(super) fn has_field(line: &[u8], path: &str) -> Option<bool> {
    let begins = line.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    begins.then(|| fields(line, &[path]).ok()).flatten().map(|found| found[0].is_some())
}

/// Where `raw`, a part of `line`, stands in the chunk.
#[allow(clippy::cast_possible_truncation)] // a chunk holds less than 4 GiB
fn place(line: &[u8], raw: &str, start: u32) -> FieldSpan {
    let from = start + (raw.as_ptr().addr() - line.as_ptr().addr()) as u32;
    FieldSpan { start: from, end: from + raw.len() as u32, form: FieldForm::Json }
}

/// The raw values at `paths` in the object that is all of `line`; an empty path finds nothing.
fn fields<'de>(line: &'de [u8], paths: &[&str]) -> serde_json::Result<Vec<Option<&'de str>>> {
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let found = Paths(paths).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(found)
}

struct Paths<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Paths<'_> {
    type Value = Vec<Option<&'de str>>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Paths<'_> {
    type Value = Vec<Option<&'de str>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = vec![None; self.0.len()];
        while let Some(key) = map.next_key::<&'de RawValue>()? {
            let key = string(key.get().as_bytes());
            let key = String::from_utf8_lossy(&key);
            if key.is_empty() || !self.0.iter().any(|path| path.starts_with(&*key)) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let raw = map.next_value::<&'de RawValue>()?.get();
            for (slot, path) in found.iter_mut().zip(self.0) {
                let Some(rest) = path.strip_prefix(&*key) else { continue };
                if rest.is_empty() {
                    *slot = Some(raw);
                } else if let Some(rest) = rest.strip_prefix('.')
                    && raw.starts_with('{')
                    && let Ok(inner) = fields(raw.as_bytes(), &[rest])
                    && inner[0].is_some()
                {
                    *slot = inner[0];
                }
            }
        }
        Ok(found)
    }
}

/// A value as a text to classify: a string's content, an array of bytes as the bytes it lists (so journald
/// writes what is not UTF-8), an array of such as lines (so it writes a field that is there twice), nothing
/// for `null`, and anything else as it is written.
pub fn content(raw: &[u8]) -> Cow<'_, [u8]> {
    match raw.first() {
        Some(b'"') => string(raw),
        Some(b'[') => array(raw).map_or(Cow::Borrowed(raw), Cow::Owned),
        Some(b'n') => Cow::Borrowed(b""),
        _ => Cow::Borrowed(raw),
    }
}

/// An array of bytes, or of strings, arrays of bytes and `null`.
fn array(raw: &[u8]) -> Option<Vec<u8>> {
    if let Ok(bytes) = serde_json::from_slice::<Vec<u8>>(raw) {
        return Some(bytes);
    }
    let mut lines: Vec<Cow<'_, [u8]>> = Vec::new();
    for value in serde_json::from_slice::<Vec<&RawValue>>(raw).ok()? {
        let value = value.get().as_bytes();
        match value.first()? {
            b'"' => lines.push(string(value)),
            b'[' => lines.push(Cow::Owned(serde_json::from_slice::<Vec<u8>>(value).ok()?)),
            b'n' => {}
            _ => return None,
        }
    }
    Some(lines.join(&b'\n'))
}

/// The content of a JSON string, quotes included in `raw`. Half of a surrogate pair, which a text has that was
/// cut inside of a character, becomes U+FFFD.
fn string(raw: &[u8]) -> Cow<'_, [u8]> {
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    if memchr::memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut content = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(found) = memchr::memchr(b'\\', rest) {
        content.extend_from_slice(&rest[..found]);
        rest = &rest[found + 1..];
        let Some((&escape, behind)) = rest.split_first() else { break };
        rest = behind;
        match escape {
            b'n' => content.push(b'\n'),
            b't' => content.push(b'\t'),
            b'r' => content.push(b'\r'),
            b'b' => content.push(8),
            b'f' => content.push(12),
            b'u' => {
                let (letter, behind) = unicode(rest);
                content.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                rest = behind;
            }
            other => content.push(other),
        }
    }
    content.extend_from_slice(rest);
    Cow::Owned(content)
}

/// The character behind `\u`, and what follows it.
fn unicode(text: &[u8]) -> (char, &[u8]) {
    let unit = |text: &[u8]| {
        let digits = std::str::from_utf8(text.get(..4)?).ok()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let Some(first) = unit(text) else { return (char::REPLACEMENT_CHARACTER, text) };
    let rest = &text[4..];
    if let Some(letter) = char::from_u32(first.into()) {
        return (letter, rest);
    }
    let second = rest.strip_prefix(b"\\u").and_then(unit);
    let pair = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
    // What follows a half that stands alone is a character of its own.
    pair.map_or((char::REPLACEMENT_CHARACTER, rest), |letter| (letter, &rest[6..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(line: &str, path: &str) -> Option<String> {
        let found = fields(line.as_bytes(), &[path]).unwrap()[0]?;
        Some(String::from_utf8(content(found.as_bytes()).into_owned()).unwrap())
    }

    #[test]
    fn a_path_leads_into_objects_and_names_with_dots_are_found_as_they_stand() {
        assert_eq!(message(r#"{"log":{"message":"a\nb"}}"#, "log.message").as_deref(), Some("a\nb"));
        assert_eq!(message(r#"{"log.message":"x"}"#, "log.message").as_deref(), Some("x"));
        assert_eq!(message(r#"{"a.b":{"c":{"d":1.50}}}"#, "a.b.c.d").as_deref(), Some("1.50"));
        assert_eq!(message(r#"{"log":"text"}"#, "log.message"), None);
        assert_eq!(message(r#"{"logs":{"message":1}}"#, "log.message"), None);
        assert_eq!(message(r#"{"\u006dsg":"found"}"#, "msg").as_deref(), Some("found"));
    }

    #[test]
    fn values_of_any_kind_become_a_text() {
        assert_eq!(message(r#"{"m":[104,105]}"#, "m").as_deref(), Some("hi"));
        assert_eq!(message(r#"{"m":["a"]}"#, "m").as_deref(), Some("a"));
        assert_eq!(message(r#"{"m":["a",null,[98,10],"c"]}"#, "m").as_deref(), Some("a\nb\n\nc"));
        assert_eq!(message(r#"{"m":[]}"#, "m").as_deref(), Some(""));
        assert_eq!(message(r#"{"m":[null]}"#, "m").as_deref(), Some(""));
        for written in [r#"["a",1]"#, "[300]", "[1.5]", r#"[{"a":1}]"#, r#"[["a"]]"#, "[true]"] {
            assert_eq!(message(&format!("{{\"m\":{written}}}"), "m").as_deref(), Some(written));
        }
        assert_eq!(message(r#"{"m":null}"#, "m").as_deref(), Some(""));
        assert_eq!(message(r#"{"m":"\ud800"}"#, "m").as_deref(), Some("\u{fffd}"));
        assert_eq!(message(r#"{"m":"a\udc00\n"}"#, "m").as_deref(), Some("a\u{fffd}\n"));
        assert_eq!(message(r#"{"m":"\ud83d\ud83e\udd80"}"#, "m").as_deref(), Some("\u{fffd}\u{1f980}"));
        assert_eq!(message(r#"{"\ud83d":1,"m\udc00":2,"m":"x"}"#, "m").as_deref(), Some("x"));
        assert_eq!(message(r#"{"m":"say \"x\""}"#, "m").as_deref(), Some("say \"x\""));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for line in ["", "1", "[]", "{", "{}x", "{\"a\":}", "{\"a\":1,}", "nul"] {
            assert!(fields(line.as_bytes(), &["a"]).is_err(), "{line}");
        }
        assert!(fields(b"{\"a\":\"\xff\"}", &["a"]).is_err());
        assert!(fields("[".repeat(100_000).as_bytes(), &["a"]).is_err());
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let _ = fields(deep.as_bytes(), &["a"]);
    }

    proptest! {
        #[test]
        fn a_string_is_decoded_as_serde_does(
            text in "\\PC{0,10}",
            parts in prop::collection::vec("[a\u{e9}]|\\\\[nrtbf/\"\\\\]|\\\\u00[0-9a-fA-F]{2}|\\\\ud83e\\\\udd80", 0..8),
        ) {
            for raw in [serde_json::to_string(&text).unwrap(), format!("\"{}\"", parts.concat())] {
                let theirs: String = serde_json::from_str(&raw).unwrap();
                prop_assert_eq!(&*string(raw.as_bytes()), theirs.as_bytes(), "{}", raw);
            }
        }

        #[test]
        fn any_line_is_an_object_or_an_error(line in "[{}\\[\\]\",:\\\\ud8aml0-9n]{0,40}") {
            if let Ok(found) = fields(line.as_bytes(), &["m", "a.l"]) {
                let _: Vec<_> = found.into_iter().flatten().map(|raw| content(raw.as_bytes())).collect();
            }
        }
    }
}
