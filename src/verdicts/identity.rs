//! What verdicts depend on. Those of one identity mean the same wherever they were made; those of another mean nothing.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cascade::Cascade;
use crate::encoder::files::hex;
use crate::rules::{Rule, Scope, Subject};
use crate::template::MASKER_VERSION;

/// The parts, most of them by their SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Version of the program, whose kernels and tokenizer decide the last bits of a vector.
    pub program: String,
    /// The model.
    pub model: String,
    /// The encoder's weights.
    pub encoder: String,
    /// The encoder's tokenizer.
    pub tokenizer: String,
    /// What computes the embeddings.
    pub backend: String,
    /// Version of the masking.
    pub masker: u32,
    /// The rules, in their order.
    pub rules: String,
    /// What else the configuration says of labels: their names, routes, thresholds.
    pub configuration: String,
}

impl Identity {
    /// The identity of the verdicts of `cascade`.
    ///
    /// # Errors
    /// When the encoder's files cannot be read.
    pub fn of(cascade: &Cascade) -> Result<Self> {
        let encoder = cascade.encoder().identity()?;
        let mut rules = Fields::default();
        cascade.rules().rules().iter().for_each(|rule| rules.rule(rule));
        let mut configuration = Fields::default();
        configuration.number(cascade.min_confidence().to_bits().into());
        configuration.texts(cascade.labels().names());
        for (source, path) in cascade.routes() {
            configuration.bytes(source);
            configuration.number(u64::from(path.rules) << 1 | u64::from(path.model));
        }
        Ok(Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            model: hex(&Sha256::digest(cascade.head().to_bytes()?)),
            encoder: encoder.sha256,
            tokenizer: encoder.tokenizer_sha256,
            backend: cascade.encoder().backend().name().to_owned(),
            masker: MASKER_VERSION,
            rules: rules.finish(),
            configuration: configuration.finish(),
        })
    }

    /// The part in which `other` differs, if there is one, in words that follow "was made with".
    pub fn difference(&self, other: &Self) -> Option<String> {
        // Taken apart without `..`, so that a new part cannot be forgotten.
        let Self { program, model, encoder, tokenizer, backend, masker, rules, configuration } = self;
        let another = |part: &str| Some(format!("another {part}"));
        match () {
            () if *program != other.program => {
                Some(format!("logclass {}, this is {program}", shown(&other.program)))
            }
            () if *masker != other.masker => another("version of the masking"),
            () if *encoder != other.encoder => another("encoder"),
            () if *tokenizer != other.tokenizer => another("tokenizer of the encoder"),
            () if *backend != other.backend => {
                Some(format!("--backend {}, this is {backend}", shown(&other.backend)))
            }
            () if *model != other.model => another("model"),
            () if *rules != other.rules => Some("other rules".to_owned()),
            () if *configuration != other.configuration => {
                Some("other labels, routes or thresholds (min_confidence)".to_owned())
            }
            () => None,
        }
    }
}

/// A text of a file, for people.
fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(30).collect()
}

/// Fields, each behind its length, so that no two lists of fields have the same hash.
#[derive(Default)]
struct Fields(Sha256);

impl Fields {
    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn texts<T: AsRef<str>>(&mut self, texts: &[T]) {
        self.number(texts.len() as u64);
        texts.iter().for_each(|text| self.bytes(text.as_ref().as_bytes()));
    }

    /// What of a rule decides labels or is told as a reason. Taken apart without `..`: who adds a field has to decide whether
    /// it belongs here.
    fn rule(&mut self, rule: &Rule) {
        let Rule {
            name,
            label,
            pattern,
            subject,
            scope,
            pack,
            literals: _,
            line: _,
            examples: _,
            counter_examples: _,
        } = rule;
        self.texts(&[name, label, pattern]);
        self.number(match subject {
            Subject::Message => 0,
            Subject::Body => 1,
        });
        match scope {
            Scope::Any => self.number(0),
            Scope::Source(source) => {
                self.number(1);
                self.bytes(source.as_bytes());
            }
            Scope::Programs(programs) => {
                self.number(2);
                self.texts(programs);
            }
        }
        self.texts(pack.as_slice());
    }

    fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}
