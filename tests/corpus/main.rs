//! The corpus is what the bundled model knows: these checks keep it honest.

use logclass::config::Config;
use logclass::record::UNCLASSIFIED;
use logclass::rules::Rules;
use logclass::template::mask;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

struct Row {
    kind: String,
    message: String,
    label: String,
}

fn rows(folder: &str) -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "csv") {
            continue;
        }
        for record in csv::Reader::from_path(&path).unwrap().records() {
            let record = record.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            rows.push(Row {
                kind: record[0].to_owned(),
                message: record[1].to_owned(),
                label: record[2].to_owned(),
            });
        }
    }
    rows
}

#[test]
fn every_label_has_two_hundred_templates_and_there_are_thirty_kinds_of_systems() {
    let rows = rows("resources/corpus");
    let mut templates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in &rows {
        templates.entry(row.label.clone()).or_default().insert(mask(row.message.as_bytes()));
    }
    assert_eq!(templates.len(), 10, "nine labels and {UNCLASSIFIED}: {:?}", templates.keys());
    for (label, templates) in &templates {
        assert!(templates.len() >= 200, "{label} has {} templates", templates.len());
    }
    let kinds: BTreeSet<&str> =
        rows.iter().filter(|row| row.label != UNCLASSIFIED).map(|row| row.kind.as_str()).collect();
    assert!(kinds.len() >= 30, "{} kinds of systems", kinds.len());
}

#[test]
fn no_template_stands_twice() {
    let mut seen: HashMap<String, Row> = HashMap::new();
    let mut twice = Vec::new();
    for row in rows("resources/corpus") {
        let template = mask(row.message.as_bytes()).to_lowercase();
        if let Some(first) = seen.get(&template) {
            twice.push(format!(
                "{} ({}) and {} ({}): {template}",
                first.kind, first.label, row.kind, row.label
            ));
        } else {
            seen.insert(template, row);
        }
    }
    assert!(twice.is_empty(), "{} templates stand twice:\n{}", twice.len(), twice.join("\n"));
}

#[test]
fn the_held_out_logs_share_no_template_with_the_corpus() {
    let known: BTreeSet<String> =
        rows("resources/corpus").iter().map(|row| mask(row.message.as_bytes()).to_lowercase()).collect();
    let shared: Vec<String> = rows("benches/quality/holdout")
        .iter()
        .map(|row| mask(row.message.as_bytes()).to_lowercase())
        .filter(|template| known.contains(template))
        .collect();
    assert!(shared.is_empty(), "{shared:#?}");
}

#[test]
fn no_default_rule_contradicts_a_label_of_the_corpus() {
    let config = Config::bundled().unwrap();
    let rules = Rules::new(config.rules).unwrap();
    let mut wrong = Vec::new();
    let mut hits = vec![0; rules.rules().len()];
    for row in rows("resources/corpus").iter().chain(&rows("benches/quality/holdout")) {
        if let Some(index) = rules.first_match(b"", row.message.as_bytes()) {
            hits[index] += 1;
            let rule = &rules.rules()[index];
            if rule.label != row.label {
                wrong.push(format!("{}: {} is {}", rule.name, row.message, row.label));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
