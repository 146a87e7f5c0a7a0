//! What is kept of a record to show: one line, without secrets, of bounded length.

use std::borrow::Cow;

use crate::llm::redact;

/// Bytes of a record that are looked at.
const READ: usize = 4_000;
/// Characters that are kept.
const KEPT: usize = 500;

/// A record as an example: control characters become spaces, secrets are taken out before it is cut.
pub fn example(record: &[u8]) -> String {
    let text = lossy(&record[..record.len().min(READ)]);
    let cut = text.len() < record.len();
    short(&redact(&one_line(&text)), cut)
}

/// Characters of a template that tell it from others.
const TOLD_APART: usize = 1_000;

/// A template without secrets: messages that differ in a secret alone have the same. What is beyond its first
/// thousand characters tells no templates apart.
pub fn template(text: &str) -> String {
    let text = redact(text);
    text.char_indices().nth(TOLD_APART).map_or(&*text, |(end, _)| &text[..end]).to_owned()
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    spaced.trim().to_owned()
}

fn short(text: &str, cut: bool) -> String {
    match text.char_indices().nth(KEPT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None if cut => format!("{text}…"),
        None => text.to_owned(),
    }
}
