//! How an answer is read: one of the labels, or none.
//!
//! Models put prose around their JSON, fences, tool calls, or no JSON at all. All that is taken as long as it leaves no
//! doubt: everything in the answer that names a label must name the same one.

use serde_json::Value;

use super::found::{Found, is_label_name, named};
use super::prompt::LabelSpec;
use super::results::Answer;

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
    // Old servers have a text and no message.
    let (Some(message), Some(content)) = (
        choice.get("message").or(Some(choice)).filter(|message| message.is_object()),
        choice.pointer("/message/content").or_else(|| choice.get("text")).or(choice.get("message")),
    ) else {
        return Reading::Nothing;
    };
    let finish = choice.get("finish_reason").and_then(Value::as_str).unwrap_or_default();
    // `reasoning` and `reasoning_content` are never looked at.
    let content = text_of(content);
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
    let answer = match spoken.and_then(|spoken| label_in(spoken, labels, !cut_short)) {
        None => label_in_calls(message, labels),
        answer => answer,
    };
    match answer {
        Some(answer) => Reading::Valid(answer),
        None if cut_short => invalid("the answer was cut off (max_answer_tokens in [llm])", true),
        None if finish == "content_filter" => {
            invalid("the endpoint's content filter withheld the answer", false)
        }
        None => invalid("the answer is none of the labels", false),
    }
}

/// A string, the text of a list of parts, or JSON that was not written as text.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(text_of_part).collect(),
        Value::Object(object) if object.keys().any(|name| is_label_name(name)) => content.to_string(),
        _ => String::new(),
    }
}

fn text_of_part(part: &Value) -> Option<String> {
    match part.get("type").and_then(Value::as_str).unwrap_or("text") {
        "text" | "output_text" => part.get("text")?.as_str().map(str::to_owned),
        "tool_use" => Some(part.get("input")?.to_string()),
        // Thinking among others.
        _ => None,
    }
}

/// The label in the arguments of tool calls, for models that answer by one.
fn label_in_calls(message: &Value, labels: &[LabelSpec]) -> Option<Answer> {
    let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    let functions = calls.filter_map(|call| call.get("function")).chain(message.get("function_call"));
    let mut found = Found::default();
    for arguments in functions.filter_map(|function| function.get("arguments")) {
        match arguments {
            Value::String(text) => found.take(label_in(text, labels, false)),
            value => found.look_into(value, labels),
        }
    }
    found.answer()
}

/// What follows the thinking that some servers leave in the content; nothing when the thinking does not end.
fn without_thinking(content: &str) -> Option<&str> {
    const MARKS: [(&str, &str); 6] = [
        ("<think>", "</think>"),
        ("<thinking>", "</thinking>"),
        ("<reasoning>", "</reasoning>"),
        ("<thought>", "</thought>"),
        ("[THINK]", "[/THINK]"),
        ("<|channel|>analysis", "<|channel|>final<|message|>"),
    ];
    for (open, close) in MARKS {
        if let Some(end) = content.rfind(close) {
            return Some(trimmed(&content[end + close.len()..]));
        }
        if content.contains(open) {
            return None;
        }
    }
    Some(trimmed(content))
}

/// Without white space, byte order marks and their like around it.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || "\u{feff}\u{200b}".contains(c))
}

