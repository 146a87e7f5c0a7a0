//! Where an encoder's files come from: the binary itself, a folder, or the Hugging Face hub.

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "hub")]
use crate::environment;

/// Which encoder to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncoderSource {
    /// The one compiled into the binary.
    #[cfg(feature = "bundled")]
    Bundled,
    /// A folder with `config.json`, `tokenizer.json` and `model.safetensors`.
    Folder(PathBuf),
    /// A repository on the Hugging Face hub, downloaded once and kept in its cache.
    Hub {
        /// `ORG/NAME`.
        name: String,
        /// Branch, tag or commit.
        revision: String,
    },
}

/// Tells one encoder from another: the same weights behind another tokenizer read other words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderIdentity {
    /// Name for people.
    pub name: String,
    /// SHA-256 of the weights file, in hexadecimal.
    pub sha256: String,
    /// SHA-256 of `tokenizer.json`, in hexadecimal.
    pub tokenizer_sha256: String,
}

impl fmt::Display for EncoderIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.name, &self.sha256[..self.sha256.len().min(12)])
    }
}

/// Bytes that live in the binary, in memory or in a mapped file.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// An encoder's files, read.
pub struct EncoderFiles {
    /// Name and hash.
    pub identity: EncoderIdentity,
    /// `config.json`.
    pub config: Vec<u8>,
    /// `tokenizer.json`.
    pub tokenizer: Vec<u8>,
    /// `model.safetensors`.
    pub weights: SharedBytes,
}

/// Name of the bundled encoder.
pub const BUNDLED_NAME: &str = "all-MiniLM-L6-v2-logs";
/// SHA-256 of `models/all-MiniLM-L6-v2-logs/model.safetensors`, the f16 copy (checked by a test).
pub const BUNDLED_SHA256: &str = "9173dee1612022084608c4716c1e38eb60819cada303b61bfbcac1fcbb240375";

/// SHA-256 of `models/all-MiniLM-L6-v2-logs/tokenizer.json` (checked by the same test).
pub const BUNDLED_TOKENIZER_SHA256: &str = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037";

#[cfg(feature = "bundled")]
mod bundled {
    pub static CONFIG: &[u8] = include_bytes!("../../models/all-MiniLM-L6-v2-logs/config.json");
    pub static TOKENIZER: &[u8] = include_bytes!("../../models/all-MiniLM-L6-v2-logs/tokenizer.json");
    pub static WEIGHTS: &[u8] = include_bytes!("../../models/all-MiniLM-L6-v2-logs/model.safetensors");
}

/// The encoder in the binary.
///
/// # Errors
/// When the binary was built without one.
#[cfg(feature = "bundled")]
#[allow(clippy::unnecessary_wraps)] // fails in the build without the feature
pub fn bundled_source() -> Result<EncoderSource> {
    Ok(EncoderSource::Bundled)
}

/// The encoder in the binary.
///
/// # Errors
/// When the binary was built without one.
#[cfg(not(feature = "bundled"))]
pub fn bundled_source() -> Result<EncoderSource> {
    Err(crate::error::usage(
        "this build carries no encoder: name one with --encoder DIR or --encoder hf:ORG/NAME",
    ))
}

/// Name and hashes of the encoder at `source`.
///
/// # Errors
/// When the weights cannot be read.
pub fn identity_of(source: &EncoderSource) -> Result<EncoderIdentity> {
    match source {
        #[cfg(feature = "bundled")]
        EncoderSource::Bundled => Ok(bundled_identity()),
        _ => Ok(EncoderFiles::open(source)?.identity),
    }
}

#[cfg(feature = "bundled")]
fn bundled_identity() -> EncoderIdentity {
    EncoderIdentity {
        name: BUNDLED_NAME.to_owned(),
        sha256: BUNDLED_SHA256.to_owned(),
        tokenizer_sha256: BUNDLED_TOKENIZER_SHA256.to_owned(),
    }
}

