//! Arrow in, Arrow out: types, nulls and metadata come back, batch by batch.

use arrow_array::builder::{
    BinaryViewBuilder, Int32Builder, ListBuilder, StringBuilder, StringDictionaryBuilder, StringViewBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Int32Array, Int64Array, LargeStringArray, RecordBatch, StringArray,
    StructArray, TimestampMicrosecondArray,
};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_ipc::{CompressionType, MetadataVersion};
use arrow_schema::{DataType, Field, Fields, Schema};
use std::collections::HashMap;
use std::io::{Cursor, Read, Write};
use std::process::Stdio;
use std::sync::Arc;

use crate::harness::Folder;

const MESSAGES: [Option<&str>; 4] =
    [Some("user 1 logged in"), None, Some("nightly backup"), Some("user 2 logged out")];
const LABELS: [&str; 4] = ["User Action", "Unclassified", "System Notification", "User Action"];

/// A batch of every kind of column that a log may have.
fn batch() -> RecordBatch {
    let mut tags = ListBuilder::new(StringBuilder::new());
    for tag in [Some("a"), None, Some("c"), Some("d")] {
        tags.values().append_option(tag);
        tags.append(tag.is_some());
    }
    let mut source = StringDictionaryBuilder::<Int8Type>::new();
    for name in [Some("App"), Some("App"), None, Some("Cron")] {
        source.append_option(name);
    }
    let times: ArrayRef = Arc::new(
        TimestampMicrosecondArray::from(vec![Some(1), None, Some(-3), Some(4)]).with_timezone("UTC"),
    );
    let text: ArrayRef = Arc::new(StringArray::from(MESSAGES.to_vec()));
    let level: ArrayRef = Arc::new(Int32Array::from(vec![Some(3), None, Some(6), Some(7)]));
    let fields = Fields::from(vec![
        Field::new("text", DataType::Utf8, true),
        Field::new("level", DataType::Int32, true),
    ]);
    let body: ArrayRef = Arc::new(StructArray::new(fields, vec![text, level], None));
    let message: ArrayRef = Arc::new(LargeStringArray::from(MESSAGES.to_vec()));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        ("source", Arc::new(source.finish())),
        ("log_message", message),
        ("body", body),
        ("tags", Arc::new(tags.finish())),
        ("at", times),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| {
            let field = Field::new(*name, column.data_type().clone(), *name != "id");
            field.with_metadata(HashMap::from([("unit".to_owned(), (*name).to_owned())]))
        })
        .collect();
    let schema = Schema::new_with_metadata(fields, HashMap::from([("origin".to_owned(), "test".to_owned())]));
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, column)| column).collect()).unwrap()
}

/// Two columns, of which one is the message, and a source that is missing.
fn messages(message: ArrayRef) -> RecordBatch {
    let id: ArrayRef = Arc::new(Int32Array::from_iter_values(0..i32::try_from(message.len()).unwrap()));
    RecordBatch::try_from_iter([("id", id), ("log_message", message)]).unwrap()
}

fn stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn file(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V5).unwrap();
    let options = options.try_with_compression(compression).unwrap();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.write_metadata("made", "by hand");
    writer.into_inner().unwrap()
}

/// The batches of a stream that begins here.
fn read(bytes: impl Read) -> Vec<RecordBatch> {
    StreamReader::try_new(bytes, None).unwrap().map(Result::unwrap).collect()
}

fn labels(batch: &RecordBatch) -> Vec<String> {
    let column = batch.column_by_name("target_label").unwrap().as_dictionary::<Int32Type>();
    let names = column.values().as_string::<i32>();
    column.keys().values().iter().map(|&key| names.value(usize::try_from(key).unwrap()).to_owned()).collect()
}

/// The columns of `output` but for the last ones are those of `input`, fields and metadata included.
#[track_caller]
fn same_but_for_last(input: &RecordBatch, output: &RecordBatch, added: usize) {
    let kept = output.num_columns() - added;
    let kept = output.project(&(0..kept).collect::<Vec<_>>()).unwrap();
    assert_eq!(kept.schema(), input.schema());
    assert_eq!(&kept, input);
}

