//! A folder with a configuration, an input and a store of its own, and the binary to run in it.

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use super::server::Server;

/// The labels of every test.
pub const LABELS: [&str; 3] = ["Error", "User Action", "Workflow Error"];

/// Where a test works.
pub struct Workdir {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// What a run left.
pub struct Run {
    /// The exit status.
    pub status: i32,
    /// Standard error.
    pub stderr: String,
    /// `--summary`.
    pub summary: Value,
    /// The labels of the rows; nothing when there is no output.
    pub labels: Option<Vec<String>>,
    /// The output as it is.
    pub output: String,
    /// How long it took.
    pub took: Duration,
}

impl Workdir {
    /// With a configuration that sends the source `crm` to `server` alone. `extra` goes into `[llm]`.
    pub fn new(server: &Server, extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let workdir = Self { folder, environment: Vec::new() };
        workdir.configure(&server.url, extra);
        workdir
    }

    /// Writes the configuration.
    pub fn configure(&self, url: &str, extra: &str) {
        let labels = LABELS.map(|label| format!("\"{label}\" = \"it is {label}\"\n")).concat();
        let text = format!(
            "[llm]\nbase_url = \"{url}\"\nmodel = \"m\"\n{extra}\n[labels]\n{labels}\n[[route]]\nsource = \"crm\"\nstages = [\"llm\"]\n"
        );
        std::fs::write(self.path("logclass.toml"), text).unwrap();
    }

    /// Sets an environment variable for every run.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary with these arguments, nothing of the caller's environment that matters, and this folder's store.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_logclass"));
        command.current_dir(self.folder.path()).args(arguments);
        for name in
            ["GROQ_API_KEY", "LOGCLASS_CONFIG", "LOGCLASS_MODEL", "http_proxy", "HTTP_PROXY", "ALL_PROXY"]
        {
            command.env_remove(name);
        }
        command.env("LOGCLASS_LLM_CACHE", self.path("cache"));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Classifies these messages of the source `crm`.
    pub fn classify(&self, messages: &[String], flags: &[&str]) -> Run {
        let mut writer = csv::Writer::from_path(self.path("in.csv")).unwrap();
        writer.write_record(["source", "log_message"]).unwrap();
        for message in messages {
            writer.write_record(["crm", message]).unwrap();
        }
        writer.flush().unwrap();
        drop(std::fs::remove_file(self.path("out.csv")));
        drop(std::fs::remove_file(self.path("summary.json")));
        let mut arguments = vec![
            "classify",
            "in.csv",
            "-o",
            "out.csv",
            "--config",
            "logclass.toml",
            "--summary",
            "summary.json",
        ];
        arguments.extend(flags);
        let start = Instant::now();
        let output = self.run(&arguments);
        let took = start.elapsed();
        let summary = std::fs::read(self.path("summary.json"))
            .map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap());
        let labels = csv::Reader::from_path(self.path("out.csv"))
            .ok()
            .map(|mut reader| reader.records().map(|row| row.unwrap()[2].to_owned()).collect());
        Run {
            status: output.status.code().unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            summary,
            labels,
            output: std::fs::read_to_string(self.path("out.csv")).unwrap_or_default(),
            took,
        }
    }
}

/// Messages with as many templates: masking takes numbers, so words tell them apart.
pub fn messages(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("case {} was escalated", word(number))).collect()
}

/// A number in letters.
pub fn word(number: usize) -> String {
    number.to_string().bytes().map(|digit| char::from(b'g' + digit - b'0')).collect()
}
