//! Files of verdicts on disk: read, and added to without losing anything.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::file::{VerdictsError, from_bytes, is_verdicts, to_bytes};
use super::identity::Identity;
use super::shared::Learned;
use super::table::{Key, KeyMap};
use crate::error::usage;
use crate::output::{Output, followed, is_stdout};

/// A file of verdicts, which may not be there yet.
#[derive(Debug)]
pub struct VerdictsFile<'a> {
    path: &'a Path,
    identity: &'a Identity,
    /// How many labels a run has.
    labels: usize,
}

/// What became of a file that was added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// Templates that it holds now.
    pub templates: usize,
    /// Those of them that are new to it.
    pub new: usize,
    /// Templates that there was no room for.
    pub left_out: usize,
    /// Its length in bytes.
    pub bytes: usize,
}

/// Whether the file at `path` is one of verdicts. What cannot be read is none.
pub fn holds_verdicts(path: &Path) -> bool {
    let begins = |path: &Path| {
        let mut begin = Vec::new();
        // Reading from a pipe would take from it.
        let file =
            path.metadata().ok().filter(std::fs::Metadata::is_file).and_then(|_| File::open(path).ok())?;
        file.take(32).read_to_end(&mut begin).ok()?;
        Some(is_verdicts(&begin))
    };
    begins(path).unwrap_or(false)
}

impl<'a> VerdictsFile<'a> {
    /// The file at `path`, for runs of this `identity`, which have this many `labels`.
    pub fn new(path: &'a Path, identity: &'a Identity, labels: usize) -> Self {
        Self { path, identity, labels }
    }

    /// What it holds.
    ///
    /// # Errors
    /// When it cannot be read or is damaged; a [`crate::error::UsageError`] when it was made with something else.
    pub fn read(&self) -> Result<KeyMap<Learned>> {
        let bytes = std::fs::read(self.path).with_context(|| self.name())?;
        self.decode(&bytes)
    }

    /// The same; nothing where there is no file yet.
    ///
    /// # Errors
    /// Those of [`VerdictsFile::read`].
    pub fn read_if_there(&self) -> Result<KeyMap<Learned>> {
        match std::fs::read(self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(KeyMap::default()),
            read => self.decode(&read.with_context(|| self.name())?),
        }
    }

    /// Adds what was `learned`, so that it holds `most` templates at the most: those of this run before those of earlier
    /// ones. It is replaced as a whole; what others add at the same time is kept.
    ///
    /// # Errors
    /// When it cannot be read or written, or what is there is no such file. It is then as it was.
    pub fn add(&self, learned: KeyMap<Learned>, most: usize) -> Result<Added> {
        let is_file = !is_stdout(self.path) && self.path.metadata().map_or(true, |found| found.is_file());
        // What is written to a pipe is not there to be added to.
        let _lock = if is_file { Some(self.lock()?) } else { None };
        let there = if is_file { self.read_if_there()? } else { KeyMap::default() };
        let mut all = KeyMap::default();
        let mut left_out = put(learned, most, &mut all);
        let new = all.keys().filter(|key| !there.contains_key(key)).count();
        left_out += put(there, most, &mut all);
        let bytes = to_bytes(self.identity, &all)?;
        let mut output = Output::create(Some(self.path))?;
        output.write(&bytes)?;
        output.finish()?;
        Ok(Added { templates: all.len(), new, left_out, bytes: bytes.len() })
    }

    fn decode(&self, bytes: &[u8]) -> Result<KeyMap<Learned>> {
        from_bytes(bytes, self.identity, self.labels).map_err(|error| match error {
            VerdictsError::OfAnother(_) => usage(format!("{}: {error}", self.name())),
            _ => anyhow::Error::new(error).context(self.name()),
        })
    }

    /// What errors call it.
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Waits until nobody else adds to the file. A file beside it is locked, not the file itself, which is replaced.
    fn lock(&self) -> Result<File> {
        let mut path = followed(self.path).into_os_string();
        path.push(".lock");
        let path = PathBuf::from(path);
        let open = || {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            file.lock()?;
            Ok::<_, std::io::Error>(file)
        };
        open().with_context(|| path.display().to_string())
    }
}

/// Puts `more` into `all`, which may hold `most` templates; says how many there was no room for. A reason that was looked for
/// once is kept.
fn put(more: KeyMap<Learned>, most: usize, all: &mut KeyMap<Learned>) -> usize {
    let mut more: Vec<(Key, Learned)> = more.into_iter().collect();
    // The same ones are left out whatever the order in a map.
    more.sort_unstable_by_key(|(key, _)| *key);
    let mut left_out = 0;
    for (key, learned) in more {
        if let Some(there) = all.get_mut(&key) {
            if learned.explained {
                *there = learned;
            }
        } else if all.len() < most {
            all.insert(key, learned);
        } else {
            left_out += 1;
        }
    }
    left_out
}
