// The page's behaviour: choose a file, look at it, upload it, follow the job, look at the result.
"use strict";

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const stageNames = { rule: "Rules", model: "Model", llm: "LLM", none: "No answer" };
const stageHues = { rule: 4, model: 7, llm: 2, none: 0 };
// What a server that wants a token does not tell without one.
const defaults = { labels: [], message_column: "log_message", source_column: "source", label_column: "target_label", max_body_bytes: Infinity };
const page = { file: null, names: [], delimiter: ",", server: null, job: null, request: null, view: null, label: null, tab: "first" };

// An element with attributes and children; text is always text, never markup.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name === "width") element.style.width = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function size(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let index = 0;
  while (bytes >= 1000 && index < 3) { bytes /= 1000; index += 1; }
  return `${index ? bytes.toFixed(1) : bytes} ${units[index]}`;
}

const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.001 ? 2 : 1)} %`;
const token = () => sessionStorage.getItem("token") || "";
const headers = (more = {}) => (token() ? { ...more, Authorization: `Bearer ${token()}` } : more);

function hue(label) {
  const index = (page.server || defaults).labels.indexOf(label);
  return index <= 0 ? "hue0" : `hue${1 + ((index - 1) % 11)}`;
}

function say(place, text, kind) {
  place.replaceChildren(...(text ? [make("p", { class: `alert ${kind}` }, text)] : []));
}

// The words of a problem; a token that is missing or wrong is asked for.
async function words(response) {
  if (response.status === 401) askForToken();
  try { return (await response.json()).detail; } catch { return `the server answered ${response.status}`; }
}

function askForToken() {
  sessionStorage.removeItem("token");
  $("token-card").hidden = false;
}

$("token-card").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", $("token").value.trim());
  $("token").value = "";
  $("token-card").hidden = true;
  say($("file-alert"), "", "");
});

// Sets a text that is read out when it changes, and only then.
function tell(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

async function health() {
  const place = $("health");
  try {
    const response = await fetch("/health", { headers: headers() });
    if (!response.ok) throw new Error();
    page.server = { ...defaults, ...await response.json() };
    const { status, version, running, llm, llm_off: off, max_concurrent: places } = page.server;
    place.dataset.state = status === "ok" && !off ? "ok" : "wait";
    const with_llm = off === "budget_spent" ? " · LLM budget spent" : off ? " · LLM pauses after failures" : " · with LLM";
    tell("health-text", status === "ok" ? `Ready · ${version}${llm ? with_llm : ""}` : "The server is ending");
    tell("health-busy", running ? `· ${running} of ${places} at work` : "");
    $("privacy").textContent = llm
      ? "Messages that rules and model cannot label go to the LLM that this server is set up with. Uploads and results are deleted after a while."
      : "Everything stays on this server; uploads and results are deleted after a while.";
    if (page.server.token_required && !token()) $("token-card").hidden = false;
    if (!page.file) {
      const columns = [page.server.source_column, page.server.message_column].filter(Boolean);
      $("drop-hint").replaceChildren("with the columns ", ...columns.flatMap((name, index) => [index ? " and " : "", make("code", {}, name)]));
    }
  } catch {
    place.dataset.state = "bad";
    tell("health-text", "The server does not answer");
    tell("health-busy", "");
  }
}

function refuse(text) {
  $("chosen").hidden = true;
  say($("file-alert"), text, "bad");
}

async function choose(file) {
  if (!file || page.request || page.job) return undefined;
  page.file = file;
  say($("file-alert"), "", "");
  $("result").hidden = true;
  $("drop").classList.add("small");
  $("drop-main").textContent = file.name;
  $("drop-hint").textContent = size(file.size);
  const server = page.server || defaults;
  if (file.size === 0) return refuse("The file is empty: expected a header line and rows.");
  if (file.size > server.max_body_bytes) return refuse(`The file is larger than ${size(server.max_body_bytes)}, which is all this server takes.`);
  const start = await beginning(file).catch(() => ({ refused: "The file cannot be read." }));
  if (page.file !== file) return undefined;
  if (start.refused) return refuse(start.refused);
  const { text, whole } = start;
  const header = (delimiter) => (parse(text, delimiter, true, 1)[0] || []).map((name) => name.trim());
  const fits = (delimiter) => header(delimiter).includes(server.message_column);
  const order = [",", "\t", ";", "|"];
  page.delimiter = order.find(fits) || order.reduce((a, b) => (header(b).length > header(a).length ? b : a));
  page.names = header(page.delimiter);
  const between = { "\t": "tab", ";": "semicolon", "|": "bar" }[page.delimiter];
  if (between) $("drop-hint").textContent += ` · ${between} between columns`;
  if (!page.names.length) return refuse("The file has no header line.");
  const rows = parse(text, page.delimiter, whole, 9).slice(1);
  if (!rows.length && whole) return refuse("The file has a header and no rows.");
  const ragged = rows.findIndex((row) => row.length !== page.names.length);
  const columns = () => page.names.map((name) => make("option", { value: name }, name));
  $("message-column").replaceChildren(make("option", { value: "" }, "Choose…"), ...columns());
  $("source-column").replaceChildren(make("option", { value: "" }, "None"), ...columns());
  $("time-column").replaceChildren(make("option", { value: "" }, "The message’s own time"), ...columns());
  $("time-column").value = page.names.find((name) => /^@?(time|timestamp|datetime|date_?time|ts|when)$/i.test(name)) || "";
  $("message-column").value = page.names.includes(server.message_column) ? server.message_column : "";
  $("source-column").value = page.names.includes(server.source_column) ? server.source_column : "";
  $("overwrite-line").hidden = !page.names.includes(server.label_column);
  $("overwrite").checked = false;
  $("overwrite-name").textContent = server.label_column;
  page.preview = rows;
  over(false);
  $("chosen").hidden = false;
  if (ragged >= 0) {
    return refuse(`Row ${ragged + 1} has ${rows[ragged].length} fields, the header has ${page.names.length}: is there a delimiter or a newline in a field that is not quoted?`);
  }
  if (!$("message-column").value) {
    const there = page.names.slice(0, 12).map((name) => `“${name}”`).join(", ");
    say($("file-alert"), `There is no column “${server.message_column}”. The columns are ${there}: choose the one with the message below, or another file.`, "bad");
  }
  return ready();
}

// Behind a result, the file's own card shrinks to what is still of use.
function over(yes) {
  $("chosen").classList.toggle("over", yes);
  $("start").textContent = yes ? "Classify again" : "Classify";
  $("start").className = yes ? "plain" : "primary";
  if (yes) $("drop-hint").textContent = `${size(page.file.size)} · drop another file here`;
}

// Shows which columns are used and whether the file can be classified.
function ready() {
  const message = $("message-column").value, chosen = [message, $("source-column").value, $("time-column").value];
  const used = (name) => (chosen.includes(name) ? "used" : "");
  const head = make("tr", {}, ...page.names.map((name) => make("th", { scope: "col", class: used(name) }, name)));
  const body = page.preview.map((row) => make("tr", {}, ...row.map((cell) => make("td", { title: cell.slice(0, 500) }, cell.slice(0, 300)))));
  $("preview").replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
  const agreed = $("overwrite-line").hidden || $("overwrite").checked;
  $("start").disabled = !message || !agreed;
  if (message && $("file-alert").firstChild) say($("file-alert"), "", "");
}

function bar(id, share, text) {
  $(`${id}-bar`).firstElementChild.style.width = `${100 * share}%`;
  $(`${id}-bar`).setAttribute("aria-valuenow", String(Math.round(100 * share)));
  $(`${id}-bar`).setAttribute("aria-valuetext", text);
  $(`${id}-text`).textContent = text;
}

function working(yes) {
  $("progress").hidden = !yes;
  $("chosen").hidden = yes || !page.file;
  $("file").disabled = yes;
}

function start() {
  const query = new URLSearchParams({ message_column: $("message-column").value });
  if ($("source-column").value) query.set("source_column", $("source-column").value);
  else query.set("no_source", "true");
  if ($("time-column").value) query.set("time_column", $("time-column").value);
  if (page.delimiter !== ",") query.set("delimiter", page.delimiter === "\t" ? "tab" : page.delimiter);
  if ($("overwrite").checked) query.set("overwrite", "true");
  say($("file-alert"), "", "");
  $("result").hidden = true;
  working(true);
  bar("upload", 0, "0 %");
  bar("work", 0, "waiting for the file");
  $("cancel").focus();
  const request = new XMLHttpRequest();
  page.request = request;
  request.open("POST", `/api/jobs?${query}`);
  request.setRequestHeader("Content-Type", "text/csv");
  for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
  request.upload.onprogress = (event) => {
    const share = event.total ? event.loaded / event.total : 0;
    bar("upload", share, `${size(event.loaded)} of ${size(event.total)}`);
  };
  request.onload = () => {
    page.request = null;
    if (request.status === 201) {
      bar("upload", 1, size(page.file.size));
      page.job = JSON.parse(request.responseText).id;
      follow(page.job);
      return;
    }
    if (request.status === 401) askForToken();
    let detail = `the server answered ${request.status}`;
    try { detail = JSON.parse(request.responseText).detail; } catch { /* the status says it */ }
    fail(detail);
  };
  request.onerror = () => { page.request = null; fail("the connection was lost"); };
  request.onabort = () => { page.request = null; stopped(); };
  request.send(page.file);
}

function fail(detail) {
  page.job = null;
  working(false);
  say($("file-alert"), `Not classified: ${detail}`, "bad");
  $("start").focus();
}

function stopped() {
  page.job = null;
  working(false);
  say($("file-alert"), "Cancelled. Nothing was kept on the server.", "good");
  $("start").focus();
}

async function cancel() {
  if (page.request) { page.request.abort(); return; }
  const job = page.job;
  if (!job) return;
  stopped();
  await fetch(`/api/jobs/${job}`, { method: "DELETE", headers: headers() }).catch(() => {});
}

// Reads the job's events. `EventSource` can send no token, so the stream is read by hand.
async function follow(job) {
  try {
    const response = await fetch(`/api/jobs/${job}/events`, { headers: headers() });
    if (!response.ok) throw new Error(await words(response));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "", last = null;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
      const events = text.split("\n\n");
      text = events.pop();
      for (const event of events) {
        if (event.startsWith("data:")) last = JSON.parse(event.slice(5));
      }
      if (page.job !== job) { reader.cancel(); return; }
      if (last) advance(last);
    }
    if (page.job !== job) return;
    if (last && last.state === "done") return void show(job);
    if (last && last.state === "cancelled") return void stopped();
    throw new Error(last && last.problem ? last.problem.detail : "the connection was lost");
  } catch (error) {
    if (page.job === job) fail(error.message);
  }
}

function advance(view) {
  const share = view.bytes_total ? Math.min(1, view.bytes_read / view.bytes_total) : 0;
  const text = view.state === "queued" ? "waiting for a place" : `${number.format(view.rows)} rows · ${Math.round(100 * share)} %`;
  bar("work", share, text);
}

async function show(job) {
  const response = await fetch(`/api/jobs/${job}`, { headers: headers() });
  if (page.job !== job) return;
  if (!response.ok) return fail(await words(response));
  page.view = await response.json();
  page.job = null;
  page.label = null;
  page.tab = "first";
  working(false);
  const { counts, seconds } = page.view;
  const pace = number.format(Math.round(counts.rows / Math.max(seconds, 0.001)));
  const kept = page.server ? ` Kept for ${page.server.job_minutes} minutes.` : "";
  $("result-summary").textContent = `${number.format(counts.rows)} rows in ${seconds.toFixed(2)} s (${pace} rows/s), ${counted(page.view.figures.templates, "template")}.${kept}`;
  if (counts.unanswered_rows) {
    say($("file-alert"), `Done, but the LLM did not answer for ${number.format(counts.unanswered_rows)} rows; they have what rules and model say.`, "bad");
  } else {
    say($("file-alert"), `Done: ${number.format(counts.rows)} rows have their label. Look at them below, or download the file.`, "good");
  }
  download();
  charts();
  overTime(page.view.figures);
  rows();
  over(true);
  $("result").hidden = false;
  $("result").focus();
}

function download() {
  const base = page.file.name.replace(/\.(gz|zst)$/i, "").replace(/\.[^.]*$/, "") || "log";
  $("download").href = page.view.result + ($("explain").checked ? "&explain=true" : "");
  $("download").download = `${base}-labelled${page.delimiter === "\t" ? ".tsv" : ".csv"}`;
  $("report").href = `${page.view.report}&${new URLSearchParams({ title: page.file.name })}`;
  $("report").download = `${base}-report.html`;
}

function filter(label) {
  page.label = label;
  const shown = Object.entries(page.view.counts.labels).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  [...$("labels").querySelectorAll("button")].forEach((button, index) => button.setAttribute("aria-pressed", String(shown[index][0] === label)));
  rows();
}

function tab(name) {
  page.tab = name;
  rows();
}

function rows() {
  const { samples, counts, figures } = page.view;
  for (const name of ["first", "uncertain", "templates"]) $(`tab-${name}`).setAttribute("aria-pressed", String(page.tab === name));
  if (page.tab === "templates") {
    const { head, body, shown, of: all } = templates(figures, page.label);
    $("rows-text").textContent = page.label ? `The ${counted(shown, "most frequent template")} labelled ${page.label}` : `The most frequent of each label: ${number.format(shown)} of ${counted(all, "template")}`;
    return fill(head, body);
  }
  let list;
  if (page.tab === "uncertain") list = samples.uncertain.filter((row) => !page.label || row.label === page.label);
  else list = page.label ? samples.by_label[page.label] || [] : samples.first;
  const of = page.label ? counts.labels[page.label] : counts.rows;
  const what = page.label ? `labelled ${page.label}` : "in all";
  $("rows-text").textContent = page.tab === "uncertain"
    ? `The ${list.length} the model is least sure of, one for each kind`
    : `First ${number.format(list.length)} of ${number.format(of)} ${what}`;
  const head = ["Row", "Source", "Message", "Label", "Confidence", "Why"].map((name) => make("th", { scope: "col" }, name));
  const body = list.map((row) => make("tr", {},
    make("td", { class: "number", "data-name": "Row" }, number.format(row.row)),
    make("td", { class: "source", "data-name": "Source" }, row.source),
    make("td", { class: "mono" }, row.message),
    make("td", {}, make("span", { class: `chip ${hue(row.label)}` }, row.label)),
    make("td", { class: "number", "data-name": "Confidence" }, row.stage === "rule" ? "rule" : row.stage === "llm" ? "LLM" : row.confidence.toFixed(2)),
    make("td", { class: "why" }, row.reason)));
  return fill(head, body);
}

function fill(head, body) {
  if (!body.length) body.push(make("tr", {}, make("td", { colspan: String(head.length), class: "quiet" }, "No rows to show.")));
  $("rows").replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body));
}

$("try").addEventListener("submit", async (event) => {
  event.preventDefault();
  const place = $("try-result"), button = $("try-button");
  button.disabled = true;
  try {
    const body = JSON.stringify({ message: $("try-message").value, source: $("try-source").value });
    const response = await fetch("/classify/message", { method: "POST", headers: headers({ "Content-Type": "application/json" }), body });
    if (!response.ok) { say(place, await words(response), "bad"); return; }
    const [verdict] = (await response.json()).results;
    place.replaceChildren(make("div", { class: `verdict ${hue(verdict.label)}` },
      make("span", { class: `chip ${hue(verdict.label)}` }, verdict.label),
      make("div", { class: "sure" }, make("span", {}, "Confidence"), make("span", {}, percent(verdict.confidence))),
      make("div", { class: "meter", "aria-hidden": "true" }, make("div", { width: `${100 * verdict.confidence}%` })),
      make("dl", {}, make("dt", {}, "Stage"), make("dd", {}, stageNames[verdict.stage] || verdict.stage), make("dt", {}, "Why"), make("dd", {}, verdict.reason))));
  } catch {
    say(place, "The server does not answer.", "bad");
  } finally {
    button.disabled = false;
    button.focus();
  }
});

$("file").addEventListener("change", (event) => choose(event.target.files[0]));
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); $("drop").classList.add("over"); });
}
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  choose(event.dataTransfer.files[0]);
});
for (const id of ["message-column", "source-column", "time-column", "overwrite"]) $(id).addEventListener("change", ready);
$("start").addEventListener("click", start);
$("clear").addEventListener("click", () => { $("file").value = ""; $("file").click(); });
$("cancel").addEventListener("click", cancel);
$("explain").addEventListener("change", download);
$("tab-first").addEventListener("click", () => tab("first"));
$("tab-uncertain").addEventListener("click", () => tab("uncertain"));
$("tab-templates").addEventListener("click", () => tab("templates"));
health();
setInterval(health, 5000);
