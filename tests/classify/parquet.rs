//! Parquet in, Parquet out: every other column is the same, byte by byte.

use ::parquet::basic::{Compression, GzipLevel, ZstdLevel};
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use ::parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::reader::FileReader;
use ::parquet::file::serialized_reader::SerializedFileReader;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;

use crate::harness::{Folder, Ran};

const SCHEMA: &str = "message log {
    required int64 id;
    optional binary source (STRING);
    optional binary log_message (STRING);
    optional group body { optional binary text (STRING); optional int32 level; }
    optional group tags (LIST) { repeated group list { optional binary element (STRING); } }
    optional int96 old;
    optional fixed_len_byte_array(16) key (UUID);
    required int64 at (TIMESTAMP(MICROS, true));
    optional int32 price (DECIMAL(9, 2));
    optional binary raw (JSON);
}";

const MESSAGES: [Option<&str>; 4] =
    [Some("user 1 logged in"), None, Some("nightly backup"), Some("user 2 logged out")];
const LABELS: [&str; 4] = ["User Action", "Unclassified", "System Notification", "User Action"];

fn texts(texts: &[Option<&str>]) -> (Vec<ByteArray>, Vec<i16>) {
    let levels = texts.iter().map(|text| i16::from(text.is_some())).collect();
    (texts.iter().flatten().map(|text| ByteArray::from(*text)).collect(), levels)
}

/// A file of this many row groups of four rows each, and one without any.
fn file(compression: Compression, groups: usize) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_bloom_filter_enabled(true)
        .set_key_value_metadata(Some(vec![KeyValue::new("origin".to_owned(), "test".to_owned())]))
        .set_created_by("by hand".to_owned())
        .build();
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for _ in 0..groups {
        let mut group = writer.next_row_group().unwrap();
        let mut index = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            write(index, column.untyped());
            column.close().unwrap();
            index += 1;
        }
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn write(index: usize, writer: &mut ColumnWriter<'_>) {
    let some = |level: i16| [level, 0, level, level];
    match (index, writer) {
        (0, ColumnWriter::Int64ColumnWriter(writer)) => writer.write_batch(&[1, 2, 3, 4], None, None),
        (1, ColumnWriter::ByteArrayColumnWriter(writer)) => {
            let (values, levels) = texts(&[Some("App"), Some("App"), None, Some("Cron")]);
            writer.write_batch(&values, Some(&levels), None)
        }
        (2 | 10, ColumnWriter::ByteArrayColumnWriter(writer)) => {
            let (values, levels) = texts(&MESSAGES);
            writer.write_batch(&values, Some(&levels), None)
        }
        (3, ColumnWriter::ByteArrayColumnWriter(writer)) => {
            let (values, _) = texts(&MESSAGES);
            writer.write_batch(&values, Some(&some(2)), None)
        }
        (4, ColumnWriter::Int32ColumnWriter(writer)) => writer.write_batch(&[17, 9, 1], Some(&some(2)), None),
        (5, ColumnWriter::ByteArrayColumnWriter(writer)) => {
            // ["a", null], null, [], ["b", "c"]
            let (values, _) = texts(&[Some("a"), Some("b"), Some("c")]);
            writer.write_batch(&values, Some(&[3, 2, 0, 1, 3, 3]), Some(&[0, 1, 0, 0, 0, 1]))
        }
        (6, ColumnWriter::Int96ColumnWriter(writer)) => {
            let old = Int96::from(vec![0, 0, 2_440_589]);
            writer.write_batch(&[old, old, old], Some(&some(1)), None)
        }
        (7, ColumnWriter::FixedLenByteArrayColumnWriter(writer)) => {
            let key = FixedLenByteArray::from(vec![7; 16]);
            writer.write_batch(&[key.clone(), key.clone(), key], Some(&some(1)), None)
        }
        (8, ColumnWriter::Int64ColumnWriter(writer)) => {
            writer.write_batch(&[1, 2, 3, 1_700_000_000_000_000], None, None)
        }
        (_, ColumnWriter::Int32ColumnWriter(writer)) => writer.write_batch(&[1, 2, 3], Some(&some(1)), None),
        _ => panic!("column {index}"),
    }
    .unwrap();
}

fn metadata(bytes: &[u8]) -> ParquetMetaData {
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    reader.parse_and_finish(&Bytes::copy_from_slice(bytes)).unwrap()
}

/// The first columns of each row as words, and the label.
fn rows(bytes: &[u8], columns: usize) -> (Vec<Vec<String>>, Vec<String>) {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).unwrap();
    let mut labels = Vec::new();
    let mut rows = Vec::new();
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        rows.push(
            row.get_column_iter().take(columns).map(|(name, value)| format!("{name}: {value}")).collect(),
        );
        let label = row.get_column_iter().find(|(name, _)| *name == "target_label");
        labels.extend(label.map(|(_, value)| value.to_string().trim_matches('"').to_owned()));
    }
    (rows, labels)
}

