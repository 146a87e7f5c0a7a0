//! Faults: signals at any moment, and each system call that writes failing in turn.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::{Folder, binary, run};

/// Enough rows for a run to be caught in the middle of.
fn large() -> String {
    let mut csv = String::from("source,log_message\n");
    for row in 0..60_000 {
        csv.push_str(&format!("App,user {row} logged in and then out of the system again\n"));
    }
    csv
}

/// No output file but `out.csv`, and that one is whole.
#[track_caller]
fn old_or_new(folder: &Folder, new: &[u8]) -> bool {
    let found = folder.read("out.csv");
    assert!(found == b"old" || found == new, "neither the old nor the new output: {} bytes", found.len());
    found != b"old"
}

#[test]
fn a_run_that_is_told_to_end_leaves_the_old_output_and_no_other_file() {
    let folder = Folder::new();
    folder.write("out.csv", "old");
    for (signal, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        // The input never ends, so the run is in the middle whenever the signal comes.
        let mut child = folder
            .command(["-", "-o", "out.csv", "--on-bad-row", "skip", "--rejects", "bad.csv"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, b"source,log_message\nApp,user logged in\n").unwrap();
        while folder.names().iter().filter(|name| name.ends_with(".tmp")).count() < 2 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let killed = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(killed.unwrap().success());
        // A shell makes 128 and the number of that.
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap()), Some(number));
        drop(stdin);
        assert_eq!(folder.names(), ["out.csv", "rules.toml"]);
        assert_eq!(folder.read("out.csv"), b"old");
    }
}

#[test]
fn a_kill_at_any_moment_leaves_the_old_or_the_new_output() {
    let folder = Folder::new();
    folder.write("in.csv", large());
    let start = std::time::Instant::now();
    folder.run(["in.csv", "-o", "out.csv"]).ended(0);
    let whole = start.elapsed();
    let new = folder.read("out.csv");
    let (mut replaced, kills) = (0, 100);
    for kill in 0..kills {
        folder.write("out.csv", "old");
        let mut child = folder.command(["in.csv", "-o", "out.csv"]).spawn().unwrap();
        // Spread over the run and beyond, since it takes longer on a busy machine; out of step with it.
        std::thread::sleep(whole.mul_f64(f64::from(kill * 37 % kills) / f64::from(kills) * 1.6));
        let _ = child.kill();
        child.wait().unwrap();
        replaced += u32::from(old_or_new(&folder, &new));
    }
    println!("{kills} kills in runs of {whole:?}: {replaced} found the new output, the others the old one");
}

/// A run whose calls fail in turn: its arguments, and the outputs that are there before it.
struct Scenario {
    arguments: &'static [&'static str],
    outputs: &'static [&'static str],
}

/// A CSV whose header the main thread writes, with rejects; and objects, which the writing thread begins with. strace
/// counts for each thread, so that one of the two has each first call.
const SCENARIOS: [Scenario; 2] = [
    Scenario {
        arguments: &["in.csv", "-o", "out.csv", "--on-bad-row", "skip", "--rejects", "bad.csv"],
        outputs: &["out.csv", "bad.csv"],
    },
    Scenario { arguments: &["in.ndjson", "-o", "out.ndjson", "--no-source"], outputs: &["out.ndjson"] },
];

/// Calls, and how they fail.
const CALLS: [(&str, &str); 5] = [
    ("write", "ENOSPC"),
    ("fsync,fdatasync", "EIO"),
    ("rename,renameat,renameat2", "ENOSPC"),
    ("openat", "ENOSPC"),
    ("read", "EIO"),
];

