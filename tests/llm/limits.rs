//! A run never takes more than it may.

use super::server::{Reply, Server};
use super::workdir::{Workdir, messages};

#[test]
fn the_fifty_first_request_is_never_sent() {
    let server = Server::new(|number, _| match number % 5 {
        4 => Reply::error(500, "now and then", ""),
        _ => Reply::label("Error"),
    });
    let run = Workdir::new(&server, "concurrency = 8").classify(&messages(200), &["--max-requests", "50"]);
    assert_eq!((run.status, server.count()), (3, 50), "{}", run.stderr);
    let llm = &run.summary["llm"];
    assert_eq!(llm["requests"], 50);
    assert!(llm["unanswered"]["budget_spent"].as_u64().unwrap() >= 150);
    assert!(run.stderr.contains("max_requests"), "{}", run.stderr);
    assert_eq!(run.labels.unwrap().len(), 200);
}

#[test]
fn tokens_are_reserved_before_they_are_spent() {
    let server = Server::new(|_, _| Reply::label("Error"));
    let run = Workdir::new(&server, "concurrency = 8").classify(&messages(200), &["--max-tokens", "12000"]);
    assert_eq!(run.status, 3);
    // 110 tokens each, by the server's count.
    let spent = server.count() * 110;
    assert!(spent <= 12_000 && spent > 4_000, "{spent}");
    assert!(run.stderr.contains("max_tokens"), "{}", run.stderr);
}

#[test]
fn money_is_counted_and_limited() {
    let server = Server::new(|_, _| Reply::label("Error"));
    let prices = "price_in = 1000.0\nprice_out = 1000.0\n";
    let run = Workdir::new(&server, prices).classify(&messages(200), &["--max-cost", "12"]);
    assert_eq!(run.status, 3);
    let cost = run.summary["llm"]["cost"].as_f64().unwrap();
    assert!(cost <= 12.0 && cost > 4.0, "{cost}");
    let run = Workdir::new(&server, "").classify(&messages(1), &["--max-cost", "12"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("price_in"), "{}", run.stderr);
}

#[test]
fn a_dry_run_asks_nothing_and_says_what_a_run_would_take() {
    let server = Server::new(|_, _| Reply::label("Error"));
    let workdir =
        Workdir::new(&server, "price_in = 0.1\nprice_out = 0.5\napi_key_env = \"NOT_SET_ANYWHERE\"");
    let rows: Vec<String> = messages(40).iter().cycle().take(4_000).cloned().collect();
    let run = workdir.classify(&rows, &["--dry-run"]);
    assert_eq!((run.status, server.count(), run.labels), (0, 0, None), "{}", run.stderr);
    let estimate = &run.summary["llm"]["estimate"];
    assert_eq!(
        (estimate["requests"].as_u64(), run.summary["llm"]["owed_rows"].as_u64()),
        (Some(40), Some(4_000))
    );
    assert!(estimate["cost"].as_f64().unwrap() > 0.0);
    assert!(run.stderr.contains("would take 40 requests for 4,000 rows"), "{}", run.stderr);
    // What is known by then is not asked for.
    workdir.configure(&server.url, "");
    workdir.classify(&messages(15), &[]);
    assert_eq!(workdir.classify(&rows, &["--dry-run"]).summary["llm"]["estimate"]["requests"], 25);
    assert_eq!(server.count(), 15);
}

#[test]
fn a_cost_that_is_no_amount_is_an_error_of_use() {
    let server = Server::new(|_, _| Reply::label("Error"));
    let workdir = Workdir::new(&server, "price_in = 1.0\nprice_out = 1.0\n");
    for cost in ["nan", "inf", "-inf", "-1"] {
        let run = workdir.classify(&messages(1), &[&format!("--max-cost={cost}")]);
        assert_eq!((run.status, server.count()), (2, 0), "{cost}: {}", run.stderr);
        assert!(run.stderr.contains("max_cost"), "{cost}: {}", run.stderr);
    }
}

#[test]
fn figures_that_are_missing_or_absurd_do_not_defeat_limits() {
    for usage in [
        "",
        ",\"usage\": null",
        ",\"usage\": {}",
        ",\"usage\": {\"prompt_tokens\": 0, \"completion_tokens\": 0}",
        ",\"usage\": {\"prompt_tokens\": 18446744073709551615, \"completion_tokens\": 18446744073709551615}",
        ",\"usage\": {\"prompt_tokens\": -5, \"completion_tokens\": \"many\"}",
    ] {
        let body =
            r#"{"choices": [{"message": {"content": "{\"label\": \"Error\"}"}, "finish_reason": "stop"}]"#;
        let body = format!("{body}{usage}}}");
        let server = Server::new(move |_, _| Reply::Http(200, Vec::new(), body.clone()));
        let run = Workdir::new(&server, "").classify(&messages(100), &["--max-tokens", "20000"]);
        assert_eq!(run.status, 3, "{usage}: {}", run.stderr);
        // Each counts more than a thousand that were reserved.
        assert!((2..20).contains(&server.count()), "{usage}: {} requests", server.count());
        assert!(run.stderr.contains("max_tokens"), "{usage}: {}", run.stderr);
    }
}
