//! The classifier of the library: the labels of the command line for rows in memory, whoever asks and however often.
#![cfg(feature = "bundled")]

use logclass::cascade::Cascade;
use logclass::config::Config;
use logclass::encoder::{Backend, LazyEncoder, parse_source};
use logclass::head::Head;
use logclass::pipeline::Resources;
use logclass::session::{Classifier, Row, Session};
use logclass::verdict::Reason;
use rayon::prelude::*;
use std::fmt::Write;
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;

use crate::harness::{Folder, RULES, rows};

fn session(threads: usize, table_size: usize) -> Session {
    session_of(threads, table_size, false)
}

fn session_of(threads: usize, table_size: usize, thorough: bool) -> Session {
    let config = Config::parse(RULES).unwrap();
    let encoder = LazyEncoder::new(parse_source(None).unwrap(), Backend::Auto);
    let cascade =
        Cascade::new(&config, config.rules.clone(), Head::bundled().unwrap(), encoder, None, false).unwrap();
    Session::new(cascade.thorough(thorough), None, Resources { threads, table_size })
}

fn messages() -> Vec<String> {
    let mut messages: Vec<String> = (0..400)
        .map(|index| match index % 8 {
            0 => format!("user {index} logged in"),
            1 => format!("Backup {index} done"),
            2 => format!("ERROR: worker {index} crashed while reading block {}", index * 7),
            3 => format!("<11>Nov 22 21:20:29 host sshd[{index}]: Failed password for root"),
            4 => format!("\u{e9}t\u{e9} \u{2028} {index}\nsecond line\r\n\tthird"),
            5 => String::new(),
            6 => format!("disk {} is {index}% full", ["a", "b", "c", "d"][index / 8 % 4]),
            _ => format!("token {} expired", ["one", "two", "three", "four", "five"][index / 8 % 5]),
        })
        .collect();
    messages.push("x ".repeat(200_000));
    messages
}

fn rows_of(messages: &[String]) -> Vec<Row<'_>> {
    messages
        .iter()
        .map(|message| Row { message: message.as_bytes(), source: b"App", severity: b"" })
        .collect()
}

#[test]
fn rows_in_memory_get_the_labels_and_reasons_of_the_command_line() {
    let messages = messages();
    let folder = Folder::new();
    let mut csv = "source,log_message\n".to_owned();
    for message in &messages {
        writeln!(csv, "App,\"{message}\"").unwrap();
    }
    let ran = folder.pipe(["--explain"], csv.as_bytes()).ended(0);
    let table = rows(&ran.stdout, b',');
    for threads in [1, 3] {
        let classifier = Classifier::new(&session(threads, 200), true);
        for _ in 0..2 {
            let verdicts = classifier.classify(&rows_of(&messages)).unwrap();
            assert_eq!(verdicts.len() + 1, table.len());
            for (verdict, row) in verdicts.iter().zip(&table[1..]) {
                assert_eq!(
                    classifier.label(verdict).as_bytes(),
                    row[2],
                    "{}",
                    String::from_utf8_lossy(&row[1])
                );
                assert_eq!(verdict.stage.name().as_bytes(), row[3]);
                assert_eq!(format!("{:.4}", verdict.confidence).as_bytes(), row[4]);
                assert_eq!(classifier.explain(verdict).as_bytes(), row[5]);
            }
        }
    }
}

#[test]
fn a_template_is_encoded_once_however_many_threads_and_calls_meet_it() {
    let messages = messages();
    let rows = rows_of(&messages);
    let alone = Classifier::new(&session_of(1, 10_000, true), false);
    let expected = alone.classify(&rows).unwrap();
    let templates = alone.verdicts().encoded();
    assert!(templates > 10);
    let session = session_of(2, 10_000, true);
    let shared = Classifier::new(&session, false);
    let start = Barrier::new(6);
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (shared, rows, expected, start) = (&shared, &rows, &expected, &start);
            scope.spawn(move || {
                start.wait();
                for part in [7, 64, 500] {
                    let from = thread * 11;
                    let found: Vec<_> =
                        rows[from..].chunks(part).flat_map(|part| shared.classify(part).unwrap()).collect();
                    assert_eq!(found, expected[from..]);
                }
            });
        }
    });
    assert_eq!(shared.verdicts().encoded(), templates);
    // What one classifier of a session has learned, another one knows; reasons are looked for when they are wanted.
    assert_eq!(Classifier::new(&session, false).classify(&rows).unwrap(), expected);
    assert_eq!(session.verdicts().encoded(), templates);
    let explaining = Classifier::new(&session, true);
    let reason = explaining.classify(&rows[2..3]).unwrap()[0];
    assert!(explaining.explain(&reason).starts_with("most like: "), "{reason:?}");
    assert_eq!(session.verdicts().encoded(), templates + 1);
}

#[test]
fn tasks_of_a_pool_that_meet_the_same_templates_do_not_wait_for_each_other_for_ever() {
    let messages = messages();
    let rows = rows_of(&messages);
    let expected = Classifier::new(&session(2, 10_000), false).classify(&rows).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    for _ in 0..3 {
        let shared = Classifier::new(&session(2, 10_000), false);
        let found: Vec<_> =
            pool.install(|| (0..24).into_par_iter().map(|_| shared.classify(&rows).unwrap()).collect());
        assert!(found.iter().all(|verdicts| *verdicts == expected));
    }
}

#[test]
fn a_call_that_nobody_wants_any_more_ends_with_an_error_and_spoils_nothing() {
    let messages = messages();
    let rows = rows_of(&messages);
    let classifier = Classifier::new(&session(2, 10_000), false);
    assert!(classifier.classify_unless(&rows, &AtomicBool::new(true)).is_err());
    assert_eq!(
        classifier.classify(&rows).unwrap(),
        Classifier::new(&session(1, 10_000), false).classify(&rows).unwrap()
    );
}

#[test]
fn no_rows_are_no_verdicts_and_a_row_without_a_message_is_unclassified() {
    let classifier = Classifier::new(&session(1, 1), false);
    assert_eq!(classifier.classify(&[]).unwrap(), []);
    let verdicts = classifier.classify(&vec![Row::default(); 40_000]).unwrap();
    assert_eq!(verdicts.len(), 40_000);
    assert!(verdicts.iter().all(|verdict| verdict.reason == Reason::Empty));
    let warned = Row { message: b"something odd", severity: b"error", source: b"" };
    let plain = Row { severity: b"", ..warned };
    let verdicts = classifier.classify(&[warned, plain]).unwrap();
    assert_ne!(verdicts[0].confidence.to_bits(), verdicts[1].confidence.to_bits());
}
