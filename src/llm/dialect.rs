//! What an endpoint understands, found out from its own refusals, once for a run.
//!
//! No two OpenAI-compatible endpoints take the same parameters, and what they take depends on the model. So the
//! first request asks for all, and each refusal takes away what it names.

use super::config::LlmConfig;

/// How the endpoint is told to answer, strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFormat {
    /// A strict JSON schema, whose enumeration holds the labels.
    Schema,
    /// A JSON object with a schema beside it, which llama-cpp-python and others follow; who does not know it refuses
    /// it, or ignores it.
    ObjectSchema,
    /// Any JSON object.
    JsonObject,
    /// The prompt alone asks for JSON.
    Text,
}

impl AnswerFormat {
    /// For people and summaries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Schema => "json_schema",
            Self::ObjectSchema => "json_object_schema",
            Self::JsonObject => "json_object",
            Self::Text => "text",
        }
    }
}

/// The parameters that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // parameters, each sent or not
pub struct Dialect {
    /// `response_format`.
    pub format: AnswerFormat,
    /// `temperature` is sent.
    pub temperature: bool,
    /// `reasoning_effort` is sent.
    pub reasoning_effort: bool,
    /// The limit is called `max_completion_tokens`, as `OpenAI` and Groq want it, and not `max_tokens`.
    pub completion_tokens: bool,
    /// That name has been changed already.
    renamed: bool,
}

impl Dialect {
    /// What to begin with.
    pub fn new(config: &LlmConfig) -> Self {
        Self {
            format: AnswerFormat::Schema,
            temperature: true,
            reasoning_effort: !config.reasoning_effort.is_empty(),
            completion_tokens: config.base_url.contains("api.groq.com")
                || config.base_url.contains("api.openai.com"),
            renamed: false,
        }
    }

    /// What to try after a refusal of `self` in these words; nothing when there is nothing left to take away.
    /// `known_good` says that this dialect has been answered before: then only what is named is taken away.
    pub fn after_refusal(self, words: &str, known_good: bool) -> Option<Self> {
        let words = words.to_lowercase();
        let names = |list: &[&str]| list.iter().any(|name| words.contains(name));
        if names(&["max_tokens", "max_completion_tokens"]) && !self.renamed {
            return Some(Self { completion_tokens: !self.completion_tokens, renamed: true, ..self });
        }
        if names(&["reasoning", "thinking"]) && self.reasoning_effort {
            return Some(Self { reasoning_effort: false, ..self });
        }
        if names(&["temperature"]) && self.temperature {
            return Some(Self { temperature: false, ..self });
        }
        let about_format = names(&[
            "response_format",
            "response format",
            "json_schema",
            "json schema",
            "json_object",
            "schema",
            "structured",
            "grammar",
        ]);
        if about_format || !known_good {
            let format = match self.format {
                AnswerFormat::Schema => AnswerFormat::ObjectSchema,
                AnswerFormat::ObjectSchema => AnswerFormat::JsonObject,
                AnswerFormat::JsonObject => AnswerFormat::Text,
                AnswerFormat::Text if !known_good && self.reasoning_effort => {
                    return Some(Self { reasoning_effort: false, ..self });
                }
                AnswerFormat::Text => return None,
            };
            return Some(Self { format, ..self });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect() -> Dialect {
        Dialect::new(&LlmConfig::default())
    }

    #[test]
    fn a_refusal_takes_away_what_it_names() {
        for (words, expected) in [
            (
                "This model does not support response format `json_schema`",
                Dialect { format: AnswerFormat::ObjectSchema, ..dialect() },
            ),
            (
                "`reasoning_effort` is not supported with this model",
                Dialect { reasoning_effort: false, ..dialect() },
            ),
            (
                "Unsupported value: 'temperature' does not support 0",
                Dialect { temperature: false, ..dialect() },
            ),
        ] {
            assert_eq!(dialect().after_refusal(words, true), Some(expected));
        }
        let renamed = dialect().after_refusal("Use 'max_tokens' instead", true).unwrap();
        assert!(!renamed.completion_tokens);
        assert_eq!(renamed.after_refusal("Use 'max_tokens' instead", true), None);
    }

    #[test]
    fn refusals_without_a_reason_end_with_nothing_left_to_take_away() {
        let mut dialect = Some(dialect());
        let mut steps = 0;
        while let Some(now) = dialect {
            dialect = now.after_refusal("Bad Request", false);
            steps += 1;
        }
        assert_eq!(steps, 5);
        assert_eq!(self::dialect().after_refusal("Bad Request", true), None);
    }
}