impl EncoderFiles {
    /// Opens the files that `source` names.
    ///
    /// # Errors
    /// When one is missing or unreadable, or the hub cannot be reached.
    pub fn open(source: &EncoderSource) -> Result<Self> {
        match source {
            #[cfg(feature = "bundled")]
            EncoderSource::Bundled => Ok(Self {
                identity: bundled_identity(),
                config: bundled::CONFIG.to_vec(),
                tokenizer: bundled::TOKENIZER.to_vec(),
                weights: Arc::new(bundled::WEIGHTS),
            }),
            EncoderSource::Folder(folder) => {
                let name = folder
                    .file_name()
                    .map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned());
                Self::from_paths(
                    name,
                    &folder.join("config.json"),
                    &folder.join("tokenizer.json"),
                    &folder.join("model.safetensors"),
                )
            }
            EncoderSource::Hub { name, revision } => from_hub(name, revision),
        }
    }

    fn from_paths(name: String, config: &Path, tokenizer: &Path, weights: &Path) -> Result<Self> {
        let read =
            |path: &Path| std::fs::read(path).with_context(|| format!("encoder file {}", path.display()));
        let weights = read_weights(weights).with_context(|| format!("encoder file {}", weights.display()))?;
        let tokenizer = read(tokenizer)?;
        let sha256 = hex(&Sha256::digest((*weights).as_ref()));
        let tokenizer_sha256 = hex(&Sha256::digest(&tokenizer));
        let identity = EncoderIdentity { name, sha256, tokenizer_sha256 };
        Ok(Self { identity, config: read(config)?, tokenizer, weights })
    }
}

/// Reads a weights file into memory.
fn read_weights(path: &Path) -> Result<SharedBytes> {
    let bytes = std::fs::read(path)?;
    if bytes.is_empty() {
        bail!("the file is empty");
    }
    Ok(Arc::new(bytes))
}

/// Lower-case hexadecimal of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(feature = "hub")]
fn from_hub(name: &str, revision: &str) -> Result<EncoderFiles> {
    use hf_hub::api::sync::ApiBuilder;
    use hf_hub::{Cache, Repo, RepoType};

    let cache = hub_cache();
    let context = || {
        format!(
            "encoder hf:{name}@{revision}: cannot be had from the hub (offline? load it from a folder with \
             --encoder DIR)"
        )
    };
    let repository = Repo::with_revision(name.to_owned(), RepoType::Model, revision.to_owned());
    let cached = Cache::new(cache.clone()).repo(repository.clone());
    let api = ApiBuilder::from_cache(Cache::new(cache))
        .with_progress(false)
        .with_token(environment::value("HF_TOKEN")?)
        .build()
        .with_context(context)?
        .repo(repository);
    let file = |file: &str| match cached.get(file) {
        Some(path) => Ok(path),
        None => api.download(file).with_context(context),
    };
    EncoderFiles::from_paths(
        name.to_owned(),
        &file("config.json")?,
        &file("tokenizer.json")?,
        &file("model.safetensors")?,
    )
}

/// `HF_HOME/hub`, else the home folder's cache, else, where neither can be written, a folder under the
/// system's temporary folder.
#[cfg(feature = "hub")]
fn hub_cache() -> PathBuf {
    let configured = environment::os_value("HF_HOME").map(PathBuf::from);
    let home = std::env::home_dir().map(|home| home.join(".cache").join("huggingface"));
    configured
        .into_iter()
        .chain(home)
        .map(|folder| folder.join("hub"))
        .find(|folder| std::fs::create_dir_all(folder).is_ok() && tempfile::tempfile_in(folder).is_ok())
        .unwrap_or_else(|| tempfile::env::temp_dir().join("logclass-huggingface").join("hub"))
}

#[cfg(not(feature = "hub"))]
fn from_hub(name: &str, _revision: &str) -> Result<EncoderFiles> {
    Err(crate::error::usage(format!(
        "--encoder hf:{name}: this build cannot download encoders (cargo feature `hub`)"
    )))
}

#[cfg(all(test, feature = "bundled"))]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_weights_and_tokenizer_have_the_hashes_that_models_are_checked_against() {
        assert_eq!(hex(&Sha256::digest(bundled::WEIGHTS)), BUNDLED_SHA256);
        assert_eq!(hex(&Sha256::digest(bundled::TOKENIZER)), BUNDLED_TOKENIZER_SHA256);
    }
}
