//! No command writes over a file that it reads, by whatever name, and no two outputs are one file.

use anyhow::Result;
use std::path::{Path, PathBuf};

use crate::cli::{LlmFlags, Stages};
use crate::config::Config;
use crate::encoder::{EncoderSource, parse_source};
use crate::error::usage;
use crate::llm::Store;
use crate::output::{followed, is_stdout};

/// The files of a command.
#[derive(Debug, Default)]
pub struct Files {
    /// What is read, and what it is.
    read: Vec<(PathBuf, &'static str)>,
    /// Folders that are read, and what they are.
    folders: Vec<(PathBuf, &'static str)>,
    written: Vec<PathBuf>,
}

impl Files {
    /// An input; nothing or `-` is standard input.
    #[must_use]
    pub fn input(mut self, path: Option<&Path>) -> Self {
        let path = path.filter(|path| *path != Path::new("-")).unwrap_or(Path::new("/dev/stdin"));
        self.read.push((path.to_owned(), "input"));
        self
    }

    /// A file that is read where there is one.
    #[must_use]
    pub fn reads(mut self, path: Option<&Path>, what: &'static str) -> Self {
        self.read.extend(path.map(|path| (path.to_owned(), what)));
        self
    }

    /// The encoder of this name.
    #[must_use]
    pub fn encoder(mut self, name: Option<&str>) -> Self {
        if let Ok(EncoderSource::Folder(folder)) = parse_source(name) {
            self.folders.push((folder, "encoder"));
        }
        self
    }

    /// What the stages are made of.
    #[must_use]
    pub fn stages(mut self, stages: &Stages) -> Self {
        self.read.extend(stages.rules.iter().map(|name| (PathBuf::from(name), "rule pack")));
        self.reads(stages.config.as_deref(), "configuration")
            .reads(stages.model.as_deref(), "model")
            .encoder(stages.encoder.as_deref())
    }

    /// The cached answers of an LLM.
    #[must_use]
    pub fn llm_cache(self, config: &Config, flags: &LlmFlags) -> Self {
        let store = super::setup::llm_config(config, flags).and_then(|llm| Store::new(&llm).ok().flatten());
        self.reads(store.as_ref().map(Store::path), "LLM cache")
    }

    /// An output; `-` is standard output.
    #[must_use]
    pub fn writes(mut self, path: Option<&Path>) -> Self {
        self.written.extend(path.map(Path::to_owned));
        self
    }

    /// Refuses an output that is read as well, or written twice.
    ///
    /// # Errors
    /// A [`crate::error::UsageError`] with the name of the output and what it is besides.
    pub fn check(&self) -> Result<()> {
        let stdout = Path::new("/dev/stdout");
        let written: Vec<&Path> =
            self.written.iter().map(|path| if is_stdout(path) { stdout } else { path.as_path() }).collect();
        for (index, output) in written.iter().enumerate() {
            let file = self.read.iter().find(|(read, _)| same_file(read, output));
            let within =
                |folder: &Path| place(output).parent() == std::fs::canonicalize(folder).ok().as_deref();
            let folder = self.folders.iter().find(|(folder, _)| output.is_file() && within(folder));
            if let Some((_, what)) = file.or(folder) {
                return Err(usage(format!(
                    "{}: is the {what}, too: write to another file and rename it",
                    output.display()
                )));
            }
            if written[..index].iter().any(|other| {
                let both_stdout = *other == stdout && *output == stdout;
                both_stdout || same_file(other, output) || !output.exists() && place(other) == place(output)
            }) {
                return Err(usage(format!(
                    "{}: two outputs cannot be written to one file",
                    output.display()
                )));
            }
        }
        Ok(())
    }
}

/// Where a file that is not there yet would be made, the same for each of its names.
fn place(path: &Path) -> PathBuf {
    let target = followed(path);
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (std::fs::canonicalize(folder), target.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => target,
    }
}

/// Whether two names are of one regular file.
fn same_file(a: &Path, b: &Path) -> bool {
    match (std::fs::canonicalize(a), std::fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a.is_file() && (a == b || same_inode(&a, &b)),
        _ => false,
    }
}

#[cfg(unix)]
fn same_inode(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (std::fs::metadata(a), std::fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.is_file() && a.dev() == b.dev() && a.ino() == b.ino(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_inode(_a: &Path, _b: &Path) -> bool {
    false
}