#[test]
fn a_stream_and_a_file_come_back_with_every_type_null_and_metadata() {
    let folder = Folder::new();
    let batches = [batch(), batch().slice(1, 2)];
    let output = folder.pipe([""; 0], &stream(&batches)).ended(0).stdout;
    let written = read(&output[..]);
    assert_eq!(written.len(), 2);
    for (input, output) in batches.iter().zip(&written) {
        same_but_for_last(input, output, 1);
    }
    assert_eq!(labels(&written[0]), LABELS);
    assert_eq!(labels(&written[1]), LABELS[1..3]);

    for compression in [None, Some(CompressionType::ZSTD), Some(CompressionType::LZ4_FRAME)] {
        folder.write("in.arrow", file(&[batch(), batch()], compression));
        folder.run(["in.arrow", "--explain", "--add", "severity,template", "-o", "out.arrow"]).ended(0);
        let reader = FileReader::try_new(Cursor::new(folder.read("out.arrow")), None).unwrap();
        assert_eq!(reader.custom_metadata().get("made").map(String::as_str), Some("by hand"));
        let written: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        assert_eq!(written.len(), 2);
        for output in &written {
            same_but_for_last(&batch(), output, 6);
            assert_eq!(labels(output), LABELS);
            let stages = output.column_by_name("label_stage").unwrap().as_string::<i32>();
            assert_eq!(stages.iter().flatten().collect::<Vec<_>>(), ["rule", "none", "rule", "rule"]);
            assert!(output.column_by_name("severity").unwrap().is_null(0));
        }
        // What we wrote is read again, and its label overwritten.
        folder.run(["out.arrow", "-o", "no.arrow"]).refused(1, &["target_label", "--overwrite"]);
        folder.run(["out.arrow", "--overwrite", "-o", "again.arrow"]).ended(0);
        assert!(folder.read("again.arrow") == folder.read("out.arrow"));
    }
    assert!(!folder.path("no.arrow").exists());
}

#[test]
fn messages_of_every_type_of_text_get_the_same_labels() {
    let folder = Folder::new();
    let mut view = StringViewBuilder::new();
    let mut bytes = BinaryViewBuilder::new();
    let mut words = StringDictionaryBuilder::<Int32Type>::new();
    for message in MESSAGES {
        view.append_option(message);
        bytes.append_option(message);
        words.append_option(message);
    }
    let binary = BinaryArray::from_iter(MESSAGES.map(|message| message.map(str::as_bytes)));
    let columns: [ArrayRef; 5] = [
        Arc::new(StringArray::from(MESSAGES.to_vec())),
        Arc::new(view.finish()),
        Arc::new(bytes.finish()),
        Arc::new(words.finish()),
        Arc::new(binary),
    ];
    for column in columns {
        let input = messages(column);
        let output = folder.pipe(["--no-source"], &stream(std::slice::from_ref(&input))).ended(0).stdout;
        let written = read(&output[..]);
        same_but_for_last(&input, &written[0], 1);
        assert_eq!(labels(&written[0]), LABELS, "{}", input.column(1).data_type());
    }
}

#[test]
fn a_field_of_a_struct_is_named_by_its_path_and_a_number_is_a_severity() {
    let folder = Folder::new();
    let arguments = ["--message-column", "body.text", "--severity-column", "body.level", "--add", "severity"];
    let output = folder.pipe(arguments, &stream(&[batch()])).ended(0).stdout;
    let written = read(&output[..]);
    same_but_for_last(&batch(), &written[0], 2);
    assert_eq!(labels(&written[0]), LABELS);
    let severity = written[0].column_by_name("severity").unwrap().as_string::<i32>();
    assert_eq!(severity.iter().collect::<Vec<_>>(), [Some("error"), None, Some("info"), Some("debug")]);
    let input = stream(&[batch()]);
    folder
        .pipe(["--message-column", "body.words"], &input)
        .refused(1, &["\"body.text\"", "--message-column"]);
    folder
        .pipe(["--message-column", "id"], &input)
        .refused(1, &["Int64", "expected text", "--message-column"]);
    folder.pipe(["--message-column", "3"], &input).ended(0);
}

