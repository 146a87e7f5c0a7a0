//! A history on disk: entries and runs in one file, as before a run or as after it, never between.
//!
//! The file is open only while it is read or written, because it admits one process at a time: runs that overlap take
//! turns and each adds what it saw. A new one is made beside its place and linked into it when it is complete. What
//! the library cannot promise of a damaged file (it may assert) is caught here.

use anyhow::{Context, Result};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageError};
use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::collection::{Collection, Run};
use super::entry::{Entry, Id, rarest_first};
use super::error::HistoryError;
use super::tables::{ENTRIES, FORMAT, META, RUNS, changing, digest_of};
use crate::unwinding::quietly;

/// What redb begins its files with.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";
/// How long other runs are waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Runs whose figures are kept.
const RUNS_KEPT: u64 = 1_000;
/// Bytes of the file that are held in memory.
const CACHE: usize = 64 << 20;

/// Whether a file is a store, by its first bytes: a history, or something that is none.
pub fn is_store(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    path.is_file()
        && File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == *MAGIC
}

/// A history's file.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
}

/// What became of a run that was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Its number.
    pub run: u64,
    /// Entries there are.
    pub entries: u64,
    /// Entries that were given up to stay within the bound.
    pub forgotten: u64,
}

impl Store {
    /// What this version writes, and the latest it reads.
    pub const FORMAT: u64 = FORMAT;

    /// The history at `path`, which need not be there yet.
    pub fn new(path: &Path) -> Self {
        Self { path: crate::output::followed(path) }
    }

