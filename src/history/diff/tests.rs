use super::super::series::Series;
use super::*;

/// A collection of templates with the rows (as their places) at which each came.
fn collection(templates: &[(&str, &str, Vec<i64>)]) -> Collection {
    let mut collection = Collection::default();
    for (template, label, rows) in templates {
        let (mut series, mut order) = (Series::default(), Series::default());
        series.add(0, rows.len() as u64);
        rows.iter().for_each(|&row| order.add(row, 1));
        collection.add(Entry {
            source: String::new(),
            template: (*template).to_owned(),
            label: (*label).to_owned(),
            severity: None,
            example: (*template).to_owned(),
            input: String::new(),
            line: rows.first().map_or(0, |row| row.unsigned_abs()) + 2,
            count: rows.len() as u64,
            first: 0,
            last: 0,
            confidence: 1.0,
            first_run: 0,
            last_run: 0,
            series,
            order,
        });
    }
    collection
}

/// A healthy system: regular templates, bursts, and a long tail; the numbers of `seed` decide when.
fn healthy(seed: u64) -> Vec<(String, &'static str, Vec<i64>)> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut templates = Vec::new();
    for kind in 0..40 {
        let count = 400 / (kind + 1) + random.usize(0..5);
        let rows = (0..count).map(|_| random.i64(0..20_000)).collect();
        templates.push((format!("regular {kind}"), "System Notification", rows));
    }
    for kind in 0..10 {
        // A few times in a run, something is said thirty times in a row.
        let bursts = random.usize(1..6);
        let rows = (0..bursts)
            .flat_map(|_| {
                let at = random.i64(0..20_000);
                at..at + 30
            })
            .collect();
        templates.push((format!("burst {kind}"), "Error", rows));
    }
    for _ in 0..30 {
        let rare = random.usize(0..2_000);
        let row = random.i64(0..20_000);
        templates.push((format!("rare {rare}"), "Error", vec![row]));
    }
    templates
}

fn of(templates: &[(String, &'static str, Vec<i64>)]) -> Collection {
    let borrowed: Vec<(&str, &str, Vec<i64>)> =
        templates.iter().map(|(template, label, rows)| (template.as_str(), *label, rows.clone())).collect();
    collection(&borrowed)
}

#[test]
fn two_runs_of_a_healthy_system_with_bursts_and_a_long_tail_give_next_to_nothing() {
    let mut alarms = 0;
    for seed in 0..40 {
        let comparison = compare(&of(&healthy(2 * seed)), &of(&healthy(2 * seed + 1)), false);
        alarms += comparison.certain().count();
    }
    assert!(alarms <= 8, "{alarms} alarms in forty comparisons");
}

#[test]
fn new_templates_and_a_tenfold_flood_are_found_and_nothing_else() {
    let old = healthy(1);
    let mut new = healthy(2);
    for number in 0..20 {
        new.push((format!("never before {number}"), "Critical Error", vec![17_000 + number]));
    }
    let place = new.iter().position(|(template, ..)| template == "regular 9").unwrap();
    let often = new[place].2.len();
    new[place].2 = (0..10 * often).map(|row| i64::try_from(row * 20_000 / (10 * often)).unwrap()).collect();
    let comparison = compare(&of(&old), &of(&new), false);
    let found: Vec<(Kind, &str)> =
        comparison.certain().map(|change| (change.kind, change.entry.template.as_str())).collect();
    let fresh = found.iter().filter(|(kind, name)| *kind == Kind::New && name.starts_with("never")).count();
    assert_eq!(fresh, 20, "{found:?}");
    assert!(found.contains(&(Kind::More, "regular 9")), "{found:?}");
    assert!(found.len() <= 22, "{found:?}");
    assert!(found[0].1.starts_with("never"), "the gravest come first: {found:?}");
}

/// What a reboot prints, in one place.
fn reboot(at: i64) -> Vec<(String, &'static str, Vec<i64>)> {
    (0..80)
        .map(|line| (format!("kernel starts part {line}"), "System Notification", vec![at + line]))
        .collect()
}

#[test]
fn what_one_cause_prints_is_one_incident_and_a_small_one_beside_it_is_found() {
    let old = healthy(1);
    let mut new = healthy(2);
    new.extend(reboot(11_000));
    for number in 0..6 {
        new.push((format!("never before {number}"), "Error", vec![15_000 + number]));
    }
    let comparison = compare(&of(&old), &of(&new), false);
    let incidents = comparison.incidents(false);
    let sizes: Vec<usize> = incidents.iter().map(Vec::len).collect();
    assert!(sizes.contains(&80) && sizes.contains(&6) && sizes.len() <= 4, "{sizes:?}");
    let numbers: Vec<usize> = comparison.changes.iter().map(|change| change.incident).collect();
    assert!(numbers.is_sorted() && numbers[0] == 1, "{numbers:?}");
}

#[test]
fn a_system_that_reboots_now_and_then_has_rebooted_again_and_that_is_no_change() {
    let (mut old, mut new) = (healthy(3), healthy(4));
    old.extend(reboot(4_000));
    let other = |templates: Vec<(String, &'static str, Vec<i64>)>| {
        templates.into_iter().map(|(name, label, rows)| (format!("{name} of another kind"), label, rows))
    };
    new.extend(other(reboot(9_000)));
    let comparison = compare(&of(&old), &of(&new), false);
    assert!(comparison.certain().count() <= 2, "{:?}", comparison.certain().collect::<Vec<_>>());
}

#[test]
fn rare_templates_do_not_hide_a_frequent_one_that_comes_more_often() {
    let (mut old, mut new) = (healthy(5), healthy(6));
    // In a few bursts, so that it is not sure by far.
    let bursts = |size: i64| (0..6).flat_map(|burst| (0..size).map(move |row| burst * 3_000 + row)).collect();
    old.push(("in bursts".to_owned(), "Error", bursts(4)));
    new.push(("in bursts".to_owned(), "Error", bursts(40)));
    for number in 0..3_000 {
        old.push((format!("rare on both sides {number}"), "Error", vec![number * 6]));
        new.push((format!("rare on both sides {number}"), "Error", vec![number * 6 + 3]));
    }
    let comparison = compare(&of(&old), &of(&new), false);
    assert!(comparison.certain().any(|change| change.entry.template == "in bursts"));
}

#[test]
fn a_side_that_is_ten_times_as_long_is_no_change() {
    let old = healthy(5);
    let mut new = healthy(6);
    for (_, _, rows) in &mut new[..40] {
        *rows = rows.iter().flat_map(|&row| (0..10).map(move |copy| row * 10 + copy)).collect();
    }
    let comparison = compare(&of(&old), &of(&new), false);
    let changed: Vec<_> =
        comparison.certain().filter(|change| change.entry.template.starts_with("regular")).collect();
    assert!(changed.is_empty(), "{changed:?}");
}

#[test]
fn empty_sides_compare() {
    let empty = Collection::default();
    assert!(compare(&empty, &empty, false).changes.is_empty());
    let one = compare(&empty, &of(&healthy(1)), true);
    assert!(one.certain().all(|change| change.kind == Kind::New));
}
