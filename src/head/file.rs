//! Model files: one safetensors file with the weights, the prototypes, and a description as JSON.
//!
//! The description is a single metadata entry, because the format keeps entries in no fixed order and the same
//! training must give the same bytes.

use anyhow::{Context, Result, anyhow, bail};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::path::Path;

use super::prototypes::Prototypes;
use super::tensors::{floats, halves, integers};
use super::{Head, ModelInfo, lexical_file};
use crate::encoder::EncoderIdentity;
use crate::error::{UsageError, usage};
use crate::template::MASKER_VERSION;

/// Version of the file format that this program writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 4;

/// The model in the binary.
#[cfg(feature = "bundled")]
pub const BUNDLED: Option<&[u8]> = Some(include_bytes!("../../models/default.safetensors"));
/// The model in the binary: this build has none.
#[cfg(not(feature = "bundled"))]
pub const BUNDLED: Option<&[u8]> = None;

const DESCRIPTION: &str = "logclass";

/// More inner layers than any encoder has to give.
const MOST_LAYERS: usize = 256;

impl Head {
    /// The model that the binary carries.
    ///
    /// # Errors
    /// When the binary was built without one.
    pub fn bundled() -> Result<Self> {
        let Some(bytes) = BUNDLED else {
            return Err(usage("this build carries no model: name one with --model FILE"));
        };
        Self::from_bytes(bytes).context("bundled model")
    }

    /// Reads the model file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is no model file, or is of a newer format; each says so.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("model {}", path.display()))?;
        Self::from_bytes(&bytes).with_context(|| format!("model {}", path.display()))
    }

    /// Reads a model from a file's bytes.
    ///
    /// # Errors
    /// When they are no model file, or one of a newer format.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let not_a_model = || anyhow!("not a logclass model file");
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|_| not_a_model())?;
        let description = header
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(DESCRIPTION))
            .ok_or_else(not_a_model)?;
        let Version { format } = serde_json::from_str(description).map_err(|_| not_a_model())?;
        if format > FORMAT_VERSION {
            bail!("format {format} is newer than this program reads ({FORMAT_VERSION}): update logclass");
        }
        let info: ModelInfo = serde_json::from_str(description).context("damaged model file")?;
        let tensors = SafeTensors::deserialize(bytes).context("damaged model file")?;
        check(&info)?;
        let labels = info.labels.len();
        let rows = info.rows();
        let weights = floats(&tensors, "weights", &[rows, labels])?;
        let familiarity = floats(&tensors, "familiarity", &[rows])?;
        let vectors = tensors.tensor("prototype_vectors").context("damaged model file")?;
        let count = vectors.shape().first().copied().unwrap_or(0);
        let vectors = halves(&tensors, "prototype_vectors", &[count, info.dimensions])?;
        let prototype_labels: Vec<u16> =
            integers(&tensors, "prototype_labels", Dtype::U16, u16::from_le_bytes)?;
        let texts = tensors.tensor("prototype_templates").context("damaged model file")?;
        let texts = std::str::from_utf8(texts.data()).context("damaged model file")?;
        let templates: Vec<String> =
            if count == 0 { Vec::new() } else { texts.split('\n').map(str::to_owned).collect() };
        if templates.len() != count
            || prototype_labels.len() != count
            || prototype_labels.iter().any(|&label| usize::from(label) >= labels)
        {
            bail!("damaged model file: prototypes do not agree");
        }
        let hashes = integers(&tensors, "template_hashes", Dtype::U64, u64::from_le_bytes)?;
        let prototypes = Prototypes::new(info.dimensions, vectors, templates, prototype_labels);
        let lexical = match &info.lexical {
            Some(lexical) => Some(lexical_file::read(&tensors, lexical, labels, hashes.len())?),
            None => None,
        };
        let head = Self::new(info, weights, familiarity, prototypes, hashes);
        Ok(match lexical {
            Some(lexical) => head.with_lexical(lexical),
            None => head,
        })
    }

    /// The bytes of the model's file: the same for the same model.
    ///
    /// # Errors
    /// Never in practice: safetensors refuses only shapes that do not fit their data.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let labels = self.info.labels.len();
        let weights: Vec<u8> = self.weights.iter().flat_map(|value| value.to_le_bytes()).collect();
        let familiarity: Vec<u8> = self.familiarity.iter().flat_map(|value| value.to_le_bytes()).collect();
        let vectors: Vec<u8> =
            self.prototypes.halves().iter().flat_map(|value| value.to_le_bytes()).collect();
        let prototype_labels: Vec<u8> =
            self.prototypes.labels().iter().flat_map(|label| label.to_le_bytes()).collect();
        let templates = self.prototypes.templates().join("\n").into_bytes();
        let hashes: Vec<u8> = self.template_hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        let count = self.prototypes.len();
        let mut tensors = vec![
            ("weights", Dtype::F32, vec![self.weights.len() / labels, labels], &weights),
            ("familiarity", Dtype::F32, vec![self.familiarity.len()], &familiarity),
            ("prototype_vectors", Dtype::F16, vec![count, self.info.dimensions], &vectors),
            ("prototype_labels", Dtype::U16, vec![count], &prototype_labels),
            ("prototype_templates", Dtype::U8, vec![templates.len()], &templates),
            ("template_hashes", Dtype::U64, vec![self.template_hashes.len()], &hashes),
        ];
        let lexical = self.lexical().map(|lexical| lexical_file::bytes(lexical, labels));
        tensors.extend(
            lexical.iter().flatten().map(|(name, dtype, shape, data)| (*name, *dtype, shape.clone(), data)),
        );
        let views = tensors
            .into_iter()
            .map(|(name, dtype, shape, data)| Ok((name, TensorView::new(dtype, shape, data)?)))
            .collect::<Result<Vec<_>>>()?;
        let description = HashMap::from([(DESCRIPTION.to_owned(), serde_json::to_string(&self.info)?)]);
        Ok(safetensors::serialize(views, Some(description))?)
    }

    /// Checks that the model was trained for this encoder and for the masking of this program.
    ///
    /// # Errors
    /// A [`UsageError`] that names both sides.
    pub fn check_encoder(&self, encoder: &EncoderIdentity) -> Result<()> {
        let info = &self.info;
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        if info.encoder_sha256 != encoder.sha256 {
            return Err(UsageError(format!(
                "the model was made for another encoder: it needs {} ({}), this is {} ({}); name the right one with \
                 --encoder, or train a model for this one",
                info.encoder,
                short(&info.encoder_sha256),
                encoder.name,
                short(&encoder.sha256)
            ))
            .into());
        }
        // A model that does not tell its tokenizer was made before this was checked.
        if let Some(tokenizer) = &info.tokenizer_sha256
            && *tokenizer != encoder.tokenizer_sha256
        {
            return Err(UsageError(format!(
                "the model was made with another tokenizer.json of the encoder {}: it needs {}, this is {}; put the \
                 right one back, or train a model for this one",
                encoder.name,
                short(tokenizer),
                short(&encoder.tokenizer_sha256)
            ))
            .into());
        }
        if info.masker != MASKER_VERSION {
            return Err(UsageError(format!(
                "the model was made for masking version {}, this program masks by version {MASKER_VERSION}: train it again",
                info.masker
            ))
            .into());
        }
        Ok(())
    }
}

