//! What a run tells of itself when it is over: figures for people and machines, and warnings.

use anyhow::Result;

use crate::cascade::Cascade;
use crate::cli::Classify;
use crate::console::{counted, tell};
use crate::llm::{self, Unanswered};
use crate::output::Prepared;
use crate::pipeline::Tally;
use crate::summary::{LlmEstimate, LlmSummary, Summary};
use crate::verdict::Stage;

/// The figures of a run.
pub fn summarise(tally: &Tally, cascade: &Cascade, llm: Option<llm::Report>) -> Summary {
    let stages = Stage::ALL.iter().zip(tally.stages).map(|(stage, rows)| (stage.name().to_owned(), rows));
    let labels = cascade.labels().names().iter().cloned().zip(tally.labels.iter().copied());
    Summary {
        rows: tally.rows,
        filtered: tally.filtered,
        rejects: tally.rejects,
        unreadable: tally.unreadable,
        templates: tally.templates,
        stages: stages.collect(),
        labels: labels.collect(),
        llm: llm.map(|report| llm_summary(tally, report)),
        ..Summary::default()
    }
}

fn llm_summary(tally: &Tally, report: llm::Report) -> LlmSummary {
    let unanswered = Unanswered::ALL.iter().zip(tally.unanswered).filter(|(_, rows)| *rows > 0);
    LlmSummary {
        requests: report.usage.requests,
        retries: report.usage.retries,
        from_cache: report.from_cache,
        prompt_tokens: report.usage.prompt_tokens,
        completion_tokens: report.usage.completion_tokens,
        cost: report.cost,
        answer_format: report.answer_format,
        estimate: report.estimate.map(|estimate| LlmEstimate {
            requests: estimate.requests,
            prompt_tokens: estimate.prompt_tokens,
            completion_tokens: estimate.completion_tokens,
            cost: estimate.cost,
        }),
        owed_rows: tally.owed_rows,
        unanswered_rows: tally.unanswered_rows,
        unanswered: unanswered.map(|(reason, rows)| (reason.name().to_owned(), rows)).collect(),
        first_failure: report.first_failure,
        switched_off: report.switched_off,
        cache_failure: report.cache_failure,
    }
}

/// Writes the figures to `output`, if they are wanted, and tells what went wrong.
pub fn report(arguments: &Classify, summary: &Summary, output: Option<Prepared<'_>>) -> Result<()> {
    if let Some(output) = output {
        let mut file = output.open()?;
        let mut json = serde_json::to_vec_pretty(summary)?;
        json.push(b'\n');
        file.write(&json)?;
        file.finish()?;
    }
    if !arguments.running.quiet {
        tell(&summary.for_people());
    }
    if summary.rejects > 0 {
        tell(&format!(
            "logclass: warning: {} could not be read; {} in {}\n",
            counted(summary.rejects, "record"),
            if summary.rejects == 1 { "it is" } else { "they are" },
            arguments.rejects.as_deref().map_or_else(String::new, |path| path.display().to_string())
        ));
    }
    if let Some(history) = summary.history.as_ref().filter(|history| history.forgotten > 0) {
        tell(&format!(
            "logclass: note: {}: {} forgotten to stay within --history-size, the oldest and rarest first\n",
            history.file,
            counted(history.forgotten, "template")
        ));
    }
    for alert in &summary.alerts {
        tell(&format!("logclass: {alert}\n"));
    }
    let Some(llm) = &summary.llm else { return Ok(()) };
    if llm.unanswered_rows > 0 {
        let why = llm.switched_off.as_ref().or(llm.first_failure.as_ref());
        tell(&format!(
            "logclass: warning: the LLM did not answer for {} ({}); \
             they have what rules and model say, or Unclassified\n",
            counted(llm.unanswered_rows, "row"),
            why.map_or("no reason known", String::as_str)
        ));
    }
    if let Some(why) = &llm.cache_failure {
        tell(&format!("logclass: warning: LLM answers are not kept: {why}\n"));
    }
    Ok(())
}
