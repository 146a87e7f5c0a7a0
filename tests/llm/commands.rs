//! `logclass llm`.

use super::server::{Reply, Server};
use super::workdir::{Workdir, messages};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn check_says_what_works() {
    let server = Server::new(|_, request| match request.format().as_str() {
        "json_schema" => Reply::error(400, "json_schema is not supported", ""),
        _ => Reply::label("User Action"),
    });
    let output = Workdir::new(&server, "").run(&["llm", "check", "--config", "logclass.toml"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for part in [&server.url, "answers   json_object_schema\n", "-> User Action", "2 requests"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn check_says_what_is_wrong_and_which_models_there_are() {
    let server = Server::new(|_, request| {
        if request.head.starts_with("GET /v1/models") {
            Reply::Http(200, Vec::new(), "{\"data\": [{\"id\": \"llama-x\"}]}".to_owned())
        } else {
            Reply::error(404, "model not found", "model_not_found")
        }
    });
    let output = Workdir::new(&server, "").run(&["llm", "check", "--config", "logclass.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("serves    llama-x"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("set another model"), "{}", text(&output.stderr));
    let unset = Workdir::new(&server, "api_key_env = \"NOT_SET_ANYWHERE\"");
    let output = unset.run(&["llm", "check", "--config", "logclass.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("NOT_SET_ANYWHERE"));
}

#[test]
fn the_cache_can_be_looked_into_exported_and_cleared() {
    let server = Server::new(|_, request| {
        Reply::label(if request.message().contains(" g ") { "Unclassified" } else { "Workflow Error" })
    });
    let workdir = Workdir::new(&server, "");
    assert_eq!(workdir.classify(&messages(12), &[]).status, 0);
    let info = text(&workdir.run(&["llm", "cache", "info"]).stdout);
    assert!(info.contains("answers   12\n"), "{info}");
    let exported = text(&workdir.run(&["llm", "export"]).stdout);
    let mut reader = csv::Reader::from_reader(exported.as_bytes());
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 11, "{exported}");
    assert!(rows.iter().all(|row| &row[2] == "Workflow Error" && row[1].starts_with("case ")));
    assert_eq!(text(&workdir.run(&["llm", "export", "--unclassified"]).stdout).lines().count(), 13);
    assert_eq!(text(&workdir.run(&["llm", "export", "--llm-model", "x"]).stdout).lines().count(), 1);
    assert!(text(&workdir.run(&["llm", "cache", "clear"]).stdout).ends_with("removed\n"));
    assert!(text(&workdir.run(&["llm", "cache", "info"]).stdout).contains("answers   0\n"));
    workdir.classify(&messages(12), &[]);
    assert_eq!(server.count(), 24);
}

#[test]
fn an_export_is_something_to_train_with() {
    let server = Server::new(|_, request| {
        let message = request.message();
        Reply::label(match message.len() {
            _ if message.contains("escalated") => "Workflow Error",
            12.. => "Unclassified",
            _ => "User Action",
        })
    });
    let workdir = Workdir::new(&server, "");
    let mut lines = messages(8);
    lines.extend(["signed in", "signed out", "a page", "help", "nothing to see here"].map(str::to_owned));
    workdir.classify(&lines, &[]);
    assert_eq!(
        workdir.run(&["llm", "export", "--unclassified", "-o", "labelled.csv"]).status.code(),
        Some(0)
    );
    let output = workdir.run(&["train", "labelled.csv", "-o", "model.safetensors", "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
