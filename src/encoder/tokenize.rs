//! From text to token ids, by the tokenizer that an encoder's `tokenizer.json` describes: our own `WordPiece` where
//! it is one that it reads (any BERT), else the `tokenizers` crate, where that is part of the build.

use anyhow::Result;
#[cfg(feature = "candle")]
use anyhow::anyhow;

use super::wordpiece::WordPiece;

/// A tokenizer that adds the special tokens and truncates.
pub enum Tokenizer {
    /// BERT's, in our own words.
    WordPiece(Box<WordPiece>),
    /// Any other.
    #[cfg(feature = "candle")]
    Library(Box<tokenizers::Tokenizer>),
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// When the file describes no tokenizer.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        match WordPiece::from_json(bytes) {
            Ok(tokenizer) => Ok(Self::WordPiece(Box::new(tokenizer))),
            Err(reason) => Self::other(bytes, &reason),
        }
    }

    #[cfg(feature = "candle")]
    fn other(bytes: &[u8], _reason: &anyhow::Error) -> Result<Self> {
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| anyhow!("{error}"))?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| anyhow!("{error}"))?;
        Ok(Self::Library(Box::new(tokenizer)))
    }

    #[cfg(not(feature = "candle"))]
    fn other(_bytes: &[u8], reason: &anyhow::Error) -> Result<Self> {
        Err(crate::error::usage(format!(
            "{reason:#}; other tokenizers than BERT's need a build with the cargo feature `candle`"
        )))
    }

    /// Appends the token ids of `text` to `ids`, special tokens included, at most `limit` of them.
    ///
    /// # Errors
    /// When the tokenizer's model has no answer for a word, which a sound file never does.
    pub fn encode_into(&self, text: &str, limit: usize, ids: &mut Vec<u32>) -> Result<()> {
        match self {
            Self::WordPiece(tokenizer) => tokenizer.encode_into(text, limit, ids),
            #[cfg(feature = "candle")]
            Self::Library(tokenizer) => {
                let encoding = tokenizer.encode_fast(text, true).map_err(|error| anyhow!("{error}"))?;
                let all = encoding.get_ids();
                if all.len() <= limit {
                    ids.extend_from_slice(all);
                } else {
                    ids.extend_from_slice(&all[..limit - 1]);
                    ids.push(all[all.len() - 1]);
                }
            }
        }
        Ok(())
    }
}
