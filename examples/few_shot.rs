//! Few-shot quality on structured logs: k lines of each event to train on, the others to test, macro F1 per file.
//!
//!     cargo run --release --example few_shot -- MESSAGE_COLUMN EVENT_COLUMN FILE.csv...
//!
//! Events with ten lines or more; five lines each to train, up to forty to test, drawn with a fixed seed (`--seed N` in front
//! draws others). With `--split FOLDER` in front, the lines drawn are written there, for other tools to be measured on
//! the same ones (`benches/quality/few_shot_sklearn.py`).

use anyhow::{Context, Result, bail};
use logclass::encoder::{Backend, Encoder, parse_source};
use logclass::head::TrainingInfo;
use logclass::metrics::{self, Scored};
use logclass::template::Template;
use logclass::train::{Dataset, Encoded, Example, Settings, finish, folds, select};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const TRAIN: usize = 5;
const TEST: usize = 40;

fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut option = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.remove(place);
        (place < arguments.len()).then(|| arguments.remove(place))
    };
    let split = option("--split").map(PathBuf::from);
    let seed = option("--seed").map_or(Ok(1), |seed| seed.parse()).context("--seed takes a number")?;
    let [message, event, files @ ..] = arguments.as_slice() else {
        bail!("usage: few_shot [--seed N] [--split FOLDER] MESSAGE_COLUMN EVENT_COLUMN FILE.csv...")
    };
    let encoder = Encoder::load(&parse_source(None)?, Backend::Auto)?;
    let mut scores = Vec::new();
    for file in files {
        let path = Path::new(file);
        let (train, test) = draw(path, message, event, seed)?;
        if let Some(folder) = &split {
            let name = path.file_name().context("a file name")?.to_string_lossy().into_owned();
            for (part, rows) in [("train", &train), ("test", &test)] {
                let mut writer = csv::Writer::from_path(folder.join(format!("{part}-{name}")))?;
                writer.write_record(["message", "event"])?;
                rows.iter().try_for_each(|(message, event)| writer.write_record([message, event]))?;
                writer.flush()?;
            }
        }
        let score = macro_f1(&encoder, &train, &test)?;
        println!("{score:.4}  {} train, {} test  {file}", train.len(), test.len());
        scores.push(score);
    }
    #[allow(clippy::cast_precision_loss)]
    let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
    println!("mean {mean:.4}, worst {:.4}", scores.iter().copied().fold(1.0, f64::min));
    Ok(())
}

type Rows = Vec<(String, String)>;

/// Lines to train on and lines to test with, messages with their events.
fn draw(path: &Path, message: &str, event: &str, seed: u64) -> Result<(Rows, Rows)> {
    let mut reader = csv::Reader::from_path(path)?;
    let header = reader.headers()?.clone();
    let column = |name: &str| {
        header.iter().position(|other| other == name).with_context(|| format!("no column {name}"))
    };
    let (message, event) = (column(message)?, column(event)?);
    let mut events: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for (line, record) in reader.byte_records().enumerate() {
        let record = record?;
        let text = |index: usize| String::from_utf8_lossy(&record[index]).into_owned();
        let place = xxh3_64_with_seed(&line.to_le_bytes(), seed);
        events.entry(text(event)).or_default().push((place, text(message)));
    }
    let (mut train, mut test) = (Rows::new(), Rows::new());
    for (event, mut lines) in events {
        if lines.len() < 2 * TRAIN {
            continue;
        }
        lines.sort_unstable();
        let mut lines = lines.into_iter().map(|(_, message)| (message, event.clone()));
        train.extend(lines.by_ref().take(TRAIN));
        test.extend(lines.take(TEST));
    }
    Ok((train, test))
}

fn macro_f1(encoder: &Encoder, train: &Rows, test: &Rows) -> Result<f64> {
    let seen: Vec<Template> = train.iter().map(|(message, _)| Template::of(message.as_bytes())).collect();
    let examples = seen.iter().zip(train).map(|(template, (_, label))| Example {
        template,
        label,
        group: "",
        weight: 1.0,
    });
    let dataset = Dataset::new(examples)?;
    let settings = Settings::default();
    let encoded = Encoded::new(&dataset, encoder, &settings, |_| ())?;
    let held_out =
        select(&dataset, &encoded, &settings, &folds(&dataset, settings.folds, settings.seed), || ());
    let head = finish(&dataset, &encoded, encoder, &settings, &held_out, None, TrainingInfo::default());
    let templates: Vec<Template> = test.iter().map(|(message, _)| Template::of(message.as_bytes())).collect();
    let texts: Vec<&str> = templates.iter().map(|template| template.text.as_str()).collect();
    let vectors = encoder.encode_with(&texts, &head.info.layers)?;
    let predictions = head.predict(&vectors, &templates.iter().collect::<Vec<_>>(), false);
    let rows: Vec<Scored> = predictions
        .iter()
        .zip(test)
        .filter_map(|(prediction, (_, event))| {
            let truth = dataset.labels.binary_search(event).ok()?;
            Some(Scored { confidence: f64::from(prediction.confidence), predicted: prediction.label, truth })
        })
        .collect();
    Ok(metrics::macro_f1(&metrics::label_scores(&metrics::confusion(&rows), dataset.labels.len())))
}
