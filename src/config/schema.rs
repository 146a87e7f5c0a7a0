//! The JSON schemas of the configuration file and of rule packs, for editors: made of the types that read
//! these files, and held against the files in `resources` and against every example in the documentation.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value;
use std::path::{Path, PathBuf};

use super::Config;
use crate::rules::packs::{BUNDLED, Pack, RawFile};

fn in_tree(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn schema<T: JsonSchema>(title: &str) -> Value {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
    // A setting that may be absent is `null` to schemars; TOML has no such value.
    RecursiveTransform(|schema: &mut schemars::Schema| {
        if schema.get("default").is_some_and(Value::is_null) {
            schema.remove("default");
        }
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = &types[..] {
                let only = only.clone();
                schema.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
            choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
            if let [Value::Object(only)] = &choices[..] {
                let only = only.clone();
                schema.remove("anyOf");
                only.into_iter().for_each(|(key, value)| drop(schema.insert(key, value)));
            }
        }
    })
    .transform(&mut schema);
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}

fn of_configuration() -> Value {
    schema::<Config>("logclass.toml, the configuration file of logclass")
}

fn of_packs() -> Value {
    schema::<RawFile>("A rule pack of logclass")
}

/// What is wrong with a value, by the keywords that the schemas use.
fn check(value: &Value, schema: &Value, root: &Value, place: &str) -> Result<(), String> {
    let Value::Object(keywords) = schema else { return Ok(()) };
    let complain = |what: String| Err(format!("{place}: {what}"));
    for (keyword, wanted) in keywords {
        match keyword.as_str() {
            "$ref" => {
                let name = wanted.as_str().unwrap().trim_start_matches('#');
                check(value, root.pointer(name).unwrap(), root, place)?;
            }
            "type" => {
                let is = match wanted.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "number" => value.is_number(),
                    other => panic!("type {other}"),
                };
                if !is {
                    return complain(format!("not of type {wanted}"));
                }
            }
            "enum" if !wanted.as_array().unwrap().contains(value) => {
                return complain("not listed".to_owned());
            }
            "const" if wanted != value => return complain(format!("not {wanted}")),
            "minimum" if value.is_number() && value.as_f64() < wanted.as_f64() => {
                return complain("too small".to_owned());
            }
            "maximum" if value.is_number() && value.as_f64() > wanted.as_f64() => {
                return complain("too large".to_owned());
            }
            // Met, or nothing that a value could fail.
            "enum" | "const" | "minimum" | "maximum" | "$schema" | "title" | "description" | "default"
            | "format" | "definitions" => {}
            "anyOf" | "oneOf" => {
                let mut choices = wanted.as_array().unwrap().iter();
                if !choices.any(|choice| check(value, choice, root, place).is_ok()) {
                    return complain(format!("none of the choices of {keyword}"));
                }
            }
            "allOf" => {
                for part in wanted.as_array().unwrap() {
                    check(value, part, root, place)?;
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(item, wanted, root, &format!("{place}[{index}]"))?;
                }
            }
            "required" => {
                for name in wanted.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        return complain(format!("no {name}"));
                    }
                }
            }
            "properties" => {
                for (name, wanted) in wanted.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        check(member, wanted, root, &format!("{place}.{name}"))?;
                    }
                }
            }
            "additionalProperties" => {
                let known = keywords.get("properties");
                for (name, member) in value.as_object().into_iter().flatten() {
                    if known.and_then(|known| known.get(name)).is_some() {
                        continue;
                    }
                    if wanted == &Value::Bool(false) {
                        return complain(format!("unknown {name}"));
                    }
                    check(member, wanted, root, &format!("{place}.{name}"))?;
                }
            }
            other => panic!("the check does not know the keyword {other}"),
        }
    }
    Ok(())
}

fn fits(text: &str, schema: &Value) -> Result<(), String> {
    let value: Value = toml::from_str(text).map_err(|error| error.to_string())?;
    check(&value, schema, schema, "file")
}

/// The TOML examples of the documentation, each with the file that it is in.
fn examples() -> Vec<(PathBuf, String)> {
    let pages = std::fs::read_dir(in_tree("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for page in pages.chain(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(in_tree)) {
        let text = std::fs::read_to_string(&page).unwrap();
        let blocks = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        found.extend(blocks.map(|block| (page.clone(), block.to_owned())));
    }
    found
}

#[test]
fn the_schemas_in_the_tree_are_those_of_the_types() {
    for (path, schema) in [
        ("resources/logclass.schema.json", of_configuration()),
        ("resources/rule-pack.schema.json", of_packs()),
    ] {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("WRITE_SCHEMAS").is_some() {
            std::fs::write(in_tree(path), &text).unwrap();
        }
        let kept = std::fs::read_to_string(in_tree(path)).unwrap_or_default();
        assert!(
            kept.replace("\r\n", "\n") == text,
            "{path} is out of date: WRITE_SCHEMAS=1 cargo test --lib schema"
        );
    }
}

#[test]
fn every_example_of_the_documentation_is_read_and_fits_its_schema() {
    let examples = examples();
    assert!(examples.len() >= 3, "{examples:?}");
    for (page, text) in examples {
        let is_pack = text.contains("[pack]");
        let read = if is_pack { Pack::parse(&text).map(drop) } else { Config::parse(&text).map(drop) };
        read.unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        let schema = if is_pack { of_packs() } else { of_configuration() };
        fits(&text, &schema).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    }
}

#[test]
fn every_bundled_rule_pack_fits_the_schema_of_packs() {
    let schema = of_packs();
    for pack in BUNDLED {
        fits(pack.text, &schema).unwrap_or_else(|error| panic!("{}: {error}", pack.name));
    }
}

#[test]
fn what_a_configuration_may_not_say_the_schema_refuses_as_well() {
    let schema = of_configuration();
    for (text, what) in [
        ("min_confidense = 0.5", "unknown min_confidense"),
        ("min_confidence = 1.5", "too large"),
        ("min_confidence = \"0.5\"", "not of type"),
        ("[columns]\ntext = \"a\"", "unknown text"),
        ("[[rule]]\nlabel = \"A\"", "no \"pattern\""),
        ("[[rule]]\nlabel = \"A\"\npatern = \"x\"", "patern"),
        ("[[route]]\nsource = \"A\"\nstages = [\"regex\"]", "none of the choices"),
        ("[llm]\nprovider = \"grok\"", "none of the choices"),
        ("[llm]\nmodle = \"m\"", "unknown modle"),
        ("[llm]\nprice_in = -1.0", "too small"),
        ("[labels]\nA = 1", "none of the choices"),
    ] {
        assert!(Config::parse(text).is_err(), "{text}");
        let found = fits(text, &schema).expect_err(text);
        assert!(found.contains(what), "{text}: {found}");
    }
}