#[track_caller]
fn same_but_for_labels(input: &[u8], output: &[u8]) {
    let (left, right) = (rows(input, 10), rows(output, 10));
    assert_eq!(left.0, right.0);
    assert_eq!(right.1, LABELS.repeat(right.1.len() / 4));
    let (left, right) = (metadata(input), metadata(output));
    let fields = |of: &ParquetMetaData| of.file_metadata().schema().get_fields().to_vec();
    assert_eq!(fields(&left), fields(&right)[..10]);
    assert_eq!(left.file_metadata().key_value_metadata(), right.file_metadata().key_value_metadata());
    assert_eq!(left.file_metadata().created_by(), right.file_metadata().created_by());
    let groups = left.row_groups().iter().filter(|group| group.num_rows() > 0);
    for (index, (left, right)) in groups.zip(right.row_groups()).enumerate() {
        for leaf in 0..left.num_columns() {
            let (one, other) = (left.column(leaf), right.column(leaf));
            assert_eq!(one.statistics(), other.statistics(), "row group {index}, leaf {leaf}");
            assert_eq!(one.compression(), other.compression());
            let bytes = |of: &ParquetMetaData, group: usize, bytes: &[u8]| {
                let (start, length) = of.row_group(group).column(leaf).byte_range();
                let start = usize::try_from(start).unwrap();
                bytes[start..start + usize::try_from(length).unwrap()].to_vec()
            };
            assert_eq!(bytes(&metadata(input), index, input), bytes(&metadata(output), index, output));
            assert!(other.bloom_filter_offset().is_some());
        }
    }
}

fn classify(folder: &Folder, input: &[u8], arguments: &[&str]) -> Ran {
    folder.write("in.parquet", input);
    folder.run([&["in.parquet", "-o", "out.parquet"], arguments].concat())
}

#[test]
fn a_file_comes_back_with_every_column_as_it_was_whatever_its_compression() {
    let folder = Folder::new();
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
    ] {
        let input = file(compression, 3);
        classify(&folder, &input, &[]).ended(0);
        let output = folder.read("out.parquet");
        same_but_for_labels(&input, &output);
        assert_eq!(metadata(&output).num_row_groups(), 3);
        assert_eq!(metadata(&output).row_group(0).columns().last().unwrap().compression(), compression);
        // Told by its content, and from a pipe.
        assert!(folder.pipe([""; 0], &input).ended(0).stdout == output);
        folder.write("some.log", &input);
        folder.run(["some.log", "-o", "folder/"]).ended(0);
        assert!(folder.read("folder/some.log") == output);
    }
}

#[test]
fn explanations_are_columns_and_a_label_is_overwritten_in_its_place() {
    let folder = Folder::new();
    let input = file(Compression::SNAPPY, 2);
    classify(&folder, &input, &["--explain", "--add", "severity,template"]).ended(0);
    let output = folder.read("out.parquet");
    same_but_for_labels(&input, &output);
    let names: Vec<String> = metadata(&output).file_metadata().schema().get_fields()[10..]
        .iter()
        .map(|field| field.name().to_owned())
        .collect();
    let added = ["target_label", "severity", "template", "label_stage", "label_confidence", "label_reason"];
    assert_eq!(names, added);
    let (all, _) = rows(&output, 16);
    assert_eq!(
        all[2][11..],
        [
            "severity: null",
            "template: \"nightly backup\"",
            "label_stage: \"rule\"",
            "label_confidence: 1.0",
            "label_reason: \"rule 2\""
        ]
        .map(|cell| if cell.starts_with("label_reason") {
            all[2][15].clone()
        } else {
            cell.to_owned()
        })
    );
    classify(&folder, &output, &[])
        .refused(1, &["in.parquet: there is a column \"target_label\"", "--overwrite"]);
    classify(&folder, &output, &["--overwrite"]).ended(0);
    assert_eq!(rows(&folder.read("out.parquet"), 16), rows(&output, 16));
    let arguments = ["--overwrite", "--label-column", "raw", "--no-source"];
    classify(&folder, &output, &arguments).ended(0);
    assert_eq!(rows(&folder.read("out.parquet"), 10).0[0][9], "raw: \"User Action\"");
}

#[test]
fn rows_are_filtered_by_label_with_lists_and_nulls_in_their_places() {
    let folder = Folder::new();
    let input = file(Compression::ZSTD(ZstdLevel::default()), 2);
    classify(&folder, &input, &["--only", "User Action"]).ended(0);
    let (all, _) = rows(&input, 10);
    let (kept, labels) = rows(&folder.read("out.parquet"), 10);
    assert_eq!(kept, [&all[0], &all[3], &all[4], &all[7]].map(Clone::clone));
    assert_eq!(labels, ["User Action"; 4]);
    classify(&folder, &input, &["--except", "User Action", "--explain"]).ended(0);
    let (kept, _) = rows(&folder.read("out.parquet"), 10);
    assert_eq!(kept, [&all[1], &all[2], &all[5], &all[6]].map(Clone::clone));
    classify(&folder, &input, &["--only", "Error", "--explain", "--summary", "s.json"]).ended(0);
    assert_eq!(rows(&folder.read("out.parquet"), 10).0.len(), 0);
    let summary: serde_json::Value = serde_json::from_slice(&folder.read("s.json")).unwrap();
    assert_eq!((&summary["rows"], &summary["filtered"]), (&8.into(), &8.into()));
}