/// The label that a text names. `whole` says that it was not cut: only then may it name a label without JSON
/// around.
fn label_in(content: &str, labels: &[LabelSpec], whole: bool) -> Option<Answer> {
    let mut found = Found::default();
    match serde_json::from_str::<Value>(content) {
        Ok(Value::String(name)) => return named(&name, labels),
        Ok(Value::Array(items)) if items.iter().all(Value::is_string) => {
            found.take_only(&items, labels);
            return found.answer();
        }
        Ok(value) => {
            found.look_into(&value, labels);
            return found.answer();
        }
        Err(_) => found.look_for_json(content, labels),
    }
    // Python's way to write an object, or no object at all.
    let is_closed = content.matches('{').count() == content.matches('}').count();
    if found.is_nothing() && whole && is_closed {
        found.look_at_lines(content, labels);
    }
    found.answer()
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
            (r#"{"label": ["Error"]}"#, Some(Answer::Label(3))),
            (r#"{"label": ["Error", "User Action"]}"#, None),
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
    fn what_stands_around_the_json_does_not_matter() {
        let error = Some(Answer::Label(3));
        for (content, answer) in [
            ("Here it is:\n\n```json\n{\"label\": \"Error\"}\n```\nLet me know if you need more.", error),
            ("Sure! {\"label\": \"Error\"}", error),
            ("{\"label\": \"Error\"}\n\nExplanation: the disk {sda} is broken.", error),
            ("```JSON\n{\"label\": \"Error\"}\n```", error),
            ("```\n{\n  \"label\": \"Error\"\n}\n```", error),
            ("~~~json\n{\"label\": \"Error\"}\n~~~", error),
            ("{\"Label\": \"Error\"}", error),
            ("{\"LABEL\": \" error \", \"confidence\": 0.9}", error),
            ("\u{feff}{\"label\": \"Error\"}", error),
            ("[{\"label\": \"Error\"}]", error),
            ("[\"Error\"]", error),
            ("{\"result\": {\"label\": \"Error\"}}", error),
            ("{\"name\": \"label\", \"arguments\": \"{\\\"label\\\": \\\"Error\\\"}\"}", error),
            ("{'label': 'Error'}", error),
            ("{\"label\": \"Error\",}", error),
            ("{label: Error}", error),
            ("**Label:** Error", error),
            ("label = \"Error\"", error),
            ("Error\n\nThe disk is broken, which is an error.", error),
            ("{\"label\": \"user_action\"}", Some(Answer::Label(4))),
            ("[THINK]Error?[/THINK]{\"label\": \"User Action\"}", Some(Answer::Label(4))),
            ("not {\"label\": \"None\"} but {\"label\": \"Error\"}", error),
            ("{\"label\": \"Error\"} and again {\"label\": \"Error\"}", error),
            ("{\"label\": \"Error\"} or {\"label\": \"User Action\"}", None),
            ("Error\nUser Action", None),
            ("[\"Error\", \"User Action\"]", None),
            ("{\"label\": \"Error", None),
            ("{\"label\": null}", None),
            ("{\"labels\": [\"Error\"]}", None),
            ("{{{{{{", None),
        ] {
            assert_eq!(read_message(&json!({"content": content}), "stop"), answer, "{content}");
        }
        assert_eq!(read_message(&json!({"content": {"label": "Error"}}), "stop"), error);
    }

    #[test]
    fn a_tool_call_is_an_answer() {
        let error = Some(Answer::Label(3));
        let arguments = "{\"label\": \"Error\"}";
        for message in [
            json!({"content": null, "tool_calls": [{"type": "function", "function": {"name": "x", "arguments": arguments}}]}),
            json!({"tool_calls": [{"function": {"name": "x", "arguments": {"label": "Error"}}}]}),
            json!({"content": "", "function_call": {"name": "x", "arguments": arguments}}),
            json!({"content": [{"type": "thinking", "thinking": "?"}, {"type": "tool_use", "input": {"label": "Error"}}]}),
        ] {
            assert_eq!(read_message(&message, "tool_calls"), error, "{message}");
        }
        let two = json!({"tool_calls": [{"function": {"arguments": arguments}},
            {"function": {"arguments": "{\"label\": \"User Action\"}"}}]});
        assert_eq!(read_message(&two, "tool_calls"), None);
        let body = json!({"choices": [{"text": "{\"label\": \"Error\"}", "finish_reason": "stop"}]});
        assert_eq!(read(&body, &labels()), Reading::Valid(Answer::Label(3)));
    }

    #[test]
    fn names_that_differ_in_signs_alone_are_told_apart() {
        let labels: Vec<LabelSpec> = ["C", "C++", "c#"]
            .iter()
            .zip(1..)
            .map(|(name, id)| LabelSpec { id, name: (*name).to_owned(), ..labels()[0].clone() })
            .collect();
        assert_eq!(named("C++", &labels), Some(Answer::Label(2)));
        assert_eq!(named("c", &labels), Some(Answer::Label(1)));
        assert_eq!(named("C-", &labels), None);
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
