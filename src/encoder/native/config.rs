//! The shape of a model.

/// The shape of a BERT model, as in its `config.json`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BertConfig {
    /// Columns of a token's vector.
    pub hidden_size: usize,
    /// Layers of attention and feed-forward network.
    pub num_hidden_layers: usize,
    /// Heads of attention, which divide the hidden size.
    pub num_attention_heads: usize,
    /// Columns between the two halves of the feed-forward network.
    pub intermediate_size: usize,
    /// Tokens there are.
    pub vocab_size: usize,
    /// Tokens of the longest message.
    pub max_position_embeddings: usize,
    /// Added to the variance in layer normalisation.
    pub layer_norm_eps: f32,
}

impl BertConfig {
    /// Columns of one attention head.
    pub(super) fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }
}
