//! Whatever goes wrong out there, the file is finished, in bounded time, and the rows owed are counted.

use std::time::Duration;

use super::server::{Reply, Server};
use super::workdir::{Workdir, messages};

#[test]
fn passing_faults_are_repeated_until_there_is_an_answer() {
    for status in [408, 409, 429, 498, 500, 502, 503, 529] {
        let server = Server::new(move |number, _| match number {
            0 => Reply::error(status, "try again", ""),
            _ => Reply::label("Error"),
        });
        let run = Workdir::new(&server, "").classify(&messages(1), &[]);
        assert_eq!((run.status, server.count()), (0, 2), "HTTP {status}: {}", run.stderr);
        assert_eq!(run.summary["llm"]["retries"], 1);
    }
}

#[test]
fn broken_responses_are_repeated_until_there_is_an_answer() {
    let faults = [
        ("hang", (|| Reply::Hang) as fn() -> Reply),
        ("drip", || Reply::Drip),
        ("reset", || Reply::Reset),
        ("truncated", || Reply::Http(200, Vec::new(), "{\"choices\": [{\"message\": {\"cont".to_owned())),
        ("html", || Reply::Http(200, Vec::new(), "<html>Please log in</html>".to_owned())),
        ("endless", || Reply::Endless),
    ];
    for (name, fault) in faults {
        let server = Server::new(move |number, _| if number == 0 { fault() } else { Reply::label("Error") });
        let run = Workdir::new(&server, "timeout_seconds = 1").classify(&messages(1), &[]);
        assert_eq!((run.status, server.count()), (0, 2), "{name}: {}", run.stderr);
        println!("{name}: {} requests, {:?}", server.count(), run.took);
        assert!(run.took < Duration::from_secs(10), "{name}: {:?}", run.took);
    }
}

#[test]
fn lasting_faults_are_not_repeated_and_say_what_to_do() {
    for (status, code, remedy) in [
        (401, "invalid_api_key", "api_key_env"),
        (402, "", "quota"),
        (403, "", "may not use the model"),
        (404, "", "base_url"),
        (404, "model_not_found", "another model"),
        (400, "model_decommissioned", "another model"),
        (410, "", "another model"),
        (429, "insufficient_quota", "quota"),
        (301, "", "not followed"),
    ] {
        let server = Server::new(move |_, _| Reply::error(status, "no", code));
        let run = Workdir::new(&server, "").classify(&messages(20), &[]);
        assert_eq!((run.status, server.count()), (3, 1), "HTTP {status} {code}: {}", run.stderr);
        assert!(run.stderr.contains(remedy), "HTTP {status} {code}: {}", run.stderr);
        assert_eq!(run.labels.unwrap(), vec!["Unclassified"; 20]);
        assert_eq!(run.summary["llm"]["unanswered_rows"], 20);
    }
}

#[test]
fn a_request_that_is_refused_in_every_form_ends_the_stage() {
    for status in [400, 422] {
        let server = Server::new(move |_, _| Reply::error(status, "no", ""));
        let run = Workdir::new(&server, "").classify(&messages(20), &[]);
        // Schema, object with schema, object, text, and text without reasoning_effort; for two questions, as one
        // proves nothing.
        assert_eq!((run.status, server.count()), (3, 10), "HTTP {status}: {}", run.stderr);
    }
}

#[test]
fn one_question_that_is_too_long_or_refused_does_not_stop_the_others() {
    for status in [400, 413, 422] {
        let server = Server::new(move |_, request| {
            if request.message().contains("poison") {
                Reply::error(status, "no", "")
            } else {
                Reply::label("Error")
            }
        });
        let mut texts = messages(10);
        texts.push("poison pill".to_owned());
        let run = Workdir::new(&server, "concurrency = 1").classify(&texts, &[]);
        assert_eq!(run.status, 3);
        assert_eq!(run.summary["labels"]["Error"], 10, "HTTP {status}: {}", run.stderr);
        assert_eq!(run.summary["llm"]["unanswered"]["failed"], 1);
    }
}

