//! The classifier as Python sees it.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, FieldRef, Schema};
use logclass::cli::Stages;
use logclass::config::Columns;
use logclass::encoder::Backend;
use logclass::environment::os_value;
use logclass::pipeline::Resources;
use logclass::session::{Classifier, Row};
use logclass::verdict::Verdict;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use pyo3_arrow::input::AnyArray;
use pyo3_arrow::{PyArray, PyChunkedArray, PyRecordBatch, PyTable};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::arrow::{added, append, append_columns, column, extended};
use crate::errors::{Error, UsageError, raised};
use crate::list::Texts;

/// Templates that are remembered at the least, as by `classify`.
const TABLE_SIZE: usize = 200_000;

/// Rows that are classified before Python would notice that it cannot be interrupted.
const FEW: usize = 32;

/// How often it is asked whether to go on.
const PATIENCE: Duration = Duration::from_millis(50);

/// A classifier.
#[pyclass(frozen, module = "logclass._core")]
pub struct Core {
    classifier: Classifier,
    columns: Columns,
    explain: bool,
}

/// Names of the columns of a table.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Names {
    message: String,
    source: Option<String>,
    severity: Option<String>,
    label: String,
}

#[pymethods]
impl Core {
    #[new]
    #[pyo3(signature = (*, config, model, verdicts, explain, threads, rules, encoder, min_confidence, thorough))]
    #[allow(clippy::too_many_arguments)] // those of the class in Python
    fn new(
        py: Python<'_>,
        config: Option<PathBuf>,
        model: Option<PathBuf>,
        verdicts: Option<PathBuf>,
        explain: bool,
        threads: Option<usize>,
        rules: Vec<String>,
        encoder: Option<String>,
        min_confidence: Option<f32>,
        thorough: bool,
    ) -> PyResult<Self> {
        if threads.is_some_and(|threads| !(1..=1024).contains(&threads)) {
            return Err(UsageError::new_err("threads: expected a number from 1 to 1024"));
        }
        if min_confidence.is_some_and(|confidence| !(0.0..=1.0).contains(&confidence)) {
            return Err(UsageError::new_err("min_confidence: expected a number from 0 to 1"));
        }
        let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let variable = |name| os_value(name).map(PathBuf::from);
        let stages = Stages {
            config: config.or_else(|| variable("LOGCLASS_CONFIG")),
            rules,
            model: model.or_else(|| variable("LOGCLASS_MODEL")),
            encoder,
            backend: Backend::Auto,
        };
        let resources = Resources { threads, table_size: TABLE_SIZE };
        let verdicts = verdicts.as_deref();
        let session = || logclass::commands::session(&stages, min_confidence, thorough, verdicts, resources);
        let (session, columns) = py.detach(session).map_err(|error| raised(&error))?;
        Ok(Self { classifier: Classifier::new(&session, explain), columns, explain })
    }

    /// Names of the columns of source, message and label, where the configuration has them.
    #[getter]
    fn columns(&self) -> (Option<&str>, Option<&str>, Option<&str>) {
        let Columns { source, message, label } = &self.columns;
        (source.as_deref(), message.as_deref(), label.as_deref())
    }

    /// Every label that a row can get.
    #[getter]
    fn labels(&self) -> Vec<&str> {
        self.classifier.labels().names().iter().map(String::as_str).collect()
    }

    /// Templates that had to be encoded so far.
    #[getter]
    fn encoded(&self) -> u64 {
        self.classifier.verdicts().encoded()
    }

