//! A history on disk: entries and runs in one file, as before a run or as after it, never between.
//!
//! The file is open only while it is read or written, because it admits one writer at a time: runs that overlap take
//! turns and each adds what it saw.

use anyhow::Result;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use std::collections::HashSet;
use std::path::Path;

use super::collection::{Collection, Run};
use super::entry::{Entry, Id, rarest_first};
use super::error::HistoryError;
use super::file::HistoryFile;
use super::tables::{ENTRIES, FORMAT, RUNS, changing};

/// Runs whose figures are kept.
const RUNS_KEPT: u64 = 1_000;

/// A history.
#[derive(Debug, Clone)]
pub struct Store {
    file: HistoryFile,
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
        Self { file: HistoryFile::new(path) }
    }

    /// Whether there is one. An empty file is none yet.
    pub fn exists(&self) -> bool {
        self.file.exists()
    }

    /// The templates that are known before a run; nothing where there is no history yet.
    ///
    /// # Errors
    /// When it cannot be read, or will not take the run.
    pub fn known(&self) -> Result<HashSet<Id>> {
        if !self.exists() {
            self.file.check_folder()?;
            return Ok(HashSet::new());
        }
        self.file.change(|database| {
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

    /// All of it before a run.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or will not take the run.
    pub fn load_for_run(&self) -> Result<Collection> {
        if !self.exists() {
            return Err(self.missing());
        }
        self.file.change(|database| self.all(&database.begin_read()?))
    }

    /// All of it, for somebody who only reads: nothing is written.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn load(&self) -> Result<Collection> {
        if !self.exists() {
            return Err(self.missing());
        }
        self.file.read(|reading| self.all(reading))
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
            return Err(self.file.refused("write", &error));
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
            return Err(self.missing());
        }
        self.file.change_and_compact(|database| {
            changing(database, |tables| {
                let mut gone = Vec::new();
                for item in tables.entries.iter()? {
                    let (key, value) = item?;
                    if forget(&self.decode(value.value())?) {
                        gone.push(key.value());
                    }
                }
                gone.iter().try_for_each(|key| tables.remove(*key))?;
                Ok(gone.len() as u64)
            })
        })
    }

    fn add(&self, database: &mut Database, seen: &Collection, limit: usize) -> Result<Recorded> {
        changing(database, |tables| {
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
                let now = seen.runs.iter().map(|run| run.time).max().unwrap_or(i64::MAX);
                let mut worth = Vec::new();
                for item in tables.entries.iter()? {
                    let (key, value) = item?;
                    worth.push((self.decode(value.value())?.worth(now), key.value()));
                }
                worth.sort_unstable_by(rarest_first);
                for (_, key) in worth.iter().take(usize::try_from(excess).unwrap_or(usize::MAX)) {
                    tables.remove(*key)?;
                }
            }
            Ok(Recorded { run: number, entries: all - excess, forgotten: excess })
        })
    }

    fn write(&self, work: impl Fn(&mut Database) -> Result<Recorded>) -> Result<Recorded> {
        if self.exists() { self.file.change_and_compact(work) } else { self.file.make(work) }
    }

    fn all(&self, reading: &ReadTransaction) -> Result<Collection> {
        let mut collection = Collection::default();
        for item in reading.open_table(ENTRIES)?.iter()? {
            let (key, value) = item?;
            collection.entries.insert(key.value(), self.decode(value.value())?);
        }
        for item in reading.open_table(RUNS)?.iter()? {
            let (number, value) = item?;
            let run: Run = serde_json::from_slice(value.value()).map_err(|_| self.file.damaged("a run"))?;
            collection.runs.push(Run { number: number.value(), ..run });
        }
        Ok(collection)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Entry> {
        let entry: Result<Entry, _> = serde_json::from_slice(bytes);
        entry.ok().filter(|entry| entry.series.is_sound()).ok_or_else(|| self.file.damaged("an entry"))
    }

    /// Size of the file in bytes.
    ///
    /// # Errors
    /// When it is not there.
    pub fn bytes(&self) -> Result<u64> {
        self.file.bytes()
    }

    fn missing(&self) -> anyhow::Error {
        HistoryError::Missing { path: self.file.name() }.into()
    }
}
