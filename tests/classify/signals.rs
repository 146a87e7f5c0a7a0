//! Signals as a shell sees them.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::{Folder, binary};

/// `shell -c SCRIPT`, in a process group of its own as a terminal has them, with a FIFO that keeps `logclass` reading.
fn shell(folder: &Folder, shell: &str, script: &str) -> Child {
    let fifo = folder.path("in.csv");
    if !fifo.exists() {
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    }
    Command::new(shell)
        .args(["-c", script])
        .env("LOGCLASS", binary())
        .current_dir(folder.path(""))
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until `count` outputs are begun.
fn begun(folder: &Folder, count: usize) {
    while folder.names().iter().filter(|name| name.ends_with(".tmp")).count() < count {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(name: &str, target: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), "--", target]).status().unwrap().success());
}

#[test]
fn ctrl_c_ends_a_loop_of_a_shell() {
    let folder = Folder::new();
    let script = "trap 'exec 3>&-' EXIT; exec 3<>in.csv; printf 'source,log_message\\nApp,user logged in\\n' >&3; \
                  for round in 1 2 3; do \"$LOGCLASS\" classify -q --config rules.toml in.csv -o out.csv; \
                  echo \"status $?\"; done";
    // Only bash decides by how the command ended; other shells end by the signal that they get themselves.
    let name = if Command::new("bash").args(["-c", ":"]).status().is_ok() { "bash" } else { "sh" };
    let child = shell(&folder, name, script);
    begun(&folder, 1);
    signal("INT", &format!("-{}", child.id()));
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.signal(), Some(2), "{}", String::from_utf8_lossy(&ended.stdout));
    assert_eq!(ended.stdout, b"");
    assert_eq!(folder.names(), ["in.csv", "rules.toml"]);
}

#[test]
fn a_shell_sees_the_usual_status_of_a_signal() {
    let folder = Folder::new();
    let script = "exec 3<>in.csv; printf 'source,log_message\\nApp,user logged in\\n' >&3; \
                  \"$LOGCLASS\" classify -q --config rules.toml in.csv -o out.csv; echo $?";
    let mut child = shell(&folder, "sh", script);
    begun(&folder, 1);
    let pids = Command::new("pgrep").args(["-P", &child.id().to_string()]).output();
    let Ok(pids) = pids else {
        println!("left out: there is no pgrep here");
        signal("KILL", &format!("-{}", child.id()));
        child.wait().unwrap();
        return;
    };
    signal("TERM", String::from_utf8(pids.stdout).unwrap().trim());
    assert_eq!(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap(), "143\n");
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_ignored_at_the_start_stays_ignored() {
    for (ignored, ending) in [("HUP", 15), ("INT", 15), ("TERM", 2)] {
        let folder = Folder::new();
        let script = format!(
            "trap '' {ignored}; exec 3<>in.csv; printf 'source,log_message\\nApp,user logged in\\n' >&3; \
             exec \"$LOGCLASS\" classify -q --config rules.toml in.csv -o out.csv"
        );
        let mut child = shell(&folder, "sh", &script);
        begun(&folder, 1);
        signal(ignored, &child.id().to_string());
        std::thread::sleep(Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none(), "it ended by {ignored}");
        signal(&ending.to_string(), &child.id().to_string());
        assert_eq!(child.wait().unwrap().signal(), Some(ending));
        assert_eq!(folder.names(), ["in.csv", "rules.toml"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn nohup_outlives_the_terminal() {
    let folder = Folder::new();
    let script = "exec 3<>in.csv; printf 'source,log_message\\nApp,user logged in\\n' >&3; \
                  exec nohup \"$LOGCLASS\" classify -q --config rules.toml in.csv -o out.csv";
    let mut child = shell(&folder, "sh", script);
    begun(&folder, 1);
    signal("HUP", &format!("-{}", child.id()));
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    signal("TERM", &child.id().to_string());
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}
