//! `logclass train`: from labelled rows to a model file.

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sha2::{Digest, Sha256};
use std::io::IsTerminal;

use super::labelled::{self, LabelledColumns};
use super::setup;
use crate::cli::Train;
use crate::encoder::{Encoder, files::hex, parse_source};
use crate::error::ExitStatus;
use crate::head::TrainingInfo;
use crate::output::Output;
use crate::train::{Dataset, Encoded, Settings, finish, folds, select};

/// Warnings printed at the most; the rest are counted.
const WARNINGS: usize = 10;

/// Runs the command.
pub fn run(arguments: &Train) -> Result<ExitStatus> {
    let mut rows = Vec::new();
    let mut training = TrainingInfo::default();
    let columns = LabelledColumns {
        source: "",
        message: &arguments.message_column,
        label: &arguments.label_column,
        group: None,
    };
    for path in &arguments.inputs {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let name =
            path.file_name().map_or_else(|| "?".to_owned(), |name| name.to_string_lossy().into_owned());
        training.inputs.push((name, hex(&Sha256::digest(&bytes))));
        rows.extend(labelled::read(&bytes, path, columns)?);
    }
    training.date = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let dataset = Dataset::new(rows.iter().map(|row| (row.message.as_str(), row.label.as_str())))?;
    for warning in dataset.warnings.iter().take(WARNINGS) {
        super::tell(&format!("logclass: warning: {warning}\n"));
    }
    if dataset.warnings.len() > WARNINGS {
        let more = dataset.warnings.len() - WARNINGS;
        super::tell(&format!("logclass: warning: and {more} more of these\n"));
    }
    let settings = Settings { seed: arguments.seed, precision: arguments.precision, ..Settings::default() };
    let encoder = Encoder::load(&parse_source(arguments.encoder.as_deref())?, arguments.backend)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(setup::threads(&arguments.running)).build()?;
    let head = pool.install(|| {
        let texts = (dataset.templates.len() + dataset.outliers.len()) as u64;
        let bar = bar("encoding", texts, arguments.running.quiet);
        let encoded = Encoded::new(&dataset, &encoder, settings.ngrams, |count| bar.inc(count))?;
        bar.finish_and_clear();
        let folds = folds(&dataset, settings.folds, settings.seed);
        // Templates that are always trained on have a fold that is none.
        let parts = folds.iter().filter(|&&fold| fold < settings.folds).max().map_or(0, |last| last + 1);
        let fits = settings.regularisations.len() * parts;
        let bar = self::bar("cross-validating", fits as u64, arguments.running.quiet);
        let held_out = select(&dataset, &encoded, &settings, &folds, || bar.inc(1));
        bar.finish_and_clear();
        if !held_out.precision_reached {
            super::tell(&format!(
                "logclass: warning: precision {} is not reached at any confidence; the model abstains only on strange text: label more, or lower --precision\n",
                settings.precision
            ));
        }
        Ok::<_, anyhow::Error>(finish(&dataset, &encoded, &encoder, &settings, &held_out, training))
    })?;
    let mut output = Output::create(Some(&arguments.output))?;
    output.write(&head.to_bytes()?)?;
    output.finish()?;
    if !arguments.running.quiet {
        let (scores, model) = (super::model::score_table(&head.info), super::model::describe(&head.info));
        super::tell(&format!("{scores}{model}"));
    }
    Ok(ExitStatus::Done)
}

fn bar(what: &'static str, steps: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr_with_hz(10));
    let style =
        ProgressStyle::with_template("{msg:16} {bar:30} {percent:>3}% eta {eta}").expect("a valid template");
    bar.set_style(style.progress_chars("━╸ "));
    bar.set_message(what);
    bar
}
