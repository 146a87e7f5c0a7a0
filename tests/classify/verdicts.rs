//! Verdicts that travel: `logclass learn` and `classify --verdicts`.
#![cfg(feature = "bundled")]

use serde_json::Value;
use std::fmt::Write;

use crate::harness::{Folder, Ran, run};

/// A log whose templates begin at this number.
fn log(from: usize) -> String {
    const WORDS: [&str; 8] = ["disk", "queue", "shard", "lease", "socket", "tenant", "cursor", "bucket"];
    let mut csv = "source,log_message\n".to_owned();
    for index in from..from + 24 {
        let (one, other) = (WORDS[index % 8], WORDS[index / 8 % 8]);
        writeln!(csv, "App,{one} of {other} is {index}% full after warning").unwrap();
        writeln!(csv, "App,\"ERROR: {other} {index} lost its {one}\"").unwrap();
    }
    csv + "App,user 1 logged in\nApp,\n"
}

impl Folder {
    fn learn(&self, arguments: &[&str]) -> Ran {
        run(self.logclass(["learn", "--config", "rules.toml"]).args(arguments), b"")
    }

    /// Templates that the model had to look at, and the rows.
    fn encoded(&self, arguments: &[&str]) -> (u64, Vec<u8>) {
        let ran = self.run([arguments, &["--explain", "--summary", "figures.json"]].concat()).ended(0);
        let figures: Value = serde_json::from_slice(&self.read("figures.json")).unwrap();
        let looked_at = ["encoded", "lexical"].map(|name| figures[name].as_u64().unwrap());
        (looked_at.iter().sum(), ran.stdout)
    }
}

#[test]
fn labels_and_reasons_are_the_same_with_a_file_of_verdicts_and_nothing_is_encoded() {
    let folder = Folder::new();
    folder.write("a.csv", log(0));
    let told = folder.learn(&["a.csv", "-o", "a.verdicts"]).ended(0);
    assert!(told.stdout.is_empty());
    assert!(told.stderr.contains("50 rows") && told.stderr.contains("a.verdicts: "), "{}", told.stderr);
    let (templates, plain) = folder.encoded(&["a.csv"]);
    assert!(templates > 20, "{templates}");
    for threads in ["1", "3"] {
        let (encoded, warm) = folder.encoded(&["a.csv", "--verdicts", "a.verdicts", "--threads", threads]);
        assert_eq!((encoded, warm), (0, plain.clone()));
    }
    // What is not in the file is encoded as ever.
    folder.write("b.csv", log(16));
    let (all, plain) = folder.encoded(&["b.csv"]);
    let (some, warm) = folder.encoded(&["b.csv", "--verdicts", "a.verdicts"]);
    assert!(0 < some && some < all, "{some} of {all}");
    assert_eq!(warm, plain);
    // A table that is smaller than the file does not forget it.
    let (encoded, _) = folder.encoded(&["a.csv", "--verdicts", "a.verdicts", "--table-size", "1"]);
    assert_eq!(encoded, 0);
    // No text of the log is in it, nor one of the reasons.
    let file = folder.read("a.verdicts");
    let begin = file.iter().rposition(|&byte| byte == b'}').unwrap();
    for word in ["warning", "bucket", "lost"] {
        assert!(!file[begin..].windows(word.len()).any(|part| part == word.as_bytes()));
    }
    assert!(file.len() < 800 + 27 * usize::try_from(templates).unwrap(), "{}", file.len());
}

#[test]
fn a_file_is_added_to_and_files_are_joined_in_any_order() {
    let folder = Folder::new();
    folder.write("a.csv", log(0));
    folder.write(
        "b.ndjson",
        "{\"log_message\":\"the lease of tenant 7 was handed back\",\"target_label\":\"x\"}\noops\n",
    );
    folder.write("c.log", "cursor 7 closed by the client\n");
    let added = folder.learn(&["a.csv", "-o", "all.verdicts"]).ended(0);
    assert!(!added.stderr.contains("warning"), "{}", added.stderr);
    let added = folder.learn(&["b.ndjson", "c.log", "-o", "all.verdicts"]).ended(0);
    assert!(added.stderr.contains("(2 new)"), "{}", added.stderr);
    assert!(added.stderr.contains("warning: 1 record could not be read"), "{}", added.stderr);
    folder.learn(&["--quiet", "a.csv", "-o", "a.verdicts"]).ended(0);
    folder.learn(&["--quiet", "b.ndjson", "-o", "b.verdicts"]).ended(0);
    let joined = folder.learn(&["b.verdicts", "c.log", "a.verdicts", "-o", "joined.verdicts"]).ended(0);
    assert!(joined.stderr.contains("1 row,"), "{}", joined.stderr);
    assert_eq!(folder.read("joined.verdicts"), folder.read("all.verdicts"));
    // Nothing new: the same bytes.
    folder.learn(&["--quiet", "a.csv", "-o", "all.verdicts"]).ended(0);
    assert_eq!(folder.read("joined.verdicts"), folder.read("all.verdicts"));
    let piped = folder.learn(&["--quiet", "all.verdicts", "-o", "-"]).ended(0);
    assert_eq!(piped.stdout, folder.read("all.verdicts"));
    let small = folder.learn(&["c.log", "-o", "all.verdicts", "--max-templates", "2"]).ended(0);
    assert!(small.stderr.contains("left out to stay within --max-templates"), "{}", small.stderr);
    assert!(small.stderr.contains("all.verdicts: 2 templates"), "{}", small.stderr);
}

