//! The tables of a history's file, and how they are changed.

use anyhow::Result;
use redb::{Database, ReadableTable, Table, TableDefinition};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::collection::Run;
use super::entry::Entry;

/// What this version writes, and the latest it reads.
pub const FORMAT: u64 = 1;
/// The format, and a digest of all that is kept.
pub const META: TableDefinition<'_, &str, u64> = TableDefinition::new("logclass_history");
/// The entries.
pub const ENTRIES: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("entries");
/// The figures of the runs.
pub const RUNS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("runs");

/// The tables of a transaction, and the digest of what they hold.
pub struct Tables<'a> {
    /// The entries by their keys, as JSON.
    pub entries: Table<'a, [u8; 32], &'static [u8]>,
    /// The runs by their numbers, as JSON.
    pub runs: Table<'a, u64, &'static [u8]>,
    digest: u64,
}

impl Tables<'_> {
    /// Keeps an entry, in the place of one with the same key.
    pub fn put(&mut self, key: [u8; 32], entry: &Entry) -> Result<()> {
        let value = serde_json::to_vec(entry)?;
        self.digest ^= digest_of(&key, &value);
        if let Some(old) = self.entries.insert(key, value.as_slice())? {
            self.digest ^= digest_of(&key, old.value());
        }
        Ok(())
    }

    /// Removes an entry.
    pub fn remove(&mut self, key: [u8; 32]) -> Result<()> {
        if let Some(old) = self.entries.remove(key)? {
            self.digest ^= digest_of(&key, old.value());
        }
        Ok(())
    }

    /// Keeps the figures of a run.
    pub fn put_run(&mut self, run: &Run) -> Result<()> {
        let value = serde_json::to_vec(run)?;
        self.digest ^= digest_of(&run.number.to_be_bytes(), &value);
        if let Some(old) = self.runs.insert(run.number, value.as_slice())? {
            self.digest ^= digest_of(&run.number.to_be_bytes(), old.value());
        }
        Ok(())
    }

    /// Number of the oldest run whose figures are kept.
    pub fn oldest_run(&self) -> Result<Option<u64>> {
        Ok(self.runs.first()?.map(|(first, _)| first.value()))
    }

    /// Removes the figures of a run.
    pub fn remove_run(&mut self, number: u64) -> Result<()> {
        if let Some(old) = self.runs.remove(number)? {
            self.digest ^= digest_of(&number.to_be_bytes(), old.value());
        }
        Ok(())
    }
}

/// Changes tables in one transaction: all of it happens, or nothing.
pub fn changing<T>(database: &Database, work: impl FnOnce(&mut Tables<'_>) -> Result<T>) -> Result<T> {
    let writing = database.begin_write()?;
    let done;
    {
        let mut meta = writing.open_table(META)?;
        let digest = meta.get("digest")?.map_or(0, |kept| kept.value());
        let mut tables =
            Tables { entries: writing.open_table(ENTRIES)?, runs: writing.open_table(RUNS)?, digest };
        done = work(&mut tables)?;
        meta.insert("format", FORMAT)?;
        meta.insert("digest", tables.digest)?;
    }
    writing.commit()?;
    Ok(done)
}

/// What an item adds to the digest of all.
pub fn digest_of(key: &[u8], value: &[u8]) -> u64 {
    xxh3_64_with_seed(value, xxh3_64(key))
}
