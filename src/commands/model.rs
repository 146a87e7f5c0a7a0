//! `logclass model info`: what a model file is.

use anyhow::Result;
use std::fmt::Write;

use crate::cli::ModelCommand;
use crate::console::print;
use crate::error::ExitStatus;
use crate::head::lexical::LexicalInfo;
use crate::head::{Head, ModelInfo};

/// Runs the command.
pub fn run(command: &ModelCommand) -> Result<ExitStatus> {
    let ModelCommand::Info { model, json } = command;
    let head = match model {
        Some(path) => Head::read(path)?,
        None => Head::bundled()?,
    };
    let text = if *json {
        format!("{}\n", serde_json::to_string_pretty(&head.info)?)
    } else {
        score_table(&head.info) + &describe(&head.info)
    };
    print(text.as_bytes())
}

/// A model's description, for people.
pub fn describe(info: &ModelInfo) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<18} {value}");
    };
    line("labels", format!("{} ({})", info.labels.len(), shown(&info.labels)));
    line("encoder", format!("{} (sha256 {})", info.encoder, info.encoder_sha256));
    if let Some(tokenizer) = &info.tokenizer_sha256 {
        line("tokenizer", format!("sha256 {tokenizer}"));
    }
    line("masker, format", format!("version {}, version {}", info.masker, info.format));
    let ngrams = &info.ngrams;
    let inner = match &info.layers[..] {
        [] => String::new(),
        layers => {
            let names: Vec<String> = layers.iter().map(ToString::to_string).collect();
            format!(", as many of layers {}", names.join(" and "))
        }
    };
    line(
        "features",
        format!(
            "{} floats{}, {} buckets of {}-to-{}-grams{}",
            info.dimensions,
            inner,
            ngrams.buckets,
            ngrams.minimum,
            ngrams.maximum,
            if info.severity_weight > 0.0 { ", severity" } else { "" }
        ),
    );
    let training = &info.training;
    line("trained by", training.program.clone());
    line("trained from", format!("{} rows, {} templates", training.rows, training.templates));
    line("regularisation", format!("C = {}", training.regularisation));
    line(
        "abstains",
        format!(
            "below confidence {:.3} (for precision {:.2}) or familiarity {:.2}; temperature {:.3}",
            info.min_confidence, training.target_precision, info.min_familiarity, info.temperature
        ),
    );
    if let Some(figures) = &training.cross_validation {
        line(
            "cross-validated",
            format!(
                "accuracy {:.4}, macro F1 {:.4}, calibration error {:.4} ({} folds, templates held out)",
                figures.accuracy, figures.macro_f1, figures.calibration_error, figures.folds
            ),
        );
        if let Some(without) = figures.accuracy_without_severity {
            line("severity", format!("without it, accuracy would be {without:.4}"));
        }
        line(
            "with abstention",
            format!(
                "accuracy {:.4} on the {:.1}% labelled; abstains on {:.1}% of text that is no log",
                figures.covered_accuracy,
                100.0 * figures.coverage,
                100.0 * figures.outliers_rejected
            ),
        );
    }
    line(
        "lexical path",
        info.lexical.as_ref().map_or_else(
            || "none, so every template goes to the encoder".to_owned(),
            |lexical| {
                let LexicalInfo { shape, .. } = lexical;
                format!(
                    "{} buckets of {}-to-{}-grams, {} of words and pairs; {}",
                    shape.ngrams.buckets,
                    shape.ngrams.minimum,
                    shape.ngrams.maximum,
                    shape.words.buckets,
                    lexical_figures(lexical)
                )
            },
        ),
    );
    text
}

/// What a lexical path settles, for people.
pub fn lexical_figures(info: &LexicalInfo) -> String {
    let figures = &info.figures;
    let Some(least) = info.min_confidence else {
        return format!(
            "settles only templates trained on ({} held-out ones show no confidence at which {:.1}% of its labels are those \
             of the full head)",
            figures.templates,
            100.0 * figures.asked_agreement
        );
    };
    format!(
        "settles {:.1}% of {} held-out templates, from confidence {least:.3} on: accuracy {:.4} (full head {:.4}), agreement {:.4}; \
         accuracy of all {:.4} (full head {:.4}); settles {:.1}% of text that is no log",
        100.0 * figures.settled,
        figures.templates,
        figures.accuracy,
        figures.full_accuracy,
        figures.agreement,
        figures.joint_accuracy,
        figures.full_joint_accuracy,
        100.0 * figures.outliers_settled
    )
}

/// Cross-validated figures per label, where there are few enough to read.
pub fn score_table(info: &ModelInfo) -> String {
    const MOST: usize = 50;
    let Some(figures) = &info.training.cross_validation else { return String::new() };
    if figures.labels.len() > MOST {
        return String::new();
    }
    let width = figures.labels.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut text = format!("{:width$}  precision  recall      F1  templates\n", "");
    for (name, score) in &figures.labels {
        let _ = writeln!(
            text,
            "{name:width$}  {:9.4}  {:6.4}  {:6.4}  {:9}",
            score.precision, score.recall, score.f1, score.support
        );
    }
    text
}

fn shown(labels: &[String]) -> String {
    const MOST: usize = 12;
    let more = if labels.len() > MOST { ", ..." } else { "" };
    format!("{}{more}", labels[..labels.len().min(MOST)].join(", "))
}
