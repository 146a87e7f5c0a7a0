//! How an answer is read: one of the labels, or none.

use serde_json::Value;

use super::Answer;
use super::prompt::LabelSpec;
use crate::record::UNCLASSIFIED;

/// What a completion holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A label, or that none fits.
    Valid(Answer),
    /// Something else, for this reason; the text is for a corrective second request.
    Invalid {
        /// Why it is none.
        reason: &'static str,
        /// What was said.
        said: String,
        /// Whether more tokens might help.
        cut_short: bool,
    },
    /// No chat completion at all.
    Nothing,
}

/// Most of an invalid answer that is sent back for correction.
const SAID_CHARS: usize = 200;

/// Reads the body of a response.
pub fn read(body: &Value, labels: &[LabelSpec]) -> Reading {
    let Some(choice) = body.pointer("/choices/0") else { return Reading::Nothing };
    let Some(message) = choice.get("message") else { return Reading::Nothing };
    let finish = choice.get("finish_reason").and_then(Value::as_str).unwrap_or_default();
    // `reasoning` and `reasoning_content` are never looked at.
    let content = text_of(message.get("content").unwrap_or(&Value::Null));
    let spoken = without_thinking(&content);
    let invalid = |reason, cut_short| Reading::Invalid {
        reason,
        said: spoken.unwrap_or_default().chars().take(SAID_CHARS).collect(),
        cut_short,
    };
    if message.get("refusal").and_then(Value::as_str).is_some_and(|refusal| !refusal.is_empty()) {
        return invalid("the model refused", false);
    }
    let cut_short = finish == "length";
    match spoken.and_then(|spoken| label_in(spoken, labels, !cut_short)) {
        Some(answer) => Reading::Valid(answer),
        None if cut_short => invalid("the answer was cut off (max_answer_tokens in [llm])", true),
        None if finish == "content_filter" => {
            invalid("the endpoint's content filter withheld the answer", false)
        }
        None => invalid("the answer is none of the labels", false),
    }
}

/// A string, or the text of a list of parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter(|part| part.get("type").and_then(Value::as_str).is_none_or(|kind| kind == "text"))
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect(),
        _ => String::new(),
    }
}

/// What follows the thinking that some servers leave in the content; nothing when the thinking does not end.
fn without_thinking(content: &str) -> Option<&str> {
    for (open, close) in [("<think>", "</think>"), ("<thinking>", "</thinking>")] {
        if let Some(end) = content.rfind(close) {
            return Some(content[end + close.len()..].trim());
        }
        if content.contains(open) {
            return None;
        }
    }
    Some(content.trim())
}

/// The label that a text names. `whole` says that it was not cut: only then may it name a label without JSON around.
fn label_in(content: &str, labels: &[LabelSpec], whole: bool) -> Option<Answer> {
    let content = content.strip_prefix("```json").or_else(|| content.strip_prefix("```")).unwrap_or(content);
    let content = content.trim().trim_end_matches("```").trim();
    match serde_json::from_str::<Value>(content) {
        Ok(Value::Object(object)) => named(object.get("label")?.as_str()?, labels),
        Ok(Value::String(name)) => named(&name, labels),
        Err(_) if whole => named(content.trim_matches(|c: char| "\"'`*. ".contains(c)), labels),
        Ok(_) | Err(_) => None,
    }
}

fn named(name: &str, labels: &[LabelSpec]) -> Option<Answer> {
    let name = name.trim();
    if let Some(label) = labels.iter().find(|label| label.name == name) {
        return Some(Answer::Label(label.id));
    }
    if name.eq_ignore_ascii_case(UNCLASSIFIED) {
        return Some(Answer::Declined);
    }
    let mut alike = labels.iter().filter(|label| label.name.to_lowercase() == name.to_lowercase());
    match (alike.next(), alike.next()) {
        (Some(label), None) => Some(Answer::Label(label.id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn labels() -> Vec<LabelSpec> {
        ["Error", "User Action"]
            .iter()
            .zip(3..)
            .map(|(name, id)| LabelSpec {
                id,
                name: (*name).to_owned(),
                description: String::new(),
                examples: Vec::new(),
            })
            .collect()
    }

    fn read_message(message: &Value, finish: &str) -> Option<Answer> {
        let body = json!({"choices": [{"message": message, "finish_reason": finish}]});
        match read(&body, &labels()) {
            Reading::Valid(answer) => Some(answer),
            _ => None,
        }
    }

    #[test]
    fn only_a_label_of_the_set_is_an_answer() {
        for (content, answer) in [
            (r#"{"label": "Error"}"#, Some(Answer::Label(3))),
            ("```json\n{\"label\": \"Error\"}\n```", Some(Answer::Label(3))),
            ("<think>It may be Error.</think>\n{\"label\": \"User Action\"}", Some(Answer::Label(4))),
            ("<think>It is {\"label\": \"Error\"}", None),
            (r#"{"label": "user action"}"#, Some(Answer::Label(4))),
            (r#"{"label": "Unclassified"}"#, Some(Answer::Declined)),
            (r#"{"label": "Invented"}"#, None),
            (r#"{"label": ["Error"]}"#, None),
            (r#"{"answer": "Error"}"#, None),
            ("Error", Some(Answer::Label(3))),
            ("**User Action**.", Some(Answer::Label(4))),
            ("It is an Error", None),
            ("", None),
        ] {
            assert_eq!(read_message(&json!({"content": content}), "stop"), answer, "{content}");
        }
    }

    #[test]
    fn reasoning_is_never_the_answer() {
        for field in ["reasoning", "reasoning_content"] {
            assert_eq!(read_message(&json!({"content": "", field: "{\"label\": \"Error\"}"}), "stop"), None);
            assert_eq!(read_message(&json!({"content": null, field: "Error"}), "stop"), None);
        }
    }

    #[test]
    fn an_answer_that_was_cut_counts_only_if_its_json_is_whole() {
        assert_eq!(read_message(&json!({"content": "Error"}), "length"), None);
        assert_eq!(
            read_message(&json!({"content": "{\"label\": \"Error\"}"}), "length"),
            Some(Answer::Label(3))
        );
    }

    #[test]
    fn a_refusal_is_no_answer_and_parts_are_joined() {
        assert_eq!(read_message(&json!({"content": "Error", "refusal": "I cannot"}), "stop"), None);
        let parts = json!({"content": [{"type": "text", "text": "{\"label\":"}, {"type": "text", "text": "\"Error\"}"}]});
        assert_eq!(read_message(&parts, "stop"), Some(Answer::Label(3)));
        assert_eq!(read(&json!({"error": {}}), &labels()), Reading::Nothing);
    }
}