#[test]
fn bytes_that_are_no_utf8_and_nulls_are_rows_like_any_other() {
    let folder = Folder::new();
    let texts: [Option<&[u8]>; 4] = [Some(b"backup \xff done"), None, Some(b""), Some(b"backup done")];
    let input = messages(Arc::new(BinaryArray::from_iter(texts)));
    let output = folder.pipe(["--no-source"], &stream(std::slice::from_ref(&input))).ended(0).stdout;
    let written = read(&output[..]);
    same_but_for_last(&input, &written[0], 1);
    let expected = ["Unclassified", "Unclassified", "Unclassified", "System Notification"];
    assert_eq!(labels(&written[0]), expected);
    // ClickHouse writes such bytes as text, which a reader that checks it could not read at all.
    let claimed = stream(&[messages(Arc::new(StringArray::from(vec!["user ?? logged in", "backup done"])))]);
    let at = memchr::memmem::find(&claimed, b"??").unwrap();
    let claimed = [&claimed[..at], b"\xff\xfe", &claimed[at + 2..]].concat();
    let output = folder.pipe(["--no-source"], &claimed).ended(0).stdout;
    assert!(memchr::memmem::find(&output, b"user \xff\xfe logged in").is_some());
}

#[test]
fn each_batch_of_a_pipe_is_answered_before_the_next_one_comes() {
    let folder = Folder::new();
    let mut child = folder.command(["--format", "arrow", "--no-source"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let message: ArrayRef = Arc::new(StringArray::from(MESSAGES.to_vec()));
    let input = messages(message);
    let mut writer = StreamWriter::try_new(stdin, &input.schema()).unwrap();
    writer.flush().unwrap();
    // Already the schema is answered.
    let mut reader = StreamReader::try_new(stdout, None).unwrap();
    for _ in 0..3 {
        writer.write(&input).unwrap();
        writer.flush().unwrap();
        assert_eq!(labels(&reader.next().unwrap().unwrap()), LABELS);
        writer.write(&input.slice(0, 0)).unwrap();
        assert_eq!(reader.next().unwrap().unwrap().num_rows(), 0);
    }
    // Another stream on the same pipe.
    let mut stdin = writer.into_inner().unwrap();
    assert!(reader.next().is_none());
    stdin.write_all(&stream(std::slice::from_ref(&input))).unwrap();
    drop(stdin);
    let written = read(reader.get_mut());
    assert_eq!(labels(&written[0]), LABELS);
    assert!(child.wait().unwrap().success());
}

#[test]
fn streams_can_be_written_without_the_mark_of_their_end() {
    let folder = Folder::new();
    let input = stream(&[batch()]);
    let marked = folder.pipe([""; 0], &input).ended(0).stdout;
    let unmarked = folder.pipe(["--no-end-of-stream"], &input).ended(0).stdout;
    assert_eq!(marked, [&unmarked[..], &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]].concat());
    // A stream may also end so, and streams may follow one another.
    assert_eq!(folder.pipe([""; 0], &input[..input.len() - 8]).ended(0).stdout, marked);
    let twice = folder.pipe([""; 0], &input.repeat(2)).ended(0).stdout;
    assert_eq!(twice, marked.repeat(2));
    folder.pipe(["--no-end-of-stream"], b"source,log_message\n").refused(2, &["Arrow streams"]);
}

#[test]
fn streams_of_other_columns_are_refused_behind_the_first_one() {
    let folder = Folder::new();
    let first = stream(&[messages(Arc::new(StringArray::from(vec!["backup done"])))]);
    let other = stream(&[messages(Arc::new(LargeStringArray::from(vec!["backup done"])))]);
    let both = [first.clone(), other].concat();
    let ran =
        folder.pipe(["--no-source"], &both).refused(1, &["stream 2", "\"log_message\"", "separate runs"]);
    assert!(read(&ran.stdout[..]).len() == 1);
    folder.pipe(["--no-source", "-o", "out.arrows"], &both).refused(1, &["standard input: stream 2"]);
    assert!(!folder.path("out.arrows").exists());
}

#[test]
fn damaged_arrow_is_one_line_and_no_file() {
    let folder = Folder::new();
    let (stream, file) = (stream(&[batch(), batch()]), file(&[batch(), batch()], None));
    let message = memchr::memmem::find(&stream, b"user 1").unwrap();
    for end in [1, 5, 8, 100, message, stream.len() - 12] {
        let ran = folder.pipe(["--format", "arrow", "-o", "out"], &stream[..end]);
        ran.refused(1, &["standard input: ", "cut off"]);
    }
    for end in [6, 9, 100, file.len() / 2, file.len() - 30, file.len() - 1] {
        folder
            .pipe(["--format", "arrow", "-o", "out"], &file[..end])
            .refused(1, &["Arrow", "; copy or write it"]);
    }
    folder.pipe(["--format", "arrow"], b"").refused(1, &["is empty: expected an Arrow stream or file"]);
    folder.pipe(["--format", "arrow"], b"source,log_message\n").refused(1, &["is not an Arrow", "source,l"]);
    // Whatever byte is wrong: an end with one line, or rows that are read.
    let mut seed = 1_u64;
    for input in [&stream, &file] {
        for _ in 0..60 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut broken = input.clone();
            let at = usize::try_from(seed >> 33).unwrap() % broken.len();
            broken[at] ^= 1 << (seed >> 40 & 7);
            let ran = folder.pipe(["--format", "arrow", "-o", "out"], &broken);
            assert!(
                ran.status == Some(0) || ran.status == Some(1),
                "byte {at}: {:?} {}",
                ran.status,
                ran.stderr
            );
            let lines = usize::from(ran.status == Some(1));
            assert_eq!(ran.stderr.lines().count(), lines, "byte {at}: {}", ran.stderr);
            assert_eq!(folder.path("out").exists(), lines == 0);
            let _ = std::fs::remove_file(folder.path("out"));
        }
    }
}

