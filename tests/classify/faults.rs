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
    for (signal, status) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
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
        assert_eq!(child.wait().unwrap().code(), Some(status));
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
        // Spread over the run and a little beyond, out of step with it.
        std::thread::sleep(whole.mul_f64(f64::from(kill * 37 % kills) / f64::from(kills) * 1.1));
        let _ = child.kill();
        child.wait().unwrap();
        replaced += u32::from(old_or_new(&folder, &new));
    }
    println!("{kills} kills in runs of {whole:?}: {replaced} found the new output, the others the old one");
}

/// Makes the `count`th call of `call` fail with `error`; whether it came to that is told by the trace.
fn injected(folder: &Folder, call: &str, error: &str, count: usize) -> Option<(Option<i32>, String)> {
    let trace = folder.path("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(&trace);
    command.args(["-e", &format!("trace={call}"), "-e"]);
    command.arg(format!("inject={call}:error={error}:when={count}"));
    command.arg(binary()).args(["classify", "--config", "rules.toml", "--quiet", "in.csv", "-o", "out.csv"]);
    command.args(["--threads", "1", "--no-llm"]).current_dir(folder.path("."));
    let ran = run(&mut command, b"");
    let traced = String::from_utf8_lossy(&folder.read("trace")).into_owned();
    std::fs::remove_file(trace).unwrap();
    let injected = traced.lines().find(|line| line.contains("(INJECTED)"))?;
    Some((ran.status, injected.to_owned()))
}

#[test]
fn each_failing_write_sync_and_rename_leaves_the_old_output_and_a_status() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: strace is not there to make system calls fail");
        return;
    }
    let folder = Folder::new();
    let lines: Vec<String> = large().lines().take(10_000).map(|line| format!("{line}\n")).collect();
    folder.write("in.csv", lines.concat());
    folder.run(["in.csv", "-o", "out.csv"]).ended(0);
    let new = folder.read("out.csv");
    let mut failed = 0;
    for (call, error) in [
        ("write", "ENOSPC"),
        ("fsync", "EIO"),
        ("rename", "ENOSPC"),
        ("renameat2", "ENOSPC"),
        ("openat", "ENOSPC"),
    ] {
        for count in 1..200 {
            folder.write("out.csv", "old");
            let Some((status, line)) = injected(&folder, call, error, count) else { break };
            failed += 1;
            let replaced = old_or_new(&folder, &new);
            // Some calls are none of ours, or may fail: opening what tells about the machine, waking a thread,
            // making the rename durable. Then all is done. Otherwise nothing is.
            assert_eq!(replaced, status == Some(0), "{status:?} after {line}");
            let ours = [".logclass-", "in.csv", "rules.toml"].iter().any(|name| line.contains(name));
            let data = call == "write" && line.contains("user ");
            assert!(
                !(ours || data || call == "rename") || status == Some(1) || status == Some(2),
                "{status:?} after {line}"
            );
            let left: Vec<String> =
                folder.names().into_iter().filter(|name| name.ends_with(".tmp")).collect();
            assert_eq!(left, [""; 0], "{line}");
        }
    }
    println!("{failed} system calls failed in turn");
    assert!(failed > 10);
}
