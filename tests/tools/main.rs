//! `rules`, `train`, `eval`, `suggest`, `embed` and `model`, through the real binary.
#![cfg(feature = "bundled")]

mod files;
mod labels;
mod reading;

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
    assert!(said.contains("kernel panic -> Critical Error: 1 row\n    line 2: Kernel panic"), "{said}");
    assert!(said.contains("no rule: 1 row\n    line 3: all is well"), "{said}");
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
    assert!(said.contains("1 row without a label"), "{said}");
    assert!(said.contains("label \"Owl\" has 1 distinct template: label more"), "{said}");
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
    for index in 1..31 {
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

#[test]
fn train_reads_folders_weighs_inputs_and_takes_a_prior() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path().join("more")).unwrap();
    desk.file("pets.csv", &pets())
        .file("more/a.csv", &pets().replace("chair", "lamp").replace("fence", "tree"));
    desk.file("more/readme.txt", "no data");
    let arguments = [
        "train",
        "pets.csv",
        "more",
        "--weight",
        "more=0.5",
        "--prior",
        "Cat=0.8",
        "-o",
        "m.safetensors",
        "--quiet",
    ];
    desk.says(&arguments);
    let info: serde_json::Value =
        serde_json::from_str(&desk.says(&["model", "info", "m.safetensors", "--json"])).unwrap();
    assert_eq!(info["training"]["rows"], 40);
    assert_eq!(info["format"], 4);
    let refused = |arguments: &[&str], words: &str| {
        let (status, said) = desk.fails(arguments);
        assert!(status == 2 && said.contains(words), "{status} {said}");
    };
    refused(&["train", "pets.csv", "--prior", "Bird=0.5", "-o", "m"], "Bird: no row has this label");
    refused(&["train", "pets.csv", "--weight", "other.csv=0.5", "-o", "m"], "none of the inputs");
    assert!(!desk.run(&["train", "pets.csv", "--prior", "Cat=2", "-o", "m"]).status.success());
}

#[cfg(feature = "candle")]
#[test]
fn an_encoder_is_fine_tuned_and_its_model_asks_for_it() {
    let desk = Desk::new();
    desk.file("pets.csv", &pets()).file("rows.csv", "log_message\nthe cat sleeps on the roof\n");
    let train = ["train", "pets.csv", "--fine-tune-encoder", "own", "-o", "own.safetensors", "--quiet"];
    desk.says(&[&train[..], &["--epochs", "1", "--learning-rate", "1e-4"]].concat());
    let weights = desk.read("own/model.safetensors");
    let classify = ["classify", "rows.csv", "--no-source", "--quiet", "--model", "own.safetensors"];
    let (status, said) = desk.fails(&classify);
    assert!(status == 2 && said.contains("made for another encoder"), "{said}");
    let labelled = desk.says(&[&classify[..], &["--encoder", "own", "--min-confidence", "0"]].concat());
    assert!(labelled.contains("roof,"), "{labelled}");
    // The encoder that is there is taken as it is, and gives the same model.
    let model = desk.read("own.safetensors");
    desk.says(&[&train[..], &["--epochs", "0"]].concat());
    assert!(desk.read("own/model.safetensors") == weights && desk.read("own.safetensors") == model);
}

#[cfg(not(feature = "candle"))]
#[test]
fn a_build_without_candle_says_so_where_it_is_needed() {
    let desk = Desk::new();
    desk.file("pets.csv", &pets());
    let train = desk.run(&["train", "pets.csv", "--fine-tune-encoder", "own", "-o", "m"]);
    assert_eq!(train.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&train.stderr).contains("cargo feature `candle`"));
    let (status, said) = desk.fails(&["train", "pets.csv", "--backend", "candle", "-o", "m", "--quiet"]);
    assert!(status == 2 && said.contains("cargo feature `candle`"), "{said}");
}

