//! Labelled messages as training sees them: distinct templates, each with its label.

use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::spelling;
use crate::label::{UNCLASSIFIED, canonical};
use crate::template::Template;

/// A labelled message.
#[derive(Debug, Clone, Copy)]
pub struct Example<'a> {
    /// What the model sees of the message.
    pub template: &'a Template,
    /// Its label; empty where it has none.
    pub label: &'a str,
    /// What cross-validation keeps together, a program for one; may be empty.
    pub group: &'a str,
    /// How much it counts beside others of its label.
    pub weight: f32,
}

/// Labelled messages, one entry per distinct template.
#[derive(Debug, Clone, Default)]
pub struct Dataset {
    /// The labels, in alphabetical order.
    pub labels: Vec<String>,
    /// The templates, in alphabetical order.
    pub templates: Vec<Template>,
    /// Label of each template.
    pub truth: Vec<u16>,
    /// Group of each template.
    pub groups: Vec<String>,
    /// How much each template counts.
    pub weights: Vec<f32>,
    /// Templates that are labelled `Unclassified`: they set the abstention and are no class.
    pub outliers: Vec<Template>,
    /// Rows read.
    pub rows: usize,
    /// What a person should know of the data, each with its remedy.
    pub warnings: Vec<String>,
}

/// Text that belongs to no log, for data that brings none labelled `Unclassified` of its own.
const OUTLIERS: &str = include_str!("../../resources/corpus/sentences/unclassified.csv");

/// Labels that a model is trained for: each takes 0.75 MB of memory while it is fitted, and a thousand of
/// three templates a minute; ten thousand would take hours and 8 GB. A model file could hold more.
const MOST_LABELS: usize = 4_096;

/// Templates a label should have at the least.
const FEW: usize = 5;

/// What the rows of one template say.
#[derive(Default)]
struct Entry {
    labels: BTreeMap<String, usize>,
    group: Option<String>,
    weight: f32,
}

