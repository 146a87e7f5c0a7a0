//! The LLM stage of a server: one for all requests, with one budget.

use crate::harness::Server;
use crate::llm_server::{Reply, Server as Endpoint};
use std::time::Duration;

/// A server that asks `endpoint` for the source `crm`, and the folder with its configuration.
fn start(endpoint: &Endpoint, extra: &str, flags: &[&str]) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logclass.toml");
    let text = format!(
        "[llm]\nbase_url = \"{}\"\nmodel = \"m\"\ncache = \"off\"\n{extra}\n[[route]]\nsource = \"crm\"\nstages = [\"llm\"]\n",
        endpoint.url
    );
    std::fs::write(&path, text).unwrap();
    let mut arguments = vec!["--config", path.to_str().unwrap()];
    arguments.extend(flags);
    (Server::start(&arguments), folder)
}

/// A file with as many templates: masking takes numbers, so words tell them apart.
fn file(word: &str, templates: usize) -> Vec<u8> {
    let letters = |number: usize| -> String {
        number.to_string().bytes().map(|digit| char::from(b'g' + digit - b'0')).collect()
    };
    let row = |number| format!("crm,{word} {} was escalated\n", letters(number)).into_bytes();
    b"source,log_message\n".iter().copied().chain((0..templates).flat_map(row)).collect()
}

#[test]
fn the_budget_is_that_of_all_requests_together() {
    let endpoint = Endpoint::new(|_, _| Reply::label("Error"));
    let (server, _folder) = start(&endpoint, "max_requests = 3", &[]);
    let first = server.post_csv("/classify", &file("case", 2));
    assert!(first.text().ends_with(",Error\n") && first.header("x-unanswered-rows").is_none());
    let second = server.post_csv("/classify", &file("ticket", 2));
    assert_eq!(second.header("x-unanswered-rows"), Some("1"), "{}", second.text());
    // What was answered before is not asked again, and nothing more is asked.
    assert!(server.post_csv("/classify", &file("case", 2)).header("x-unanswered-rows").is_none());
    let message = "{\"message\": \"lead was lost\", \"source\": \"crm\"}";
    let third = server.post_json("/classify/message", message).json();
    assert_eq!(third["results"][0]["label"], "Unclassified");
    assert_eq!(endpoint.count(), 3);
    assert_eq!(server.get("/health").json()["llm_off"], "budget_spent");
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("\nlogclass_llm_requests_total 3\n"), "{metrics}");
    assert!(metrics.contains("\nlogclass_llm_up 0\n"), "{metrics}");
}

#[test]
fn requests_at_once_do_not_overrun_the_budget() {
    let endpoint = Endpoint::new(|_, _| Reply::label("Error"));
    let (server, _folder) =
        start(&endpoint, "concurrency = 8", &["--max-requests", "20", "--max-concurrent", "8"]);
    std::thread::scope(|scope| {
        for word in ["case", "ticket", "lead", "order", "quote", "claim"] {
            let server = &server;
            scope.spawn(move || assert_eq!(server.post_csv("/classify", &file(word, 10)).status, 200));
        }
    });
    assert_eq!(endpoint.count(), 20);
}

#[test]
fn after_failures_the_stage_pauses_and_comes_back() {
    let endpoint = Endpoint::new(|number, _| match number {
        0 => Reply::error(500, "not now", ""),
        _ => Reply::label("Error"),
    });
    let (server, _folder) = start(&endpoint, "retries = 0\nbreaker_failures = 1\npause_seconds = 2", &[]);
    assert_eq!(server.post_csv("/classify", &file("case", 1)).header("x-unanswered-rows"), Some("1"));
    assert_eq!(server.post_csv("/classify", &file("lead", 1)).header("x-unanswered-rows"), Some("1"));
    assert_eq!(
        (server.get("/health").json()["llm_off"].as_str(), endpoint.count()),
        (Some("switched_off"), 1)
    );
    std::thread::sleep(Duration::from_millis(2_200));
    let after = server.post_csv("/classify", &file("case", 1));
    assert!(after.text().ends_with(",Error\n"), "what failed is asked again: {}", after.text());
    assert!(server.get("/health").json()["llm_off"].is_null());
}

#[test]
fn who_leaves_takes_the_questions_along() {
    let endpoint = Endpoint::new(|_, _| {
        std::thread::sleep(Duration::from_millis(200));
        Reply::label("Error")
    });
    let (server, _folder) = start(&endpoint, "concurrency = 1", &["--max-concurrent", "1"]);
    let job = server.post_csv("/api/jobs", &file("case", 100)).json();
    std::thread::sleep(Duration::from_millis(600));
    let path = format!("DELETE /api/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(server.send(&path, &[], b"").status, 204);
    // Its place is free at once, and its questions are not asked.
    let next = server.post_csv("/classify", &file("lead", 1));
    assert!(next.status == 200 || next.status == 503, "{}", next.text());
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(server.post_csv("/classify", &file("order", 1)).status, 200);
    assert!(endpoint.count() < 12, "{}", endpoint.count());
}

#[test]
fn a_required_llm_that_fails_is_a_bad_gateway() {
    let endpoint = Endpoint::new(|_, _| Reply::error(500, "not now", ""));
    let (server, _folder) =
        start(&endpoint, "retries = 0\nbreaker_failures = 1", &["--on-llm-error", "fail"]);
    let answer = server.post_csv("/classify", &file("case", 1));
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert!(answer.problem().contains("not now"));
}

#[test]
fn a_missing_key_is_told_at_the_start() {
    let endpoint = Endpoint::new(|_, _| Reply::label("Error"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logclass.toml");
    std::fs::write(
        &path,
        format!("[llm]\nbase_url = \"{}\"\nmodel = \"m\"\napi_key_env = \"NOT_SET\"\n", endpoint.url),
    )
    .unwrap();
    let refused =
        crate::harness::command(&["--port", "0", "--config", path.to_str().unwrap()]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("NOT_SET"));
}
