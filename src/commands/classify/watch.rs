//! What a run remembers and warns of: history, report, conditions, counters.

use anyhow::Result;
use std::collections::HashSet;

use super::super::report::{format_of, write_report};
use super::metrics;
use super::options::filter;
use super::tasks::Task;
use crate::cli::Classify;
use crate::console::tell;
use crate::error::usage;
use crate::history::alert::{Condition, Evidence};
use crate::history::diff::compare;
use crate::history::report::Report;
use crate::history::{Collection, Counting, Id, LiveCounts, Observer, Run, Store, now};
use crate::input::open::Source;
use crate::label::Labels;
use crate::summary::{HistorySummary, Summary};

/// The parts of a run that look at what it sees.
pub struct Watching<'a> {
    arguments: &'a Classify,
    store: Option<Store>,
    /// What the history had when the run began, if frequencies are compared.
    before: Option<Collection>,
    /// Templates that the history had then; nothing where there was no history yet.
    known: Option<HashSet<Id>>,
    /// Who counts; nothing where nobody asks.
    pub observer: Option<Observer>,
    time: i64,
}

/// Every label that a flag names is one that the run can give.
pub fn check_labels(arguments: &Classify, labels: &Labels) -> Result<()> {
    let filter = filter(arguments);
    let flag = if arguments.only.is_empty() { "--except" } else { "--only" };
    let named = filter.labels().iter().map(|label| (flag, label.as_str()));
    let conditions = arguments.watch.fail_on.iter().filter_map(|condition| condition.label());
    for (flag, label) in named.chain(conditions.map(|label| ("--fail-on", label))) {
        if labels.id(label).is_none() {
            return Err(usage(format!(
                "{flag}: there is no label {label:?}; there are {}",
                labels.names().join(", ")
            )));
        }
    }
    Ok(())
}

impl<'a> Watching<'a> {
    /// Looks at the history before any work is done, so that one that cannot be used costs no run.
    pub fn begin(arguments: &'a Classify) -> Result<Self> {
        let watch = &arguments.watch;
        let needing = watch.fail_on.iter().find(|condition| condition.needs_history());
        if let (Some(_), None) = (needing, &watch.history) {
            return Err(usage(
                "--fail-on new: and more: need --history FILE: they compare the run with earlier ones",
            ));
        }
        let store = watch.history.as_deref().map(Store::new);
        let compares = watch.fail_on.iter().any(Condition::needs_comparison);
        let before = match &store {
            Some(store) if compares && store.exists() => Some(store.load_for_run()?),
            _ => None,
        };
        let known = match (&before, &store) {
            (Some(before), _) => Some(before.ids()),
            (None, store) => store.as_ref().map(Store::known).transpose()?,
        };
        let known = known.filter(|known| !known.is_empty());
        let time = now();
        let wanted =
            store.is_some() || watch.report.is_some() || !watch.fail_on.is_empty() || watch.metrics.is_some();
        let mut observer =
            wanted.then(|| Observer::new(Counting { now: time, in_order: false }, watch.history_size));
        if let (Some(observer), Some(address)) = (&mut observer, watch.metrics) {
            let counts = LiveCounts::new(watch.history_size.saturating_mul(4));
            metrics::serve(address, counts.clone())?;
            observer.tells(Box::new(counts));
        }
        Ok(Self { arguments, store, before, known, observer, time })
    }

    /// Holds what was seen against the conditions, writes the report and records the run, in this order: the history
    /// changes last, when all else has succeeded.
    pub fn end(mut self, tasks: &[Task], summary: &mut Summary, failed: bool) -> Result<()> {
        let Some(observer) = self.observer.take() else { return Ok(()) };
        let watch = &self.arguments.watch;
        let mut seen = observer.finish();
        let met = seen.ids();
        let new_templates = self.known.as_ref().map(|known| met.difference(known).count() as u64);
        let mut run = Run {
            time: self.time,
            rows: summary.rows,
            rejects: summary.rejects,
            seconds: summary.seconds,
            templates: met.len() as u64,
            new_templates,
            labels: summary
                .labels
                .iter()
                .filter(|(_, rows)| **rows > 0)
                .map(|(l, r)| (l.clone(), *r))
                .collect(),
            ..Run::default()
        };
        run.name_inputs(tasks.iter().map(|task| Source::new(Some(&task.input)).name()));
        seen.runs.push(run);
        self.judge(&seen, summary);
        if let Some(path) = watch.report.as_deref().filter(|_| !self.arguments.dry_run) {
            let title = seen.runs[0].inputs.join(", ");
            let report = Report::of(&seen, self.known.as_ref(), self.time);
            write_report(&report, &title, Some(path), format_of(path))?;
        }
        let Some(store) = &self.store else { return Ok(()) };
        let mut told = HistorySummary {
            file: watch.history.as_deref().map_or_else(String::new, |path| path.display().to_string()),
            templates: seen.runs[0].templates,
            new_templates: new_templates.unwrap_or(seen.runs[0].templates),
            ..HistorySummary::default()
        };
        if failed {
            tell("logclass: warning: the history is as it was, because an input could not be classified\n");
        } else if !self.arguments.dry_run {
            let dropped = seen.dropped;
            let recorded = store.record(&seen, watch.history_size)?;
            told.run = Some(recorded.run);
            told.entries = recorded.entries;
            told.forgotten = recorded.forgotten + dropped;
        }
        summary.history = Some(told);
        Ok(())
    }

    fn judge(&self, seen: &Collection, summary: &mut Summary) {
        let conditions = &self.arguments.watch.fail_on;
        if conditions.iter().any(Condition::needs_history) && self.known.is_none() {
            tell("logclass: note: there is no earlier run in the history to compare with yet\n");
        }
        let before = self.before.as_ref().filter(|_| self.known.is_some());
        let comparison = before.map(|before| compare(before, seen, false));
        let evidence = Evidence {
            seen,
            known: self.known.as_ref(),
            comparison: comparison.as_ref(),
            labels: &summary.labels,
        };
        summary.alerts = conditions.iter().filter_map(|condition| condition.check(evidence)).collect();
    }
}
