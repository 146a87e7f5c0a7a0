//! Environment variables: an empty one is none, and a wrong one is named.

use crate::harness::{Folder, SMALL, run};

#[test]
fn an_empty_variable_counts_as_one_that_is_not_set() {
    let folder = Folder::new();
    folder.write("in.csv", SMALL);
    let variables = [
        "LOGCLASS_CONFIG",
        "LOGCLASS_MODEL",
        "LOGCLASS_LLM_CACHE",
        "LOGCLASS_INSTRUCTIONS",
        "GROQ_API_KEY",
        "NO_COLOR",
        "TERM",
        "TMPDIR",
        "HF_HOME",
        "HF_TOKEN",
        "XDG_CACHE_HOME",
        "HTTPS_PROXY",
    ];
    let mut plain = folder.logclass(["classify", "in.csv", "-q"]);
    for variable in variables {
        plain.env_remove(variable);
    }
    let expected = run(&mut plain, b"").ended(0).stdout;
    for blank in ["", " "] {
        for variable in variables {
            let mut command = folder.logclass(["classify", "in.csv", "-q"]);
            let ran = run(command.env(variable, blank), b"").ended(0);
            assert!(ran.stdout == expected && ran.stderr.is_empty(), "{variable}: {}", ran.stderr);
        }
        let mut command = folder.logclass(["classify", "in.csv", "-q"]);
        command.envs(variables.map(|variable| (variable, blank)));
        assert!(run(&mut command, b"").ended(0).stdout == expected);
    }
    assert_eq!(folder.names(), ["in.csv", "rules.toml"]);
}

#[test]
fn a_key_that_is_empty_is_a_key_that_is_missing() {
    let folder = Folder::new();
    folder.write("in.csv", SMALL);
    folder.write(
        "llm.toml",
        "[llm]\nbase_url = \"https://x.invalid/v1\"\nmodel = \"m\"\napi_key_env = \"MY_KEY\"\n",
    );
    for blank in ["", "  "] {
        let mut command = folder.logclass(["classify", "in.csv", "--config", "llm.toml"]);
        run(command.env("MY_KEY", blank), b"").refused(2, &["set the environment variable MY_KEY"]);
    }
}

#[test]
fn a_variable_with_a_wrong_value_is_named() {
    let folder = Folder::new();
    folder.write("in.csv", SMALL);
    let cases = [
        ("LOGCLASS_CONFIG", "nowhere.toml", 2),
        ("LOGCLASS_MODEL", "nowhere.safetensors", 1),
        ("LOGCLASS_INSTRUCTIONS", "sse9", 2),
    ];
    for (variable, value, status) in cases {
        let mut command = folder.logclass(["classify", "in.csv", "-q", "-o", "out.csv"]);
        run(command.env(variable, value), b"")
            .refused(status, &[&format!("environment variable {variable}"), value]);
    }
    // A flag comes before its variable, which then is to blame for nothing.
    let mut command = folder.logclass(["classify", "in.csv", "--config", "other.toml"]);
    let ran = run(command.env("LOGCLASS_CONFIG", "nowhere.toml"), b"").refused(2, &["other.toml"]);
    assert!(!ran.stderr.contains("LOGCLASS_CONFIG"), "{}", ran.stderr);
}

#[cfg(feature = "candle")]
#[test]
fn instructions_of_the_native_kernels_are_no_matter_where_candle_computes() {
    let folder = Folder::new();
    folder.write("in.csv", SMALL);
    let mut command = folder.logclass(["classify", "in.csv", "-q", "--backend", "candle"]);
    run(command.env("LOGCLASS_INSTRUCTIONS", "sse9"), b"").ended(0);
}
