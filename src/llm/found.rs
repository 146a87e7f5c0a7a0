//! Labels in what a model said: found wherever they stand, and taken only if all of them are the same.

use serde_json::Value;

use super::prompt::LabelSpec;
use super::results::Answer;
use crate::label::UNCLASSIFIED;

/// The answers that were found in one text.
#[derive(Debug, Default)]
pub struct Found {
    first: Option<Answer>,
    doubtful: bool,
}

impl Found {
    /// Adds an answer.
    pub fn take(&mut self, answer: Option<Answer>) {
        match (self.first, answer) {
            (Some(first), Some(other)) => self.doubtful |= first != other,
            (None, other) => self.first = other,
            (Some(_), None) => {}
        }
    }

    /// The answer, if there is one and no other.
    pub fn answer(&self) -> Option<Answer> {
        self.first.filter(|_| !self.doubtful)
    }

    /// Whether none was found.
    pub const fn is_nothing(&self) -> bool {
        self.first.is_none()
    }

    /// Takes what a JSON value has under `label`, wherever in it that stands.
    pub fn look_into(&mut self, value: &Value, labels: &[LabelSpec]) {
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    match value {
                        Value::String(text) if is_label_name(name) => self.take(named(text, labels)),
                        Value::Array(items) if is_label_name(name) => self.take_only(items, labels),
                        // Arguments of a call that was written as text.
                        Value::String(text) if name == "arguments" => self.look_for_json(text, labels),
                        Value::Object(_) | Value::Array(_) => self.look_into(value, labels),
                        _ => {}
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.look_into(item, labels)),
            _ => {}
        }
    }

    /// Takes the items of a list, each of which must be a label.
    pub fn take_only(&mut self, items: &[Value], labels: &[LabelSpec]) {
        for item in items {
            let answer = item.as_str().and_then(|name| named(name, labels));
            self.doubtful |= answer.is_none();
            self.take(answer);
        }
    }

    /// Looks into every JSON object in a text.
    pub fn look_for_json(&mut self, text: &str, labels: &[LabelSpec]) {
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            rest = &rest[start..];
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            match values.next() {
                Some(Ok(value)) => {
                    self.look_into(&value, labels);
                    rest = &rest[values.byte_offset()..];
                }
                _ => rest = &rest[1..],
            }
        }
    }

    /// Takes every line that is a label, or `label: ` and one, but for quotes, braces and stars around it.
    pub fn look_at_lines(&mut self, text: &str, labels: &[LabelSpec]) {
        const AROUND: &str = "\"'`*_.,;{}[]()#>“”‘’";
        let bare = |text: &str| -> String {
            text.trim_matches(|c: char| c.is_whitespace() || AROUND.contains(c)).to_owned()
        };
        for line in text.lines() {
            let line = bare(line);
            self.take(named(&line, labels));
            if let Some((name, label)) = line.split_once([':', '='])
                && is_label_name(&bare(name))
            {
                self.take(named(&bare(label), labels));
            }
        }
    }
}

/// Whether a JSON object has its label under this name.
pub fn is_label_name(name: &str) -> bool {
    name.trim().eq_ignore_ascii_case("label")
}

/// The answer that a name means: a label, or that none fits.
pub fn named(name: &str, labels: &[LabelSpec]) -> Option<Answer> {
    let name = name.trim();
    if let Some(label) = labels.iter().find(|label| label.name == name) {
        return Some(Answer::Label(label.id));
    }
    if name.eq_ignore_ascii_case(UNCLASSIFIED) {
        return Some(Answer::Declined);
    }
    // In another case, or with other signs between its words.
    for form in [str::to_lowercase, words_of] {
        let mut alike = labels.iter().filter(|label| form(&label.name) == form(name));
        if let (Some(label), None) = (alike.next(), alike.next()) {
            return Some(Answer::Label(label.id));
        }
    }
    None
}

/// The words of a name in lower case; empty for a name of signs alone.
fn words_of(name: &str) -> String {
    let words = name.to_lowercase();
    words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
