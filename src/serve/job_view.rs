//! What the page shows of a job: how far it is, and, when it is done, rows worth a look.

use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use super::classify::delimiter_name;
use super::jobs::{Job, Phase};
use super::rows::Rows;
use super::samples::{Row, Samples};
use crate::template::Template;

/// First rows shown.
const FIRST: usize = 100;
/// First rows shown of each label.
const FIRST_OF_LABEL: usize = 50;
/// Labels of which rows are shown.
const LABELS: usize = 100;
/// Least certain rows shown, one for each template.
const UNCERTAIN: usize = 30;
/// Characters shown of a cell.
const CELL: usize = 400;

#[derive(Debug, Default)]
struct Places {
    source: Option<usize>,
    message: usize,
    label: usize,
}

/// Takes a job's explained result: writes it to its file, counts it and keeps samples.
#[derive(Clone)]
pub struct Collector(Arc<Mutex<Inner>>);

struct Inner {
    file: BufWriter<File>,
    rows: Rows,
    gather: Gather,
    job: Arc<Job>,
}

struct Gather {
    names: [Option<String>; 3],
    places: Option<Places>,
    row: u64,
    samples: Samples,
    /// Least certain rows by template.
    uncertain: HashMap<String, Row>,
    /// Confidence that a row must stay under to be among them.
    bar: f64,
}

impl Collector {
    /// Writes to `file`. `names` are the columns of source, message and label.
    pub fn new(file: File, delimiter: u8, names: [Option<String>; 3], job: Arc<Job>) -> Self {
        let gather = Gather {
            names,
            places: None,
            row: 0,
            samples: Samples::default(),
            uncertain: HashMap::new(),
            bar: f64::INFINITY,
        };
        let file = BufWriter::with_capacity(256 << 10, file);
        Self(Arc::new(Mutex::new(Inner { file, rows: Rows::new(delimiter), gather, job })))
    }

    /// The file, complete, and the samples.
    ///
    /// # Errors
    /// When the rest cannot be written.
    pub fn finish(&self) -> io::Result<(File, Samples)> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.file.flush()?;
        let file = inner.file.get_ref().try_clone()?;
        let mut samples = std::mem::take(&mut inner.gather.samples);
        samples.uncertain = std::mem::take(&mut inner.gather.uncertain).into_values().collect();
        samples.uncertain.sort_by(|a, b| a.confidence.total_cmp(&b.confidence).then(a.number.cmp(&b.number)));
        samples.uncertain.truncate(UNCERTAIN);
        Ok((file, samples))
    }
}

impl Write for Collector {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { file, rows, gather, job } = &mut *inner;
        file.write_all(bytes)?;
        rows.push(bytes, |row| gather.take(row));
        job.rows.store(gather.row, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).file.flush()
    }
}

impl Gather {
    fn take(&mut self, cells: &[Cow<'_, [u8]>]) {
        let Some(places) = &self.places else {
            self.places = Some(self.find(cells));
            return;
        };
        self.row += 1;
        let Some([stage, confidence, reason]) = cells.last_chunk::<3>() else { return };
        let label = String::from_utf8_lossy(&cells[places.label]);
        let confidence: f64 =
            std::str::from_utf8(confidence).ok().and_then(|text| text.parse().ok()).unwrap_or(0.0);
        let of_label = self.samples.by_label.get(&*label).map_or(0, Vec::len);
        let is_first = self.samples.first.len() < FIRST;
        let is_of_label = of_label < FIRST_OF_LABEL && (of_label > 0 || self.samples.by_label.len() < LABELS);
        let is_uncertain = confidence < self.bar && matches!(&**stage, b"model" | b"none");
        if !(is_first || is_of_label || is_uncertain) {
            return;
        }
        let row = Row {
            number: self.row,
            source: places.source.map_or_else(String::new, |index| shown(&cells[index])),
            message: shown(&cells[places.message]),
            label: label.into_owned(),
            stage: shown(stage),
            confidence,
            reason: shown(reason),
        };
        let template = is_uncertain.then(|| Template::of(&cells[places.message]).text);
        if is_first {
            self.samples.first.push(row.clone());
        }
        if is_of_label {
            self.samples.by_label.entry(row.label.clone()).or_default().push(row.clone());
        }
        if let Some(template) = template {
            self.keep_uncertain(template, row);
        }
    }

    fn keep_uncertain(&mut self, template: String, row: Row) {
        self.uncertain.entry(template).or_insert(row);
        if self.uncertain.len() < 2 * UNCERTAIN {
            return;
        }
        let mut confidences: Vec<f64> = self.uncertain.values().map(|row| row.confidence).collect();
        confidences.sort_by(f64::total_cmp);
        self.bar = confidences[UNCERTAIN - 1];
        let mut rows: Vec<_> = std::mem::take(&mut self.uncertain).into_iter().collect();
        rows.sort_by(|a, b| a.1.confidence.total_cmp(&b.1.confidence).then(a.1.number.cmp(&b.1.number)));
        rows.truncate(UNCERTAIN);
        self.uncertain = rows.into_iter().collect();
    }

    fn find(&self, header: &[Cow<'_, [u8]>]) -> Places {
        let names: Vec<String> = header
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim().to_owned())
            .collect();
        let [source, message, label] = &self.names;
        let place = |wanted: &Option<String>| names.iter().position(|name| Some(name) == wanted.as_ref());
        Places {
            source: place(source),
            message: place(message).unwrap_or(0),
            label: place(label).unwrap_or(names.len().saturating_sub(4)),
        }
    }
}

fn shown(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).chars().take(CELL).collect()
}

/// How far a job is; with `whole`, also its samples.
pub fn view(job: &Job, whole: bool) -> Value {
    let phase = job.phase.borrow().clone();
    let mut view = json!({
        "id": job.id,
        "state": phase.name(),
        "bytes_total": job.total.load(Ordering::Relaxed),
        "bytes_read": job.read.load(Ordering::Relaxed),
        "rows": job.rows.load(Ordering::Relaxed),
    });
    if let Some(&delimiter) = job.delimiter.get() {
        view["delimiter"] = json!(delimiter_name(delimiter));
    }
    match &phase {
        Phase::Done(finished) => {
            view["counts"] = json!(finished.counts);
            view["seconds"] = json!(finished.time.as_secs_f64());
            view["result"] = json!(format!("/api/jobs/{}/result?key={}", job.id, job.key));
            view["report"] = json!(format!("/api/jobs/{}/report?key={}", job.id, job.key));
            if whole {
                view["figures"] = finished.report.json();
                view["samples"] = json!(finished.samples);
            }
        }
        Phase::Failed(problem) => view["problem"] = problem.json(),
        _ => {}
    }
    view
}