#[test]
fn an_outage_in_the_middle_switches_the_stage_off_and_loses_no_row() {
    let server = Server::new(
        |number, _| {
            if number < 30 { Reply::label("Error") } else { Reply::error(500, "down", "") }
        },
    );
    let run = Workdir::new(&server, "concurrency = 4").classify(&messages(300), &[]);
    assert_eq!(run.status, 3);
    let labels = run.labels.unwrap();
    assert_eq!((labels.len(), labels.iter().filter(|label| *label == "Error").count()), (300, 30));
    println!("outage: {} requests after the last answer", server.count() - 30);
    // Four that were under way are the first step, and each of four more is one request.
    assert!(server.count() <= 30 + 5 + 3, "{}", server.count());
    let llm = &run.summary["llm"];
    assert_eq!((llm["owed_rows"].as_u64(), llm["unanswered_rows"].as_u64()), (Some(300), Some(270)));
    assert!(llm["switched_off"].as_str().unwrap().contains("HTTP 500"));
}

#[test]
fn nobody_listening_is_found_out_quickly() {
    let server = Server::new(|_, _| Reply::Hang);
    let workdir = Workdir::new(&server, "");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    workdir.configure(&format!("http://127.0.0.1:{port}/v1"), "retries = 1\nbreaker_failures = 2");
    let run = workdir.classify(&messages(50), &[]);
    assert_eq!(run.status, 3);
    assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
    assert_eq!(run.summary["llm"]["unanswered_rows"], 50);
}

#[test]
fn a_run_that_needs_the_llm_fails_without_it_and_leaves_no_output() {
    let server = Server::new(|_, _| Reply::error(401, "no", ""));
    let run = Workdir::new(&server, "").classify(&messages(5), &["--on-llm-error", "fail"]);
    assert_eq!((run.status, run.labels), (1, None));
    assert!(run.stderr.contains("HTTP 401") && run.stderr.lines().count() == 1, "{}", run.stderr);
}

#[test]
fn a_run_that_needs_the_llm_does_not_wait_for_what_is_under_way() {
    let server = Server::new(|number, request| match request.message() {
        text if text.contains("lost") => Reply::label("Nonsense"),
        _ if number == 0 => Reply::label("Error"),
        _ => Reply::Hang,
    });
    let mut texts = messages(4);
    texts.push("this one is lost".to_owned());
    let workdir = Workdir::new(&server, "concurrency = 8\ntimeout_seconds = 25");
    let run = workdir.classify(&texts, &["--on-llm-error", "fail"]);
    assert_eq!((run.status, run.labels), (1, None));
    assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
    assert!(run.stderr.contains("none of the labels"), "{}", run.stderr);
}

#[test]
fn each_of_several_inputs_that_need_the_llm_fails_or_succeeds_by_its_own_answers() {
    let server = Server::new(|_, request| match request.message() {
        text if text.contains("broken") => Reply::content("no label at all"),
        text if text.contains("slow") => Reply::Hang,
        _ => Reply::label("Error"),
    });
    let workdir = Workdir::new(&server, "concurrency = 8\ntimeout_seconds = 20\nbreaker_failures = 1000");
    let file = |name: &str, messages: &[&str]| {
        let rows = messages.join("\ncrm,");
        std::fs::write(workdir.path(name), format!("source,log_message\ncrm,{rows}\n")).unwrap();
    };
    // The second has what the first had under way and what it lost; the third only what can be answered.
    file("a.csv", &["slow lead", "broken lead", "good lead"]);
    file("b.csv", &["slow lead of another kind", "broken lead", "good lead"]);
    file("c.csv", &["good lead", "fine lead"]);
    let start = std::time::Instant::now();
    let arguments = ["classify", "a.csv", "b.csv", "c.csv", "-o", "out/", "--config", "logclass.toml"];
    let ran = workdir.run(&[&arguments[..], &["--on-llm-error", "fail", "-q"]].concat());
    let took = start.elapsed();
    println!("three inputs, two of which hang: {took:?}");
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(said.contains("a.csv: the LLM did not answer") && said.contains("b.csv: the LLM did not answer"));
    assert!(!workdir.path("out/a.csv").exists() && !workdir.path("out/b.csv").exists(), "{said}");
    let third = std::fs::read_to_string(workdir.path("out/c.csv")).unwrap();
    assert_eq!(third.matches(",Error\n").count(), 2, "{third}");
}