#[test]
fn no_rows_are_an_output_without_rows() {
    let folder = Folder::new();
    for input in [stream(&[batch().slice(0, 0)]), file(&[batch().slice(0, 0)], None)] {
        folder.pipe(["-o", "out.arrow"], &input).ended(0);
        assert!(folder.read("out.arrow").len() > 500);
    }
    let mut writer = StreamWriter::try_new(Vec::new(), &batch().schema()).unwrap();
    writer.finish().unwrap();
    let output = folder.pipe([""; 0], writer.get_ref()).ended(0).stdout;
    assert_eq!(StreamReader::try_new(&output[..], None).unwrap().schema().fields().len(), 7);
}

#[test]
fn rows_are_filtered_by_label_and_counted_like_those_of_a_csv() {
    let folder = Folder::new();
    folder.write("in.arrow", file(&[batch(), batch().slice(1, 1), batch()], None));
    let arguments = ["in.arrow", "--only", "User Action", "-o", "out.arrow", "--summary", "s.json"];
    folder.run(arguments).ended(0);
    let reader = FileReader::try_new(Cursor::new(folder.read("out.arrow")), None).unwrap();
    let rows: Vec<usize> = reader.map(|batch| batch.unwrap().num_rows()).collect();
    assert_eq!(rows, [2, 0, 2]);
    let summary: serde_json::Value = serde_json::from_slice(&folder.read("s.json")).unwrap();
    assert_eq!((&summary["rows"], &summary["filtered"]), (&9.into(), &5.into()));
    folder.run(["in.arrow", "--time-column", "at", "--history", "h", "--dry-run"]).ended(0);
    folder.run(["in.arrow", "--time-column", "at", "--history", "h", "-o", "out.arrow"]).ended(0);
    folder.run(["in.arrow", "--csv-safe"]).refused(2, &["--csv-safe is for CSV, and in.arrow is an Arrow"]);
    folder.run(["in.arrow", "-o", "out.csv"]).refused(2, &["out.csv: in.arrow comes back as Arrow"]);
}

#[test]
fn the_same_bytes_come_out_whatever_the_number_of_threads() {
    let folder = Folder::new();
    let mut ids = Int32Builder::new();
    let mut texts = StringBuilder::new();
    for row in 0..40_000 {
        ids.append_value(row);
        texts.append_value(format!("user {row} logged in from 10.0.{}.{}", row % 256, row % 251));
    }
    let columns: [(&str, ArrayRef); 2] =
        [("id", Arc::new(ids.finish())), ("log_message", Arc::new(texts.finish()))];
    let input = stream(&[RecordBatch::try_from_iter(columns).unwrap()]);
    let one = folder.pipe(["--no-source", "--threads", "1"], &input).ended(0).stdout;
    assert!(folder.pipe(["--no-source", "--threads", "4"], &input).ended(0).stdout == one);
    assert_eq!(read(&one[..])[0].num_rows(), 40_000);
}
