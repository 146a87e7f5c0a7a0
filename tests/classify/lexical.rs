//! The lexical path: what is settled without the encoder, and what `--thorough` makes of it.
#![cfg(feature = "bundled")]

use safetensors::tensor::{SafeTensors, TensorView};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

use crate::harness::{Folder, RULES, Ran, rows, run};

/// A file of this project.
fn bytes_of(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The bundled model as an earlier version wrote it: format 3, without a lexical path.
fn older_model() -> Vec<u8> {
    let bytes = bytes_of("models/default.safetensors");
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let description = &header.metadata().as_ref().unwrap()["logclass"];
    let mut info: serde_json::Map<String, Value> = serde_json::from_str(description).unwrap();
    assert!(info.remove("lexical").is_some());
    info.insert("format".to_owned(), 3.into());
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let late = ["lexical_weights", "lexical_names", "template_labels", "template_confidences"];
    let views: Vec<(String, TensorView<'_>)> =
        tensors.tensors().into_iter().filter(|(name, _)| !late.contains(&name.as_str())).collect();
    let description = HashMap::from([("logclass".to_owned(), Value::from(info).to_string())]);
    safetensors::serialize(views, Some(description)).unwrap()
}

impl Folder {
    /// What a run printed, and how many templates the encoder, the lexical path and both had.
    fn paths(&self, arguments: &[&str]) -> (Ran, [u64; 3]) {
        let ran = self.run([arguments, &["--summary", "figures.json"]].concat()).ended(0);
        let figures: Value = serde_json::from_slice(&self.read("figures.json")).unwrap();
        let counts = ["encoded", "lexical", "templates"].map(|name| figures[name].as_u64().unwrap());
        (ran, counts)
    }

    /// Messages that the model was trained on.
    fn trained_on(&self) -> &'static str {
        let corpus = bytes_of("resources/corpus/programs/unix-4.csv");
        let ends: Vec<usize> =
            corpus.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end).collect();
        self.write("trained.csv", &corpus[..=ends[40]]);
        "trained.csv"
    }
}

const OVER: [&str; 3] = ["--overwrite", "--label-column", "label"];

#[test]
fn messages_that_the_model_was_trained_on_need_no_encoder() {
    let folder = Folder::new();
    let input = folder.trained_on();
    let (ran, [encoded, lexical, templates]) = folder.paths(&[&[input, "--explain"][..], &OVER].concat());
    assert!(templates > 20 && encoded <= templates / 10, "{encoded} of {templates}");
    assert_eq!(lexical + encoded, templates);
    let told = ran.text();
    assert!(told.contains(",in the training data\n"), "{told}");
    let command = [&["classify", "--config", "rules.toml", input, "-o", "out.csv"][..], &OVER].concat();
    let said = run(&mut folder.logclass(command), b"").ended(0).stderr;
    let line = format!("  encoder: asked about {encoded} of {templates} templates\n");
    assert!(said.contains(&line), "{said}");
}

#[test]
fn thorough_gives_what_a_model_without_a_lexical_path_gives() {
    let folder = Folder::new();
    folder.write("older.safetensors", older_model());
    folder.write("app.csv", bytes_of("benches/quality/holdout/app-a.csv"));
    let plain = ["app.csv", "--explain", "--overwrite"];
    let older = [&plain[..], &["--model", "older.safetensors"]].concat();
    let (expected, [encoded, lexical, templates]) = folder.paths(&older);
    assert_eq!((encoded, lexical), (templates, 0));
    let (found, counts) = folder.paths(&[&plain[..], &["--thorough"]].concat());
    assert_eq!((found.stdout, counts), (expected.stdout.clone(), [templates, 0, templates]));
    folder.write("rules.toml", format!("thorough = true\n{RULES}"));
    assert_eq!(folder.paths(&plain).0.stdout, expected.stdout);
    folder.write("rules.toml", RULES);

    // Without it, much is settled early, with the same labels.
    let (early, [encoded, lexical, _]) = folder.paths(&plain);
    assert!(lexical > templates / 4 && encoded + lexical == templates, "{lexical} of {templates}");
    let (expected, early) = (rows(&expected.stdout, b','), rows(&early.stdout, b','));
    let column = expected[0].iter().position(|name| name == b"target_label").unwrap();
    let same = expected.iter().zip(&early).filter(|(one, other)| one[column] == other[column]).count();
    assert!(same * 100 >= expected.len() * 98, "{same} of {}", expected.len());
}

