//! What real servers say when they refuse, in their own words: llama.cpp's, llama-cpp-python's and FastAPI's.

use serde_json::json;

use super::server::{Reply, Server};
use super::workdir::{Workdir, messages};

/// A fault as FastAPI words it, with what was sent in it.
fn fault(location: &[&str], message: &str) -> Reply {
    let fault =
        json!({"type": "extra_forbidden", "loc": location, "msg": message, "input": "max_tokens reasoning"});
    Reply::refusal(422, &json!({"detail": [fault]}))
}

#[test]
fn fastapis_list_of_faults_names_the_parameter() {
    let server = Server::new(|_, request| match request.json().get("temperature") {
        Some(_) => fault(&["body", "temperature"], "Extra inputs are not permitted"),
        None => Reply::label("Error"),
    });
    let run = Workdir::new(&server, "").classify(&messages(5), &[]);
    assert_eq!((run.status, server.count()), (0, 6), "{}", run.stderr);
    assert_eq!(run.summary["llm"]["answer_format"], "json_schema");
}

#[test]
fn fastapis_list_of_faults_is_told() {
    let server = Server::new(|_, _| fault(&["body", "messages"], "Value error, too many messages"));
    let run = Workdir::new(&server, "").classify(&messages(1), &[]);
    assert_eq!(run.status, 3);
    let failure = run.summary["llm"]["first_failure"].as_str().unwrap();
    assert!(failure.contains("HTTP 422: body.messages: Value error, too many messages"), "{failure}");
}
