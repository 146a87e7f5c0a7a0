//! What a response or a broken connection means for the question, and for the stage.

use serde_json::Value;

use super::client::{Client, Exchange};
use super::dialect::Dialect;
use super::pace::LimitHeaders;

/// What to do about a request that was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Send it again after a while. `busy` says that the endpoint is well but asks for patience.
    Again {
        /// Why.
        message: String,
        /// Whether it only asks for patience.
        busy: bool,
    },
    /// Send it again with these parameters.
    Speak(Dialect),
    /// The answer is none, as a model that was forced into a schema and left it.
    BadAnswer(String),
    /// This question has no answer; others may.
    Question(String),
    /// It is too long for the model; others may not be.
    TooLong(String),
    /// It was refused in every form, before any question was answered: it may be the question, or all of them.
    Refused(String),
    /// No question will have an answer; the text says what to do.
    Stage(String),
}

/// Where the endpoint is and with what it was asked, for messages.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The URL.
    pub base_url: &'a str,
    /// The model.
    pub model: &'a str,
    /// The variable with the key.
    pub key_variable: &'a str,
    /// The parameters.
    pub dialect: Dialect,
    /// Whether these parameters have been answered before.
    pub known_good: bool,
}

/// What a connection that failed means.
pub fn of_connection(asked: &Asked<'_>, error: &str) -> Failure {
    Failure::Again { message: format!("{}: {error}", asked.base_url), busy: false }
}

/// What a response other than a chat completion means.
pub fn of_response(asked: &Asked<'_>, client: &Client, exchange: &Exchange) -> Failure {
    let status = exchange.status;
    let error = exchange.body.get("error").unwrap_or(&exchange.body);
    let text = |name| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let words = words_of(error);
    let said = match client.said(&words) {
        said if said.is_empty() => String::new(),
        said => format!(": {said}"),
    };
    let place = format!("{}: HTTP {status}{said}", asked.base_url);
    let code = format!("{} {}", text("code"), text("type"));
    let codes = |list: &[&str]| list.iter().any(|name| code.contains(name));
    if codes(&["insufficient_quota", "billing", "credit"]) || status == 402 {
        return Failure::Stage(format!("{place}; the account's quota is used up: raise it, or use --no-llm"));
    }
    if codes(&["model_not_found", "model_decommissioned", "model_not_supported"]) || status == 410 {
        return no_model(asked, &place);
    }
    match status {
        200..=299 => Failure::Again { message: format!("{place}: not a chat completion"), busy: false },
        300..=399 => Failure::Stage(format!(
            "{place}; it redirects to {}, which is not followed: set base_url in [llm] to where it should go",
            exchange.location.as_deref().map_or_else(|| "nowhere".to_owned(), |to| client.said(to))
        )),
        400 | 422 => of_refusal(asked, place, &words, &format!("{code} {}", text("param"))),
        401 => Failure::Stage(match asked.key_variable {
            "" => format!("{place}; it wants a key: name its environment variable as api_key_env in [llm]"),
            variable => format!("{place}; check the key in the environment variable {variable}"),
        }),
        403 => Failure::Stage(format!("{place}; the key may not use the model {:?}", asked.model)),
        404 if is_about_no_model(&words) => no_model(asked, &place),
        404 => Failure::Stage(format!(
            "{place}; check base_url (it usually ends in /v1) and model ({:?}) in [llm]",
            asked.model
        )),
        413 => too_long(&place),
        // llama.cpp says this with 400 or 500, by its version.
        500 if is_too_long(&words, &code) => too_long(&place),
        429 | 498 => Failure::Again { message: format!("{place}; lower concurrency in [llm]"), busy: true },
        // Some servers fail over what they do not know, as llama-cpp-python does: that is no outage.
        500 if !asked.known_good
            && let Some(dialect) = asked.dialect.after_refusal(&words, true) =>
        {
            Failure::Speak(dialect)
        }
        408 | 409 | 425 | 500.. => {
            let busy = status == 503 && exchange.limits != LimitHeaders::default();
            Failure::Again { message: place, busy }
        }
        _ if asked.known_good => Failure::Question(place),
        _ => Failure::Stage(format!("{place}; check base_url and model in [llm]")),
    }
}

/// What an error says: a text, or what it has as its message or its details.
fn words_of(error: &Value) -> String {
    match error {
        Value::String(words) => words.clone(),
        // FastAPI's details, one for each fault; they repeat what was sent as well, which is left out.
        Value::Array(details) => details.iter().map(words_of).collect::<Vec<_>>().join("; "),
        Value::Object(fields) => {
            let mut named =
                ["message", "msg", "detail"].iter().filter_map(|name| fields.get(*name)).map(words_of);
            let words = named.find(|words| !words.is_empty()).unwrap_or_default();
            match fields.get("loc").and_then(Value::as_array) {
                Some(path) => {
                    let path: Vec<&str> = path.iter().filter_map(Value::as_str).collect();
                    format!("{}: {words}", path.join("."))
                }
                None => words,
            }
        }
        _ => String::new(),
    }
}

fn no_model(asked: &Asked<'_>, place: &str) -> Failure {
    Failure::Stage(format!(
        "{place}; the model {:?} is not served any more, or never was: set another model in [llm]",
        asked.model
    ))
}

/// Whether a refusal says in words that there is no such model, as llama.cpp's has no code for it.
fn is_about_no_model(words: &str) -> bool {
    let words = words.to_lowercase();
    words.contains("model") && ["not found", "does not exist"].iter().any(|said| words.contains(said))
}

fn too_long(place: &str) -> Failure {
    Failure::TooLong(format!("{place}; lower max_message_chars or examples_per_label in [llm]"))
}

/// Whether a refusal is about the length of the request: by its code, which not every server gives, or its words.
fn is_too_long(words: &str, code: &str) -> bool {
    let words = words.to_lowercase();
    ["context_length", "context_size"].iter().any(|name| code.contains(name))
        || ["context length", "context size", "context window"].iter().any(|name| words.contains(name))
}

/// 400 and 422 can mean anything from a parameter that is not known to a message that is too long.
fn of_refusal(asked: &Asked<'_>, place: String, words: &str, code: &str) -> Failure {
    if code.contains("json_validate_failed") {
        return Failure::BadAnswer(place);
    }
    if is_too_long(words, code) {
        return too_long(&place);
    }
    // The model's name may hold the name of a parameter ("...-thinking").
    let named = ["'", "`", "\""].iter().fold(format!("{words} {code}"), |words, quote| {
        words.replace(&format!("{quote}{}{quote}", asked.model), "")
    });
    if let Some(dialect) = asked.dialect.after_refusal(&named, true) {
        return Failure::Speak(dialect);
    }
    // A model that has answered is there: then it may be the message that is repeated in the words.
    if !asked.known_good && is_about_no_model(words) {
        return no_model(asked, &place);
    }
    if let Some(dialect) = asked.dialect.after_refusal(&named, asked.known_good) {
        return Failure::Speak(dialect);
    }
    if asked.known_good {
        return Failure::Question(place);
    }
    Failure::Refused(format!("{place}; it refuses every form of request: check model in [llm]"))
}
