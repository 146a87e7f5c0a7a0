//! `logclass llm`: is the endpoint in order, which answers are kept, and what can be learned from them.

use anyhow::{Result, bail};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::Path;

use super::overlap::Files;
use super::setup;
use crate::cli::{CacheCommand, CachePlace, LlmCommand, Stages};
use crate::console::{counted, grouped, print};
use crate::error::{ExitStatus, usage};
use crate::label::UNCLASSIFIED;
use crate::llm::{Answer, CacheChoice, Entry, LlmConfig, Store, probe};
use crate::output::Output;

/// What a probe asks about.
const PROBE: &str = "User alice logged out after 35 minutes";

/// Runs the command.
pub fn run(command: &LlmCommand) -> Result<ExitStatus> {
    match command {
        LlmCommand::Check { stages } => check(stages),
        LlmCommand::Cache { command: CacheCommand::Info { place } } => info(&store(place)?),
        LlmCommand::Cache { command: CacheCommand::Clear { place } } => {
            let store = store(place)?;
            let removed = if store.clear()? { "removed" } else { "there is none" };
            print(format!("{}: {removed}\n", store.path().display()).as_bytes())
        }
        LlmCommand::Export { output, llm_model, unclassified, place } => {
            let store = store(place)?;
            Files::default()
                .reads(Some(store.path()), "LLM cache")
                .reads(place.config.as_deref(), "configuration")
                .writes(output.as_deref())
                .check()?;
            export(&store, output.as_deref(), llm_model.as_deref(), *unclassified)
        }
    }
}

fn check(stages: &Stages) -> Result<ExitStatus> {
    let config = setup::config(stages.config.as_deref())?;
    let llm = config.llm.clone().unwrap_or_default();
    let cascade = setup::cascade(stages, &config, None, true)?;
    let probe = probe(&llm, cascade.label_specs(&config), PROBE)?;
    let key = if llm.api_key_env.is_empty() { "none" } else { &llm.api_key_env };
    let mut text = format!("endpoint  {}\nkey       {key}\nmodel     {}\n", llm.base_url, llm.model);
    let label = match probe.answer {
        Answer::Label(id) => cascade.labels().name(id),
        Answer::Declined => UNCLASSIFIED,
        Answer::Failed(_) | Answer::Unasked => {
            if let Some(models) = &probe.models {
                let _ = writeln!(text, "serves    {}", models.join(", "));
            }
            print(text.as_bytes())?;
            bail!(probe.report.first_failure.unwrap_or_else(|| "no answer".to_owned()));
        }
    };
    let usage = probe.report.usage;
    let _ = writeln!(text, "answers   {}", probe.report.answer_format.unwrap_or("unknown"));
    let _ = writeln!(text, "probe     {PROBE:?} -> {label}");
    let _ = writeln!(
        text,
        "took      {:.2} s, {}, {} tokens in, {} out",
        probe.took.as_secs_f64(),
        counted(usage.requests, "request"),
        usage.prompt_tokens,
        usage.completion_tokens
    );
    print(text.as_bytes())
}

/// The store that flags and configuration name.
fn store(place: &CachePlace) -> Result<Store> {
    let config = setup::config(place.config.as_deref())?;
    let mut llm: LlmConfig = config.llm.unwrap_or_default();
    if let Some(cache) = &place.llm_cache {
        llm.cache = CacheChoice::from(cache.as_str());
    }
    match Store::new(&llm)? {
        Some(store) => Ok(store),
        None => Err(usage("the cache is off: name its folder with --llm-cache DIR")),
    }
}

fn entries(store: &Store) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    store.load(|_, entry| entries.push(entry))?;
    entries.sort_by(|a, b| (a.time, &a.template, &a.label).cmp(&(b.time, &b.template, &b.label)));
    Ok(entries)
}

fn info(store: &Store) -> Result<ExitStatus> {
    let entries = entries(store)?;
    let bytes = std::fs::metadata(store.path()).map_or(0, |file| file.len());
    let mut text = format!("file      {}, {} bytes\n", store.path().display(), grouped(bytes));
    let _ = writeln!(text, "answers   {}", grouped(entries.len() as u64));
    let mut models: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in &entries {
        *models.entry(&entry.model).or_default() += 1;
    }
    for (model, count) in models {
        let _ = writeln!(text, "  {:>10}  {model}", grouped(count));
    }
    if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
        let date = |seconds| {
            let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            httpdate::fmt_http_date(time)
        };
        let _ = writeln!(text, "oldest    {}\nnewest    {}", date(first.time), date(last.time));
    }
    print(text.as_bytes())
}

/// The newest answer to each template, as `train` takes it.
fn export(
    store: &Store,
    output: Option<&Path>,
    model: Option<&str>,
    unclassified: bool,
) -> Result<ExitStatus> {
    let mut newest: HashMap<String, Entry> = HashMap::new();
    for entry in entries(store)? {
        if model.is_none_or(|model| model == entry.model) && (unclassified || entry.label != UNCLASSIFIED) {
            newest.insert(entry.template.clone(), entry);
        }
    }
    let mut rows: Vec<Entry> = newest.into_values().collect();
    rows.sort_by(|a, b| (&a.label, &a.template).cmp(&(&b.label, &b.template)));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["source", "log_message", "target_label", "llm_model"])?;
    for row in &rows {
        writer.write_record(["llm", &row.template, &row.label, &row.model])?;
    }
    let mut file = Output::create(output)?;
    file.write(&writer.into_inner()?)?;
    file.finish()?;
    Ok(ExitStatus::Done)
}
