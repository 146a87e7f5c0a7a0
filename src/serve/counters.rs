//! Counts since the start, and how Prometheus reads them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::engine::Counts;
use crate::history::{Counting, LiveCounts, Observer, now};
use crate::llm::Report;
use crate::prometheus::Page;

/// Templates that are remembered, so that one that was met before is not new.
const REMEMBERED: usize = 100_000;

/// Counts since the start.
#[derive(Debug)]
pub struct Counters {
    live: LiveCounts,
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    work: Mutex<Work>,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Work {
    files: u64,
    failed: u64,
    seconds: f64,
    templates: u64,
    unanswered: u64,
    stages: BTreeMap<&'static str, u64>,
    labels: BTreeMap<String, u64>,
}

/// What is now.
#[derive(Debug)]
pub struct Gauges {
    /// Files being classified.
    pub running: usize,
    /// Jobs kept.
    pub jobs: usize,
    /// Time since the start.
    pub uptime: Duration,
}

impl Default for Counters {
    fn default() -> Self {
        let live = LiveCounts::new(REMEMBERED);
        Self { live, requests: Mutex::default(), work: Mutex::default(), refused: AtomicU64::new(0) }
    }
}

impl Counters {
    /// Who counts the rows of a request, and holds this many entries.
    pub fn observer(&self, entries: usize) -> Observer {
        let mut observer = Observer::new(Counting { now: now(), in_order: false }, entries);
        observer.tells(Box::new(self.live.clone()));
        observer
    }

    /// A request was answered.
    pub fn request(&self, route: &str, status: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route.to_owned(), status)).or_default() += 1;
    }

    /// A request found no place to run.
    pub fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A classification ended after `time`; without counts it failed.
    pub fn classified(&self, counts: Option<&Counts>, time: Duration) {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.seconds += time.as_secs_f64();
        let Some(counts) = counts else {
            work.failed += 1;
            return;
        };
        work.files += 1;
        work.templates += counts.templates;
        work.unanswered += counts.unanswered_rows;
        for (stage, rows) in &counts.stages {
            *work.stages.entry(stage).or_default() += rows;
        }
        for (label, rows) in &counts.labels {
            *work.labels.entry(label.clone()).or_default() += rows;
        }
    }

    /// The page of `GET /metrics`.
    pub fn page(&self, gauges: &Gauges, llm: Option<&Report>) -> String {
        let mut page = Page::default();
        page.head("logclass_requests_total", "counter", "Requests answered, by route and status.");
        for ((route, status), count) in self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            page.line("logclass_requests_total", &[("route", route), ("status", &status.to_string())], count);
        }
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        page.single("logclass_files_total", "counter", "Files classified.", work.files);
        page.single(
            "logclass_files_failed_total",
            "counter",
            "Files that could not be classified.",
            work.failed,
        );
        let refused = self.refused.load(Ordering::Relaxed);
        page.single(
            "logclass_refused_total",
            "counter",
            "Requests refused because all places were taken.",
            refused,
        );
        page.single("logclass_busy_seconds_total", "counter", "Time spent classifying.", work.seconds);
        page.single(
            "logclass_templates_total",
            "counter",
            "Templates that no rule had settled.",
            work.templates,
        );
        let unanswered = work.unanswered;
        page.single(
            "logclass_llm_unanswered_rows_total",
            "counter",
            "Rows the LLM should have answered.",
            unanswered,
        );
        if let Some(llm) = llm {
            add_llm(&mut page, llm);
        }
        page.head("logclass_stage_rows_total", "counter", "Rows classified, by stage.");
        for (stage, rows) in &work.stages {
            page.line("logclass_stage_rows_total", &[("stage", stage)], rows);
        }
        page.head("logclass_label_rows_total", "counter", "Rows classified, by label.");
        for (label, rows) in &work.labels {
            page.line("logclass_label_rows_total", &[("label", label)], rows);
        }
        drop(work);
        self.live.write(&mut page);
        page.single("logclass_running", "gauge", "Files being classified.", gauges.running);
        page.single("logclass_jobs", "gauge", "Jobs kept.", gauges.jobs);
        page.single("logclass_uptime_seconds", "gauge", "Time since the start.", gauges.uptime.as_secs());
        page.finish()
    }
}

fn add_llm(page: &mut Page, llm: &Report) {
    let used = llm.usage;
    page.single("logclass_llm_requests_total", "counter", "Requests to the LLM.", used.requests);
    page.head("logclass_llm_tokens_total", "counter", "Tokens of the LLM's prompts and answers.");
    page.line("logclass_llm_tokens_total", &[("part", "prompt")], used.prompt_tokens);
    page.line("logclass_llm_tokens_total", &[("part", "answer")], used.completion_tokens);
    if let Some(cost) = llm.cost {
        page.single("logclass_llm_cost_total", "counter", "What they cost, by the prices in [llm].", cost);
    }
    let on = u8::from(llm.off.is_none());
    page.single("logclass_llm_up", "gauge", "0 when the budget is spent or failures made a pause.", on);
}
