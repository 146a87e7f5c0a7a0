//! The cascade: one record through rules, model and LLM, cheapest first.
//!
//! The stages do not know each other; this is where their labels become one set and where a source's route
//! says which of them serve it. It holds no state of a run: remembering templates is the pipeline's work.

use anyhow::Result;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::config::{Config, Route, RouteStage};
use crate::encoder::LazyEncoder;
use crate::envelope::Envelope;
use crate::error::usage;
use crate::head::{Head, Prediction};
use crate::label::{LabelId, Labels, UNCLASSIFIED};
use crate::llm::LabelSpec;
use crate::rules::{self, Rules};
use crate::template::Template;
use crate::verdict::{Reason, Stage, Verdict};

/// Which stages serve a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path {
    /// Rules are tried.
    pub rules: bool,
    /// The model is asked.
    pub model: bool,
    /// When the LLM is asked.
    pub llm: LlmTurn,
}

/// When the LLM is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LlmTurn {
    /// Not at all.
    Never,
    /// For what rules and model leave.
    Last,
    /// Before rules and model, which answer only where it cannot.
    First,
}

/// The source whose records go to the LLM first when one is configured and no route says otherwise.
pub const DEFAULT_LLM_SOURCE: &str = "LegacyCRM";

/// Rules, model and routes, joined. Clones share rules and model.
#[derive(Debug, Clone)]
pub struct Cascade {
    labels: Labels,
    rules: Arc<Rules>,
    rule_labels: Vec<LabelId>,
    head: Arc<Head>,
    head_labels: Vec<LabelId>,
    encoder: Arc<LazyEncoder>,
    min_confidence: f32,
    explain: bool,
    default_path: Path,
    routes: HashMap<Vec<u8>, Path>,
}

impl Cascade {
    /// Joins the stages. `has_llm` says whether an LLM will answer; without one no path leads to it.
    ///
    /// # Errors
    /// When a pattern is no regular expression, a route's order makes no sense, or the model was made for
    /// another encoder.
    pub fn new(
        config: &Config,
        rules: Vec<crate::rules::Rule>,
        head: Head,
        encoder: LazyEncoder,
        min_confidence: Option<f32>,
        has_llm: bool,
    ) -> Result<Self> {
        head.check_encoder(&encoder.identity()?)?;
        let rule_labels = rules.iter().map(|rule| &rule.label);
        let distinct: HashSet<&String> =
            head.info.labels.iter().chain(rule_labels).chain(config.labels.keys()).collect();
        if distinct.len() >= Labels::MOST {
            return Err(usage(format!(
                "{} labels of model, rules and configuration are more than a run can hold ({})",
                distinct.len(),
                Labels::MOST - 1
            )));
        }
        let mut labels = Labels::new();
        let head_labels = head.info.labels.iter().map(|name| labels.intern(name)).collect();
        let rule_labels = rules.iter().map(|rule| labels.intern(&rule.label)).collect();
        for name in config.labels.keys() {
            labels.intern(name);
        }
        let default_path =
            Path { rules: true, model: true, llm: if has_llm { LlmTurn::Last } else { LlmTurn::Never } };
        let mut routes = HashMap::new();
        if has_llm && config.routes.is_empty() {
            routes
                .insert(DEFAULT_LLM_SOURCE.as_bytes().to_vec(), Path { llm: LlmTurn::First, ..default_path });
        }
        for route in &config.routes {
            routes.insert(route.source.clone().into_bytes(), path_of(route, has_llm)?);
        }
        let min_confidence = min_confidence.or(config.min_confidence).unwrap_or(head.info.min_confidence);
        let rules = Arc::new(Rules::new(rules).map_err(|error| usage(format!("{error:#}")))?);
        Ok(Self {
            labels,
            rules,
            rule_labels,
            head: Arc::new(head),
            head_labels,
            encoder: Arc::new(encoder),
            min_confidence,
            explain: false,
            default_path,
            routes,
        })
    }

    /// Has verdicts of the model carry their reason, which costs a search.
    #[must_use]
    pub fn explaining(self, explain: bool) -> Self {
        Self { explain, ..self }
    }

    /// Whether verdicts of the model carry their reason.
    pub fn explains(&self) -> bool {
        self.explain
    }