    /// Whether there is one. An empty file is none yet.
    pub fn exists(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| !found.is_file() || found.len() > 0)
    }

    /// The templates that are known; nothing where there is no history yet.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn known(&self) -> Result<HashSet<Id>> {
        if !self.exists() {
            self.check_folder()?;
            return Ok(HashSet::new());
        }
        self.open(|database| {
            let reading = database.begin_read()?;
            let mut known = HashSet::new();
            for item in reading.open_table(ENTRIES)?.iter()? {
                let (key, _) = item?;
                let mut id = [0; 16];
                id.copy_from_slice(&key.value()[..16]);
                known.insert(id);
            }
            Ok(known)
        })
    }

    /// All of it.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn load(&self) -> Result<Collection> {
        if !self.exists() {
            return Err(HistoryError::Missing { path: self.name() }.into());
        }
        self.open(|database| {
            let reading = database.begin_read()?;
            let mut collection = Collection::default();
            for item in reading.open_table(ENTRIES)?.iter()? {
                let (key, value) = item?;
                collection.entries.insert(key.value(), self.decode(value.value())?);
            }
            for item in reading.open_table(RUNS)?.iter()? {
                let (number, value) = item?;
                let run: Run = serde_json::from_slice(value.value()).map_err(|_| self.damaged("a run"))?;
                collection.runs.push(Run { number: number.value(), ..run });
            }
            Ok(collection)
        })
    }

    /// Adds what a run saw, in one step; then gives up what is beyond `limit` entries.
    ///
    /// # Errors
    /// When it cannot be written. It is then as it was.
    pub fn record(&self, seen: &Collection, limit: usize) -> Result<Recorded> {
        self.write(|database| self.add(database, seen, limit))
    }

    /// Makes a history of a collection, with the runs' numbers that it has.
    ///
    /// # Errors
    /// When there is one already, or it cannot be written.
    pub fn create(&self, collection: &Collection) -> Result<()> {
        if self.exists() {
            let error = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(self.refused("write", &error));
        }
        let work = |database: &mut Database| {
            changing(database, |tables| {
                for run in &collection.runs {
                    tables.put_run(run)?;
                }
                for (key, entry) in &collection.entries {
                    tables.put(*key, entry)?;
                }
                Ok(Recorded { run: 0, entries: 0, forgotten: 0 })
            })
        };
        self.write(work).map(drop)
    }

    /// Removes the entries that `forget` chooses; says how many.
    ///
    /// # Errors
    /// When it is not there or cannot be written. It is then as it was.
    pub fn forget(&self, forget: impl Fn(&Entry) -> bool) -> Result<u64> {
        if !self.exists() {
            return Err(HistoryError::Missing { path: self.name() }.into());
        }
        self.open(|database| {
            let gone = changing(database, |tables| {
                let mut gone = Vec::new();
                for item in tables.entries.iter()? {
                    let (key, value) = item?;
                    if forget(&self.decode(value.value())?) {
                        gone.push(key.value());
                    }
                }
                gone.iter().try_for_each(|key| tables.remove(*key))?;
                Ok(gone.len() as u64)
            })?;
            database.compact()?;
            Ok(gone)
        })
    }

    fn add(&self, database: &mut Database, seen: &Collection, limit: usize) -> Result<Recorded> {
        let recorded = changing(database, |tables| {
            let mut number = tables.runs.last()?.map_or(0, |(number, _)| number.value());
            for run in &seen.runs {
                number += 1;
                tables.put_run(&Run { number, ..run.clone() })?;
            }
            while let Some(first) = tables.oldest_run()?.filter(|first| first + RUNS_KEPT <= number) {
                tables.remove_run(first)?;
            }
            for (key, entry) in &seen.entries {
                let mut entry = Entry { first_run: number, last_run: number, ..entry.clone() };
                let there = tables.entries.get(key)?.map(|value| self.decode(value.value())).transpose()?;
                if let Some(mut there) = there {
                    there.merge(&entry);
                    entry = there;
                }
                tables.put(*key, &entry)?;
            }
            let all = tables.entries.len()?;
            let excess = all.saturating_sub(limit as u64);
            if excess > 0 {
                let mut worth = Vec::new();
                for item in tables.entries.iter()? {
                    let (key, value) = item?;
                    worth.push((self.decode(value.value())?.worth(), key.value()));
                }
                worth.sort_unstable_by(rarest_first);
                for (_, key) in worth.iter().take(usize::try_from(excess).unwrap_or(usize::MAX)) {
                    tables.remove(*key)?;
                }
            }
            Ok(Recorded { run: number, entries: all - excess, forgotten: excess })
        })?;
        // Without this the file grows to twice or three times what it holds. The run is kept by now, so where there is
        // no room to save room, nothing is lost.
        let _ = database.compact();
        Ok(recorded)
    }

    fn write(&self, work: impl Fn(&mut Database) -> Result<Recorded>) -> Result<Recorded> {
        if self.exists() {
            return self.open(work);
        }
        // Made beside its place: a process that is killed leaves no half of a file there.
        let folder = self.folder();
        let failed = |error: std::io::Error| self.refused("write", &error);
        let made = tempfile::Builder::new().prefix(".logclass-").suffix(".tmp").tempfile_in(folder);
        let (file, made) = made.map_err(failed)?.into_parts();
        let recorded = self.guarded(|| {
            let mut database = builder().create_file(file).map_err(|error| self.translated(error))?;
            let recorded = work(&mut database)?;
            database.compact()?;
            Ok(recorded)
        })?;
        File::open(&made).and_then(|file| file.sync_all()).map_err(failed)?;
        if std::fs::metadata(&self.path).is_ok_and(|found| found.len() == 0) {
            made.persist(&self.path).map_err(|error| self.refused("write", &error.error))?;
            return Ok(recorded);
        }
        match made.persist_noclobber(&self.path) {
            Ok(()) => Ok(recorded),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                self.open(work) // another run has made it in the meantime
            }
            Err(error) => Err(self.refused("write", &error.error)),
        }
    }

    /// Opens the file when it is its turn, and works on it.
    fn open<T>(&self, work: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        if !is_store(&self.path) {
            if let Err(error) = File::open(&self.path) {
                return Err(self.refused("read", &error));
            }
            return Err(HistoryError::Foreign { path: self.name() }.into());
        }
        let start = Instant::now();
        self.guarded(|| {
            let mut database = loop {
                match builder().open(&self.path) {
                    Ok(database) => break database,
                    Err(DatabaseError::DatabaseAlreadyOpen) if start.elapsed() < PATIENCE => {
                        std::thread::sleep(Duration::from_millis(5 + fastrand::u64(..20)));
                    }
                    Err(error) => return Err(self.translated(error)),
                }
            };
            self.check(&database)?;
            work(&mut database)
        })
    }

    /// Whether the file is a sound history of a version that is known. The library finds damage only where it happens
    /// to look, so a digest of all that is kept is kept, too.
    fn check(&self, database: &Database) -> Result<()> {
        let foreign = || HistoryError::Foreign { path: self.name() };
        let reading = database.begin_read()?;
        let meta = match reading.open_table(META) {
            Ok(meta) => meta,
            Err(redb::TableError::Storage(error)) => return Err(error.into()),
            Err(_) => return Err(foreign().into()),
        };
        let found = meta.get("format")?.ok_or_else(foreign)?.value();
        if found > Self::FORMAT {
            return Err(HistoryError::Newer { path: self.name(), found, known: Self::FORMAT }.into());
        }
        let mut digest = 0;
        for item in reading.open_table(ENTRIES)?.iter()? {
            let (key, value) = item?;
            digest ^= digest_of(&key.value(), value.value());
        }
        for item in reading.open_table(RUNS)?.iter()? {
            let (key, value) = item?;
            digest ^= digest_of(&key.value().to_be_bytes(), value.value());
        }
        if meta.get("digest")?.map(|kept| kept.value()) == Some(digest) {
            Ok(())
        } else {
            Err(self.damaged("its checksum does not match"))
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Entry> {
        let entry: Result<Entry, _> = serde_json::from_slice(bytes);
        entry.ok().filter(|entry| entry.series.is_sound()).ok_or_else(|| self.damaged("an entry"))
    }

    /// Turns what the library asserts, and whatever else it says, into an error of ours.
    fn guarded<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        match quietly(work) {
            Some(Err(error)) if crate::error::find::<HistoryError>(&error).is_none() => {
                Err(self.storage_failure(&error))
            }
            Some(worked) => worked,
            None => Err(self.damaged("its structure makes no sense")),
        }
    }

    fn storage_failure(&self, error: &anyhow::Error) -> anyhow::Error {
        let text = crate::error::one_line(error);
        let io = error.chain().any(<dyn std::error::Error + 'static>::is::<std::io::Error>)
            || text.contains("I/O error")
            || text.contains("Previous I/O");
        if io { self.refused_as("write", text) } else { self.damaged(&text) }
    }

    fn translated(&self, error: DatabaseError) -> anyhow::Error {
        use std::io::ErrorKind::{InvalidData, UnexpectedEof};
        let path = self.name();
        match error {
            DatabaseError::DatabaseAlreadyOpen => {
                HistoryError::Busy { path, seconds: PATIENCE.as_secs() }.into()
            }
            DatabaseError::UpgradeRequired(_) => HistoryError::Foreign { path }.into(),
            DatabaseError::Storage(StorageError::Io(error))
                if !matches!(error.kind(), InvalidData | UnexpectedEof) =>
            {
                self.refused("open", &error)
            }
            error => self.damaged(&error.to_string()),
        }
    }

    /// Whether a new file could be made, found out before the work is done.
    fn check_folder(&self) -> Result<()> {
        tempfile::tempfile_in(self.folder()).map(drop).map_err(|error| self.refused("write", &error))
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn damaged(&self, why: &str) -> anyhow::Error {
        HistoryError::Damaged { path: self.name(), why: why.to_owned() }.into()
    }

    fn refused(&self, what: &'static str, error: &std::io::Error) -> anyhow::Error {
        let text = error.to_string();
        self.refused_as(what, text.split(" at path").next().unwrap_or(&text).to_owned())
    }

    fn refused_as(&self, what: &'static str, why: String) -> anyhow::Error {
        HistoryError::Io { path: self.name(), what, why }.into()
    }

    /// Size of the file in bytes.
    ///
    /// # Errors
    /// When it is not there.
    pub fn bytes(&self) -> Result<u64> {
        Ok(std::fs::metadata(&self.path).with_context(|| self.name())?.len())
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    builder
}
