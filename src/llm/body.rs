//! The body of a response, as servers really send it: JSON, JSON behind a byte order mark, or the stream of events that
//! was not asked for.

use serde_json::{Map, Value, json};

/// The JSON in a body, or what the events of a stream add up to; null when it is neither.
pub fn parse(bytes: &[u8]) -> Value {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(body) = serde_json::from_slice(bytes) {
        return body;
    }
    let text = String::from_utf8_lossy(bytes);
    serde_json::from_str(text.trim()).ok().or_else(|| stream(&text)).unwrap_or(Value::Null)
}

/// A completion put together of its pieces.
#[derive(Default)]
struct Completion {
    content: String,
    /// The arguments of tool calls, by their place.
    calls: Vec<(u64, String)>,
    /// A message that came whole.
    message: Option<Value>,
    finish: Option<String>,
    usage: Option<Value>,
    ended: bool,
}

/// Server-sent events, or one JSON value a line.
fn stream(text: &str) -> Option<Value> {
    let mut completion = Completion::default();
    let mut pieces = 0;
    for line in text.lines() {
        let data = line.strip_prefix("data:").unwrap_or(line).trim();
        if data == "[DONE]" {
            completion.ended = true;
        }
        let Ok(Value::Object(event)) = serde_json::from_str(data) else { continue };
        if event.get("error").is_some_and(|error| !error.is_null()) {
            return Some(Value::Object(event));
        }
        pieces += 1;
        completion.add(&event);
    }
    (pieces > 0).then(|| completion.whole())
}

impl Completion {
    fn add(&mut self, event: &Map<String, Value>) {
        if let Some(usage) = event.get("usage").filter(|usage| usage.is_object()) {
            self.usage = Some(usage.clone());
        }
        let Some(choice) = event.get("choices").and_then(|choices| choices.get(0)) else { return };
        if choice.get("index").and_then(Value::as_u64).unwrap_or(0) != 0 {
            return;
        }
        if let Some(finish) = choice.get("finish_reason").and_then(Value::as_str) {
            self.finish = Some(finish.to_owned());
        }
        if let Some(message) = choice.get("message").filter(|message| message.is_object()) {
            self.message = Some(message.clone());
        }
        let Some(delta) = choice.get("delta") else { return };
        if let Some(text) = delta.get("content").and_then(Value::as_str) {
            self.content.push_str(text);
        }
        for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            let Some(text) = call.pointer("/function/arguments").and_then(Value::as_str) else { continue };
            let index = call.get("index").and_then(Value::as_u64).unwrap_or(0);
            match self.calls.iter_mut().find(|(other, _)| *other == index) {
                Some((_, arguments)) => arguments.push_str(text),
                None => self.calls.push((index, text.to_owned())),
            }
        }
    }

    fn whole(self) -> Value {
        let calls: Vec<Value> =
            self.calls.iter().map(|(_, text)| json!({"function": {"arguments": text}})).collect();
        let message = self.message.unwrap_or_else(|| json!({"content": self.content, "tool_calls": calls}));
        // A stream that broke off was cut, whatever it held by then.
        let cut = if self.ended { "stop" } else { "length" };
        let finish = self.finish.unwrap_or_else(|| cut.to_owned());
        json!({"choices": [{"message": message, "finish_reason": finish}], "usage": self.usage})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETION: &str = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}"#;

    fn content(body: &Value) -> &str {
        body.pointer("/choices/0/message/content").and_then(Value::as_str).unwrap_or("none")
    }

    #[test]
    fn a_byte_order_mark_and_blank_lines_are_no_part_of_the_json() {
        for text in [COMPLETION.to_owned(), format!("\u{feff}{COMPLETION}"), format!("\n\n {COMPLETION}\r\n")]
        {
            assert_eq!(content(&parse(text.as_bytes())), "x", "{text:?}");
        }
        let with_bad_byte = [&COMPLETION.as_bytes()[..35], b"\xff", &COMPLETION.as_bytes()[35..]].concat();
        assert_ne!(parse(&with_bad_byte), Value::Null);
    }

    #[test]
    fn events_add_up_to_a_completion() {
        for newline in ["\n", "\r\n"] {
            let events = [
                ": keep-alive",
                "",
                "event: message",
                r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
                "",
                r#"data: {"choices":[{"index":0,"delta":{"content":"{\"label\": \"Er"}}]}"#,
                r#"data:{"choices":[{"index":0,"delta":{"content":"ror\"}"}}]}"#,
                r#"data: {"choices":[{"index":1,"delta":{"content":"other"}}]}"#,
                r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
                r#"data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}"#,
                "data: [DONE]",
            ];
            let body = parse(events.join(newline).as_bytes());
            assert_eq!(content(&body), r#"{"label": "Error"}"#);
            assert_eq!(body["choices"][0]["finish_reason"], "stop");
            assert_eq!(body["usage"]["prompt_tokens"], 9);
        }
        assert_eq!(content(&parse(format!("data: {COMPLETION}\n\ndata: [DONE]\n\n").as_bytes())), "x");
    }

    #[test]
    fn a_stream_that_breaks_off_was_cut() {
        let body = parse(b"data: {\"choices\":[{\"delta\":{\"content\":\"Err\"}}]}\n\ndata: {\"choi");
        assert_eq!(body["choices"][0]["finish_reason"], "length");
    }

    #[test]
    fn arguments_of_calls_are_joined_and_errors_are_told() {
        let call = |text: &str| {
            let call = json!({"index": 0, "function": {"arguments": text}});
            format!("data: {}\n\n", json!({"choices": [{"delta": {"tool_calls": [call]}}]}))
        };
        let body = parse((call("{\"label\":") + &call("\"Error\"}")).as_bytes());
        let arguments = body.pointer("/choices/0/message/tool_calls/0/function/arguments");
        assert_eq!(arguments, Some(&json!("{\"label\":\"Error\"}")));
        let body = parse(b"event: error\ndata: {\"error\":{\"message\":\"overloaded\"}}\n\n");
        assert_eq!(body["error"]["message"], "overloaded");
    }

    #[test]
    fn what_is_none_is_null() {
        for text in ["", "<html></html>", "{\"choices\": [{\"message\": {\"cont", "data: [DONE]", "data: 7"] {
            assert_eq!(parse(text.as_bytes()), Value::Null, "{text}");
        }
    }
}
