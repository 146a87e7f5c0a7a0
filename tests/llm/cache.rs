//! No question is paid for twice.

use super::server::{Reply, Server};
use super::workdir::{Workdir, messages};

#[test]
fn a_hundred_thousand_rows_ask_once_for_each_template_and_the_next_run_nothing() {
    let server = Server::new(|_, _| Reply::label("Workflow Error"));
    let workdir = Workdir::new(&server, "concurrency = 8");
    let rows: Vec<String> = messages(500)
        .iter()
        .cycle()
        .take(100_000)
        .enumerate()
        .map(|(number, message)| format!("{message} at 10:00 by user {}", number + 1))
        .collect();
    // A table far too small forgets templates; the queue does not.
    let run = workdir.classify(&rows, &["--table-size", "50"]);
    assert_eq!((run.status, server.count()), (0, 500), "{}", run.stderr);
    assert_eq!(run.summary["stages"]["llm"], 100_000);
    let again = workdir.classify(&rows, &[]);
    assert_eq!((again.status, server.count()), (0, 500));
    assert_eq!(again.summary["llm"]["from_cache"], 500);
    assert_eq!(again.output, run.output);
}

#[test]
fn failures_are_never_kept() {
    let server =
        Server::new(|number, _| if number < 2 { Reply::label("Nonsense") } else { Reply::label("Error") });
    let workdir = Workdir::new(&server, "");
    assert_eq!(workdir.classify(&messages(1), &[]).status, 3);
    let run = workdir.classify(&messages(1), &[]);
    assert_eq!((run.status, run.labels.unwrap()), (0, vec!["Error".to_owned()]));
}

#[test]
fn another_model_or_description_asks_anew_and_off_keeps_nothing() {
    let server = Server::new(|_, _| Reply::label("Error"));
    let workdir = Workdir::new(&server, "");
    for (flags, requests) in
        [(&[][..], 1), (&[], 1), (&["--llm-cache", "off"], 2), (&["--llm-cache", "other"], 3), (&[], 3)]
    {
        assert_eq!(workdir.classify(&messages(1), flags).status, 0);
        assert_eq!(server.count(), requests, "{flags:?}");
    }
    let config = std::fs::read_to_string(workdir.path("logclass.toml")).unwrap();
    std::fs::write(workdir.path("logclass.toml"), config.replace("it is Error", "something broke")).unwrap();
    workdir.classify(&messages(1), &[]);
    assert_eq!(server.count(), 4);
}

#[test]
fn two_runs_at_once_share_a_store_without_harm() {
    let server = Server::new(|_, _| Reply::label("Error"));
    let [first, second] = [(); 2].map(|()| Workdir::new(&server, "concurrency = 4"));
    let cache = first.path("cache");
    let flags = ["--llm-cache", cache.to_str().unwrap()];
    std::thread::scope(|scope| {
        let one = scope.spawn(|| first.classify(&messages(80), &flags));
        let two = scope.spawn(|| second.classify(&messages(80), &flags));
        assert_eq!((one.join().unwrap().status, two.join().unwrap().status), (0, 0));
    });
    let before = server.count();
    assert!((80..=160).contains(&before));
    assert_eq!(first.classify(&messages(80), &flags).summary["llm"]["from_cache"], 80);
    assert_eq!(server.count(), before);
}

#[test]
fn a_killed_run_has_kept_what_it_paid_for() {
    let server = Server::new(|_, _| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        Reply::label("Error")
    });
    let workdir = Workdir::new(&server, "concurrency = 1");
    std::fs::write(
        workdir.path("in.csv"),
        format!(
            "source,log_message\n{}",
            messages(400).iter().map(|text| format!("crm,{text}")).collect::<Vec<_>>().join("\n")
        ),
    )
    .unwrap();
    let mut child = workdir
        .command(&["classify", "in.csv", "-o", "out.csv", "--config", "logclass.toml"])
        .spawn()
        .unwrap();
    while server.count() < 20 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!workdir.path("out.csv").exists());
    let asked = server.count();
    let run = workdir.classify(&messages(400), &[]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    // Only the one under way may have to be asked again.
    assert!(server.count() <= 401, "{asked} before, {} in all", server.count());
}

#[test]
fn answers_are_not_shared_by_what_is_asked_differently() {
    let first = Server::new(|_, _| Reply::label("Error"));
    let second = Server::new(|_, _| Reply::label("User Action"));
    let workdir = Workdir::new(&first, "");
    let text = |number: u8| vec![format!("job {number} of the long list failed")];
    assert_eq!(workdir.classify(&text(1), &[]).labels.unwrap(), ["Error"]);
    workdir.configure(&second.url, "");
    assert_eq!(workdir.classify(&text(1), &[]).labels.unwrap(), ["User Action"]);
    for extra in ["max_message_chars = 5", "reasoning_effort = \"high\"", "send = \"raw\""] {
        let before = second.count();
        workdir.configure(&second.url, extra);
        for expected in [1, 1] {
            workdir.classify(&text(1), &[]);
            assert_eq!(second.count(), before + expected, "{extra}");
        }
    }
    // With `send = "raw"` the text is asked about, not the template.
    let before = second.count();
    workdir.classify(&text(2), &[]);
    assert_eq!(second.count(), before + 1);
    workdir.configure(&first.url, "");
    workdir.classify(&text(2), &[]);
    assert_eq!(first.count(), 1);
}
