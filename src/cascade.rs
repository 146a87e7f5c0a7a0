//! The cascade: one record through rules, the model's lexical path, its encoder and the LLM, cheapest first. Each passes on what it is not
//! sure of.
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
use crate::head::lexical::{Early, NO_NAME, Scratch};
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
    thorough: bool,
    default_path: Path,
    routes: HashMap<Vec<u8>, Path>,
}

impl Cascade {
    /// Joins the stages. `has_llm` says whether an LLM will answer; without one no path leads to it.
    ///
    /// # Errors
    /// When a pattern is no regular expression, a route's order makes no sense, the model was made for another
    /// encoder, or the environment asks for instructions that there are none of.
    pub fn new(
        config: &Config,
        rules: Vec<crate::rules::Rule>,
        head: Head,
        encoder: LazyEncoder,
        min_confidence: Option<f32>,
        has_llm: bool,
    ) -> Result<Self> {
        head.check_encoder(&encoder.identity()?)?;
        encoder.check()?;
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
            thorough: config.thorough,
            default_path,
            routes,
        })
    }

    /// Has verdicts of the model carry their reason, which costs a search.
    #[must_use]
    pub fn explaining(self, explain: bool) -> Self {
        Self { explain, ..self }
    }

    /// Has the encoder asked about every template, if `thorough` says so or it was so already.
    #[must_use]
    pub fn thorough(self, thorough: bool) -> Self {
        Self { thorough: self.thorough || thorough, ..self }
    }

    /// Whether the encoder is asked about templates that the lexical path could settle.
    pub fn is_thorough(&self) -> bool {
        self.thorough && self.head.lexical().is_some()
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

    /// What the model says of each template: its lexical path, or where that is not sure, the encoder and the head.
    ///
    /// # Errors
    /// When the encoder is needed and cannot be loaded, or fails.
    pub fn by_model(&self, templates: &[&Template]) -> Result<Vec<Verdict>> {
        complete(templates, self.early(templates), |open| self.by_encoder(open))
    }

    /// What the model says of each template without the encoder; nothing where that has to be asked.
    pub fn early(&self, templates: &[&Template]) -> Vec<Option<Verdict>> {
        if self.thorough {
            return vec![None; templates.len()];
        }
        let mut scratch = Scratch::default();
        templates.iter().map(|template| self.early_one(template, &mut scratch)).collect()
    }

    fn early_one(&self, template: &Template, scratch: &mut Scratch) -> Option<Verdict> {
        let Early { label, confidence, trained } = self.head.early(template, scratch)?;
        // Who asks for more confidence than this should get the best answer there is.
        if confidence < self.min_confidence {
            return None;
        }
        let reason = match self.head.lexical() {
            Some(lexical) if self.explain && !trained => Reason::Lexical(lexical.strongest(template, label)),
            _ if trained => Reason::Trained,
            _ => Reason::Lexical([NO_NAME; 2]),
        };
        Some(Verdict { label: self.head_labels[label], stage: Stage::Model, confidence, reason })
    }

    /// The label that the lexical path gives each template at any certainty, and how certain it is; 2 where the model was trained on the very
    /// template. Without a lexical path: no label, with no certainty.
    pub fn lexical(&self, templates: &[&Template]) -> Vec<(LabelId, f32)> {
        let mut scratch = Scratch::default();
        let lexical = |template: &&Template| {
            let Some(lexical) = self.head.lexical() else { return (Labels::UNCLASSIFIED, 0.0) };
            if let Some(Early { label, trained: true, .. }) = self.head.early(template, &mut scratch) {
                return (self.head_labels[label], 2.0);
            }
            let (label, confidence) = lexical.predict(template, &mut scratch);
            (self.head_labels[label], confidence)
        };
        templates.iter().map(lexical).collect()
    }

    /// What encoder and head say of each template.
    ///
    /// # Errors
    /// When the encoder cannot be loaded or fails.
    pub fn by_encoder(&self, templates: &[&Template]) -> Result<Vec<Verdict>> {
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

    /// The words that decided, as a reason.
    fn words(&self, words: [u16; 2]) -> String {
        let name = |place| self.head.lexical().and_then(|lexical| lexical.name(place));
        let names: Vec<String> = words.into_iter().filter_map(name).map(|name| format!("{name:?}")).collect();
        if names.is_empty() {
            "familiar wording".to_owned()
        } else {
            format!("familiar words: {}", names.join(", "))
        }
    }

    /// The reason of a verdict, for people.
    pub fn explain(&self, verdict: &Verdict) -> String {
        match verdict.reason {
            Reason::Rule(index) => format!("rule {}", rules::name_of(&self.rules.rules()[index as usize])),
            Reason::Nearest(index) if self.explain && (index as usize) < self.head.prototypes.len() => {
                format!("most like: {}", shorten(self.head.prototypes.template(index as usize)))
            }
            Reason::Nearest(_) => "model".to_owned(),
            Reason::Trained => "in the training data".to_owned(),
            Reason::Lexical(words) => self.words(words),
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

/// The answers to `templates`: those of `early`, and where there is none, what `ask` says of these templates together.
///
/// # Errors
/// Those of `ask`, which is not called when nothing is open.
pub fn complete<'a>(
    templates: &[&'a Template],
    early: Vec<Option<Verdict>>,
    ask: impl FnOnce(&[&'a Template]) -> Result<Vec<Verdict>>,
) -> Result<Vec<Verdict>> {
    let is_open = |(template, early): (&&'a Template, &Option<Verdict>)| early.is_none().then_some(*template);
    let open: Vec<&Template> = templates.iter().zip(&early).filter_map(is_open).collect();
    let mut asked = if open.is_empty() { Vec::new() } else { ask(&open)? }.into_iter();
    Ok(early.into_iter().filter_map(|early| early.or_else(|| asked.next())).collect())
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
