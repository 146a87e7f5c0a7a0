//! Outputs beside the rows, and files that are replaced.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Command;

use crate::harness::{Folder, SMALL, binary, run};

/// Good rows and bad ones, more than a pipe holds.
fn bad() -> String {
    let mut csv = String::from("source,log_message\n");
    for row in 0..20_000 {
        csv.push_str(&format!("App,user {row} logged in\nx,y,z,{row}\n"));
    }
    csv
}

#[test]
fn rejects_whose_reader_goes_are_a_failure_wherever_they_go() {
    let folder = Folder::new();
    folder.write("in.csv", bad());
    assert!(Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap().success());
    let classify =
        "\"$LOGCLASS\" classify -q --config rules.toml in.csv -o out.csv --on-bad-row skip --rejects";
    for script in [
        format!("{classify} - | head -n 1 > /dev/null; exit ${{PIPESTATUS[0]}}"),
        format!("{classify} /dev/stdout | head -n 1 > /dev/null; exit ${{PIPESTATUS[0]}}"),
        format!("head -n 1 fifo > /dev/null & {classify} fifo"),
        format!("{classify} >(head -n 1 > /dev/null)"),
    ] {
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).env("LOGCLASS", binary()).current_dir(folder.path(""));
        let ran = run(&mut bash, b"").ended(1);
        assert!(ran.stderr.contains("Broken pipe"), "{script}: {}", ran.stderr);
        assert_eq!(folder.names(), ["fifo", "in.csv", "rules.toml"]);
    }
    let script = format!("{classify} >(cat > bad.csv); status=$?; wait $!; exit $status");
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).env("LOGCLASS", binary()).current_dir(folder.path(""));
    run(&mut bash, b"").ended(3);
    assert_eq!(String::from_utf8(folder.read("bad.csv")).unwrap().lines().count(), 40_001);
}

#[test]
fn the_rejects_of_an_input_that_failed_are_counted() {
    let folder = Folder::new();
    folder.write("a.csv", "source,log_message\nx,y,z\nApp,user logged in\nApp,\"open\n");
    folder.write("b.csv", "source,log_message\nApp,user logged in\nx,y,z\n");
    let arguments =
        ["a.csv", "b.csv", "-o", "out/", "--on-bad-row", "skip", "--rejects", "bad.csv", "--summary", "sum"];
    let ran = folder.run(arguments);
    let summary: serde_json::Value = serde_json::from_slice(&folder.read("sum")).unwrap();
    let listed = csv::Reader::from_reader(&folder.read("bad.csv")[..]).records().count();
    assert_eq!(summary["rejects"], listed, "{summary}");
    let of_inputs =
        summary["inputs"].as_array().unwrap().iter().map(|input| input["rejects"].as_u64().unwrap());
    assert_eq!(of_inputs.sum::<u64>(), listed as u64, "{summary}");
    assert!(ran.stderr.contains(&format!("{listed} records could not be read")), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_written_is_refused_before_an_output_is_replaced() {
    let folder = Folder::new();
    folder.write("in.csv", SMALL);
    folder.write("out.csv", "old");
    for beside in [
        ["--summary", "no/such/folder.json"].as_slice(),
        &["--summary", "sum.xz"],
        &["--summary", "/"],
        &["--on-bad-row", "skip", "--rejects", "no/such/folder.csv"],
        &["--on-bad-row", "skip", "--rejects", "/"],
    ] {
        let arguments = ["in.csv", "-o", "out.csv"].iter().chain(beside);
        let ran = folder.run(arguments);
        assert!(matches!(ran.status, Some(1 | 2)), "{beside:?}: {:?} {}", ran.status, ran.stderr);
        assert_eq!(folder.read("out.csv"), b"old", "{beside:?}");
        assert_eq!(folder.names(), ["in.csv", "out.csv", "rules.toml"]);
    }
}

#[test]
fn a_replaced_file_keeps_its_mode_and_where_possible_its_owner() {
    let folder = Folder::new();
    folder.write("in.csv", SMALL);
    let out = folder.write("out.csv", "old");
    // Only root may give a file away; everybody else keeps what is theirs.
    let given = chown(&out, Some(12_345), Some(23_456)).is_ok();
    let before = std::fs::metadata(&out).unwrap();
    for mode in [0o640, 0o606, 0o2664, 0o444] {
        std::fs::set_permissions(&out, PermissionsExt::from_mode(mode)).unwrap();
        folder.run(["in.csv", "-o", "out.csv"]).ended(0);
        let after = std::fs::metadata(&out).unwrap();
        assert_eq!(after.mode() & 0o7777, mode, "{:o}", after.mode());
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()), "given: {given}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_a_mount_is_written_in_place_and_that_is_told() {
    let folder = Folder::new();
    folder.write("in.csv", SMALL);
    folder.write("mounted.csv", "old, and longer than what it becomes".repeat(100));
    folder.write("out.csv", "");
    let script = "mount --bind mounted.csv out.csv || exit 77; \
                  \"$LOGCLASS\" classify -q --config rules.toml in.csv -o out.csv";
    let mut bash = Command::new("unshare");
    bash.args(["-m", "sh", "-c", script]).env("LOGCLASS", binary()).current_dir(folder.path(""));
    let possible =
        Command::new("unshare").args(["-m", "true"]).output().is_ok_and(|ran| ran.status.success());
    let ran = possible.then(|| run(&mut bash, b"")).filter(|ran| ran.status != Some(77));
    let Some(ran) = ran else {
        println!("left out: mounts are not permitted here");
        return;
    };
    assert!(ran.stderr.contains("written in place"), "{}", ran.stderr);
    ran.ended(0);
    let expected = folder.run(["in.csv"]).ended(0).stdout;
    assert!(folder.read("mounted.csv") == expected);
    assert_eq!(folder.names(), ["in.csv", "mounted.csv", "out.csv", "rules.toml"]);
}
