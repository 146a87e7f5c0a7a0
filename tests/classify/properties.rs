//! The pipeline as a library: any records, any chunk size, any number of threads, the same output.

use logclass::cascade::Cascade;
use logclass::config::Config;
use logclass::encoder::{Backend, LazyEncoder, parse_source};
use logclass::head::Head;
use logclass::input::open::{ColumnNames, open_csv};
use logclass::input::{BadRows, Limits};
use logclass::label::LabelFilter;
use logclass::output::{Output, Rejects};
use logclass::pipeline::{Added, Destination, Pipeline, Resources, RowFormat, Shape, Stages, Tally};
use logclass::progress::Progress;
use logclass::verdicts::Verdicts;
use proptest::prelude::*;
use std::io::{Cursor, Read, Write};
use std::sync::{Arc, LazyLock, Mutex};

use crate::harness::RULES;

static CASCADE: LazyLock<Cascade> = LazyLock::new(|| {
    let mut config = Config::parse(RULES).unwrap();
    config.routes = Config::parse("[[route]]\nsource = \"R\"\nstages = [\"rules\"]\n").unwrap().routes;
    let encoder = LazyEncoder::new(parse_source(None).unwrap(), Backend::Auto);
    Cascade::new(&config, config.rules.clone(), Head::bundled().unwrap(), encoder, None, false).unwrap()
});

/// A writer whose bytes can be read afterwards.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Gives its bytes a few at a time.
struct Dribble(Cursor<Vec<u8>>, usize);

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

fn classify(csv: &[u8], limits: Limits, threads: usize, dribble: usize) -> Option<(Vec<u8>, Vec<u8>, Tally)> {
    let columns = ColumnNames {
        severity: None,
        time: None,
        source: Some("s".to_owned()),
        message: "m".to_owned(),
        label: "label".to_owned(),
        overwrite: false,
        no_header: false,
        labelled: false,
        source_optional: false,
    };
    let whole = [b"s,m\n", csv].concat();
    let input =
        open_csv(Box::new(Dribble(Cursor::new(whole), dribble)), Some(b','), &columns, limits).unwrap();
    let written = Memory::default();
    let folder = tempfile::tempdir().unwrap();
    let mut rejects = Rejects::create(&folder.path().join("bad.csv")).unwrap();
    let mut destination = Destination {
        output: Output::stream(written.clone(), "memory"),
        rejects: Some(&mut rejects),
        observer: None,
        live: limits.live,
    };
    let shape = Shape::Csv { delimiter: b',', newline: input.newline, overwrite: false, safe: false };
    let added = Added { explanation: true, ..Added::default() };
    let mut format = RowFormat::new(CASCADE.labels(), shape, added, &LabelFilter::All);
    let resources = Resources { threads, table_size: 2 };
    let verdicts = Verdicts::new(2);
    let stages = Stages { cascade: &CASCADE, verdicts: &verdicts, llm: None, stop: None };
    let tally = Pipeline::new(stages, resources)
        .run(input.reader, &mut destination, &mut format, &mut Progress::new(None, true))
        .ok()?;
    rejects.finish().unwrap();
    let bytes = written.0.lock().unwrap().clone();
    Some((bytes, std::fs::read(folder.path().join("bad.csv")).unwrap(), tally))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_output_does_not_depend_on_chunks_threads_or_reads(
        csv in "((R|a|\"q\"\"\"),(user logged in|backup [0-9]{0,3}|\"x\ny\"|| |\u{e9})(,z|\"|)(\n|\r\n|\r|\n\n)){0,20}",
        chunk in 1_usize..200,
        threads in 1_usize..5,
        dribble in 1_usize..300,
        live: bool,
        skip: bool,
        longest in 5_usize..60,
    ) {
        let bad_rows = if skip { BadRows::Skip } else { BadRows::Fail };
        let whole = Limits { bad_rows, record_bytes: longest, ..Limits::default() };
        let expected = classify(csv.as_bytes(), whole, 1, usize::MAX);
        let other = classify(csv.as_bytes(), Limits { chunk_bytes: chunk, live, ..whole }, threads, dribble);
        let bytes = |found: &Option<(Vec<u8>, Vec<u8>, Tally)>| {
            found.as_ref().map(|(output, rejects, tally)| (output.clone(), rejects.clone(), tally.rows, tally.rejects))
        };
        prop_assert_eq!(bytes(&other), bytes(&expected));
        if let Some((output, _, tally)) = expected {
            prop_assert_eq!(crate::harness::rows(&output, b',').len() as u64, tally.rows);
            prop_assert_eq!(tally.stages.iter().sum::<u64>(), tally.rows);
            prop_assert_eq!(tally.labels.iter().sum::<u64>(), tally.rows);
        }
    }

    #[test]
    fn a_row_gets_the_label_it_gets_alone_however_often_it_stood_before_and_from_whatever_source(
        rows in prop::collection::vec("(R|a),(user logged in|backup [01]|GET /a 200|tea at [45]|)\n", 1..30),
        threads in 1_usize..3,
        chunk in 1_usize..200,
    ) {
        let limits = Limits { chunk_bytes: chunk, ..Limits::default() };
        let (together, _, _) = classify(rows.concat().as_bytes(), limits, threads, usize::MAX).unwrap();
        let lines: Vec<&[u8]> = together.split_inclusive(|&byte| byte == b'\n').collect();
        prop_assert_eq!(lines.len(), rows.len());
        for (row, line) in rows.iter().zip(lines) {
            let (alone, _, _) = classify(row.as_bytes(), limits, 1, usize::MAX).unwrap();
            prop_assert_eq!(line, alone.as_slice(), "{}", row);
        }
    }

    #[test]
    fn no_bytes_make_it_fail_when_bad_rows_are_skipped(
        csv in prop::collection::vec(prop::sample::select(&b"ab,\"\n\r\0\xff R="[..]), 0..200),
        chunk in 1_usize..50,
        longest in 1_usize..60,
    ) {
        let limits = Limits { chunk_bytes: chunk, record_bytes: longest, bad_rows: BadRows::Skip, live: false };
        let (output, rejects, tally) = classify(&csv, limits, 2, 7).unwrap();
        prop_assert_eq!(crate::harness::rows(&output, b',').len() as u64, tally.rows);
        prop_assert_eq!(crate::harness::rows(&rejects, b',').len() as u64, tally.rejects + 1);
    }
}
