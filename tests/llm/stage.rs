//! The stage by itself, without the binary, against the same server.

use logclass::llm::{Answer, CacheChoice, LabelSpec, Llm, LlmConfig, OnError, Unanswered};
use serde_json::json;
use std::time::{Duration, Instant};

use super::server::{Reply, Server};

fn config(server: &Server) -> LlmConfig {
    LlmConfig {
        base_url: server.url.clone(),
        model: "m".to_owned(),
        api_key_env: String::new(),
        cache: CacheChoice::Off,
        ..LlmConfig::default()
    }
}

fn labels() -> Vec<LabelSpec> {
    let label = |(id, name): (u16, &str)| LabelSpec {
        id,
        name: name.to_owned(),
        description: String::new(),
        examples: Vec::new(),
    };
    [(1, "Error"), (2, "User Action")].map(label).to_vec()
}

#[test]
fn a_required_answer_that_is_lost_ends_every_wait_at_once() {
    let server = Server::new(|number, request| match request.message() {
        _ if number == 0 => Reply::label("Error"),
        text if text.contains("lost") => Reply::label("Nonsense"),
        _ => Reply::Hang,
    });
    let config = LlmConfig { on_error: OnError::Fail, timeout_seconds: 25, ..config(&server) };
    let start = Instant::now();
    let llm = Llm::new(&config, labels()).unwrap();
    assert_eq!(llm.wait(llm.ask("first")), Answer::Label(1));
    let tickets = ["slow one", "slow other", "lost"].map(|text| llm.ask(text));
    assert!(matches!(llm.wait(tickets[0]), Answer::Failed(_)));
    assert!(llm.report().first_failure.unwrap().contains("none of the labels"));
    drop(llm);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn waits_of_any_length_switch_off_and_settle_all() {
    for name in ["Retry-After", "retry-after-ms"] {
        let server =
            Server::new(move |_, _| Reply::error(429, "later", "").with(name, "10000000000000000000"));
        let config = LlmConfig {
            timeout_seconds: i64::MAX as u64,
            connect_timeout_seconds: u64::MAX,
            pause_seconds: u64::MAX,
            ..config(&server)
        };
        let llm = Llm::new(&config, labels()).unwrap();
        let tickets = ["one", "two", "three"].map(|text| llm.ask(text));
        for ticket in tickets {
            assert_eq!(llm.wait(ticket), Answer::Failed(Unanswered::SwitchedOff), "{name}");
        }
        assert!(llm.report().switched_off.unwrap().contains("max_wait_seconds"));
    }
}

#[test]
fn streams_and_prose_are_answers_at_once() {
    let json = r#"{"label": "Error"}"#;
    let chunk =
        |text: &str| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": text}}]}));
    for body in [
        format!("{}{}data: [DONE]\n\n", chunk(&json[..8]), chunk(&json[8..])),
        format!("\u{feff}{}", json!({"choices": [{"message": {"content": format!("Sure! {json}")}}]})),
    ] {
        let server = Server::new(move |_, _| Reply::Http(200, Vec::new(), body.clone()));
        let llm = Llm::new(&config(&server), labels()).unwrap();
        assert_eq!(llm.wait(llm.ask("disk broken")), Answer::Label(1));
        assert_eq!(server.count(), 1);
    }
}

#[test]
fn endpoints_do_not_share_answers() {
    let folder = tempfile::tempdir().unwrap();
    for (label, id) in [("Error", 1), ("User Action", 2)] {
        let server = Server::new(move |_, _| Reply::label(label));
        let cache = CacheChoice::Folder(folder.path().to_owned());
        let config = LlmConfig { cache, ..config(&server) };
        for _ in 0..2 {
            let llm = Llm::new(&config, labels()).unwrap();
            assert_eq!(llm.wait(llm.ask("job 1 failed")), Answer::Label(id));
        }
        assert_eq!(server.count(), 1);
    }
}
