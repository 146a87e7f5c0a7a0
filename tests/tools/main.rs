//! `rules`, `train`, `eval`, `suggest`, `embed` and `model`, through the real binary.
#![cfg(feature = "bundled")]

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder to run the program in.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self, name: &str, content: &str) -> &Self {
        std::fs::write(self.path().join(name), content).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_logclass"));
        for variable in ["LOGCLASS_CONFIG", "LOGCLASS_MODEL", "GROQ_API_KEY", "SOURCE_DATE_EPOCH"] {
            command.env_remove(variable);
        }
        command.args(arguments).current_dir(self.path());
        command
    }

    /// Standard output of a run that must succeed.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Exit status and standard error of a run that must fail with one line.
    fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{arguments:?} should fail");
        let last = said.lines().last().unwrap_or("").to_owned();
        assert!(last.starts_with("logclass: "), "{said}");
        (output.status.code().unwrap(), last)
    }
}

/// Rows of two labels that anyone can tell apart.
fn pets() -> String {
    let mut rows = String::from("log_message,target_label\n");
    let verbs =
        ["sleeps", "eats", "runs", "waits", "plays", "hides", "looks out", "comes in", "goes home", "jumps"];
    for (index, verb) in verbs.iter().enumerate() {
        let _ = writeln!(rows, "the cat {verb} beside chair {index},Cat");
        let _ = writeln!(rows, "a big dog {verb} near fence {index},Dog");
    }
    rows
}