#[test]
fn a_model_of_another_tokenizer_is_refused() {
    let desk = Desk::new();
    desk.file("pets.csv", &pets()).file("rows.csv", "log_message\nthe cat sleeps on the roof\n");
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/all-MiniLM-L6-v2-logs");
    std::fs::create_dir(desk.path().join("own")).unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(bundled.join(name), desk.path().join("own").join(name)).unwrap();
    }
    desk.says(&["train", "pets.csv", "--encoder", "own", "-o", "m", "--quiet"]);
    let classify = ["classify", "rows.csv", "--no-source", "--quiet", "--encoder", "own"];
    let with_model = [&classify[..], &["--model", "m"]].concat();
    desk.says(&with_model);
    assert!(desk.says(&["model", "info", "m"]).contains("\ntokenizer "));
    let tokenizer = String::from_utf8(desk.read("own/tokenizer.json")).unwrap();
    desk.file("own/tokenizer.json", &tokenizer.replacen("\"the\"", "\"thy\"", 1));
    let (status, said) = desk.fails(&with_model);
    assert!(status == 2 && said.contains("another tokenizer.json"), "{said}");
    let (status, said) = desk.fails(&classify);
    assert!(status == 2 && said.contains("another tokenizer.json"), "the bundled model, too: {said}");
}

#[test]
fn packs_are_listed_picked_and_extended_by_a_file() {
    let desk = Desk::new();
    let list = desk.says(&["rules", "list"]);
    assert!(list.contains("\nsshd ") && list.lines().count() > 40, "{list}");
    assert!(desk.says(&["rules", "list", "sshd"]).contains("Security Alert"));
    desk.file(
        "mine.toml",
        "[pack]\nname = \"mine\"\nextends = [\"sshd\"]\n\n[[rule]]\nname = \"knock\"\nlabel = \"Knock\"\npattern = \"^knock\"\nexamples = [\"knock on port 7\"]\ncounter_examples = [\"a knock\"]\n",
    );
    desk.says(&["rules", "check", "--rules", "mine.toml"]);
    desk.file(
        "rows.csv",
        "source,log_message\nsshd,Failed password for root from 203.0.113.7 port 4222 ssh2\ndoor,knock on port 9\n",
    );
    let rows = desk.says(&["classify", "rows.csv", "--rules", "mine.toml", "--explain", "--quiet"]);
    assert!(rows.contains("Security Alert,rule,1.0000,rule sshd/"), "{rows}");
    assert!(rows.contains("Knock,rule,1.0000,rule mine/knock"), "{rows}");
    desk.file("wrong.toml", "[pack]\nname = \"wrong\"\n\n[[rule]]\nname = \"a\"\nlabel = \"A\"\npattern = \"x\"\nexamples = [\"y\"]\n");
    let output = desk.run(&["rules", "check", "--rules", "wrong.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("does not match its example"));
    let (status, said) = desk.fails(&["classify", "rows.csv", "--rules", "nonesuch"]);
    assert!(status == 2 && said.contains("no rule pack \"nonesuch\""), "{said}");
}

#[test]
fn the_severity_decides_where_the_words_leave_it_open() {
    let desk = Desk::new();
    let mut rows = String::from("log_message,target_label\n");
    for index in 0..30 {
        let word = ["disk", "queue", "cache", "lease", "shard"][index % 5];
        let _ =
            writeln!(rows, "ERROR {word} state {} changed,Bad", ["a", "b", "c", "d", "e", "f"][index / 5]);
        let _ =
            writeln!(rows, "INFO {word} state {} changed,Good", ["a", "b", "c", "d", "e", "f"][index / 5]);
    }
    desk.file("rows.csv", &rows);
    let output = desk.run(&["train", "rows.csv", "-o", "m.safetensors"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("without it, accuracy would be 0."));
    desk.file("new.csv", "log_message\nERROR table state z changed\nINFO table state z changed\n");
    let arguments = ["classify", "new.csv", "--no-source", "--model", "m.safetensors", "--quiet"];
    let labelled = desk.says(&[&arguments[..], &["--min-confidence", "0"]].concat());
    assert!(
        labelled.contains("ERROR table state z changed,Bad\nINFO table state z changed,Good"),
        "{labelled}"
    );
}