#[test]
fn both_paths_give_the_same_bytes_for_any_number_of_threads() {
    let folder = Folder::new();
    folder.write("app.csv", bytes_of("benches/quality/holdout/app-b.csv"));
    let of = |threads| folder.paths(&["app.csv", "--explain", "--overwrite", "--threads", threads]);
    let (one, counts) = of("1");
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
    for threads in ["2", "5"] {
        let (other, others) = of(threads);
        assert_eq!((other.stdout, others), (one.stdout.clone(), counts));
    }
}

#[test]
fn reasons_name_words_of_the_message() {
    let folder = Folder::new();
    folder.write("app.csv", bytes_of("benches/quality/holdout/app-a.csv"));
    let ran = folder.run(["app.csv", "--explain", "--add", "template", "--overwrite"]).ended(0);
    let table = rows(&ran.stdout, b',');
    let at = |name: &[u8]| table[0].iter().position(|column| column == name).unwrap();
    let (template, reason) = (at(b"template"), at(b"label_reason"));
    let mut named = 0;
    for row in &table[1..] {
        let text = String::from_utf8(row[template].clone()).unwrap().to_ascii_lowercase();
        let reason = String::from_utf8(row[reason].clone()).unwrap();
        let Some(words) = reason.strip_prefix("familiar words: ") else { continue };
        for word in words.split(", \"").flat_map(|word| word.trim_matches('"').split(' ')) {
            assert!(text.contains(word), "{word:?} is not in {text:?}");
        }
        named += 1;
    }
    assert!(named > 10, "{named}");
}

#[test]
fn noise_stays_unclassified_without_being_taken_for_familiar() {
    let folder = Folder::new();
    folder.write("noise.csv", bytes_of("benches/quality/holdout/noise.csv"));
    let (_, [encoded, _, templates]) = folder.paths(&["noise.csv", "--overwrite"]);
    assert!(encoded * 100 >= templates * 98, "{encoded} of {templates}");
}

#[test]
fn verdicts_that_needed_no_encoder_do_not_answer_a_thorough_run() {
    let folder = Folder::new();
    let input = folder.trained_on();
    let learn = ["learn", "--config", "rules.toml", "--quiet", input, "-o", "a.verdicts"];
    run(&mut folder.logclass(learn), b"").ended(0);
    let with = [&[input, "--verdicts", "a.verdicts", "--explain"][..], &OVER].concat();
    let (_, [encoded, lexical, templates]) = folder.paths(&with);
    assert_eq!((encoded, lexical), (0, 0));
    let (thorough, counts) = folder.paths(&[&with[..], &["--thorough"]].concat());
    assert_eq!(counts, [templates, 0, templates]);
    assert!(!thorough.text().contains("in the training data"));
}

#[test]
fn a_model_without_a_lexical_path_says_so() {
    let folder = Folder::new();
    folder.write("older.safetensors", older_model());
    let told = run(&mut folder.logclass(["model", "info", "older.safetensors"]), b"").ended(0).text();
    assert!(told.contains("lexical path       none, so every template goes to the encoder\n"), "{told}");
    let told = run(&mut folder.logclass(["model", "info"]), b"").ended(0).text();
    assert!(told.contains("lexical path       65536 buckets of 3-to-5-grams"), "{told}");
    assert!(told.contains("settles ") && told.contains("agreement 0.99"), "{told}");
}

#[test]
fn eval_tells_of_each_path_and_draws_what_the_encoder_adds() {
    let folder = Folder::new();
    folder.write("app.csv", bytes_of("benches/quality/holdout/app-a.csv"));
    let arguments = ["eval", "app.csv", "--json", "report.json", "--plot", "plot.svg"];
    let told = run(&mut folder.logclass(arguments), b"").ended(0).text();
    assert!(told.contains("\npaths          rows   share  accuracy\n  lexical"), "{told}");
    let report: Value = serde_json::from_slice(&folder.read("report.json")).unwrap();
    let paths = &report["paths"];
    assert!(paths["lexical"]["rows"].as_u64().unwrap() > 50);
    let curve = paths["curve"].as_array().unwrap();
    assert_eq!(curve.last().unwrap()["accuracy"], paths["thorough_accuracy"]);
    assert!(String::from_utf8(folder.read("plot.svg")).unwrap().contains("Encoder share and accuracy"));
}
