//! Every command reads what `classify` reads, and refuses what it refuses.

use super::*;
use std::io::Write as _;

const SEMICOLONS: &str = "source;log_message;target_label\nA;disk full on a;Error\nA;disk failed;Error\nA;user in;Action\nA;user out;Action\n";

/// What each command is run with, the input behind it.
const COMMANDS: [&[&str]; 5] =
    [&["train", "-qo", "m.st"], &["eval", "-q"], &["suggest", "-q"], &["embed", "-q"], &["rules", "test"]];

fn with<'a>(command: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    command.iter().chain(more).copied().collect()
}

#[test]
fn every_command_reads_every_delimiter_encoding_and_compression() {
    let desk = Desk::new();
    let commas = SEMICOLONS.replace(';', ",");
    let utf16: Vec<u8> =
        "\u{feff}".encode_utf16().chain(commas.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(commas.as_bytes()).unwrap();
    std::fs::write(desk.path().join("u16.csv"), utf16).unwrap();
    std::fs::write(desk.path().join("packed.csv.gz"), gzip.finish().unwrap()).unwrap();
    let rows = SEMICOLONS.lines().skip(1).map(|line| {
        let [source, message, label] = line.split(';').collect::<Vec<_>>()[..] else { panic!("{line}") };
        serde_json::json!({"source": source, "log_message": message, "target_label": label}).to_string()
    });
    desk.file("semi.csv", SEMICOLONS)
        .file("tab.tsv", &SEMICOLONS.replace(';', "\t"))
        .file("padded.csv", &commas.replacen(',', " , ", 2))
        .file("rows.ndjson", &(rows.collect::<Vec<_>>().join("\n") + "\n"));
    for file in ["semi.csv", "tab.tsv", "padded.csv", "u16.csv", "packed.csv.gz", "rows.ndjson"] {
        for command in COMMANDS {
            desk.says(&with(command, &[file]));
        }
    }
}

#[test]
fn every_command_takes_delimiters_numbers_and_the_columns_of_a_configuration() {
    let desk = Desk::new();
    desk.file("odd.csv", &SEMICOLONS.replace(';', "^"))
        .file("bare.csv", SEMICOLONS.split_once('\n').unwrap().1)
        .file("named.csv", "app,text,kind\nA,disk full on a,Error\nA,user in,Action\n")
        .file("c.toml", "[columns]\nsource = \"app\"\nmessage = \"text\"\nlabel = \"kind\"\n");
    for command in COMMANDS {
        desk.says(&with(command, &["odd.csv", "--delimiter", "^"]));
        desk.says(&with(command, &["named.csv", "--config", "c.toml"]));
        let mut bare = vec![
            "bare.csv",
            "--no-header",
            "--delimiter",
            ";",
            "--source-column",
            "1",
            "--message-column",
            "2",
        ];
        if ["train", "eval"].contains(&command[0]) {
            bare.extend(["--label-column", "3"]);
        }
        desk.says(&with(command, &bare));
    }
}

#[test]
fn every_command_refuses_what_classify_refuses_in_the_same_words() {
    let desk = Desk::new();
    let commas = SEMICOLONS.replace(';', ",");
    desk.file("open.csv", &commas.replacen("user in", "\"user in", 1))
        .file("twice.csv", &commas.replacen("source,", "log_message,", 1))
        .file("ragged.csv", &commas.replacen("user in", "user, in", 1));
    for file in ["open.csv", "twice.csv", "ragged.csv"] {
        let (_, words) = desk.fails(&["classify", "-q", file, "--no-source", "--label-column", "new"]);
        for command in COMMANDS {
            let (status, said) = desk.fails(&with(command, &[file, "--no-source"]));
            assert_eq!((status, said.as_str()), (1, words.as_str()), "{command:?} {file}");
        }
    }
    for command in COMMANDS {
        let (status, said) =
            desk.fails(&with(command, &["ragged.csv", "--no-source", "--max-record-bytes", "9"]));
        assert!(status == 1 && said.contains("--max-record-bytes"), "{command:?} {said}");
    }
}

#[test]
fn text_has_no_labels_to_learn_from_and_messages_for_everything_else() {
    let desk = Desk::new();
    desk.file("app.log", "disk full\nuser out\n");
    for command in COMMANDS {
        let arguments = with(command, &["app.log"]);
        if ["train", "eval"].contains(&command[0]) {
            let (status, said) = desk.fails(&arguments);
            assert!(status == 2 && said.contains("app.log: is text"), "{said}");
        } else {
            desk.says(&arguments);
        }
    }
}

#[test]
fn a_column_of_the_severity_is_part_of_what_is_learnt() {
    let desk = Desk::new();
    desk.file("s.csv", "log_message,level,target_label\nbeat,INFO,Routine\nbeat,ERROR,Alarm\n");
    let (_, said) = desk.fails(&["train", "-qo", "m.st", "s.csv"]);
    assert!(said.contains("\"beat\" is labelled"), "{said}");
    desk.says(&["train", "-qo", "m.st", "s.csv", "--severity-column", "level"]);
    desk.says(&["eval", "-q", "s.csv", "--model", "m.st", "--severity-column", "level"]);
}

#[test]
fn a_configuration_without_rules_leaves_the_bundled_ones_to_rules_test() {
    let desk = Desk::new();
    desk.file("c.toml", "[columns]\nsource = \"source\"\n")
        .file("a.csv", "source,log_message\nA,User alice logged out\n");
    assert!(desk.says(&["rules", "test", "a.csv", "--config", "c.toml"]).contains("1 of 1 row matched"));
}

#[test]
fn a_rule_that_is_no_regular_expression_is_named_with_its_file() {
    let desk = Desk::new();
    desk.file("bad.toml", "[[rule]]\nname = \"odd\"\nlabel = \"X\"\npattern = \"(\"\n")
        .file(
            "pack.toml",
            "[pack]\nname = \"mine\"\n\n[[rule]]\nname = \"odd\"\nlabel = \"X\"\npattern = \"(\"\n",
        )
        .file("a.csv", "source,log_message,target_label\nA,x,X\n");
    for flags in [["--config", "bad.toml"], ["--rules", "pack.toml"]] {
        for command in [vec!["classify", "--overwrite"], vec!["eval"], vec!["suggest"], vec!["rules", "test"]]
        {
            let (status, said) = desk.fails(&[&command[..], &["a.csv"], &flags].concat());
            assert!(
                status == 2 && said.contains(flags[1]) && said.contains("\"odd\""),
                "{command:?}: {said}"
            );
        }
    }
}
