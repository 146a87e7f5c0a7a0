//! Endpoints that go away, for a moment or for good, with many requests under way.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::server::{Reply, Server};
use super::workdir::{Run, Workdir, messages};

const ROWS: usize = 300;

fn down(by_status: bool) -> Reply {
    if by_status { Reply::error(502, "upstream unavailable", "") } else { Reply::Reset }
}

/// A run whose server goes down after 60 requests, for so long. With what came while it was down.
fn run(concurrency: usize, by_status: bool, outage: Duration) -> (Run, usize) {
    let since = Mutex::new(None);
    let server = Server::new(move |number, _| {
        std::thread::sleep(Duration::from_millis(5));
        if number >= 60 && since.lock().unwrap().get_or_insert_with(Instant::now).elapsed() < outage {
            down(by_status)
        } else {
            Reply::label("Error")
        }
    });
    let run = Workdir::new(&server, &format!("concurrency = {concurrency}")).classify(&messages(ROWS), &[]);
    let answered = run.summary["labels"]["Error"].as_u64().unwrap();
    (run, server.count() - usize::try_from(answered).unwrap())
}

/// The same for several numbers of workers and both ways to be down, at once: they wait more than they work.
fn runs(outage: Duration, check: impl Fn(&str, usize, Run, usize) + Sync) {
    std::thread::scope(|scope| {
        for concurrency in [1, 4, 8] {
            for by_status in [true, false] {
                let check = &check;
                scope.spawn(move || {
                    let name = format!("concurrency {concurrency}, by status {by_status}");
                    let (run, failed) = run(concurrency, by_status, outage);
                    println!("{name}: {failed} requests failed, {:?}", run.took);
                    check(&name, concurrency, run, failed);
                });
            }
        }
    });
}

#[test]
fn a_short_outage_costs_no_row_its_answer_however_many_requests_are_under_way() {
    runs(Duration::from_millis(1_500), |name, concurrency, run, failed| {
        assert_eq!(
            (run.status, &run.summary["llm"]["unanswered_rows"]),
            (0, &0.into()),
            "{name}: {}",
            run.stderr
        );
        assert!(failed < concurrency + 4, "{name}: {failed}");
        assert!(run.took < Duration::from_secs(12), "{name}: {:?}", run.took);
    });
}

#[test]
fn a_lasting_outage_switches_the_stage_off_after_five_steps_and_nothing_is_sent_after() {
    runs(Duration::MAX, |name, concurrency, run, failed| {
        assert_eq!(run.status, 3, "{name}: {}", run.stderr);
        // All that were under way, and then four one after the other.
        assert!((5..concurrency + 5).contains(&failed), "{name}: {failed}");
        assert!(run.took < Duration::from_secs(20), "{name}: {:?}", run.took);
        let llm = &run.summary["llm"];
        assert!(llm.get("switched_off").is_some(), "{name}: {llm}");
        assert_eq!(run.labels.unwrap().len(), ROWS);
    });
}

#[test]
fn a_failure_now_and_then_is_no_outage() {
    let server = Server::new(|number, _| {
        std::thread::sleep(Duration::from_millis(2));
        if number % 10 == 9 { down(true) } else { Reply::label("Error") }
    });
    let run = Workdir::new(&server, "concurrency = 8").classify(&messages(100), &[]);
    assert_eq!((run.status, &run.summary["llm"]["unanswered_rows"]), (0, &0.into()), "{}", run.stderr);
    println!("a failure in ten: {} requests, {:?}", server.count(), run.took);
    assert!(run.took < Duration::from_secs(15), "{:?}", run.took);
}