#[test]
fn columns_are_named_by_path_and_have_a_type_that_fits() {
    let folder = Folder::new();
    let input = file(Compression::SNAPPY, 1);
    let nested = ["--message-column", "body.text", "--severity-column", "body.level", "--time-column", "at"];
    classify(&folder, &input, &[&nested[..], &["--history", "h"]].concat()).ended(0);
    same_but_for_labels(&input, &folder.read("out.parquet"));
    classify(&folder, &input, &["--time-column", "old"]).ended(0);
    let refused = |arguments: &[&str], parts: &[&str]| {
        classify(&folder, &input, arguments).refused(1, parts);
    };
    refused(&["--message-column", "text"], &["no column \"text\"", "\"body.text\"", "--message-column"]);
    refused(&["--message-column", "id"], &["of type INT64", "expected text", "--message-column"]);
    refused(&["--message-column", "tags.list.element"], &["no column", "--message-column"]);
    refused(&["--severity-column", "price"], &["Decimal", "whole numbers", "--severity-column"]);
    refused(&["--source-column", "host"], &["no column \"host\"", "--no-source"]);
    for (arguments, words) in [
        (&["--follow"][..], "--follow"),
        (&["--csv-safe"], "--csv-safe is for CSV"),
        (&["--no-header"], "--no-header is for CSV"),
        (&["--only-label"], "--only-label is for CSV"),
        (&["--no-end-of-stream"], "Arrow streams"),
    ] {
        folder
            .run([&["in.parquet"], arguments].concat())
            .refused(2, &[words, "in.parquet is a Parquet file"]);
    }
    folder.run(["in.parquet", "-o", "x.csv"]).refused(2, &["x.csv: in.parquet comes back as Parquet"]);
    folder.pipe(["-o", "x.parquet"], b"source,log_message\n").refused(2, &["x.parquet: ", "same kind"]);
}

#[test]
fn no_rows_and_no_row_groups_are_a_file_without_rows() {
    let folder = Folder::new();
    let input = file(Compression::SNAPPY, 0);
    classify(&folder, &input, &["--explain"]).ended(0);
    let output =
        ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(folder.read("out.parquet"))).unwrap();
    assert_eq!((output.num_row_groups(), output.file_metadata().schema().get_fields().len()), (0, 14));
    folder.pipe(["--format", "parquet"], b"").refused(1, &["is empty: expected a Parquet file"]);
}

#[test]
fn a_damaged_file_is_one_line_and_no_output() {
    let folder = Folder::new();
    let input = file(Compression::SNAPPY, 2);
    for end in [2, 4, 8, 100, input.len() / 2, input.len() - 1] {
        folder
            .pipe(["--format", "parquet", "-o", "out.parquet"], &input[..end])
            .refused(1, &["Parquet", "cut off"]);
    }
    let encrypted = [b"PAR1", &input[4..input.len() - 4], b"PARE"].concat();
    classify(&folder, &encrypted, &[]).refused(1, &["encrypted", "decrypt it first"]);
    classify(&folder, b"source,log_message\n", &[]).refused(1, &["is not a Parquet file", "source,l"]);
    // A page of a column that nobody decodes is not copied with its damage, where that shows.
    let (start, _) = metadata(&input).row_group(1).column(10).byte_range();
    let mut broken = input.clone();
    broken[usize::try_from(start).unwrap() + 2] ^= 0xff;
    classify(&folder, &broken, &[]).refused(1, &["in.parquet: ", "row group 2", "copy or write it again"]);
    assert!(!folder.path("out.parquet").exists());
    let mut seed = 1_u64;
    for _ in 0..100 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut broken = input.clone();
        let at = usize::try_from(seed >> 33).unwrap() % broken.len();
        broken[at] ^= 1 << (seed >> 40 & 7);
        let ran = classify(&folder, &broken, &[]);
        assert!(ran.status == Some(0) || ran.status == Some(1), "byte {at}: {:?} {}", ran.status, ran.stderr);
        let lines = usize::from(ran.status == Some(1));
        assert_eq!(ran.stderr.lines().count(), lines, "byte {at}: {}", ran.stderr);
        assert_eq!(folder.path("out.parquet").exists(), lines == 0);
        let _ = std::fs::remove_file(folder.path("out.parquet"));
    }
    let left = |path: &Path| std::fs::read_dir(path).unwrap().count();
    assert_eq!(left(&folder.path("")), 2);
}

#[test]
fn parquet_in_a_compressed_file_is_read_up_to_the_limit() {
    let folder = Folder::new();
    let input = file(Compression::SNAPPY, 1);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, &input).unwrap();
    folder.write("in.parquet.gz", packed.finish().unwrap());
    folder.run(["in.parquet.gz", "-o", "out.parquet"]).ended(0);
    same_but_for_labels(&input, &folder.read("out.parquet"));
    folder
        .run(["in.parquet.gz", "--max-decompressed-bytes", "100"])
        .refused(1, &["in.parquet.gz", "--max-decompressed-bytes"]);
}