    /// The label of each message.
    fn classify_list<'py>(
        &self,
        py: Python<'py>,
        messages: &Bound<'py, PyAny>,
        sources: Option<&Bound<'py, PyAny>>,
        severities: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let verdicts = self.of_lists(py, messages, sources, severities)?;
        // One object for each label.
        let names: Vec<Bound<'_, PyString>> =
            self.classifier.labels().names().iter().map(|name| PyString::new(py, name)).collect();
        PyList::new(py, verdicts.iter().map(|verdict| &names[usize::from(verdict.label)]))
    }

    /// Label, stage, confidence and reason of each message.
    fn explain_list(
        &self,
        py: Python<'_>,
        messages: &Bound<'_, PyAny>,
        sources: Option<&Bound<'_, PyAny>>,
        severities: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<(String, &'static str, f32, String)>> {
        let verdicts = self.of_lists(py, messages, sources, severities)?;
        let explained = |verdict: &Verdict| {
            let label = self.classifier.label(verdict).to_owned();
            (label, verdict.stage.name(), verdict.confidence, self.classifier.explain(verdict))
        };
        Ok(verdicts.iter().map(explained).collect())
    }

    /// The columns that are added to rows with these messages, as a table.
    fn added_columns(
        &self,
        py: Python<'_>,
        messages: AnyArray,
        sources: Option<AnyArray>,
        severities: Option<AnyArray>,
        label: &str,
    ) -> PyResult<PyTable> {
        let messages = chunks(messages)?.1;
        let verdicts = self.of_arrays(py, &messages, sources, severities)?;
        let columns = added(&self.classifier, &verdicts, label, self.explain);
        let schema = extended(&Schema::empty(), &columns)?;
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays);
        PyTable::try_new(vec![batch.map_err(|error| Error::new_err(error.to_string()))?], schema)
    }

    /// A table or a batch with its labels, or the labels of an array: in the shape that came.
    fn classify_arrow(
        &self,
        py: Python<'_>,
        rows: AnyArray,
        sources: Option<AnyArray>,
        severities: Option<AnyArray>,
        names: Names,
    ) -> PyResult<Py<PyAny>> {
        let is_array = matches!(rows, AnyArray::Array(_));
        let (field, chunks) = chunks(rows)?;
        if matches!(field.data_type(), DataType::Struct(_)) {
            return self.table(py, &field, chunks, names, is_array);
        }
        let verdicts = self.of_arrays(py, &chunks, sources, severities)?;
        let mut columns = added(&self.classifier, &verdicts, &names.label, false);
        let (field, labels) = columns.swap_remove(0);
        if is_array {
            return Ok(Py::new(py, PyArray::new(labels, field))?.into_any());
        }
        // Cut as the messages were.
        let mut row = 0;
        let mut cut = |chunk: &ArrayRef| {
            row += chunk.len();
            labels.slice(row - chunk.len(), chunk.len())
        };
        let labels = chunks.iter().map(&mut cut).collect();
        Ok(Py::new(py, PyChunkedArray::try_new(labels, field)?)?.into_any())
    }

    /// The sentence vector of each message's template as 32-bit floats, row after row, and how long a vector is.
    fn embed_list<'py>(
        &self,
        py: Python<'py>,
        messages: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyBytes>, usize)> {
        let texts = Texts::of(messages, "message")?;
        let slices = texts.slices();
        let (vectors, dimensions) = interruptible(py, |stop| self.classifier.embed(&slices, stop))?;
        let bytes: Vec<u8> = vectors.iter().flat_map(|value| value.to_ne_bytes()).collect();
        Ok((PyBytes::new(py, &bytes), dimensions))
    }
}

