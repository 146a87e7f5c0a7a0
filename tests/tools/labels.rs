//! Labels: how they are spelt, how many there are, and what contradicts.

use super::*;

#[test]
fn labels_that_differ_in_spelling_are_named_and_unclassified_is_no_class() {
    let desk = Desk::new();
    let rows = pets().replace(",Cat", ", Cat ").replacen(",Dog", ",dog", 3);
    desk.file("a.csv", &(rows + "what a lovely day for a walk,UNCLASSIFIED\n"));
    let output = desk.run(&["train", "-q", "a.csv", "-o", "m.st"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("labels \"Dog\", \"dog\" differ only in case"), "{said}");
    let info: serde_json::Value =
        serde_json::from_str(&desk.says(&["model", "info", "m.st", "--json"])).unwrap();
    assert_eq!(info["labels"], serde_json::json!(["Cat", "Dog", "dog"]));
}

#[test]
fn an_identifier_as_label_is_evaluated_in_linear_memory_and_refused_for_training() {
    let desk = Desk::new();
    let mut rows = String::from("source,log_message,target_label\n");
    for row in 0..66_000 {
        let letters: String = format!("{row:05}").bytes().map(|digit| char::from(digit + 49)).collect();
        let _ = writeln!(rows, "A,User {letters} logged out,r{row}");
    }
    // A label more than the limit, and more than a label's number can be.
    for (count, named) in [(4_097, "4097 labels"), (66_000, "66000 labels")] {
        let some: String = rows.split_inclusive('\n').take(count + 1).collect();
        desk.file("ids.csv", &some);
        for arguments in
            [&["train", "-q", "ids.csv", "-o", "m.st"][..], &["eval", "-q", "ids.csv", "--cv", "2"]]
        {
            let (status, said) = desk.fails(arguments);
            assert!(
                status == 1
                    && said.contains(named)
                    && said.contains("(4096)")
                    && said.contains("--label-column"),
                "{said}"
            );
        }
    }
    desk.file("same.csv", &rows.lines().map(|row| format!("{row}\n")).take(3_000).collect::<String>());
    let report = desk.says(&["eval", "-q", "same.csv", "--json", "r.json"]);
    assert!(report.contains("largest confusions"), "{report}");
    assert!(desk.read("r.json").len() < 2_000_000);
}

#[test]
fn one_group_cannot_be_held_out() {
    let desk = Desk::new();
    desk.file(
        "a.csv",
        &pets()
            .replace("log_message,", "source,log_message,")
            .replace("\nthe", "\nA,the")
            .replace("\na big", "\nA,a big"),
    );
    for arguments in [
        &["eval", "a.csv", "--cv", "5", "--group-column", "source"][..],
        &["train", "a.csv", "-o", "m.st", "--group-column", "source"],
    ] {
        let (status, said) = desk.fails(arguments);
        assert!(status == 1 && said.contains("\"A\" is the only group"), "{said}");
    }
}

#[test]
fn two_hundred_labels_of_three_rows_are_learnt() {
    let desk = Desk::new();
    let mut rows = String::from("log_message,target_label\n");
    let word = |number: usize| -> String {
        format!("{:04}", number * 7919 % 10_000).bytes().map(|digit| char::from(digit + 50)).collect()
    };
    for label in 0..200 {
        for row in 0..3 {
            let _ =
                writeln!(rows, "{} {} {},label {label}", word(label), word(row + 1_000), word(label + 300));
        }
    }
    desk.file("many.csv", &rows);
    desk.says(&["train", "-q", "many.csv", "-o", "m.st"]);
    let report = desk.says(&[
        "eval",
        "-q",
        "many.csv",
        "--model",
        "m.st",
        "--stage",
        "model",
        "--min-confidence",
        "0",
        "--json",
        "r.json",
    ]);
    let json: serde_json::Value = serde_json::from_slice(&desk.read("r.json")).unwrap();
    assert!(json["accuracy"].as_f64().unwrap() > 0.9, "{report}");
}
