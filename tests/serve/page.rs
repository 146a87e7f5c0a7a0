//! The page, driven in headless Chromium through ChromeDriver (Debian: `chromium`, `chromium-driver`). Where those
//! are not installed the test says so and ends. With `LOGCLASS_SCREENSHOTS=DIR` it leaves pictures there.

use crate::harness::{Server, rows, sample, sample_rows};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

/// A browser; ended with the test.
struct Browser {
    driver: Child,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    fn start() -> Option<Self> {
        let started =
            Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut driver) = started else {
            println!("skipped: chromedriver is not installed (Debian: chromium, chromium-driver)");
            return None;
        };
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port: u16 = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse().ok())
            .expect("ChromeDriver says its port");
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::tempdir().unwrap();
        let data = format!("--user-data-dir={}", profile.path().display());
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1280,900",
            &data,
        ];
        let options = json!({"args": flags, "prefs": {"download.default_directory": profile.path()}});
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}});
        let base = format!("http://127.0.0.1:{port}/session");
        let answer = ask("POST", &base, Some(&wanted));
        let session =
            format!("{base}/{}", answer["sessionId"].as_str().unwrap_or_else(|| panic!("{answer}")));
        Some(Self { driver, session, _profile: profile })
    }

    fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        ask("POST", &format!("{}/execute/sync", self.session), Some(&body))
    }

    /// Waits until the expression is true.
    fn until(&self, expression: &str) {
        let begun = Instant::now();
        while self.run(&format!("return !!({expression})")) != true {
            let text = || self.run("return document.body.innerText");
            assert!(begun.elapsed() < Duration::from_secs(30), "{expression}: {}", text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn open(&self, url: &str) {
        ask("POST", &format!("{}/url", self.session), Some(&json!({"url": url})));
    }

    fn element(&self, id: &str) -> String {
        let body = json!({"using": "css selector", "value": format!("#{id}")});
        let answer = ask("POST", &format!("{}/element", self.session), Some(&body));
        let number = answer.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        format!("{}/element/{number}", self.session)
    }

    fn click(&self, id: &str) {
        let answer = ask("POST", &format!("{}/click", self.element(id)), Some(&json!({})));
        assert!(answer.is_null(), "{answer}");
    }

    fn type_into(&self, id: &str, text: &str) {
        let answer = ask("POST", &format!("{}/value", self.element(id)), Some(&json!({"text": text})));
        assert!(answer.is_null(), "{answer}");
    }

    /// Presses a key, wherever the focus is.
    fn press(&self, key: char) {
        let strokes = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        let body = json!({"actions": [{"type": "key", "id": "keys", "actions": strokes}]});
        ask("POST", &format!("{}/actions", self.session), Some(&body));
    }

    /// Presses Tab until the focus is on this element.
    fn tab_to(&self, selector: &str) {
        for _ in 0..20 {
            self.press(TAB);
            if self.run(&format!("return document.activeElement.matches('{selector}')")) == true {
                return;
            }
        }
        panic!("no way to {selector}, focus is at {}", self.run("return document.activeElement.outerHTML"));
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        ask("POST", &format!("{}/goog/cdp/execute", self.session), Some(&body))
    }

    /// The whole page as a picture, when pictures are wanted.
    fn picture(&self, name: &str, width: u32, scheme: &str) {
        let Some(folder) = std::env::var_os("LOGCLASS_SCREENSHOTS") else { return };
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", &scheme);
        let mut metrics =
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let height = self.run("return document.documentElement.scrollHeight").as_u64().unwrap();
        metrics["height"] = height.clamp(300, 2200).into();
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        std::thread::sleep(Duration::from_millis(300));
        let picture = self.devtools("Page.captureScreenshot", &json!({"format": "png"}));
        std::fs::write(Path::new(&folder).join(name), decode(picture["data"].as_str().unwrap())).unwrap();
        self.devtools("Emulation.clearDeviceMetricsOverride", &json!({}));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        ask("DELETE", &self.session, None);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn ask(method: &str, url: &str, body: Option<&Value>) -> Value {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let answer = match (method, body) {
        ("DELETE", _) => agent.delete(url).call(),
        (_, Some(body)) => agent.post(url).header("content-type", "application/json").send(body.to_string()),
        _ => agent.get(url).call(),
    };
    let text = answer.unwrap().body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["value"].take()
}

/// Base64 to bytes.
fn decode(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(|&letter| letter != b'=') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    bytes
}

fn write(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn the_page_takes_a_file_from_choice_to_download() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    browser.open(&format!("http://{}/", server.address));
    browser.until("document.querySelector('#health').dataset.state === 'ok'");

    // Bad files are refused before anything is sent, with the reason.
    let cases: [(&str, &[u8], &str); 4] = [
        (
            "columns.csv",
            b"time,text\n1,User 1 logged out\n",
            "There is no column \u{201c}log_message\u{201d}",
        ),
        ("empty.csv", b"", "The file is empty"),
        ("sheet.csv", b"PK\x03\x04", "spreadsheet"),
        ("ragged.csv", b"source,log_message\na,b,c\n", "Row 1 has 3 fields"),
    ];
    for (name, bytes, reason) in cases {
        browser.type_into("file", write(&folder, name, bytes).to_str().unwrap());
        browser.until(&format!("document.querySelector('#file-alert').innerText.includes('{reason}')"));
        browser
            .until("document.querySelector('#start').disabled || document.querySelector('#chosen').hidden");
    }
    // A bad file's columns can be named instead.
    browser.type_into("file", folder.path().join("columns.csv").to_str().unwrap());
    browser.until("!document.querySelector('#chosen').hidden");
    browser.run("const s = document.querySelector('#message-column'); s.value = 'text'; s.dispatchEvent(new Event('change'))");
    browser.until("!document.querySelector('#start').disabled");

    // Neither compression nor UTF-16 keeps a file from being looked at.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&rows(50)).unwrap();
    let wide: Vec<u8> = "\u{feff}source;log_message\na;User 1 logged out\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (name, bytes) in [("rows.csv.gz", packed.finish().unwrap()), ("wide.csv", wide)] {
        browser.type_into("file", write(&folder, name, &bytes).to_str().unwrap());
        browser.until(&format!("document.querySelector('#drop-main').innerText === '{name}' && !document.querySelector('#start').disabled && document.querySelector('#preview').innerText.includes('logged out')"));
    }

    // A long file can be cancelled.
    browser.type_into("file", write(&folder, "long.csv", &rows(1_500_000)).to_str().unwrap());
    browser.until("document.querySelector('#drop-main').innerText === 'long.csv' && !document.querySelector('#start').disabled");
    browser.click("start");
    browser.until("!document.querySelector('#progress').hidden");
    browser.click("cancel");
    browser.until("document.querySelector('#file-alert').innerText.includes('Cancelled')");

    // A row that is wrong beyond the preview is told by the server.
    let mut wrong = rows(50);
    wrong.extend_from_slice(b"a,b,c\n");
    browser.type_into("file", write(&folder, "<b>wrong.csv", &wrong).to_str().unwrap());
    browser.until("document.querySelector('#drop-main').innerText === '<b>wrong.csv' && !document.querySelector('#start').disabled");
    browser.click("start");
    browser.until("document.querySelector('#file-alert').innerText.includes('line 52')");

    // A good one goes to its result.
    browser.type_into("file", write(&folder, "sample.csv", &sample()).to_str().unwrap());
    browser.until("document.querySelector('#drop-main').innerText === 'sample.csv' && document.querySelectorAll('#preview td').length > 10");
    browser.picture("chosen.png", 1280, "light");
    browser.click("start");
    browser.until("!document.querySelector('#result').hidden");
    assert!(
        browser
            .run("return document.querySelector('#result-summary').innerText")
            .as_str()
            .unwrap()
            .starts_with(&format!("{} rows", sample_rows()))
    );
    browser.type_into("try-message", "Multi-disk failure on array 7: volume is offline");
    browser.run("document.querySelector('#try button').click()");
    browser.until("document.querySelector('#try-result .chip')");
    browser.run("document.activeElement.blur(); window.scrollTo(0, 0)");
    browser.picture("ui.png", 1280, "light");
    browser.picture("dark.png", 1280, "dark");
    browser.picture("narrow.png", 390, "light");

    // Filter by label; the least certain.
    browser.run("document.querySelector('#labels button').click()");
    let label = browser.run("return document.querySelector('#labels button .name').innerText");
    let shown = browser.run(
        "return [...new Set([...document.querySelectorAll('#rows .chip')].map((chip) => chip.innerText))]",
    );
    assert_eq!(shown, json!([label]));
    browser.run("document.querySelector('#labels button').click()");
    browser.click("tab-uncertain");
    browser.until("document.querySelector('#tab-uncertain').getAttribute('aria-pressed') === 'true' && document.querySelectorAll('#rows tbody tr').length > 3");

    // What the button downloads, byte for byte what the server gives.
    let link = browser.run("return document.querySelector('#download').getAttribute('href')");
    let name = browser.run("return document.querySelector('#download').download");
    assert_eq!(name, "sample-labelled.csv");
    browser.click("download");
    let expected = server.get(link.as_str().unwrap()).body;
    assert_eq!(csv::Reader::from_reader(&expected[..]).records().count(), sample_rows());
    let begun = Instant::now();
    let downloads = browser._profile.path();
    loop {
        let found = std::fs::read_dir(downloads)
            .unwrap()
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().ends_with("sample-labelled.csv"));
        if found.is_some_and(|entry| std::fs::read(entry.path()).unwrap() == expected) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the download did not arrive");
        std::thread::sleep(Duration::from_millis(100));
    }

    // Nothing was blocked by the policy, and no script failed.
    let log = ask("POST", &format!("{}/se/log", browser.session), Some(&json!({"type": "browser"})));
    let severe: Vec<&Value> =
        log.as_array().unwrap().iter().filter(|entry| entry["level"] == "SEVERE").collect();
    assert!(severe.is_empty(), "{severe:?}");
}

#[test]
fn the_page_shows_what_the_report_does() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    browser.open(&format!("http://{}/", server.address));
    browser.until("document.querySelector('#health').dataset.state === 'ok'");
    browser.type_into("file", write(&folder, "sample.csv", &sample()).to_str().unwrap());
    browser.until("!document.querySelector('#start').disabled");
    assert_eq!(browser.run("return document.querySelector('#time-column').value"), json!("timestamp"));
    browser.click("start");
    browser.until("!document.querySelector('#result').hidden");
    // Rows over time, and the most frequent templates, of one label too; and the report.
    assert_eq!(browser.run("return document.querySelectorAll('#over-time svg').length"), json!(1));
    browser.click("tab-templates");
    browser.until("document.querySelectorAll('#rows tbody .spark').length > 30");
    browser.run("document.querySelector('#labels button').click()");
    browser.until("document.querySelectorAll('#rows tbody tr').length <= 10");
    browser.run("document.querySelector('#labels button').click()");
    browser.picture("templates.png", 1280, "light");
    let report = browser.run("return document.querySelector('#report').getAttribute('href')");
    assert!(server.get(report.as_str().unwrap()).text().contains("<title>Log report: sample.csv</title>"));
}

#[test]
fn the_page_needs_no_mouse() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    browser.open(&format!("http://{}/", server.address));
    browser.until("document.querySelector('#health').dataset.state === 'ok'");
    browser.tab_to(".skip");
    browser.tab_to("#file");
    // A script cannot answer the system's own dialogue, which Enter opens here.
    browser.type_into("file", write(&folder, "sample.csv", &sample()).to_str().unwrap());
    browser.until("!document.querySelector('#start').disabled");
    for place in ["#message-column", "#source-column", ".scroll", "#clear", "#start"] {
        browser.tab_to(place);
    }
    browser.press(ENTER);
    browser.until("!document.querySelector('#result').hidden && document.activeElement.id === 'result'");
    for place in ["#explain", "#download", "#labels button"] {
        browser.tab_to(place);
    }
    browser.press(ENTER);
    browser.until("document.activeElement.getAttribute('aria-pressed') === 'true'");
    browser.tab_to("#tab-uncertain");
    browser.press(ENTER);
    browser.until("document.querySelector('#rows-text').innerText.includes('least sure')");
    // Every control has a name, and every name that refers to something finds it.
    let nameless = browser.run(
        "return [...document.querySelectorAll('button, a, input, select, textarea')].filter((item) => \
         !(item.innerText || item.labels?.[0]?.innerText || '').trim()).map((item) => item.outerHTML)",
    );
    assert_eq!(nameless, json!([]));
    let lost = browser.run(
        "return [...document.querySelectorAll('[aria-labelledby], [aria-describedby]')].flatMap((item) => \
         [item.getAttribute('aria-labelledby'), item.getAttribute('aria-describedby')]).filter((id) => \
         id && !document.getElementById(id))",
    );
    assert_eq!(lost, json!([]));
}
