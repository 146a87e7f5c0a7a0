//! `logclass eval`: how good the labels are, on rows whose labels are known.

use anyhow::Result;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};

use super::labelled::{Labelled, LabelledRow};
use super::overlap::Files;
use super::setup;
use crate::cascade::Cascade;
use crate::cli::{Eval, EvalStage};
use crate::console::{counted, print, tell};
use crate::encoder::{Encoder, parse_source};
use crate::error::ExitStatus;
use crate::evaluation::{Evaluation, Mistake};
use crate::label::{LabelId, Labels, UNCLASSIFIED};
use crate::metrics::Scored;
use crate::output::Output;
use crate::paths::{Paths, Seen};
use crate::template::{Template, open_front};
use crate::train::{Dataset, Encoded, Settings, choose_lexical, folds, group_folds, select};
use crate::verdict::{Reason, Stage, Verdict};

/// Mistakes shown.
const MISTAKES: usize = 10;

/// Runs the command.
pub fn run(arguments: &Eval) -> Result<ExitStatus> {
    Files::default()
        .input(Some(&arguments.input))
        .stages(&arguments.stages)
        .writes(arguments.json.as_deref())
        .writes(arguments.plot.as_deref())
        .check()?;
    let config = setup::config(arguments.stages.config.as_deref())?;
    let columns = setup::columns(&arguments.reading, &config, arguments.label_column.as_deref(), true);
    let labelled = Labelled {
        format: arguments.format,
        reading: &arguments.reading,
        columns: &columns,
        group: arguments.group_column.as_deref(),
        quiet: arguments.running.quiet,
    };
    let mut rows = labelled.read(&arguments.input)?;
    let unlabelled = rows.iter().filter(|row| row.label.is_empty()).count();
    rows.retain(|row| !row.label.is_empty());
    if unlabelled > 0 {
        let (rows, were) = (counted(unlabelled as u64, "row"), if unlabelled == 1 { "was" } else { "were" });
        tell(&format!("logclass: warning: {rows} without a label {were} left out\n"));
    }
    if rows.is_empty() {
        anyhow::bail!("{}: no row has a label", arguments.input.display());
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(setup::threads(&arguments.running)).build()?;
    let report = pool.install(|| {
        if let Some(count) = arguments.cv {
            cross_validate(arguments, &rows, usize::from(count))
        } else {
            let cascade = setup::cascade(&arguments.stages, &config, arguments.min_confidence, false)?
                .thorough(arguments.thorough);
            evaluate(arguments, &cascade, &rows)
        }
    })?;
    for (path, content) in
        [(&arguments.json, serde_json::to_string_pretty(&report)? + "\n"), (&arguments.plot, report.to_svg())]
    {
        if let Some(path) = path {
            let mut output = Output::create(Some(path))?;
            output.write(content.as_bytes())?;
            output.finish()?;
        }
    }
    print(report.for_people().as_bytes())
}

/// Through rules and model, as `classify` would.
fn evaluate(arguments: &Eval, cascade: &Cascade, rows: &[LabelledRow]) -> Result<Evaluation> {
    let mut distinct: Vec<&Template> =
        rows.iter().map(|row| &row.template).filter(|template| !template.text.is_empty()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let known = distinct.iter().filter(|template| cascade.head().was_trained_on(template)).count();
    if known > 0 {
        tell(&format!(
            "logclass: warning: {known} of {} templates were in the model's training data; on those the \
             figures say little\n",
            distinct.len()
        ));
    }
    // The encoder is asked about all of them, so that the paths can be compared.
    let verdicts: Vec<Vec<Answers>> =
        distinct.par_chunks(32).map(|templates| answers(cascade, templates)).collect::<Result<_>>()?;
    let by_template: HashMap<&Template, Answers> =
        distinct.iter().copied().zip(verdicts.into_iter().flatten()).collect();
    // More labels may be in the file than a run can give.
    let mut labels = cascade.labels().names().to_vec();
    let mut index: HashMap<String, usize> = labels.iter().cloned().zip(0..).collect();
    let (mut given, mut chosen, mut mistakes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut unclassified, mut seen) = (0, Vec::new());
    for row in rows {
        let template = &row.template;
        let rule = if arguments.stage == EvalStage::Model {
            None
        } else {
            cascade.by_rules(&row.source, &row.message, &open_front(&row.message))
        };
        let answers = by_template.get(template);
        let model = answers.map(Answers::given);
        let verdict = rule.or(model).unwrap_or(Verdict::unclassified(0.0, Reason::Empty));
        let truth = *index.entry(row.label.clone()).or_insert_with(|| {
            labels.push(row.label.clone());
            labels.len() - 1
        });
        if let Some(answers) = answers.filter(|_| rule.is_none()) {
            seen.push(answers.seen(truth));
        }
        let scored = Scored {
            confidence: f64::from(verdict.confidence),
            predicted: usize::from(verdict.label),
            truth,
        };
        unclassified += usize::from(verdict.stage == Stage::None);
        given.push(scored);
        if let Some(model) = model {
            let label = match model.reason {
                Reason::Unsure(label) | Reason::Unfamiliar(label) => label,
                _ => model.label,
            };
            chosen.push(Scored {
                confidence: f64::from(model.confidence),
                predicted: usize::from(label),
                truth,
            });
        }
        if !scored.is_right() && verdict.label != Labels::UNCLASSIFIED {
            mistakes.push(Mistake {
                template: template.text.clone(),
                truth: row.label.clone(),
                predicted: labels[usize::from(verdict.label)].clone(),
                confidence: scored.confidence,
            });
        }
    }
    let paths = if cascade.head().lexical().is_some() { Paths::new(seen) } else { None };
    Ok(Evaluation { paths, ..Evaluation::new(&given, &chosen, &labels, worst(mistakes), unclassified) })
}

/// What both paths through the model say of a template.
#[derive(Debug, Clone, Copy)]
struct Answers {
    /// The lexical path's, where it settles the template.
    early: Option<Verdict>,
    /// The label that it would give at any certainty, and how certain it is.
    lexical: (LabelId, f32),
    /// The full head's.
    full: Verdict,
}

impl Answers {
    fn given(&self) -> Verdict {
        self.early.unwrap_or(self.full)
    }

    fn seen(&self, truth: usize) -> Seen {
        let is_right = |label: LabelId| usize::from(label) == truth;
        Seen {
            certainty: self.lexical.1,
            settled: self.early.is_some(),
            right: is_right(self.lexical.0),
            full_right: is_right(self.full.label),
            agrees: self.lexical.0 == self.full.label,
        }
    }
}

fn answers(cascade: &Cascade, templates: &[&Template]) -> Result<Vec<Answers>> {
    let full = cascade.by_encoder(templates)?;
    let early = cascade.early(templates);
    let lexical = cascade.lexical(templates);
    let all = full.into_iter().zip(early).zip(lexical);
    Ok(all.map(|((full, early), lexical)| Answers { early, lexical, full }).collect())
}

/// By training on parts of the rows and predicting the others.
fn cross_validate(arguments: &Eval, rows: &[LabelledRow], count: usize) -> Result<Evaluation> {
    let dataset = Dataset::new(rows.iter().map(LabelledRow::example))?;
    for warning in dataset.warnings.iter().take(10) {
        tell(&format!("logclass: warning: {warning}\n"));
    }
    let settings = Settings { seed: arguments.seed, ..Settings::default() };
    let settings = Settings { folds: count, ..settings.for_labels(dataset.labels.len()) };
    let encoder =
        Encoder::load(&parse_source(arguments.stages.encoder.as_deref())?, arguments.stages.backend)?;
    let encoded = Encoded::new(&dataset, &encoder, &settings, |_| ())?;
    let folds = if arguments.group_column.is_some() {
        dataset.check_groups()?;
        group_folds(&dataset, count, settings.seed)
    } else {
        folds(&dataset, count, settings.seed)
    };
    let held_out = select(&dataset, &encoded, &settings, &folds, || ());
    let lexical = choose_lexical(&dataset, &settings, &folds, &held_out);
    let mut names = dataset.labels.clone();
    names.push(UNCLASSIFIED.to_owned());
    let abstains = |row: &Scored| row.confidence < f64::from(held_out.min_confidence);
    let given: Vec<Scored> = held_out
        .rows
        .iter()
        .zip(&held_out.familiar)
        .map(|(row, &familiar)| {
            let predicted = if abstains(row) || !familiar { names.len() - 1 } else { row.predicted };
            Scored { predicted, ..*row }
        })
        .collect();
    let mistakes = held_out.rows.iter().zip(&held_out.tested).filter(|(row, _)| !row.is_right()).map(
        |(row, &sample)| Mistake {
            template: dataset.templates[sample].text.clone(),
            truth: names[row.truth].clone(),
            predicted: names[row.predicted].clone(),
            confidence: row.confidence,
        },
    );
    let unclassified = given.iter().filter(|row| row.predicted == names.len() - 1).count();
    tell(&format!(
        "cross-validated over {} folds of {} templates, C = {}; abstains on {:.1}% of text that is no log\n",
        held_out.figures.folds,
        held_out.rows.len(),
        held_out.regularisation,
        100.0 * held_out.figures.outliers_rejected
    ));
    if let Some(lexical) = lexical {
        tell(&format!("lexical path: {}\n", super::model::lexical_figures(&lexical)));
    }
    Ok(Evaluation::new(&given, &held_out.calibrated, &names, worst(mistakes.collect()), unclassified))
}

/// The most confident mistakes, each template once.
fn worst(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then_with(|| a.template.cmp(&b.template)));
    let mut seen = HashSet::new();
    mistakes.retain(|mistake| seen.insert(mistake.template.clone()));
    mistakes.truncate(MISTAKES);
    mistakes
}
