//! `logclass train`: from labelled rows to a model file, and on request to an encoder of one's own.

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sha2::{Digest, Sha256};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::labelled::{Labelled, LabelledRow};
use super::overlap::Files;
use super::setup;
use crate::cli::Train;
use crate::console::tell;
use crate::encoder::files::EncoderFiles;
use crate::encoder::{Encoder, EncoderSource, files::hex, parse_source};
use crate::environment::source_date_epoch;
use crate::error::{ExitStatus, usage};
use crate::head::TrainingInfo;
use crate::output::Output;
use crate::train::fine_tune::{BATCH, FineTuning, fine_tune, samples, steps_in_epoch};
use crate::train::{
    Dataset, Encoded, Prior, Settings, choose_lexical, finish, folds, group_folds, hold_out_groups, select,
};

/// Warnings printed at the most; the rest are counted.
const WARNINGS: usize = 10;

/// Runs the command.
pub fn run(arguments: &Train) -> Result<ExitStatus> {
    check_files(arguments)?;
    let mut training = TrainingInfo::default();
    let rows = read(arguments, &mut training)?;
    training.date = source_date_epoch();
    let dataset = Dataset::new(rows.iter().map(LabelledRow::example))?;
    warn(&dataset);
    if let Prior::Named(named) = &arguments.prior
        && let Some((unknown, _)) = named.iter().find(|(name, _)| !dataset.labels.contains(name))
    {
        return Err(usage(format!(
            "--prior {unknown}: no row has this label; there are {}",
            dataset.labels.join(", ")
        )));
    }
    let mut settings = Settings {
        seed: arguments.seed,
        precision: arguments.precision,
        prior: arguments.prior.clone(),
        early_agreement: Some(arguments.early_agreement),
        ..Settings::default()
    }
    .for_labels(dataset.labels.len());
    if arguments.fine_tune_encoder.is_some() {
        // What an encoder has learnt by heart asks for a firmer hand.
        settings.regularisations = vec![0.1, 1.0, 10.0];
    }
    let source = parse_source(arguments.encoder.as_deref())?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(setup::threads(&arguments.running)).build()?;
    let head = pool.install(|| {
        let (source, folds) = match &arguments.fine_tune_encoder {
            // What the encoder has learnt by heart says nothing of its quality: the rest is chosen on groups
            // that it never saw.
            Some(folder) => {
                let folds = hold_out_groups(&dataset, settings.seed);
                if arguments.epochs > 0 {
                    fine_tune_into(folder, arguments, &source, &dataset, &settings, &folds)?;
                }
                (EncoderSource::Folder(folder.clone()), folds)
            }
            None if arguments.group_column.is_some() => {
                dataset.check_groups()?;
                (source, group_folds(&dataset, settings.folds, settings.seed))
            }
            None => (source, folds(&dataset, settings.folds, settings.seed)),
        };
        let encoder = Encoder::load(&source, arguments.backend)?;
        let texts = (dataset.templates.len() + dataset.outliers.len()) as u64;
        let bar = bar("encoding", texts, arguments.running.quiet);
        let encoded = Encoded::new(&dataset, &encoder, &settings, |count| bar.inc(count))?;
        bar.finish_and_clear();
        // Templates that are always trained on have a fold that is none.
        let parts = folds.iter().filter(|&&fold| fold < settings.folds).max().map_or(0, |last| last + 1);
        let fits = settings.regularisations.len() * parts;
        let bar = self::bar("cross-validating", fits as u64, arguments.running.quiet);
        let held_out = select(&dataset, &encoded, &settings, &folds, || bar.inc(1));
        bar.finish_and_clear();
        if !held_out.precision_reached {
            tell(&format!(
                "logclass: warning: precision {} is not reached at any confidence; the model abstains only \
                 on strange text: label more, or lower --precision\n",
                settings.precision
            ));
        }
        let lexical = choose_lexical(&dataset, &settings, &folds, &held_out);
        Ok::<_, anyhow::Error>(finish(&dataset, &encoded, &encoder, &settings, &held_out, lexical, training))
    })?;
    let mut output = Output::create(Some(&arguments.output))?;
    output.write(&head.to_bytes()?)?;
    output.finish()?;
    if !arguments.running.quiet {
        let (scores, model) = (super::model::score_table(&head.info), super::model::describe(&head.info));
        tell(&format!("{scores}{model}"));
    }
    Ok(ExitStatus::Done)
}

