//! What several commands build from their flags: configuration, cascade, columns.

use anyhow::Result;
use std::path::Path;

use crate::cascade::Cascade;
use crate::cli::{Columns, LlmFlags, Reading, Running, Stages};
use crate::config::Config;
use crate::encoder::{LazyEncoder, parse_source};
use crate::environment::{named_by, os_value};
use crate::head::Head;
use crate::input::open::ColumnNames;
use crate::llm::{CacheChoice, Limits, LlmConfig};
use crate::rules::{Rule, packs};
use crate::session::delimiter_named;
use crate::verdicts::{Identity, Verdicts, VerdictsFile};

/// The configuration file named, or the default one.
pub fn config(path: Option<&Path>) -> Result<Config> {
    path.map_or_else(|| Ok(Config::default()), |path| named_by("LOGCLASS_CONFIG", path, Config::read(path)))
}

/// The rules of a run: those of the configuration file, and behind them the packs. The bundled packs speak
/// the bundled model's labels, so they come in by themselves only with that model, and behind a configuration
/// file's own rules only where that file asks for them; packs that are named always come in.
pub fn rules(config: &Config, packs: &[String], model_named: bool) -> Result<Vec<Rule>> {
    let mut rules = config.rules.clone();
    if !packs.is_empty() {
        rules.extend(packs::pick(packs)?);
    } else if config.default_rules.unwrap_or(rules.is_empty() && !model_named) {
        rules.extend(packs::all_bundled());
    }
    Ok(rules)
}

/// The cascade that the flags describe.
pub fn cascade(
    stages: &Stages,
    config: &Config,
    min_confidence: Option<f32>,
    has_llm: bool,
) -> Result<Cascade> {
    let head = match &stages.model {
        Some(path) => named_by("LOGCLASS_MODEL", path, Head::read(path))?,
        None => Head::bundled()?,
    };
    let encoder = LazyEncoder::new(parse_source(stages.encoder.as_deref())?, stages.backend);
    let rules = rules(config, &stages.rules, stages.model.is_some())?;
    Cascade::new(config, rules, head, encoder, min_confidence, has_llm)
}

/// The verdicts of a file, for runs of `cascade`, with room for this many more; nothing where no file is named.
pub fn verdicts(path: Option<&Path>, cascade: &Cascade, table_size: usize) -> Result<Option<Verdicts>> {
    let Some(path) = path else { return Ok(None) };
    let identity = Identity::of(cascade)?;
    let learned = VerdictsFile::new(path, &identity, cascade.labels().len()).read()?;
    Ok(Some(Verdicts::with(learned, table_size)))
}

/// The LLM's configuration: the file's, or the default one when its key is there; flags come before the file.
/// None where there is neither, or none is wanted.
pub fn llm_config(config: &Config, flags: &LlmFlags) -> Option<LlmConfig> {
    if flags.no_llm {
        return None;
    }
    let default = LlmConfig::default();
    let has_key = os_value(&default.api_key_env).is_some();
    let mut llm = config.llm.clone().or_else(|| has_key.then_some(default))?;
    if let Some(cache) = &flags.llm_cache {
        llm.cache = CacheChoice::from(cache.as_str());
    }
    llm.on_error = flags.on_llm_error.unwrap_or(llm.on_error);
    llm.limits = Limits {
        requests: flags.max_requests.or(llm.limits.requests),
        tokens: flags.max_tokens.or(llm.limits.tokens),
        cost: flags.max_cost.or(llm.limits.cost),
    };
    Some(llm)
}

/// The columns, from flags, configuration and defaults, in this order.
pub fn columns(reading: &Reading, config: &Config, label: Option<&str>, overwrite: bool) -> ColumnNames {
    let names = server_columns(&reading.columns, config);
    ColumnNames {
        label: label.map_or(names.label, str::to_owned),
        overwrite,
        no_header: reading.no_header,
        ..names
    }
}

/// The columns that requests to a server have unless they say otherwise.
pub fn server_columns(flags: &Columns, config: &Config) -> ColumnNames {
    let pick = |flag: Option<&str>, configured: Option<&String>, default: &str| {
        flag.map(str::to_owned).or_else(|| configured.cloned()).unwrap_or_else(|| default.to_owned())
    };
    let source = pick(flags.source_column.as_deref(), config.columns.source.as_ref(), "source");
    ColumnNames {
        source: (!flags.no_source).then_some(source),
        message: pick(flags.message_column.as_deref(), config.columns.message.as_ref(), "log_message"),
        severity: flags.severity_column.clone(),
        time: None,
        label: pick(None, config.columns.label.as_ref(), "target_label"),
        overwrite: false,
        no_header: false,
        labelled: false,
    }
}

/// The byte between fields: as the flag says, else a tab for `.tsv`, else the header tells.
pub fn delimiter(flags: &Columns, path: Option<&Path>) -> Option<u8> {
    flags.delimiter.or_else(|| path.and_then(delimiter_named))
}

/// Threads to run on.
pub fn threads(running: &Running) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    running.threads.map_or_else(all, usize::from)
}