#[test]
fn rules_check_passes_the_bundled_rules_and_names_shadowed_and_duplicate_ones() {
    let desk = Desk::new();
    assert!(desk.says(&["rules", "check"]).contains("0 findings"));
    desk.file(
        "logclass.toml",
        "[[rule]]\nname = \"wide\"\nlabel = \"A\"\npattern = \"disk\"\n\n[[rule]]\nname = \"narrow\"\nlabel = \"B\"\npattern = \"disk full\"\n\n\
         [[rule]]\nname = \"again\"\nlabel = \"C\"\npattern = \"disk\"\n",
    );
    let output = desk.run(&["rules", "check", "logclass.toml"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("line 6: rule \"narrow\" never matches first"), "{said}");
    assert!(
        said.contains(
            "line 11: rule \"again\" never matches first: rule \"wide\" (line 1) has the same pattern"
        ),
        "{said}"
    );
}

#[test]
fn a_broken_rule_file_is_a_usage_error_with_its_line() {
    let desk = Desk::new();
    desk.file("bad.toml", "[[rule]]\nlabel = \"A\"\npattern = \"a(b\"\n")
        .file("typo.toml", "min_confidense = 0.5\n");
    let (status, said) = desk.fails(&["rules", "check", "bad.toml"]);
    assert_eq!(status, 2);
    assert!(said.contains("bad.toml: line 1: rule \"rule 1\": unclosed group"), "{said}");
    let (status, said) = desk.fails(&["rules", "check", "typo.toml"]);
    assert_eq!(status, 2);
    assert!(said.contains("typo.toml: line 1, column 1: unknown field `min_confidense`"), "{said}");
}

#[test]
fn rules_test_shows_hits_and_leftovers_with_their_lines() {
    let desk = Desk::new();
    desk.file("logs.csv", "source,log_message\na,Kernel panic - not syncing\nb,all is well\n");
    let said = desk.says(&["rules", "test", "logs.csv"]);
    assert!(said.contains("kernel panic -> Critical Error: 1 rows\n    line 2: Kernel panic"), "{said}");
    assert!(said.contains("no rule: 1 rows\n    line 3: all is well"), "{said}");
}

#[test]
fn training_twice_and_on_other_threads_gives_the_same_bytes() {
    let desk = Desk::new();
    desk.file("pets.csv", &pets());
    desk.says(&["train", "pets.csv", "-o", "a.safetensors", "--threads", "1", "-q"]);
    desk.says(&["train", "pets.csv", "-o", "b.safetensors", "--threads", "2", "-q"]);
    assert!(desk.read("a.safetensors") == desk.read("b.safetensors"));
}

#[test]
fn a_trained_model_labels_new_messages_and_tells_what_it_is() {
    let desk = Desk::new();
    desk.file("pets.csv", &pets());
    desk.says(&["train", "pets.csv", "-o", "pets.safetensors", "-q"]);
    desk.file(
        "new.csv",
        "source,log_message\nx,the cat sits beside chair 77\nx,a big dog barks near fence 3\n",
    );
    let labelled = desk.says(&["classify", "new.csv", "--model", "pets.safetensors", "-q"]);
    assert_eq!(
        labelled,
        "source,log_message,target_label\nx,the cat sits beside chair 77,Cat\nx,a big dog barks near fence 3,Dog\n"
    );
    let info = desk.says(&["model", "info", "pets.safetensors"]);
    assert!(info.contains("2 (Cat, Dog)") && info.contains("20 rows, 20 templates"), "{info}");
    let json: serde_json::Value =
        serde_json::from_str(&desk.says(&["model", "info", "pets.safetensors", "--json"])).unwrap();
    assert_eq!(json["labels"][1], "Dog");
}

#[test]
fn eval_reports_figures_and_warns_of_templates_the_model_was_trained_on() {
    let desk = Desk::new();
    desk.file("pets.csv", &pets());
    desk.says(&["train", "pets.csv", "-o", "pets.safetensors", "-q"]);
    let output =
        desk.run(&["eval", "pets.csv", "--model", "pets.safetensors", "--json", "r.json", "--plot", "r.svg"]);
    assert!(output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("20 of 20 templates were in the model's training data")
    );
    let report: serde_json::Value = serde_json::from_slice(&desk.read("r.json")).unwrap();
    assert_eq!(report["rows"], 20);
    assert_eq!(report["accuracy"], 1.0);
    assert!(String::from_utf8(desk.read("r.svg")).unwrap().starts_with("<svg"));
}

#[test]
fn cross_validation_copes_with_two_labels_rare_labels_and_refuses_one() {
    let desk = Desk::new();
    desk.file("pets.csv", &pets());
    assert!(desk.says(&["eval", "pets.csv", "--cv", "5"]).contains("macro F1"));
    desk.file("rare.csv", &(pets() + "an owl hoots,Owl\nsomething,\n"));
    let output = desk.run(&["eval", "rare.csv", "--cv", "5"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 rows without a label"), "{said}");
    assert!(said.contains("label \"Owl\" has 1 distinct templates: label more"), "{said}");
    desk.file("one.csv", "log_message,target_label\na,X\nb,X\n");
    let (status, said) = desk.fails(&["eval", "one.csv", "--cv", "5"]);
    assert_eq!(status, 1);
    assert!(said.contains("a model needs two or more"), "{said}");
}

#[test]
#[cfg(target_os = "linux")] // for /dev/full
fn a_standard_error_that_takes_nothing_stops_neither_training_nor_evaluation() {
    let desk = Desk::new();
    desk.file("rare.csv", &(pets() + "an owl hoots,Owl\nsomething,\n"));
    for arguments in [
        &["train", "rare.csv", "-o", "rare.safetensors"][..],
        &["eval", "rare.csv", "--model", "rare.safetensors"],
        &["eval", "rare.csv", "--cv", "5"],
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = desk.command(arguments).stderr(full).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_missing_label_column_names_those_there_are() {
    let desk = Desk::new();
    desk.file("x.csv", "log_message,class\na,b\n");
    let (status, said) = desk.fails(&["train", "x.csv", "-o", "m"]);
    assert_eq!(status, 1);
    assert!(said.contains("no column \"target_label\"; the columns are \"log_message\", \"class\": name the right one with --label-column"), "{said}");
}

#[test]
fn a_file_that_is_no_model_is_named_as_such() {
    let desk = Desk::new();
    desk.file("x.csv", "log_message,class\na,b\n");
    let (status, said) = desk.fails(&["model", "info", "x.csv"]);
    assert_eq!((status, said.as_str()), (1, "logclass: model x.csv: not a logclass model file"));
}

#[test]
fn suggest_names_distinct_templates_with_an_empty_label_column() {
    let desk = Desk::new();
    let mut rows = String::from("source,log_message\n");
    for index in 0..30 {
        let _ = writeln!(rows, "x,the gizmo {index} wobbled");
        let _ = writeln!(rows, "x,purple elephants sang song {index} loudly");
    }
    desk.file("logs.csv", &rows);
    let said = desk.says(&["suggest", "logs.csv", "-n", "2"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "log_message,target_label,suggested_label,confidence,rows");
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[1..].iter().all(|line| line.contains(",,") && line.ends_with(",30")), "{said}");
}

#[test]
fn embed_writes_a_unit_vector_for_every_row_in_order() {
    let desk = Desk::new();
    desk.file("logs.csv", "log_message\ndisk full\nuser logged in\ndisk full\n");
    let said = desk.says(&["embed", "logs.csv"]);
    let vectors: Vec<Vec<f32>> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(vectors.len(), 3);
    assert_eq!(vectors[0], vectors[2]);
    assert_ne!(vectors[0], vectors[1]);
    let length: f32 = vectors[0].iter().map(|x| x * x).sum();
    assert!((length - 1.0).abs() < 1e-4);
    desk.says(&["embed", "logs.csv", "-o", "v.npy"]);
    let array = desk.read("v.npy");
    assert!(array.starts_with(b"\x93NUMPY") && array.len() == 128 + 3 * 384 * 4);
}

#[test]
fn completions_and_the_man_page_are_derived_from_the_flags() {
    let desk = Desk::new();
    assert!(desk.says(&["completions", "bash"]).contains("--min-confidence"));
    assert!(desk.says(&["man"]).contains(".TH logclass"));
}
