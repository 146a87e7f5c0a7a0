//! Whatever the endpoint says, the answer is one of the labels or none.

use serde_json::json;

use super::server::{Reply, Server};
use super::workdir::{LABELS, Workdir, messages};

#[test]
fn strict_schemas_are_asked_for_first_with_every_label_in_the_enumeration() {
    let server = Server::new(|_, _| Reply::label("Error"));
    let run = Workdir::new(&server, "").classify(&messages(3), &[]);
    assert_eq!((run.status, run.labels.unwrap()), (0, vec!["Error".to_owned(); 3]));
    let body = server.captured()[0].json();
    let schema = &body["response_format"]["json_schema"];
    assert_eq!(schema["strict"], true);
    let allowed = schema["schema"]["properties"]["label"]["enum"].as_array().unwrap();
    for label in LABELS.iter().chain(&["Unclassified"]) {
        assert!(allowed.contains(&json!(label)), "{label}");
    }
    assert_eq!((&body["temperature"], &body["reasoning_effort"]), (&json!(0), &json!("low")));
    assert!(body["messages"][0]["content"].as_str().unwrap().contains("- Error: it is Error\n"));
}

#[test]
fn a_refused_format_is_found_out_once_for_the_run() {
    let server = Server::new(|_, request| match request.format().as_str() {
        "json_schema" => Reply::error(400, "This model does not support response format `json_schema`", ""),
        "json_object" => Reply::error(400, "unknown response_format type", ""),
        _ => Reply::content("User Action"),
    });
    let run = Workdir::new(&server, "concurrency = 8").classify(&messages(40), &[]);
    assert_eq!((run.status, server.count()), (0, 43), "{}", run.stderr);
    assert_eq!(run.summary["llm"]["answer_format"], "text");
    assert_eq!(run.summary["labels"]["User Action"], 40);
}

#[test]
fn parameters_that_are_refused_by_name_are_left_out() {
    let server = Server::new(|_, request| {
        let body = request.json();
        for name in ["reasoning_effort", "temperature", "max_tokens"] {
            if body.get(name).is_some() {
                return Reply::error(
                    400,
                    &format!("Unsupported parameter: '{name}' with this model"),
                    "unsupported",
                );
            }
        }
        Reply::label("Error")
    });
    let run = Workdir::new(&server, "").classify(&messages(5), &[]);
    assert_eq!((run.status, server.count()), (0, 8), "{}", run.stderr);
    assert_eq!(run.summary["llm"]["answer_format"], "json_schema");
}

#[test]
fn an_answer_outside_the_set_is_corrected_once_and_then_none() {
    let server = Server::new(|_, _| Reply::label("Catastrophe"));
    let run = Workdir::new(&server, "").classify(&messages(1), &[]);
    assert_eq!((run.status, server.count()), (3, 2));
    assert_eq!(run.labels.unwrap(), ["Unclassified"]);
    assert_eq!(run.summary["llm"]["unanswered"]["invalid_answer"], 1);
    let corrected = Server::new(|number, _| Reply::label(if number == 0 { "Catastrophe" } else { "Error" }));
    let run = Workdir::new(&corrected, "").classify(&messages(1), &[]);
    assert_eq!((run.status, run.labels.unwrap()), (0, vec!["Error".to_owned()]));
}

#[test]
fn reasoning_is_not_mistaken_for_the_answer() {
    let message = json!({"role": "assistant", "reasoning": "{\"label\": \"Error\"}", "reasoning_content": "Error",
        "content": "<think>{\"label\": \"Error\"}? No.</think>{\"label\": \"User Action\"}"});
    let server = Server::new(move |_, _| Reply::message(&message, "stop"));
    assert_eq!(Workdir::new(&server, "").classify(&messages(1), &[]).labels.unwrap(), ["User Action"]);
}

#[test]
fn an_answer_that_was_cut_gets_more_room_the_second_time() {
    let server = Server::new(|_, request| {
        if request.json()["max_tokens"].as_u64() == Some(512) {
            Reply::message(&json!({"content": "{\"label\": \"Wor"}), "length")
        } else {
            Reply::label("Workflow Error")
        }
    });
    let run = Workdir::new(&server, "").classify(&messages(1), &[]);
    assert_eq!((run.labels.unwrap(), server.count()), (vec!["Workflow Error".to_owned()], 2));
}

#[test]
fn a_refusal_is_no_answer() {
    let refusal = json!({"role": "assistant", "content": null, "refusal": "I cannot help with that"});
    let server = Server::new(move |_, _| Reply::message(&refusal, "stop"));
    let run = Workdir::new(&server, "").classify(&messages(1), &[]);
    assert_eq!((run.status, run.labels.unwrap(), server.count()), (3, vec!["Unclassified".to_owned()], 2));
}

#[test]
fn concurrency_changes_neither_order_nor_content() {
    let by_length = |_: usize, request: &super::server::Captured| {
        let length = request.message().len();
        std::thread::sleep(std::time::Duration::from_millis(length as u64 % 7));
        Reply::label(LABELS[length % 3])
    };
    let texts: Vec<String> =
        (0..600).map(|number| format!("{}{}", messages(60)[number % 60], "!".repeat(number % 9))).collect();
    let outputs: Vec<String> = [1, 8]
        .map(|concurrency| {
            let server = Server::new(by_length);
            let run = Workdir::new(&server, &format!("concurrency = {concurrency}")).classify(&texts, &[]);
            assert_eq!(run.status, 0, "{}", run.stderr);
            run.output
        })
        .to_vec();
    assert_eq!(outputs[0], outputs[1]);
}

#[test]
fn prose_fences_calls_and_streams_cost_no_second_request() {
    let json = r#"{"label": "Error"}"#;
    let completion = |message: &serde_json::Value| {
        json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).to_string()
    };
    let chunk =
        |text: &str| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": text}}]}));
    let call = json!({"content": null, "tool_calls": [{"function": {"name": "x", "arguments": json}}]});
    let bodies = [
        completion(&json!({"content": format!("Here it is:\n\n```json\n{json}\n```\nLet me know.")})),
        completion(&json!({"content": format!("Sure! {json}")})),
        completion(&json!({"content": format!("{json}\n\nExplanation: the disk is broken.")})),
        completion(&json!({"content": r#"[{"Label": "Error"}]"#})),
        completion(&call),
        format!("\u{feff}{}", completion(&json!({"content": json}))),
        format!("{}{}data: [DONE]\n\n", chunk(&json[..8]), chunk(&json[8..])),
    ];
    for body in bodies {
        let reply = body.clone();
        let server = Server::new(move |_, _| Reply::Http(200, Vec::new(), reply.clone()));
        let run = Workdir::new(&server, "").classify(&messages(1), &[]);
        assert_eq!((run.status, server.count()), (0, 1), "{body}: {}", run.stderr);
        assert_eq!(run.labels.unwrap(), ["Error"], "{body}");
    }
}