/// What every version of the description has.
#[derive(serde::Deserialize)]
struct Version {
    format: u32,
}

fn check(info: &ModelInfo) -> Result<()> {
    let probability = 0.0..=1.0;
    let valid = !info.labels.is_empty()
        && info.labels.len() < usize::from(u16::MAX)
        && (1..=65_536).contains(&info.dimensions)
        && info.layers.len() <= MOST_LAYERS
        && info.ngrams.is_valid()
        && info.temperature.is_finite()
        && info.temperature > 0.0
        && probability.contains(&info.min_confidence)
        && info.min_familiarity.is_finite()
        && info.confidence_weight.is_finite()
        && info.severity_weight.is_finite()
        && info.severity_weight >= 0.0
        && info.lexical.as_ref().is_none_or(lexical_file::is_valid);
    if valid { Ok(()) } else { bail!("damaged model file: its description makes no sense") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::lexical::{Scratch, tests::tiny as tiny_lexical};
    use crate::head::ngrams::NgramShape;
    use crate::head::{Prediction, TrainingInfo};
    use crate::template::Template;
    use half::f16;

    fn tiny() -> Head {
        let info = ModelInfo {
            format: FORMAT_VERSION,
            labels: vec!["A".to_owned(), "B".to_owned()],
            encoder: "tiny".to_owned(),
            encoder_sha256: "ab".repeat(32),
            tokenizer_sha256: Some("ef".repeat(32)),
            dimensions: 2,
            layers: Vec::new(),
            masker: MASKER_VERSION,
            ngrams: NgramShape { minimum: 3, maximum: 3, buckets: 2, weight: 0.0 },
            severity_weight: 0.0,
            temperature: 1.0,
            min_confidence: 0.5,
            min_familiarity: -1.0,
            confidence_weight: 0.0,
            lexical: None,
            training: TrainingInfo::default(),
        };
        let weights = vec![2.0, -2.0, -2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let prototypes =
            Prototypes::new(2, [1.0, 0.0].map(f16::from_f32).to_vec(), vec!["first".to_owned()], vec![0]);
        Head::new(info, weights, vec![0.0; 5], prototypes, vec![7])
    }

    #[test]
    fn a_model_reads_back_as_it_was_written() {
        let bytes = tiny().to_bytes().unwrap();
        let read = Head::from_bytes(&bytes).unwrap();
        assert_eq!(read.to_bytes().unwrap(), bytes);
        let predictions = read.predict(&[1.0, 0.0], &[&Template::of(b"x")], true);
        let [Prediction { label: 0, nearest: 0, confidence, .. }] = predictions[..] else {
            panic!("{predictions:?}")
        };
        assert!(confidence > 0.98);
    }

    #[test]
    fn a_lexical_path_reads_back_as_it_was_written() {
        let mut head = tiny().with_lexical(tiny_lexical());
        let up = Template::of(b"link is up");
        head.template_hashes = vec![up.hash()];
        let bytes = head.to_bytes().unwrap();
        let read = Head::from_bytes(&bytes).unwrap();
        assert_eq!(read.to_bytes().unwrap(), bytes);
        let early = |text: &str| read.early(&Template::of(text.as_bytes()), &mut Scratch::default());
        // What it was trained on has the full head's answer, whatever the words say.
        let known = early("link is up").unwrap();
        assert!(known.label == 1 && known.trained && (known.confidence - 0.75).abs() < 1e-6);
        assert!(early("up").is_some_and(|early| early.label == 0 && !early.trained));
        assert_eq!(early("neither of these words"), None);
        assert_eq!(tiny().early(&up, &mut Scratch::default()), None);
    }

    #[test]
    fn a_damaged_lexical_path_is_refused() {
        let damaged = |change: &dyn Fn(&mut Head)| {
            let mut head = tiny().with_lexical(tiny_lexical());
            change(&mut head);
            let error = Head::from_bytes(&head.to_bytes().unwrap()).unwrap_err();
            assert!(format!("{error:#}").contains("damaged model file"), "{error:#}");
        };
        damaged(&|head| head.template_hashes.push(9));
        damaged(&|head| head.info.lexical.as_mut().unwrap().min_confidence = Some(-1.0));
        damaged(&|head| head.info.lexical.as_mut().unwrap().temperature = 0.0);
        damaged(&|head| head.info.lexical.as_mut().unwrap().shape.words.buckets = 512);
    }

    #[test]
    fn a_model_of_the_first_format_is_one_without_inner_layers() {
        let bytes = tiny().to_bytes().unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let description = &header.metadata().as_ref().unwrap()[DESCRIPTION];
        let mut first: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(description).unwrap();
        first.insert("format".to_owned(), 1.into());
        assert!(first.remove("layers").is_some() && first.remove("confidence_weight").is_some());
        let info: ModelInfo = serde_json::from_value(first.into()).unwrap();
        assert_eq!(info, ModelInfo { format: 1, ..tiny().info });
    }

    #[test]
    fn each_wrong_file_has_its_own_error() {
        let said = |bytes: &[u8]| format!("{:#}", Head::from_bytes(bytes).unwrap_err());
        assert!(said(b"source,log_message\n").contains("not a logclass model file"));
        assert!(said(b"").contains("not a logclass model file"));
        let mut newer = tiny();
        newer.info.format = FORMAT_VERSION + 1;
        assert!(said(&newer.to_bytes().unwrap()).contains("newer"));
        let mut bytes = tiny().to_bytes().unwrap();
        bytes.truncate(bytes.len() - 3);
        assert!(said(&bytes).contains("model file"), "{}", said(&bytes));
    }

    #[test]
    fn another_encoder_is_refused_by_name() {
        let other = EncoderIdentity {
            name: "other".to_owned(),
            sha256: "cd".repeat(32),
            tokenizer_sha256: "ef".repeat(32),
        };
        let error = tiny().check_encoder(&other).unwrap_err().to_string();
        assert!(
            error.contains("made for another encoder") && error.contains("tiny") && error.contains("other")
        );
    }

    #[test]
    fn another_tokenizer_is_refused_and_a_model_that_tells_none_is_read() {
        let mut head = tiny();
        let encoder = |tokenizer: &str| EncoderIdentity {
            name: "tiny".to_owned(),
            sha256: head.info.encoder_sha256.clone(),
            tokenizer_sha256: tokenizer.repeat(32),
        };
        let (same, other) = (encoder("ef"), encoder("01"));
        head.check_encoder(&same).unwrap();
        let error = head.check_encoder(&other).unwrap_err();
        assert!(error.is::<UsageError>());
        let error = error.to_string();
        assert!(error.contains("another tokenizer.json") && error.contains("efefef"), "{error}");
        head.info.tokenizer_sha256 = None;
        let bytes = head.to_bytes().unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("tokenizer"));
        Head::from_bytes(&bytes).unwrap().check_encoder(&other).unwrap();
    }
}
