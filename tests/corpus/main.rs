//! The corpus is what the bundled model knows: these checks keep it honest.

use logclass::envelope;
use logclass::label::UNCLASSIFIED;
use logclass::rules::{Rules, name_of, packs};
use logclass::template::Template;
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
        if path.is_dir() {
            rows.extend(self::rows(path.to_str().unwrap()));
        }
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

/// What training takes for the same message: severity and masked body.
fn key(row: &Row) -> String {
    let Template { text, severity } = Template::of(row.message.as_bytes());
    format!("{} {text}", severity.map_or("", |severity| severity.as_str()))
}

#[test]
fn every_label_has_two_hundred_templates_and_there_are_three_hundred_programs() {
    let rows = rows("resources/corpus");
    let mut templates: BTreeMap<String, BTreeSet<Template>> = BTreeMap::new();
    for row in &rows {
        templates.entry(row.label.clone()).or_default().insert(Template::of(row.message.as_bytes()));
    }
    assert_eq!(templates.len(), 10, "nine labels and {UNCLASSIFIED}: {:?}", templates.keys());
    for (label, templates) in &templates {
        assert!(templates.len() >= 200, "{label} has {} templates", templates.len());
    }
    let kinds: BTreeSet<&str> =
        rows.iter().filter(|row| row.label != UNCLASSIFIED).map(|row| row.kind.as_str()).collect();
    assert!(kinds.len() >= 300, "{} programs and kinds of systems", kinds.len());
}

/// Several programs may say the same, but then it means the same.
#[test]
fn no_template_has_two_labels() {
    let mut seen: HashMap<String, Row> = HashMap::new();
    let mut twice = Vec::new();
    for row in rows("resources/corpus") {
        let template = key(&row);
        match seen.get(&template) {
            Some(first) if first.label != row.label => twice.push(format!(
                "{} ({}) and {} ({}): {template}",
                first.kind, first.label, row.kind, row.label
            )),
            Some(_) => {}
            None => {
                seen.insert(template, row);
            }
        }
    }
    assert!(twice.is_empty(), "{} templates have two labels:\n{}", twice.len(), twice.join("\n"));
}

#[test]
fn the_held_out_logs_share_no_template_with_the_corpus() {
    let known: BTreeSet<String> = rows("resources/corpus").iter().map(key).collect();
    // A single word, as `msg=http`, is a template that anyone can have.
    let shared: Vec<String> = rows("benches/quality/holdout")
        .iter()
        .map(key)
        .filter(|template| template.split_whitespace().count() > 2 && known.contains(template))
        .collect();
    assert!(shared.is_empty(), "{shared:#?}");
}

#[test]
fn no_default_rule_contradicts_a_label_of_the_corpus() {
    let rules = Rules::new(packs::all_bundled()).unwrap();
    let mut wrong = Vec::new();
    let mut hits = vec![0; rules.rules().len()];
    for row in rows("resources/corpus").iter().chain(&rows("benches/quality/holdout")) {
        let message = row.message.as_bytes();
        let envelope = envelope::open(message);
        if let Some(index) = rules.first_match(row.kind.as_bytes(), message, &envelope) {
            hits[index] += 1;
            let rule = &rules.rules()[index];
            if rule.label != row.label {
                wrong.push(format!("{}: {} is {}", name_of(rule), row.message, row.label));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