#[test]
fn waits_of_any_length_end_the_stage_and_not_the_worker() {
    const LONG: &str = "10000000000000000000";
    for headers in [
        vec![("Retry-After", LONG)],
        vec![("retry-after-ms", LONG)],
        vec![("x-ratelimit-reset-requests", LONG), ("x-ratelimit-remaining-requests", "0")],
        vec![("x-ratelimit-reset-tokens", LONG), ("x-ratelimit-remaining-tokens", "0")],
    ] {
        let sent = headers.clone();
        let server = Server::new(move |_, _| {
            sent.iter().fold(Reply::error(429, "later", ""), |reply, (name, value)| reply.with(name, value))
        });
        let run = Workdir::new(&server, "").classify(&messages(4), &[]);
        assert_eq!((run.status, server.count()), (3, 1), "{headers:?}: {}", run.stderr);
        assert!(
            run.stderr.contains("max_wait_seconds") && !run.stderr.contains("panicked"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn times_of_any_length_can_be_configured() {
    let server = Server::new(|_, _| Reply::label("Error"));
    let longest = i64::MAX;
    let names =
        ["timeout_seconds", "connect_timeout_seconds", "max_wait_seconds", "pause_seconds", "cache_days"];
    let extra = names.map(|name| format!("{name} = {longest}\n")).concat();
    let run = Workdir::new(&server, &extra).classify(&messages(4), &[]);
    assert_eq!((run.status, server.count()), (0, 4), "{}", run.stderr);
}

#[test]
fn retry_after_is_obeyed() {
    let server = Server::new(|number, _| match number {
        0 => Reply::error(429, "slow down", "").with("Retry-After", "2"),
        _ => Reply::label("Error"),
    });
    let run = Workdir::new(&server, "").classify(&messages(4), &[]);
    assert_eq!((run.status, server.count()), (0, 5));
    let captured = server.captured();
    assert!(captured[1].at - captured[0].at >= Duration::from_secs(2));
}

#[test]
fn announced_limits_are_obeyed_before_they_refuse() {
    let server = Server::new(|number, _| {
        let left = if number == 4 { "0" } else { "100" };
        Reply::label("Error")
            .with("x-ratelimit-remaining-requests", left)
            .with("x-ratelimit-reset-requests", "1.5s")
    });
    let run = Workdir::new(&server, "concurrency = 1").classify(&messages(8), &[]);
    assert_eq!((run.status, server.count()), (0, 8));
    let captured = server.captured();
    assert!(captured[5].at - captured[4].at >= Duration::from_millis(1_450));
    assert!(captured[7].at - captured[5].at < Duration::from_secs(1));
}

#[test]
fn a_wait_longer_than_allowed_switches_the_stage_off() {
    let server = Server::new(|_, _| Reply::error(429, "tomorrow", "").with("Retry-After", "86400"));
    let run = Workdir::new(&server, "").classify(&messages(4), &[]);
    assert_eq!((run.status, server.count()), (3, 1));
    assert!(run.stderr.contains("max_wait_seconds"), "{}", run.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_body_of_a_gigabyte_costs_no_memory() {
    let server = Server::new(|_, _| Reply::Endless);
    let workdir = Workdir::new(&server, "retries = 2");
    std::fs::write(workdir.path("in.csv"), "source,log_message\ncrm,hello\n").unwrap();
    let arguments = ["classify", "in.csv", "-o", "out.csv", "--config", "logclass.toml"];
    let mut child = workdir.command(&arguments).stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let now = text
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(now.unwrap_or(0_u64));
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    assert_eq!((status.code(), server.count()), (Some(3), 3));
    println!("a body of 1 GiB, three times: {peak} kB of memory at the most");
    assert!(peak < 150_000, "{peak} kB");
}
