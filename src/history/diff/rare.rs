//! Templates that only one side has, and whether a long tail of rare templates explains them.
//!
//! One cause prints many templates: a reboot in a log of 2,000 lines brought 87 that were in no other place.
//! So what is counted is places, not templates: those that are first seen within a few lines of one another
//! are one incident (declustering by runs, as for extremes: R. L. Smith and I. Weissman, *Estimating the
//! Extremal Index*, J. R. Stat. Soc. B 56 (1994), 515-528).
//!
//! How many incidents a log brings that it did not bring before is told by I. J. Good's estimate (*The
//! Population Frequencies of Species and the Estimation of Population Parameters*, Biometrika 40 (1953),
//! 237-264): as many as there were whose templates are in one place alone, in proportion to the rows. A label
//! has more than that if a Poisson variable would hardly be as large; and a single incident is more than that
//! if one with as many templates is hardly to be expected. The sizes are taken to be geometric; as their mean
//! is known from a few incidents alone, a new one has as many templates with the probability of the
//! beta-geometric (Waring) distribution (N. L. Johnson, A. W. Kemp and S. Kotz, *Univariate Discrete
//! Distributions*, 2005, ch. 6).

use std::collections::BTreeMap;

use super::statistics::{FALSE_DISCOVERY_RATE, false_discovery_rates, poisson_tail, waring_tail};

/// Lines between two templates of one incident, at the most.
const GAP: u64 = 10;

/// Where a template is first seen: in which run, input and line.
pub type Place<'a> = (u64, &'a str, u64);

/// A template of one side.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Its number among all templates.
    pub number: usize,
    /// Its label.
    pub label: &'a str,
    /// Where it is first seen.
    pub place: Place<'a>,
    /// Whether all its rows are in one place.
    pub in_one_place: bool,
    /// Whether the other side does not have it, and this is not known yet to be more than chance.
    pub alone: bool,
}

/// Things that were first seen close to one another.
pub fn incidents<'a, T>(all: impl IntoIterator<Item = (Place<'a>, T)>) -> Vec<Vec<T>> {
    let mut all: Vec<(Place<'a>, T)> = all.into_iter().collect();
    all.sort_by_key(|(place, _)| *place);
    let mut incidents: Vec<Vec<T>> = Vec::new();
    let mut before: Option<Place<'a>> = None;
    for ((run, input, line), one) in all {
        let joins = before.is_some_and(|(last_run, last_input, last_line)| {
            (last_run, last_input) == (run, input) && line - last_line <= GAP
        });
        before = Some((run, input, line));
        match incidents.last_mut() {
            Some(incident) if joins => incident.push(one),
            _ => incidents.push(vec![one]),
        }
    }
    incidents
}

/// The templates that `mine` has alone and that `other`, which has `1 / scale` times the rows, did not let
/// expect: their numbers, and the false discovery rate.
#[allow(clippy::cast_precision_loss)] // statistics
pub fn unexpected(mine: &[Seen<'_>], other: &[Seen<'_>], scale: f64) -> Vec<(usize, f64)> {
    let chosen = |side: &[Seen<'_>], wanted: &dyn Fn(&Seen<'_>) -> bool| -> Vec<usize> {
        let all = side.iter().filter(|one| wanted(one)).map(|one| (one.place, ()));
        incidents(all).iter().map(Vec::len).collect()
    };
    let all_once = chosen(other, &|one| one.in_one_place);
    let mut of_label = BTreeMap::<&str, u64>::new();
    other.iter().for_each(|one| *of_label.entry(one.label).or_default() += 1);
    let mut alone = BTreeMap::<&str, Vec<Seen<'_>>>::new();
    mine.iter().filter(|one| one.alone).for_each(|one| alone.entry(one.label).or_default().push(*one));
    let mut tests: Vec<(f64, Vec<usize>)> = Vec::new();
    let numbers = |incident: &[Seen<'_>]| incident.iter().map(|one| one.number).collect();
    for (label, alone) in alone {
        let once = chosen(other, &|one| one.in_one_place && one.label == label);
        let lost = chosen(other, &|one| one.alone && one.label == label);
        // A label of few templates has its share of the tail, even if it has shown none of it yet.
        let templates = of_label.get(label).copied().unwrap_or(0) as f64;
        let share = all_once.len() as f64 * templates / other.len().max(1) as f64;
        let expected = share.max(once.len().max(lost.len()) as f64) * scale;
        let sizes = if once.len() + lost.len() > 0 { [once, lost].concat() } else { all_once.clone() };
        let beyond = (sizes.iter().sum::<usize>() - sizes.len()) as f64;
        let found = incidents(alone.iter().map(|one| (one.place, *one)));
        tests.push((poisson_tail(found.len() as u64, expected), numbers(&alone)));
        for incident in found.iter().filter(|incident| incident.len() > 1) {
            let as_large = waring_tail(incident.len() as u64, sizes.len() as f64, beyond);
            tests.push((poisson_tail(1, expected * as_large), numbers(incident)));
        }
    }
    let rates = false_discovery_rates(&tests.iter().map(|(p, _)| *p).collect::<Vec<_>>());
    let accepted = tests.into_iter().zip(rates).filter(|(_, rate)| *rate <= FALSE_DISCOVERY_RATE);
    let mut least = BTreeMap::<usize, f64>::new();
    for ((_, numbers), rate) in accepted {
        for number in numbers {
            least.entry(number).and_modify(|known| *known = known.min(rate)).or_insert(rate);
        }
    }
    least.into_iter().collect()
}
