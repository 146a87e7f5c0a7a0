use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::borrow::Cow;

use super::*;

/// For the JSON schema of the configuration file: `[llm]` as it is written, not as it is used.
impl JsonSchema for LlmConfig {
    fn schema_name() -> Cow<'static, str> {
        "Llm".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        RawLlm::json_schema(generator)
    }
}

fn parse(text: &str) -> Result<LlmConfig, String> {
    toml::from_str::<LlmConfig>(text).map_err(|error| error.message().to_owned())
}

#[test]
fn the_default_is_groq_with_its_key() {
    let config = LlmConfig::default();
    assert_eq!(config.api_key_env, "GROQ_API_KEY");
    assert_eq!(config.base_url, "https://api.groq.com/openai/v1");
    config.check().unwrap();
}

#[test]
fn a_url_of_ones_own_never_gets_the_default_providers_key() {
    assert!(
        parse("base_url = \"https://llm.example/v1\"\nmodel = \"m\"").unwrap_err().contains("api_key_env")
    );
    assert_eq!(parse("base_url = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"").unwrap().api_key_env, "");
}

#[test]
fn presets_know_where_local_servers_listen() {
    for (provider, port) in [("ollama", 11434), ("llama.cpp", 8080), ("vllm", 8000), ("lmstudio", 1234)] {
        let config = parse(&format!("provider = \"{provider}\"\nmodel = \"m\"")).unwrap();
        assert_eq!(config.base_url, format!("http://127.0.0.1:{port}/v1"));
        assert_eq!(config.api_key_env, "");
    }
    assert!(parse("provider = \"vllm\"").unwrap_err().contains("model"));
}

#[test]
fn an_unknown_key_is_refused() {
    assert!(parse("modle = \"m\"").unwrap_err().contains("modle"));
}

#[test]
fn a_cost_limit_without_prices_is_refused() {
    assert!(parse("max_cost = 1.0").unwrap().check().is_err());
}

#[test]
fn prices_and_limits_that_are_no_amount_are_refused_wherever_they_come_from() {
    for text in ["nan", "-nan", "inf", "-inf", "-0.01"] {
        for name in ["max_cost", "price_in", "price_out"] {
            assert!(parse(&format!("{name} = {text}")).unwrap_err().contains(name), "{name} = {text}");
        }
        // As a flag sets it.
        let mut config = parse("price_in = 1.0\nprice_out = 1.0").unwrap();
        config.limits.cost = Some(text.parse().unwrap());
        assert!(config.check().unwrap_err().to_string().contains("max_cost"), "{text}");
    }
}