/// Refuses to write over what is read.
fn check_files(arguments: &Train) -> Result<()> {
    let mut written = Files::default()
        .reads(arguments.config.as_deref(), "configuration")
        .encoder(arguments.encoder.as_deref())
        .writes(Some(&arguments.output));
    for input in &arguments.inputs {
        written = files(input)?.iter().fold(written, |written, path| written.input(Some(path)));
    }
    if let Some(folder) = &arguments.fine_tune_encoder {
        let made = ["config.json", "tokenizer.json", "model.safetensors"].map(|name| folder.join(name));
        written = if arguments.epochs > 0 {
            made.iter().fold(written, |written, path| written.writes(Some(path)))
        } else {
            written.encoder(Some(&folder.to_string_lossy()))
        };
    }
    written.check()
}

/// The rows of all inputs, with their weights; what was read is noted in `training`.
fn read(arguments: &Train, training: &mut TrainingInfo) -> Result<Vec<LabelledRow>> {
    let config = setup::config(arguments.config.as_deref())?;
    let mut columns = setup::columns(&arguments.reading, &config, arguments.label_column.as_deref(), true);
    columns.source = None;
    let labelled = Labelled {
        format: arguments.format,
        reading: &arguments.reading,
        columns: &columns,
        group: arguments.group_column.as_deref(),
        quiet: arguments.running.quiet,
    };
    if let Some((path, _)) = arguments.weight.iter().find(|(path, _)| !arguments.inputs.contains(path)) {
        return Err(usage(format!("--weight {}: it is none of the inputs", path.display())));
    }
    let mut rows = Vec::new();
    for input in &arguments.inputs {
        let weight = arguments.weight.iter().rev().find(|(path, _)| path == input);
        for path in files(input)? {
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            let name =
                path.file_name().map_or_else(|| "?".to_owned(), |name| name.to_string_lossy().into_owned());
            training.inputs.push((name, hex(&Sha256::digest(&bytes))));
            let mut read = labelled.read(&path)?;
            if let Some((_, weight)) = weight {
                read.iter_mut().for_each(|row| row.weight = *weight);
            }
            rows.extend(read);
        }
    }
    Ok(rows)
}

/// A file, or the CSV files of a folder by name.
fn files(input: &Path) -> Result<Vec<PathBuf>> {
    if !input.is_dir() {
        return Ok(vec![input.to_owned()]);
    }
    let context = || input.display().to_string();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(input).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("{}: no CSV file in this folder", input.display());
    }
    files.sort();
    Ok(files)
}

fn warn(dataset: &Dataset) {
    for warning in dataset.warnings.iter().take(WARNINGS) {
        tell(&format!("logclass: warning: {warning}\n"));
    }
    if dataset.warnings.len() > WARNINGS {
        let more = dataset.warnings.len() - WARNINGS;
        tell(&format!("logclass: warning: and {more} more of these\n"));
    }
}

/// Fine-tunes an encoder on what `folds` do not hold out, and writes it to `folder` as `--encoder` reads it.
fn fine_tune_into(
    folder: &Path,
    arguments: &Train,
    source: &EncoderSource,
    dataset: &Dataset,
    settings: &Settings,
    folds: &[usize],
) -> Result<()> {
    let files = EncoderFiles::open(source)?;
    let tokenizer = Encoder::load(source, arguments.backend)?;
    let samples = samples(dataset, settings, folds, &tokenizer)?;
    let tuning = FineTuning {
        epochs: usize::from(arguments.epochs),
        learning_rate: arguments.learning_rate,
        seed: arguments.seed,
    };
    let steps = (steps_in_epoch(&samples) * BATCH * tuning.epochs) as u64;
    let bar = bar("fine-tuning", steps, arguments.running.quiet);
    let classes = dataset.labels.len() + 1;
    let weights = fine_tune(&files, &samples, classes, tuning, |seen, loss| {
        bar.inc(seen as u64);
        bar.set_message(format!("fine-tuning, loss {loss:.3}"));
    })?;
    bar.finish_and_clear();
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for (name, bytes) in [
        ("config.json", &files.config),
        ("tokenizer.json", &files.tokenizer),
        ("model.safetensors", &weights),
    ] {
        let mut output = Output::create(Some(&folder.join(name)))?;
        output.write(bytes)?;
        output.finish()?;
    }
    Ok(())
}

fn bar(what: &'static str, steps: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr_with_hz(10));
    let style =
        ProgressStyle::with_template("{msg:24} {bar:30} {percent:>3}% eta {eta}").expect("a valid template");
    bar.set_style(style.progress_chars("━╸ "));
    bar.set_message(what);
    bar
}
