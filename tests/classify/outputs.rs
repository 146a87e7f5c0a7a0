//! Where the output goes: files, links, devices and pipes.

use std::io::Read;
use std::process::Stdio;

use crate::harness::{Folder, SMALL, run};

#[test]
fn writing_onto_the_input_is_refused_whatever_its_name() {
    let folder = Folder::new();
    let input = folder.write("in.csv", SMALL);
    std::fs::hard_link(&input, folder.path("hard.csv")).unwrap();
    std::os::unix::fs::symlink(&input, folder.path("soft.csv")).unwrap();
    for output in ["in.csv", "./in.csv", "hard.csv", "soft.csv"] {
        folder.run(["in.csv", "-o", output]).refused(2, &["is the input, too"]);
    }
    assert_eq!(folder.read("in.csv"), SMALL.as_bytes());
}

#[test]
fn a_link_to_the_output_is_followed_and_permissions_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let real = folder.write("real.csv", "old");
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real.csv", folder.path("link.csv")).unwrap();
    folder.pipe(["-o", "link.csv"], SMALL.as_bytes()).ended(0);
    assert!(std::fs::symlink_metadata(folder.path("link.csv")).unwrap().is_symlink());
    assert!(folder.read("real.csv").starts_with(b"source,"));
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_full_device_is_an_error() {
    let folder = Folder::new();
    folder.pipe(["-o", "/dev/full"], SMALL.as_bytes()).refused(1, &["/dev/full", "No space left"]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    folder.write("in.csv", SMALL);
    let status = folder.command(["in.csv"]).stdout(full).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_folder_that_is_not_there_is_an_error_and_leaves_nothing() {
    let folder = Folder::new();
    folder.pipe(["-o", "no/such/out.csv"], SMALL.as_bytes()).refused(1, &["no/such/out.csv"]);
    assert_eq!(folder.names(), ["rules.toml"]);
}

#[test]
fn a_failed_run_leaves_the_old_output_and_no_other_file() {
    let folder = Folder::new();
    folder.write("out.csv", "old");
    let mut csv = SMALL.to_owned().into_bytes();
    csv.extend_from_slice(b"a,b,c,d,e\n");
    folder.pipe(["-o", "out.csv"], &csv).ended(1);
    assert_eq!(folder.read("out.csv"), b"old");
    assert_eq!(folder.names(), ["out.csv", "rules.toml"]);
}

#[test]
fn a_closed_pipe_is_a_quiet_success() {
    let folder = Folder::new();
    let mut csv = String::from("source,log_message\n");
    for row in 0..200_000 {
        csv.push_str(&format!("App,user {row} logged in\n"));
    }
    folder.write("in.csv", csv);
    let mut child = folder.command(["in.csv"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap(); // and drop it
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn named_pipes_serve_both_ends() {
    let folder = Folder::new();
    folder.write("in.csv", SMALL);
    let expected = folder.run(["in.csv"]).ended(0).stdout;
    let script = r#"mkfifo to from && (cat in.csv > to &) && (cat from > out.csv; echo done > flag) &
        sleep 0.2; "$0" classify --config rules.toml --quiet to -o from; while [ ! -e flag ]; do sleep 0.05; done"#;
    let mut command = std::process::Command::new("bash");
    command.arg("-c").arg(script).arg(crate::harness::binary()).current_dir(folder.path("."));
    run(&mut command, b"").ended(0);
    assert_eq!(folder.read("out.csv"), expected);
}

#[test]
fn process_substitution_and_dev_stdout_work() {
    let folder = Folder::new();
    folder.write("in.csv", SMALL);
    let expected = folder.run(["in.csv"]).ended(0).stdout;
    let script = r#""$0" classify --config rules.toml --quiet <(cat in.csv) -o /dev/stdout"#;
    let mut command = std::process::Command::new("bash");
    command.arg("-c").arg(script).arg(crate::harness::binary()).current_dir(folder.path("."));
    assert_eq!(run(&mut command, b"").ended(0).stdout, expected);
}

#[test]
fn two_outputs_into_one_file_are_refused_whatever_its_names() {
    let folder = Folder::new();
    std::os::unix::fs::symlink("new.csv", folder.path("link.csv")).unwrap();
    for other in ["./new.csv", "link.csv", "../new.csv"] {
        let other = if other.starts_with("..") {
            format!("../{}/new.csv", folder.path(".").canonicalize().unwrap().file_name().unwrap().display())
        } else {
            other.to_owned()
        };
        let skip = ["-o", "new.csv", "--on-bad-row", "skip", "--rejects", &other];
        folder.pipe(skip, SMALL.as_bytes()).refused(2, &["two outputs cannot be written to one file"]);
        folder.pipe(["-o", "new.csv", "--summary", &other], SMALL.as_bytes()).refused(2, &["two outputs"]);
    }
    assert!(!folder.path("new.csv").exists());
}

#[test]
fn a_link_to_nothing_yet_stays_and_leads_to_the_output() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("data")).unwrap();
    std::os::unix::fs::symlink("data/later.csv", folder.path("link.csv")).unwrap();
    folder.pipe(["-o", "link.csv"], SMALL.as_bytes()).ended(0);
    assert!(std::fs::symlink_metadata(folder.path("link.csv")).unwrap().is_symlink());
    assert!(folder.read("data/later.csv").starts_with(b"source,"));
    std::os::unix::fs::symlink("loop.csv", folder.path("loop.csv")).unwrap();
    folder.run(["loop.csv"]).refused(1, &["loop.csv"]);
}

#[test]
fn a_log_on_standard_error_is_added_to_and_not_replaced() {
    let folder = Folder::new();
    folder.write("in.csv", SMALL);
    let log = folder.write("log", "before\n");
    let log = std::fs::File::options().append(true).open(log).unwrap();
    let status =
        folder.command(["in.csv", "-o", "out.csv", "--summary", "/dev/stderr"]).stderr(log).status().unwrap();
    assert!(status.success());
    let log = String::from_utf8(folder.read("log")).unwrap();
    assert!(log.starts_with("before\n{") && log.contains("\"rows\": 3"), "{log}");
}

#[test]
fn the_version_onto_a_full_device_is_an_error_without_a_panic() {
    let folder = Folder::new();
    for command in ["--version", "man"] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ended = folder.logclass([command]).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{told}");
        assert!(told.starts_with("logclass: standard output: No space left"), "{told}");
    }
}

#[test]
fn rejects_that_cannot_be_kept_keep_the_old_output() {
    let folder = Folder::new();
    folder.write("out.csv", "old");
    let csv = b"source,log_message\nlonely\n";
    let arguments = ["-o", "out.csv", "--on-bad-row", "skip", "--rejects", "/dev/full"];
    folder.pipe(arguments, csv).refused(1, &["/dev/full"]);
    assert_eq!(folder.read("out.csv"), b"old");
    assert_eq!(folder.names(), ["out.csv", "rules.toml"]);
}

#[test]
fn two_runs_onto_one_output_leave_that_of_one() {
    let folder = Folder::new();
    let csv =
        |word: &str| format!("source,log_message\n{}", format!("App,{word} logged in\n").repeat(40_000));
    for name in ["one", "two"] {
        folder.write(name, csv(name));
        folder.run([name, "-o", &format!("{name}.csv")]).ended(0);
    }
    let runs = ["one", "two"].map(|name| folder.command([name, "-o", "out.csv"]).spawn().unwrap());
    for mut run in runs {
        assert!(run.wait().unwrap().success());
    }
    let found = folder.read("out.csv");
    assert!(found == folder.read("one.csv") || found == folder.read("two.csv"));
    assert!(!folder.names().iter().any(|name| name.ends_with(".tmp")), "{:?}", folder.names());
}

#[test]
#[cfg(target_os = "linux")] // others refuse such names
fn names_with_line_ends_or_without_utf8_are_names() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let expected = folder.pipe([""; 0], SMALL.as_bytes()).ended(0).stdout;
    for name in [&b"a\nb.csv"[..], b"x\xff.csv", b" .csv", b"-x.csv"] {
        let name = std::ffi::OsStr::from_bytes(name);
        std::fs::write(folder.path(name), SMALL).unwrap();
        folder.run([std::ffi::OsStr::new("-o"), "out/".as_ref(), "--".as_ref(), name]).ended(0);
        assert_eq!(std::fs::read(folder.path("out").join(name)).unwrap(), expected);
    }
    folder.run(["no\nsuch.csv"]).refused(1, &["no such.csv"]);
}
