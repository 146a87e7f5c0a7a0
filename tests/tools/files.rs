//! What is written where: never over what is read, and in the format that its name stands for.

use super::*;
use std::io::Read as _;

const ROWS: &str = "source,log_message,target_label\nA,disk full on a,Error\nA,disk failed,Error\nA,user in,Action\nA,user out,Action\n";

#[test]
fn no_command_writes_over_what_it_reads() {
    let desk = Desk::new();
    desk.file("a.csv", ROWS).file("c.toml", "[[rule]]\nlabel = \"X\"\npattern = \"disk\"\n").file(
        "pack.toml",
        "[pack]\nname = \"mine\"\n\n[[rule]]\nname = \"r\"\nlabel = \"X\"\npattern = \"disk\"\n",
    );
    desk.says(&["train", "-qo", "m.st", "a.csv"]);
    std::fs::create_dir(desk.path().join("folder")).unwrap();
    std::fs::copy(desk.path().join("a.csv"), desk.path().join("folder/b.csv")).unwrap();
    std::fs::hard_link(desk.path().join("a.csv"), desk.path().join("hard.csv")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("a.csv", desk.path().join("soft.csv")).unwrap();
    #[cfg(not(unix))]
    std::fs::hard_link(desk.path().join("a.csv"), desk.path().join("soft.csv")).unwrap();
    let cases: &[&[&str]] = &[
        &["train", "a.csv", "-o", "soft.csv"],
        &["train", "folder", "-o", "folder/b.csv"],
        &["train", "a.csv", "--config", "c.toml", "-o", "c.toml"],
        &["eval", "a.csv", "--json", "hard.csv"],
        &["eval", "a.csv", "--plot", "./a.csv"],
        &["eval", "a.csv", "--model", "m.st", "--json", "m.st"],
        &["eval", "a.csv", "--json", "new", "--plot", "./new"],
        &["suggest", "a.csv", "-o", "a.csv"],
        &["suggest", "a.csv", "--rules", "pack.toml", "-o", "pack.toml"],
        &["embed", "a.csv", "-o", "soft.csv"],
        &["classify", "a.csv", "--overwrite", "--model", "m.st", "-o", "m.st"],
        &["classify", "a.csv", "--overwrite", "--config", "c.toml", "--summary", "c.toml"],
        &["classify", "a.csv", "--overwrite", "--rules", "pack.toml", "-o", "./pack.toml"],
    ];
    let names = ["a.csv", "m.st", "c.toml", "pack.toml", "folder/b.csv"];
    let before = names.map(|name| desk.read(name));
    for case in cases {
        let (status, said) = desk.fails(case);
        assert!(status == 2, "{case:?}: {said}");
        assert!(said.contains(", too: write to another file") || said.contains("two outputs"), "{said}");
    }
    assert_eq!(names.map(|name| desk.read(name)), before);
}

#[test]
fn embed_writes_what_the_outputs_name_stands_for() {
    let desk = Desk::new();
    desk.file("a.csv", ROWS);
    let starts = [
        ("v.csv", "v0,v1,"),
        ("v.CSV", "v0,v1,"),
        ("v.csv.gz", "v0,v1,"),
        ("v.npy", "\u{93}NUMPY"),
        ("v.npy.gz", "\u{93}NUMPY"),
        ("v.ndjson.gz", "["),
        ("v.jsonl", "["),
    ];
    for (name, start) in starts {
        let output = desk.run(&["embed", "-q", "a.csv", "-o", name]);
        assert!(output.status.success() && output.stderr.is_empty(), "{name}");
        let mut bytes = desk.read(name);
        if std::path::Path::new(name).extension().is_some_and(|extension| extension == "gz") {
            let packed = std::mem::take(&mut bytes);
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
        }
        let start: Vec<u8> = start.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        assert!(bytes.starts_with(&start), "{name}");
    }
    desk.says(&["embed", "-q", "a.csv", "-o", "v.csv.zst"]);
    assert!(desk.read("v.csv.zst").starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
    let output = desk.run(&["embed", "-q", "a.csv", "-o", "v.parquet"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("v.parquet: is written as NDJSON"));
}