impl Core {
    fn of_lists(
        &self,
        py: Python<'_>,
        messages: &Bound<'_, PyAny>,
        sources: Option<&Bound<'_, PyAny>>,
        severities: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<Verdict>> {
        let messages = Texts::of(messages, "message")?;
        let sources = sources.map(|sources| Texts::of(sources, "source")).transpose()?;
        let severities = severities.map(|severities| Texts::of(severities, "severity")).transpose()?;
        let (sources, severities) =
            (sources.as_ref().map(Texts::slices), severities.as_ref().map(Texts::slices));
        self.verdicts(py, &messages.slices(), sources.as_deref(), severities.as_deref())
    }

    fn of_arrays(
        &self,
        py: Python<'_>,
        messages: &[ArrayRef],
        sources: Option<AnyArray>,
        severities: Option<AnyArray>,
    ) -> PyResult<Vec<Verdict>> {
        let sources = sources.map(chunks).transpose()?;
        let severities = severities.map(chunks).transpose()?;
        let all = texts(messages, "message")?;
        let sources = sources.as_ref().map(|(_, chunks)| texts(chunks, "source")).transpose()?;
        let severities = severities.as_ref().map(|(_, chunks)| texts(chunks, "severity")).transpose()?;
        self.verdicts(py, &all, sources.as_deref(), severities.as_deref())
    }

    fn verdicts(
        &self,
        py: Python<'_>,
        messages: &[&[u8]],
        sources: Option<&[&[u8]]>,
        severities: Option<&[&[u8]]>,
    ) -> PyResult<Vec<Verdict>> {
        for (what, values) in [("source", sources), ("severity", severities)] {
            if let Some(values) = values.filter(|values| values.len() != messages.len()) {
                return Err(UsageError::new_err(format!(
                    "{what}: {} values for {} messages",
                    values.len(),
                    messages.len()
                )));
            }
        }
        let rows: Vec<Row<'_>> = messages
            .iter()
            .enumerate()
            .map(|(row, message)| Row {
                message,
                source: sources.map_or(&[][..], |sources| sources[row]),
                severity: severities.map_or(&[][..], |severities| severities[row]),
            })
            .collect();
        interruptible_if(py, rows.len() > FEW, |stop| self.classifier.classify_unless(&rows, stop))
    }

    fn table(
        &self,
        py: Python<'_>,
        field: &FieldRef,
        chunks: Vec<ArrayRef>,
        names: Names,
        is_array: bool,
    ) -> PyResult<Py<PyAny>> {
        let DataType::Struct(fields) = field.data_type() else { unreachable!("a table is a struct") };
        let schema = Schema::new_with_metadata(fields.clone(), field.metadata().clone());
        let message = column(&schema, &names.message, "message")?;
        let source = names.source.map(|name| column(&schema, &name, "source")).transpose()?;
        let severity = names.severity.map(|name| column(&schema, &name, "severity")).transpose()?;
        let schema = Arc::new(schema);
        let mut batches = Vec::new();
        for chunk in &chunks {
            let chunk = chunk.as_struct();
            if chunk.null_count() > 0 {
                return Err(UsageError::new_err("a row of the table is null as a whole"));
            }
            let batch = RecordBatch::try_new(Arc::clone(&schema), chunk.columns().to_vec());
            batches.push(batch.map_err(|error| Error::new_err(error.to_string()))?);
        }
        let column = |index: usize| -> Vec<ArrayRef> {
            batches.iter().map(|batch| Arc::clone(batch.column(index))).collect()
        };
        let (messages, sources, severities) = (column(message), source.map(column), severity.map(column));
        let sources = sources.as_deref().map(|chunks| texts(chunks, "source")).transpose()?;
        let severities = severities.as_deref().map(|chunks| texts(chunks, "severity")).transpose()?;
        let verdicts =
            self.verdicts(py, &texts(&messages, "message")?, sources.as_deref(), severities.as_deref())?;
        let columns = added(&self.classifier, &verdicts, &names.label, self.explain);
        let schema = extended(&schema, &columns)?;
        let mut row = 0;
        let mut labelled = Vec::with_capacity(batches.len());
        for batch in &batches {
            labelled.push(append_columns(batch, &schema, &columns, row)?);
            row += batch.num_rows();
        }
        if is_array && labelled.len() == 1 {
            return Ok(Py::new(py, PyRecordBatch::new(labelled.swap_remove(0)))?.into_any());
        }
        Ok(Py::new(py, PyTable::try_new(labelled, schema)?)?.into_any())
    }
}

/// The type and the chunks of what has an Arrow interface.
fn chunks(array: AnyArray) -> PyResult<(FieldRef, Vec<ArrayRef>)> {
    let (chunks, field) = array.into_chunked_array()?.into_inner();
    Ok((field, chunks))
}

fn texts<'a>(chunks: &'a [ArrayRef], what: &str) -> PyResult<Vec<&'a [u8]>> {
    let mut texts = Vec::with_capacity(chunks.iter().map(Array::len).sum());
    chunks.iter().try_for_each(|chunk| append(chunk, what, &mut texts))?;
    Ok(texts)
}

/// Does `work` without Python's lock, on the thread that asked where it is a little.
fn interruptible_if<T: Send>(
    py: Python<'_>,
    much: bool,
    work: impl FnOnce(&AtomicBool) -> anyhow::Result<T> + Send,
) -> PyResult<T> {
    if much {
        return interruptible(py, work);
    }
    py.detach(|| work(&AtomicBool::new(false))).map_err(|error| raised(&error))
}

/// Does `work` without Python's lock, and ends it soon after Ctrl-C: only the thread that asked can notice that, so another one
/// works.
#[allow(clippy::redundant_closure_for_method_calls)] // the method alone is not general enough in its lifetime
fn interruptible<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&AtomicBool) -> anyhow::Result<T> + Send,
) -> PyResult<T> {
    let stop = AtomicBool::new(false);
    py.detach(|| {
        std::thread::scope(|scope| {
            let (sender, receiver) = channel();
            let stop = &stop;
            scope.spawn(move || {
                // Nobody listens any more where it was interrupted.
                let _ = sender.send(work(stop));
            });
            loop {
                match receiver.recv_timeout(PATIENCE) {
                    Ok(done) => return done.map_err(|error| raised(&error)),
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(Error::new_err("the thread that classifies panicked"));
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        if let Err(interrupted) = Python::attach(|py| py.check_signals()) {
                            stop.store(true, Ordering::Relaxed);
                            return Err(interrupted);
                        }
                    }
                }
            }
        })
    })
}
