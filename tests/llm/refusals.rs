//! What real servers say when they refuse, in their own words: llama.cpp's, llama-cpp-python's and `FastAPI`'s.

use serde_json::json;

use super::server::{Reply, Server};
use super::workdir::{Workdir, messages};

/// A fault as `FastAPI` words it, with what was sent in it.
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

/// llama-cpp-python's words for a `response_format` that it does not know.
fn unknown_format() -> Reply {
    let words = "1 validation error: {'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \
                 \"Input should be 'text' or 'json_object'\", 'input': 'json_schema'}";
    let error = json!({"message": words, "type": "internal_server_error", "param": null, "code": null});
    Reply::refusal(500, &json!({"error": error}))
}

#[test]
fn a_parameter_that_is_refused_with_status_500_is_left_out_and_the_schema_goes_along_with_json_object() {
    let server = Server::new(|_, request| match request.format().as_str() {
        "json_schema" => unknown_format(),
        _ => Reply::label("Error"),
    });
    let run = Workdir::new(&server, "concurrency = 8").classify(&messages(20), &[]);
    assert_eq!((run.status, server.count()), (0, 21), "{}", run.stderr);
    let llm = &run.summary["llm"];
    assert_eq!((&llm["answer_format"], &llm["retries"]), (&json!("json_object_schema"), &json!(1)));
    let format = &server.captured()[1].json()["response_format"];
    let labels = format["schema"]["properties"]["label"]["enum"].as_array().unwrap();
    assert!(
        labels.contains(&json!("Workflow Error")) && labels.contains(&json!("Unclassified")),
        "{labels:?}"
    );
}

#[test]
fn status_500_is_an_outage_once_there_were_answers_whatever_it_says() {
    let server = Server::new(|number, _| if number == 3 { unknown_format() } else { Reply::label("Error") });
    let run = Workdir::new(&server, "concurrency = 1").classify(&messages(6), &[]);
    assert_eq!((run.status, server.count()), (0, 7), "{}", run.stderr);
    assert_eq!(run.summary["llm"]["answer_format"], "json_schema");
}

#[test]
fn status_500_for_every_form_ends_as_an_outage() {
    let server = Server::new(|_, _| unknown_format());
    let run = Workdir::new(&server, "retries = 1\nbreaker_failures = 2").classify(&messages(20), &[]);
    // Three formats are given up in turn; the fourth fails twice.
    assert_eq!((run.status, server.count()), (3, 5), "{}", run.stderr);
    assert!(run.summary["llm"]["switched_off"].as_str().unwrap().contains("HTTP 500"));
}

/// llama.cpp's words for a request that its context has no room for.
fn too_long() -> Reply {
    let words = "request (4717 tokens) exceeds the available context size (4096 tokens), try increasing it";
    Reply::refusal(
        400,
        &json!({"error": {"code": 400, "message": words, "type": "exceed_context_size_error"}}),
    )
}

#[test]
fn questions_that_are_too_long_fail_alone_however_many_they_are() {
    let server = Server::new(|number, _| if number == 0 { Reply::label("Error") } else { too_long() });
    let run = Workdir::new(&server, "").classify(&messages(60), &[]);
    // No form of request is given up for it, and no question is asked twice.
    assert_eq!((run.status, server.count()), (3, 60), "{}", run.stderr);
    let llm = &run.summary["llm"];
    assert!(llm.get("switched_off").is_none(), "{llm}");
    assert_eq!((&llm["answer_format"], &llm["unanswered"]["failed"]), (&json!("json_schema"), &json!(59)));
    for word in ["max_message_chars", "examples_per_label", "exceeds the available context size"] {
        assert!(llm["first_failure"].as_str().unwrap().contains(word), "{llm}");
    }
}

#[test]
fn a_prompt_that_is_too_long_for_every_question_is_not_tried_for_all_of_them() {
    let server = Server::new(|_, _| too_long());
    let run = Workdir::new(&server, "").classify(&messages(60), &[]);
    assert_eq!((run.status, server.count()), (3, 20), "{}", run.stderr);
    assert!(run.summary["llm"]["switched_off"].as_str().unwrap().contains("examples_per_label"));
}

#[test]
fn a_model_that_is_not_there_is_known_by_the_words_and_ends_the_stage_at_once() {
    for (status, words) in [
        (400, "model 'large' not found"),
        (400, "model 'deep-thinking' not found"),
        (404, "The model `large` does not exist."),
        (422, "Model large does not exist"),
    ] {
        let model = if words.contains("thinking") { "deep-thinking" } else { "large" };
        let server = Server::new(move |_, _| {
            let error = json!({"code": status, "message": words, "type": "invalid_request_error"});
            Reply::refusal(status, &json!({"error": error}))
        });
        let workdir = Workdir::new(&server, "");
        let text = std::fs::read_to_string(workdir.path("logclass.toml")).unwrap();
        let text = text.replace("model = \"m\"", &format!("model = \"{model}\""));
        std::fs::write(workdir.path("logclass.toml"), text).unwrap();
        let run = workdir.classify(&messages(20), &[]);
        assert_eq!((run.status, server.count()), (3, 1), "{words}: {}", run.stderr);
        let off = run.summary["llm"]["switched_off"].as_str().unwrap();
        assert!(off.contains("set another model") && off.contains(words), "{off}");
    }
}

#[test]
fn a_message_about_a_model_that_is_repeated_in_a_refusal_does_not_end_the_stage() {
    let server = Server::new(|number, _| match number {
        3 => Reply::error(400, "content refused: \"model 'large' not found\"", ""),
        _ => Reply::label("Error"),
    });
    let run = Workdir::new(&server, "concurrency = 1").classify(&messages(6), &[]);
    assert_eq!((run.status, server.count()), (3, 6), "{}", run.stderr);
    assert_eq!(run.summary["llm"]["unanswered"]["failed"], 1);
}
