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