impl Dataset {
    /// Groups rows by template. A template with more than one label gets the one that most of its rows have.
    ///
    /// # Errors
    /// When fewer than two labels are there, or more than a model can be trained for.
    pub fn new<'a>(rows: impl IntoIterator<Item = Example<'a>>) -> Result<Self> {
        let mut entries: HashMap<Template, Entry> = HashMap::new();
        let (mut read, mut unlabelled, mut empty) = (0, 0, 0);
        for row in rows {
            read += 1;
            let (label, template) = (canonical(row.label), row.template);
            if label.is_empty() {
                unlabelled += 1;
            } else if template.text.is_empty() {
                empty += 1;
            } else {
                let entry = entries.entry(template.clone()).or_default();
                *entry.labels.entry(label.to_owned()).or_default() += 1;
                // Of several groups the first by name, so that the order of the rows does not matter.
                if entry.group.as_deref().is_none_or(|group| row.group < group) {
                    entry.group = Some(row.group.to_owned());
                }
                entry.weight = entry.weight.max(row.weight);
            }
        }
        let mut dataset = Self { rows: read, ..Self::default() };
        let skipped = [(unlabelled, "without a label"), (empty, "with an empty message")];
        for (count, what) in skipped.into_iter().filter(|(count, _)| *count > 0) {
            let (rows, were) = if count == 1 { ("row", "was") } else { ("rows", "were") };
            dataset.warnings.push(format!("{count} {rows} {what} {were} skipped"));
        }
        let (mut contradictions, mut given) = (Vec::new(), BTreeSet::new());
        let mut settled: Vec<(Template, String, Entry)> = Vec::with_capacity(entries.len());
        for (template, entry) in entries {
            let mut labels: Vec<(&String, &usize)> = entry.labels.iter().collect();
            labels.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
            if let [(first, _), (second, _), ..] = &labels[..] {
                contradictions.push(format!("{:?} is labelled {first:?} and {second:?}", template.text));
                dataset.warnings.push(format!(
                    "{:?} is labelled {first:?} and {second:?}; {first:?} was taken: correct the rows that are wrong",
                    template.text
                ));
            }
            given.extend(entry.labels.keys().cloned());
            let label = labels[0].0.clone();
            settled.push((template, label, entry));
        }
        settled.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        dataset.warnings.sort_unstable();
        contradictions.sort_unstable();
        dataset.name_labels(settled.iter().map(|(_, label, _)| label.as_str()), contradictions.first())?;
        given.remove(UNCLASSIFIED);
        for lost in given.iter().filter(|label| dataset.labels.binary_search(label).is_err()) {
            dataset.warnings.push(format!(
                "label {lost:?} has no template left, because most rows of its templates have another label: correct the rows that are wrong"
            ));
        }
        dataset.warnings.extend(spelling::warnings(&dataset.labels));
        for (template, label, entry) in settled {
            match dataset.labels.binary_search(&label) {
                Ok(index) => {
                    dataset.templates.push(template);
                    dataset.truth.push(u16::try_from(index).unwrap_or(u16::MAX));
                    dataset.groups.push(entry.group.unwrap_or_default());
                    dataset.weights.push(entry.weight);
                }
                Err(_) => dataset.outliers.push(template),
            }
        }
        if dataset.outliers.is_empty() {
            dataset.borrow_outliers();
        }
        dataset.warn_of_rare_labels();
        Ok(dataset)
    }

    fn name_labels<'a>(
        &mut self,
        labels: impl Iterator<Item = &'a str>,
        contradiction: Option<&String>,
    ) -> Result<()> {
        let mut names: Vec<&str> = labels.filter(|&name| name != UNCLASSIFIED).collect();
        names.sort_unstable();
        names.dedup();
        let rows = self.rows;
        match &names[..] {
            [] | [_] if contradiction.is_some() => bail!(
                "{}: rows that differ only in what is masked, such as numbers, count as one and take the label of most, \
                 which leaves fewer than the two labels that a model needs: correct the labels, or use rules for what only a number decides",
                contradiction.map_or("", String::as_str)
            ),
            [] => bail!("no label among {rows} rows: a model needs two or more"),
            [only] => bail!("{only:?} is the only label among {rows} rows: a model needs two or more"),
            _ => {}
        }
        if names.len() > MOST_LABELS {
            bail!(
                "{} labels are more than a model can be trained for ({MOST_LABELS}), as memory and time grow with their \
                 number: is --label-column right? Labels that need not be told apart can be one",
                names.len()
            );
        }
        self.labels = names.into_iter().map(str::to_owned).collect();
        Ok(())
    }

    /// Checks that whole groups can be held out.
    ///
    /// # Errors
    /// When there is but one, so that nothing would be left to train on.
    pub fn check_groups(&self) -> Result<()> {
        let Some(only) = self.groups.first().filter(|first| self.groups.iter().all(|group| group == *first))
        else {
            return Ok(());
        };
        bail!(
            "{only:?} is the only group, and to hold it out leaves nothing to train on: name another \
             --group-column, or do without it"
        )
    }

    /// Takes the outliers that the program carries, but for those that are templates of this data.
    fn borrow_outliers(&mut self) {
        let mut reader = csv::Reader::from_reader(OUTLIERS.as_bytes());
        let texts = reader.records().filter_map(|record| Some(Template::of(record.ok()?.get(1)?.as_bytes())));
        self.outliers = texts
            .filter(|outlier| !outlier.text.is_empty() && self.templates.binary_search(outlier).is_err())
            .collect();
        self.outliers.sort_unstable();
        self.outliers.dedup();
    }

    fn warn_of_rare_labels(&mut self) {
        let mut counts = vec![0; self.labels.len()];
        for &label in &self.truth {
            counts[usize::from(label)] += 1;
        }
        for (name, count) in self.labels.iter().zip(counts) {
            if count < FEW {
                let templates = if count == 1 { "template" } else { "templates" };
                self.warnings.push(format!(
                    "label {name:?} has {count} distinct {templates}: label more messages of its kind (rows that differ in numbers only count once)"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(rows: &[(&str, &str)]) -> Result<Dataset> {
        let templates: Vec<Template> =
            rows.iter().map(|(message, _)| Template::of(message.as_bytes())).collect();
        Dataset::new(templates.iter().zip(rows).map(|(template, &(_, label))| Example {
            template,
            label,
            group: "",
            weight: 1.0,
        }))
    }

    #[test]
    fn rows_are_grouped_by_template_and_contradictions_are_named() {
        let rows =
            [("a 1", "X"), ("a 2", " X"), ("a 3", "Y"), ("b", "Y "), ("c", " "), ("hello", "unclassified")];
        let dataset = dataset(&rows).unwrap();
        let texts = |templates: &[Template]| -> Vec<String> {
            templates.iter().map(|template| template.text.clone()).collect()
        };
        assert_eq!(dataset.labels, ["X", "Y"]);
        assert_eq!(texts(&dataset.templates), ["a #", "b"]);
        assert_eq!(dataset.truth, [0, 1]);
        assert_eq!(texts(&dataset.outliers), ["hello"]);
        assert!(
            dataset.warnings.iter().any(|warning| warning.starts_with("\"a #\" is labelled \"X\" and \"Y\""))
        );
        assert!(dataset.warnings.iter().any(|warning| warning == "1 row without a label was skipped"));
    }

    #[test]
    fn one_label_is_no_classification() {
        let error = dataset(&[("a", "X"), ("b", "X"), ("c", UNCLASSIFIED)]).unwrap_err().to_string();
        assert!(error.contains("\"X\" is the only label"), "{error}");
    }

    #[test]
    fn a_contradiction_that_leaves_one_label_is_what_the_error_names() {
        let error = dataset(&[("got 1", "X"), ("got 2", "X"), ("got 3", "Y")]).unwrap_err().to_string();
        assert!(error.starts_with("\"got #\" is labelled \"X\" and \"Y\""), "{error}");
    }

    #[test]
    fn a_label_that_contradictions_leave_no_template_is_named() {
        let rows = [("got 1", "X"), ("got 2", "X"), ("got 3", "Y"), ("sent", "Z")];
        let warnings = dataset(&rows).unwrap().warnings;
        assert!(warnings.iter().any(|warning| warning.starts_with("label \"Y\" has no template")));
    }
}
