//! A folder of one test's own, and the binary run in it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Rules that settle most test rows without the model.
pub const RULES: &str = r#"
[[rule]]
label = "User Action"
pattern = "logged (in|out)"

[[rule]]
label = "System Notification"
pattern = "(?i)backup"
"#;

/// A small file that every stage but the LLM has a row of.
pub const SMALL: &str = "\
source,log_message,id
App,user 1 logged in,1
Cron,Backup done,2
Web,GET /index.html HTTP/1.1 status 200,3
";

/// What a run left behind.
pub struct Ran {
    pub status: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ran {
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// The exit status is this one; what was said is shown when it is not.
    #[track_caller]
    pub fn ended(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "stderr: {}", self.stderr);
        self
    }

    /// Failed with this status and one line that has all of `parts`.
    #[track_caller]
    pub fn refused(self, status: i32, parts: &[&str]) -> Self {
        let ran = self.ended(status);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(ran.stderr.starts_with("logclass: "), "{}", ran.stderr);
        for part in parts {
            assert!(ran.stderr.contains(part), "{part:?} is not in {}", ran.stderr);
        }
        ran
    }
}

/// A folder with `rules.toml` in it.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("rules.toml", RULES);
        folder
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Names of the files here, in order.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// `logclass ARGUMENTS`, in this folder.
    pub fn logclass<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.0.path());
        for variable in ["GROQ_API_KEY", "LOGCLASS_CONFIG", "LOGCLASS_MODEL", "RUST_BACKTRACE"] {
            command.env_remove(variable);
        }
        command
    }

    /// `logclass classify --config rules.toml --quiet ARGUMENTS`, in this folder.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.logclass(["classify", "--config", "rules.toml", "--quiet"]);
        command.args(arguments);
        command
    }

    /// Runs [`Folder::command`] with `stdin`.
    pub fn pipe<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>, stdin: &[u8]) -> Ran {
        run(&mut self.command(arguments), stdin)
    }

    /// Runs [`Folder::command`] with nothing to read.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        self.pipe(arguments, b"")
    }
}

/// The binary: that of this build, or the one that a runner names.
pub fn binary() -> PathBuf {
    std::env::var_os("CARGO_BIN_EXE_logclass")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_logclass")), PathBuf::from)
}

/// Runs `command` with `stdin`, which it need not read to the end.
pub fn run(command: &mut Command, stdin: &[u8]) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = pipe.write_all(&stdin);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran {
        status: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Every record of a CSV, header included, as the `csv` crate reads it.
pub fn rows(csv: &[u8], delimiter: u8) -> Vec<Vec<Vec<u8>>> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(csv);
    reader.byte_records().map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
}

/// The output's rows without the last `added` columns are the input's rows.
#[track_caller]
pub fn same_but_for_last(input: &[u8], output: &[u8], added: usize, delimiter: u8) {
    let mut left = rows(output, delimiter);
    for row in &mut left {
        row.truncate(row.len() - added);
    }
    assert_eq!(left, rows(input, delimiter), "{}", String::from_utf8_lossy(output));
}