    /// Every label a run can give.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The labels as the LLM is told of them, with what `config` says of each.
    pub fn label_specs(&self, config: &Config) -> Vec<LabelSpec> {
        let specs = self.labels.names().iter().filter(|name| *name != UNCLASSIFIED).map(|name| {
            let described = config.labels.get(name);
            LabelSpec {
                id: self.labels.id(name).unwrap_or(Labels::UNCLASSIFIED),
                name: name.clone(),
                description: described.map_or_else(String::new, |label| label.description().to_owned()),
                examples: described.map_or_else(Vec::new, |label| label.examples().to_vec()),
            }
        });
        specs.collect()
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The model's head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The model's encoder.
    pub fn encoder(&self) -> &LazyEncoder {
        &self.encoder
    }

    /// Confidence below which the model abstains.
    pub fn min_confidence(&self) -> f32 {
        self.min_confidence
    }

    /// The stages that serve `source`.
    pub fn path(&self, source: &[u8]) -> Path {
        if self.routes.is_empty() {
            return self.default_path;
        }
        self.routes.get(source).copied().unwrap_or(self.default_path)
    }

    /// The sources whose records rules or model do not see, in order; who may ask an LLM is not told.
    pub fn routes(&self) -> Vec<(&[u8], Path)> {
        let special = self.routes.iter().filter(|(_, path)| !path.rules || !path.model);
        let mut routes: Vec<_> = special.map(|(source, path)| (source.as_slice(), *path)).collect();
        routes.sort_unstable_by_key(|(source, _)| *source);
        routes
    }

    /// What the rules say of a message with this envelope.
    pub fn by_rules(&self, source: &[u8], message: &[u8], envelope: &Envelope<'_>) -> Option<Verdict> {
        let index = self.rules.first_match(source, message, envelope)?;
        let reason = Reason::Rule(u32::try_from(index).unwrap_or(u32::MAX));
        Some(Verdict { label: self.rule_labels[index], stage: Stage::Rule, confidence: 1.0, reason })
    }

    /// What the model says of each template.
    ///
    /// # Errors
    /// When the encoder cannot be loaded or fails.
    pub fn by_model(&self, templates: &[&Template]) -> Result<Vec<Verdict>> {
        let texts: Vec<&str> = templates.iter().map(|template| template.text.as_str()).collect();
        let vectors = self.encoder.get()?.encode_with(&texts, &self.head.info.layers)?;
        let predictions = self.head.predict(&vectors, templates, self.explain);
        Ok(predictions.into_iter().map(|prediction| self.verdict_of(prediction)).collect())
    }

    fn verdict_of(&self, prediction: Prediction) -> Verdict {
        let Prediction { label, confidence, familiarity, nearest } = prediction;
        let label = self.head_labels[label];
        if familiarity < self.head.info.min_familiarity {
            return Verdict::unclassified(confidence, Reason::Unfamiliar(label));
        }
        if confidence < self.min_confidence {
            return Verdict::unclassified(confidence, Reason::Unsure(label));
        }
        Verdict { label, stage: Stage::Model, confidence, reason: Reason::Nearest(nearest) }
    }

    /// The reason of a verdict, for people.
    pub fn explain(&self, verdict: &Verdict) -> String {
        match verdict.reason {
            Reason::Rule(index) => format!("rule {}", rules::name_of(&self.rules.rules()[index as usize])),
            Reason::Nearest(index) if self.explain && (index as usize) < self.head.prototypes.len() => {
                format!("most like: {}", shorten(self.head.prototypes.template(index as usize)))
            }
            Reason::Nearest(_) => "model".to_owned(),
            Reason::Unsure(label) => format!(
                "{} at {:.2}, below the {:.2} asked for",
                self.labels.name(label),
                verdict.confidence,
                self.min_confidence
            ),
            Reason::Unfamiliar(label) => {
                format!("unlike anything in training (nearest label: {})", self.labels.name(label))
            }
            Reason::LlmAnswered => "answered by the LLM".to_owned(),
            Reason::LlmDeclined => "the LLM found no label that fits".to_owned(),
            Reason::LlmFailed => "the LLM did not answer".to_owned(),
            Reason::Empty => "empty message".to_owned(),
            Reason::Unreadable => "the record cannot be read".to_owned(),
            Reason::NoStage => "no rule matched, and its route has no further stage".to_owned(),
        }
    }
}

/// At most 120 characters of a template.
fn shorten(template: &str) -> String {
    const LONGEST: usize = 120;
    match template.char_indices().nth(LONGEST) {
        None => template.to_owned(),
        Some((end, _)) => format!("{}...", &template[..end]),
    }
}

fn path_of(route: &Route, has_llm: bool) -> Result<Path> {
    use RouteStage::{Llm, Model, Rules};
    let stages = &route.stages[..];
    let place = |stage| stages.iter().position(|&other| other == stage);
    let repeated = stages.iter().enumerate().any(|(index, &stage)| place(stage) != Some(index));
    let backwards = matches!((place(Rules), place(Model)), (Some(rules), Some(model)) if model < rules);
    let between = matches!(place(Llm), Some(index) if index > 0 && index + 1 < stages.len());
    if stages.is_empty() || repeated || backwards || between {
        return Err(usage(format!(
            "route for {:?}: stages must be rules, model, llm in that order, each at most once, or llm first",
            route.source
        )));
    }
    let llm = match place(Llm) {
        Some(0) if has_llm && stages.len() > 1 => LlmTurn::First,
        Some(_) if has_llm => LlmTurn::Last,
        _ => LlmTurn::Never,
    };
    Ok(Path { rules: place(Rules).is_some(), model: place(Model).is_some(), llm })
}
