//! `POST /classify/message`: one or many messages as JSON.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request, State as Extract};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::time::timeout;

use super::classify::ENTRIES;
use super::engine::{Counts, QueryOptions};
use super::problem::Problem;
use super::rows::Rows;
use super::state::ServerState;
use super::upload::UploadError;
use crate::input::csv::quote;
use crate::session::Format;

/// Messages in one request.
const MOST: usize = 1_000;

/// The body: one message, or many.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Question {
    /// One.
    One(Message),
    /// Many.
    Many(Messages),
}

/// A message and where it comes from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    message: String,
    #[serde(default)]
    source: String,
}

/// Several messages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    messages: Vec<Message>,
}

/// The verdict on a message.
#[derive(Debug, Serialize)]
pub struct Answer {
    label: String,
    stage: String,
    confidence: f64,
    reason: String,
}

/// The verdicts, in the order of the messages.
#[derive(Debug, Serialize)]
pub struct Answers {
    results: Vec<Answer>,
}

/// Classifies the messages.
pub async fn messages(
    Extract(state): Extract<Arc<ServerState>>,
    request: Request,
) -> Result<Json<Answers>, Problem> {
    let limit = state.settings.timeout;
    let question = timeout(limit, Json::from_request(request, &())).await;
    let question = question.map_err(|_| UploadError::Slow(limit))?;
    let Json(question) = question.map_err(|error: JsonRejection| {
        let detail = match error.status() {
            StatusCode::UNPROCESSABLE_ENTITY => {
                "expected {\"message\": TEXT, \"source\": TEXT} or {\"messages\": [..]} of such; source may \
                 be left out"
                    .to_owned()
            }
            _ => error.body_text(),
        };
        Problem::new(error.status(), detail)
    })?;
    let messages = match question {
        Question::One(message) => vec![message],
        Question::Many(Messages { messages }) => messages,
    };
    if messages.is_empty() || messages.len() > MOST {
        let detail = format!("expected 1 to {MOST} messages, there are {}", messages.len());
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let permit = state.permit()?;
    let worker = Arc::clone(&state);
    let classified = tokio::task::spawn_blocking(move || {
        let start = Instant::now();
        let result = classify(&worker, &messages);
        worker.counters.classified(result.as_ref().ok().map(|(_, counts)| counts), start.elapsed());
        drop(permit);
        result
    });
    let failed =
        |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the classification stopped unexpectedly");
    let (results, _) = classified.await.map_err(failed)?.map_err(|error| Problem::of(&error))?;
    Ok(Json(Answers { results }))
}

/// Through the engine as a small file, so that a message gets here what it gets in a file.
fn classify(state: &ServerState, messages: &[Message]) -> anyhow::Result<(Vec<Answer>, Counts)> {
    let mut file = b"source,log_message\n".to_vec();
    for message in messages {
        file.extend_from_slice(&quote(message.source.as_bytes(), b','));
        file.push(b',');
        file.extend_from_slice(&quote(message.message.as_bytes(), b','));
        file.push(b'\n');
    }
    let options = QueryOptions {
        explain: true,
        source_column: Some("source".to_owned()),
        message_column: Some("log_message".to_owned()),
        label_column: Some("target_label".to_owned()),
        delimiter: Some(",".to_owned()),
        ..QueryOptions::default()
    };
    let answers = Collected::default();
    let opened = state.engine.open(Box::new(Cursor::new(file)), Format::Csv, &options)?;
    let mut observer = state.counters.observer(ENTRIES);
    let counts = state.engine.classify(opened, Box::new(answers.clone()), "the response", &mut observer)?;
    let bytes = std::mem::take(&mut *answers.0.lock().unwrap_or_else(PoisonError::into_inner));
    let mut results = Vec::new();
    let mut header = true;
    Rows::new(b',').push(&bytes, |row| {
        if std::mem::take(&mut header) {
            return;
        }
        let text = |index: usize| String::from_utf8_lossy(&row[index]).into_owned();
        let confidence = text(4).parse().unwrap_or(0.0);
        results.push(Answer { label: text(2), stage: text(3), confidence, reason: text(5) });
    });
    Ok((results, counts))
}

#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<u8>>>);

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
