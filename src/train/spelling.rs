//! Labels that are likely one label, spelt in two ways.

use std::collections::BTreeMap;

/// Labels that a warning names.
const NAMED: usize = 4;

/// A warning for each group of `labels` that differ only in case, white space or digits.
pub fn warnings(labels: &[String]) -> Vec<String> {
    let letters = |label: &str| -> String {
        label.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
    };
    let without_digits = |label: &str| -> String { letters(label).replace(|c: char| c.is_numeric(), "") };
    let mut warnings = alike(labels, letters, "case and white space");
    let words = labels.iter().filter(|label| !without_digits(label).is_empty());
    // Of those that differ in case as well, one stands for all: the others are named above.
    let mut seen = std::collections::BTreeSet::new();
    let distinct: Vec<String> = words.filter(|label| seen.insert(letters(label))).cloned().collect();
    warnings.extend(alike(&distinct, without_digits, "digits"));
    warnings
}

fn alike(labels: &[String], key: impl Fn(&str) -> String, what: &str) -> Vec<String> {
    let mut groups: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for label in labels {
        groups.entry(key(label)).or_default().push(label);
    }
    groups
        .into_values()
        .filter(|group| group.len() > 1)
        .map(|group| {
            let named: Vec<String> = group.iter().take(NAMED).map(|label| format!("{label:?}")).collect();
            let more = match group.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "labels {}{more} differ only in {what}: spell them alike if they mean the same",
                named.join(", ")
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_differ_only_in_case_white_space_or_digits_are_named_together() {
        let labels = ["Disk Full", "Error", "Login", "diskfull", "error", "tier 1", "tier 2", "1", "2"];
        let warnings = warnings(&labels.map(str::to_owned));
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings[0].starts_with("labels \"Disk Full\", \"diskfull\" differ only in case"));
        assert!(warnings[1].starts_with("labels \"Error\", \"error\" differ only in case"));
        assert!(warnings[2].starts_with("labels \"tier 1\", \"tier 2\" differ only in digits"));
    }
}