#[test]
fn runs_that_add_to_one_file_at_once_lose_nothing() {
    let folder = Folder::new();
    let mut children = Vec::new();
    for index in 0..5 {
        let name = format!("{index}.csv");
        folder.write(&name, log(24 * index));
        let mut command =
            folder.logclass(["learn", "--config", "rules.toml", "--quiet", "-o", "all.verdicts"]);
        children.push(command.arg(&name).spawn().unwrap());
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    for index in 0..5 {
        let (encoded, _) = folder.encoded(&[&format!("{index}.csv"), "--verdicts", "all.verdicts"]);
        assert_eq!(encoded, 0);
    }
    // Whole files alone, and the lock.
    let names = folder.names();
    assert!(names.iter().all(|name| !name.ends_with(".tmp")), "{names:?}");
}

#[test]
fn a_file_of_verdicts_that_does_not_fit_or_is_damaged_is_refused_in_one_line() {
    let folder = Folder::new();
    folder.write("a.csv", log(0));
    folder.learn(&["--quiet", "a.csv", "-o", "a.verdicts"]).ended(0);
    let sound = folder.read("a.verdicts");
    let with = |flags: &[&str]| {
        let mut command =
            folder.logclass(["classify", "--quiet", "a.csv", "-o", "out.csv", "--verdicts", "a.verdicts"]);
        run(command.args(flags), b"")
    };
    with(&["--config", "rules.toml"]).ended(0);
    std::fs::remove_file(folder.path("out.csv")).unwrap();
    with(&[]).refused(2, &["a.verdicts", "other rules", "logclass learn"]);
    with(&["--config", "rules.toml", "--rules", "sshd"]).refused(2, &["other rules"]);
    with(&["--config", "rules.toml", "--min-confidence", "0.9"]).refused(2, &["min_confidence"]);
    with(&["--config", "rules.toml", "--backend", "native"]).refused(2, &["--backend auto"]);
    let rules = String::from_utf8(folder.read("rules.toml")).unwrap();
    folder.write("route.toml", format!("{rules}[[route]]\nsource = \"R\"\nstages = [\"rules\"]\n"));
    with(&["--config", "route.toml"]).refused(2, &["routes"]);
    folder.write("labels.toml", format!("{rules}[labels]\n\"Quite Another\" = \"x\"\n"));
    with(&["--config", "labels.toml"]).refused(2, &["other labels"]);
    // An LLM changes nothing of what the model says.
    folder.write("llm.toml", format!("{rules}[llm]\nmodel = \"m\"\nbase_url = \"http://127.0.0.1:9\"\n"));
    with(&["--config", "llm.toml", "--no-llm"]).ended(0);
    std::fs::remove_file(folder.path("out.csv")).unwrap();
    let damaged =
        [&sound[..sound.len() / 2], &sound[..10], &[&sound[..], b"x"].concat(), b"", b"source,log_message\n"];
    for (index, bytes) in damaged.into_iter().enumerate() {
        folder.write("a.verdicts", bytes);
        let word =
            if index < 3 && index != 1 { "is damaged or incomplete" } else { "is no file of verdicts" };
        with(&["--config", "rules.toml"]).refused(1, &["a.verdicts", word, "logclass learn"]);
        // It is not written over either.
        folder.learn(&["a.csv", "-o", "a.verdicts"]).refused(1, &["a.verdicts", word]);
        assert_eq!(folder.read("a.verdicts"), bytes);
    }
    std::fs::remove_file(folder.path("a.verdicts")).unwrap();
    with(&["--config", "rules.toml"]).refused(1, &["a.verdicts", "No such file"]);
    assert!(!folder.names().contains(&"out.csv".to_owned()));
}

#[test]
fn a_file_of_verdicts_is_not_written_over_by_what_reads_it() {
    let folder = Folder::new();
    folder.write("a.csv", log(0));
    folder.learn(&["--quiet", "a.csv", "-o", "a.verdicts"]).ended(0);
    folder
        .run(["a.csv", "--verdicts", "a.verdicts", "-o", "a.verdicts"])
        .refused(2, &["is the file of verdicts, too"]);
    folder.learn(&["a.csv", "-o", "a.csv"]).refused(2, &["is the input, too"]);
    folder.learn(&["a.csv", "-o", "a.verdicts.gz"]).refused(2, &["not compressed"]);
    folder.learn(&["a.csv", "-o", "b.verdicts", "--max-templates", "0"]).ended(2);
    folder.learn(&["missing.csv", "-o", "b.verdicts"]).refused(1, &["missing.csv"]);
    assert!(!folder.names().iter().any(|name| name.starts_with("b.verdicts")), "{:?}", folder.names());
}
