//! `logclass suggest`: which templates are most worth labelling by hand.
//!
//! Frequent and uncertain ones first, and of those that say nearly the same only one: each choice lowers the worth
//! of what is close to it (greedy maximal marginal relevance; Carbonell and Goldstein, SIGIR 1998).

use anyhow::Result;
use rayon::prelude::*;
use std::collections::HashMap;

use super::overlap::Files;
use super::records::{Records, template_of};
use super::setup;
use crate::cli::Suggest;
use crate::error::ExitStatus;
use crate::head::prototypes::dot;
use crate::output::Output;
use crate::template::{Template, open_front};

/// Templates looked at, the most worthwhile first; each choice compares all of them.
const CANDIDATES: usize = 5_000;

struct Candidate {
    rows: u64,
    example: String,
    label: String,
    confidence: f32,
    worth: f64,
    vector: Vec<f32>,
}

/// Runs the command.
pub fn run(arguments: &Suggest) -> Result<ExitStatus> {
    Files::default()
        .input(arguments.input.as_deref())
        .stages(&arguments.stages)
        .writes(arguments.output.as_deref())
        .check()?;
    let config = setup::config(arguments.stages.config.as_deref())?;
    let cascade = setup::cascade(&arguments.stages, &config, None, false)?;
    let names = setup::columns(&arguments.reading, &config, None, true);
    let input = arguments.input.as_deref();
    let mut records = Records::open(input, arguments.format, &arguments.reading, &names)?;
    if !arguments.running.quiet {
        records.tell_delimiter();
    }
    let mut seen: HashMap<Template, (u64, String)> = HashMap::new();
    while let Some(chunk) = records.next_chunk()? {
        for record in &chunk.records {
            let (source, message) = (chunk.field(record.source), chunk.field(record.message));
            if cascade.by_rules(&source, &message, &open_front(&message)).is_some() {
                continue;
            }
            let entry = seen
                .entry(template_of(&chunk, record))
                .or_insert_with(|| (0, String::from_utf8_lossy(&message).into_owned()));
            entry.0 += 1;
        }
    }
    let mut templates: Vec<(Template, (u64, String))> = seen.into_iter().collect();
    templates.retain(|(template, _)| !template.text.is_empty() && !cascade.head().was_trained_on(template));
    templates.sort_unstable();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(setup::threads(&arguments.running)).build()?;
    let encoder = cascade.encoder().get()?;
    let parts: Vec<Vec<Candidate>> = pool.install(|| {
        templates
            .par_chunks(32)
            .map(|templates| {
                let texts: Vec<&str> = templates.iter().map(|(template, _)| template.text.as_str()).collect();
                let of: Vec<&Template> = templates.iter().map(|(template, _)| template).collect();
                let vectors = encoder.encode_with(&texts, &cascade.head().info.layers)?;
                let predictions = cascade.head().predict(&vectors, &of, false);
                let rows = vectors.chunks_exact(cascade.head().info.width());
                Ok(templates
                    .iter()
                    .zip(predictions)
                    .zip(rows)
                    .map(|(((_, (rows, example)), prediction), vector)| {
                        let stranger = prediction.familiarity < cascade.head().info.min_familiarity;
                        let doubt = if stranger { 1.0 } else { 1.0 - f64::from(prediction.confidence) };
                        #[allow(clippy::cast_precision_loss)]
                        let worth = (1.0 + *rows as f64).ln() * (doubt + 0.02);
                        Candidate {
                            rows: *rows,
                            example: example.clone(),
                            label: cascade.head().info.labels[prediction.label].clone(),
                            confidence: prediction.confidence,
                            worth,
                            vector: vector[..encoder.dimensions()].to_vec(),
                        }
                    })
                    .collect())
            })
            .collect::<Result<_>>()
    })?;
    let mut candidates: Vec<Candidate> = parts.into_iter().flatten().collect();
    candidates.sort_by(|a, b| b.worth.total_cmp(&a.worth));
    candidates.truncate(CANDIDATES);
    let chosen = choose(&candidates, arguments.count);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        names.message.as_str(),
        names.label.as_str(),
        "suggested_label",
        "confidence",
        "rows",
    ])?;
    for candidate in chosen {
        let Candidate { rows, example, label, confidence, .. } = candidate;
        writer.write_record([example, "", label, &format!("{confidence:.3}"), &rows.to_string()])?;
    }
    let mut output = Output::create(arguments.output.as_deref())?;
    output.write(&writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?)?;
    output.finish()?;
    Ok(ExitStatus::Done)
}

/// The `count` best, none close to a better one.
fn choose(candidates: &[Candidate], count: usize) -> Vec<&Candidate> {
    let mut worth: Vec<f64> = candidates.iter().map(|candidate| candidate.worth).collect();
    let mut chosen = Vec::new();
    while chosen.len() < count.min(candidates.len()) {
        let best = (0..candidates.len()).max_by(|&a, &b| worth[a].total_cmp(&worth[b]).then(b.cmp(&a)));
        let Some(best) = best.filter(|&best| worth[best] > 0.0) else { break };
        chosen.push(&candidates[best]);
        worth[best] = -1.0;
        for (index, candidate) in candidates.iter().enumerate() {
            let likeness = f64::from(dot(&candidate.vector, &candidates[best].vector)).max(0.0);
            if worth[index] > 0.0 {
                worth[index] *= 1.0 - likeness.powi(4);
            }
        }
    }
    chosen
}