/// Makes the `count`th call of each thread fail; the calls that were hit, with the files they were about.
fn injected(
    folder: &Folder,
    scenario: &Scenario,
    (calls, error): (&str, &str),
    count: usize,
) -> (Option<i32>, Vec<String>) {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "--seccomp-bpf", "-s", "16", "-o", "trace"]);
    command.args(["-e", &format!("trace={calls}"), "-e"]);
    command.arg(format!("inject={calls}:error={error}:when={count}"));
    command.arg(binary()).args([
        "classify",
        "--config",
        "rules.toml",
        "--quiet",
        "--no-llm",
        "--threads",
        "1",
    ]);
    command.args(scenario.arguments).current_dir(folder.path("."));
    let ran = run(&mut command, b"");
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    let trace = String::from_utf8_lossy(&folder.read("trace")).into_owned();
    let lines: Vec<&str> = trace.lines().collect();
    let hit = |(at, line): (usize, &&str)| {
        if !line.contains("(INJECTED)") {
            return None;
        }
        // A call that another thread came between is told in two parts, the first with its arguments.
        let thread = line.split(' ').next()?;
        let begun = lines[..at]
            .iter()
            .rev()
            .find(|line| line.starts_with(thread))
            .filter(|_| line.contains("resumed>"));
        Some(format!("{} {line}", begun.unwrap_or(&"")))
    };
    (ran.status, lines.iter().enumerate().filter_map(hit).collect())
}

/// Whether a failed call is one that the run cannot do without.
fn matters(call: &str) -> bool {
    let ours = [".logclass-", "/in.csv", "/in.ndjson", "\"in.csv\"", "\"in.ndjson\"", "rules.toml"];
    ours.iter().any(|name| call.contains(name)) || call.contains(" rename")
}

#[test]
fn each_failing_write_sync_rename_open_and_read_leaves_the_old_output_and_a_status() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: strace is not there to make system calls fail");
        return;
    }
    let folder = Folder::new();
    let (mut csv, mut ndjson) = (String::from("source,log_message\n"), String::new());
    for row in 0..30_000 {
        let filler = "and then out of the system again as it does each day".repeat(1 + row % 2);
        csv.push_str(&format!("App,user {row} logged in {filler}\n"));
        ndjson.push_str(&format!("{{\"log_message\":\"user {row} logged in {filler}\"}}\n"));
        if row % 9_000 == 5 {
            csv.push_str("lonely\n");
        }
    }
    folder.write("in.csv", csv);
    folder.write("in.ndjson", ndjson);
    for (index, scenario) in SCENARIOS.iter().enumerate() {
        let whole = folder.run(scenario.arguments).status;
        let new: Vec<Vec<u8>> = scenario.outputs.iter().map(|name| folder.read(name)).collect();
        for (calls, error) in CALLS {
            if calls == "read" && index > 0 {
                continue; // both are read in the same way
            }
            let (mut hits, mut mattered) = (0, 0);
            for count in 1.. {
                for name in scenario.outputs {
                    folder.write(name, "old");
                }
                let (status, failed) = injected(&folder, scenario, (calls, error), count);
                if failed.is_empty() {
                    break;
                }
                hits += failed.len();
                let found: Vec<Vec<u8>> = scenario.outputs.iter().map(|name| folder.read(name)).collect();
                for (found, new) in found.iter().zip(&new) {
                    assert!(found == b"old" || found == new, "{} bytes after {failed:?}", found.len());
                }
                // Some calls are none of ours, or may fail: opening what tells about the machine, waking a thread,
                // making the rename durable. Then all is done. Otherwise the old output is there.
                let done = status == whole;
                assert_eq!(found[0] != b"old", done, "{status:?} after {failed:?}");
                assert!(!done || found == new, "{failed:?}");
                assert_ne!(status, Some(0).filter(|_| !done), "{failed:?}");
                if failed.iter().any(|call| matters(call)) {
                    mattered += 1;
                    assert!(matches!(status, Some(1 | 2)), "{status:?} after {failed:?}");
                }
                let left: Vec<String> =
                    folder.names().into_iter().filter(|name| name.ends_with(".tmp")).collect();
                assert_eq!(left, [""; 0], "{failed:?}");
            }
            println!(
                "{}: {hits} {calls} failed with {error}, {mattered} runs could not do without",
                scenario.outputs[0]
            );
            let least = match calls {
                "write" => 15,
                "openat" | "read" => 3,
                _ => 1,
            };
            assert!(mattered >= least, "{mattered} {calls}");
        }
    }
}
