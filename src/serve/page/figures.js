// The figures of a result; rows over time and the most frequent templates are those of the report of the same file.
"use strict";

const severityHues = { fatal: 1, error: 3, warn: 2, info: 4, debug: 8, trace: 5 };
const plotWidth = 900, plotHeight = 170, plotLeft = 52, plotBelow = 22, plotAbove = 10;

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Times are in UTC, to the minute.
const minute = (time) => time.slice(0, 16).replace("T", " ");
const minuteOf = (seconds) => minute(new Date(1000 * seconds).toISOString());

function span(seconds) {
  const [length, unit] = seconds >= 86400 ? [seconds / 86400, "day"] : seconds >= 3600 ? [seconds / 3600, "hour"] : [seconds / 60, "minute"];
  return `${length} ${unit}${length === 1 ? "" : "s"}`;
}

const counted = (count, word) => `${number.format(count)} ${word}${count === 1 ? "" : "s"}`;

// The smallest number of one digit and zeroes that is not below, and whose half is a whole number.
function roundedUp(value) {
  const step = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  const digit = Math.ceil(value / step);
  return step === 1 && digit > 1 ? digit + (digit % 2) : Math.max(step * digit, 1);
}

// Rows of each band over time, stacked, the gravest on top.
function chart(title, bands, figures, hueOf) {
  const count = bands[0].counts.length;
  const totals = Array.from({ length: count }, (_, place) => bands.reduce((sum, band) => sum + band.counts[place], 0));
  const most = Math.max(...totals), top = roundedUp(most);
  const base = plotHeight - plotBelow, step = (plotWidth - plotLeft) / count;
  const height = (rows) => (rows / top) * (base - plotAbove);
  const begin = Date.parse(figures.start) / 1000;
  const timeAt = (place) => minuteOf(begin + place * figures.interval_seconds);
  const words = `${title}: ${counted(count, "interval")} of ${span(figures.interval_seconds)} each; the most, ${counted(most, "row")}, from ${timeAt(totals.indexOf(most))} UTC on`;
  const svg = draw("svg", { viewBox: `0 0 ${plotWidth} ${plotHeight}`, role: "img", "aria-label": words });
  for (const rows of top > 1 ? [0, top / 2, top] : [0, top]) {
    const y = base - height(rows);
    const label = number.format(rows);
    svg.append(draw("line", { x1: plotLeft, x2: plotWidth, y1: y, y2: y }), draw("text", { x: plotLeft - 6, y: y + 4, "text-anchor": "end" }, label));
  }
  const heights = new Array(count).fill(0);
  for (const band of [...bands].reverse()) {
    let path = "";
    band.counts.forEach((rows, place) => {
      if (!rows) return;
      const x = plotLeft + step * (place + 0.08), y = base - height(heights[place]), tall = Math.max(height(rows), 1);
      path += `M${x.toFixed(1)} ${y.toFixed(1)}v-${tall.toFixed(1)}h${(step * 0.84).toFixed(1)}v${tall.toFixed(1)}z`;
      heights[place] += rows;
    });
    svg.append(draw("path", { class: hueOf(band.name), d: path }, draw("title", {}, band.name || "none stated")));
  }
  for (let place = 0; place < count; place += Math.max(Math.ceil(count / 5), 1)) {
    const x = plotLeft + step * place;
    if (x + 115 <= plotWidth) svg.append(draw("text", { x, y: plotHeight - 5 }, timeAt(place)));
  }
  return make("div", { class: "plot", tabindex: "0", role: "region", "aria-label": title }, svg);
}

function sparkline(counts, hueName) {
  const most = Math.max(...counts), busy = counts.filter(Boolean).length;
  const path = counts.map((rows, place) => {
    const tall = Math.max((rows / most) * 22, 2).toFixed(1);
    return rows ? `M${place * 2} 22v-${tall}h2v${tall}z` : "";
  }).join("");
  const words = `in ${busy} of ${counts.length} intervals, at most ${counted(most, "row")} in one`;
  return draw("svg", { class: "spark", viewBox: `0 0 ${counts.length * 2} 22`, preserveAspectRatio: "none", role: "img", "aria-label": words }, draw("path", { class: hueName, d: path }));
}

// Rows over time, where the file has times that differ.
function overTime(figures) {
  const place = $("over-time");
  if (!figures.has_times) {
    place.replaceChildren(make("p", { class: "quiet" }, "The rows state no times that differ, so there is nothing to show over time. A column with the time can be chosen above."));
    return;
  }
  const severityHue = (name) => `hue${severityHues[name] || 0}`;
  const stated = figures.severities.filter((band) => band.name);
  const key = make("ul", { class: "legend in-line" }, ...figures.severities.map((band) => make("li", { class: severityHue(band.name) },
    make("span", { class: "swatch", "aria-hidden": "true" }), make("span", {}, `${band.name || "none stated"} ${number.format(band.rows)}`))));
  const outside = figures.outside ? ` ${counted(figures.outside, "row")} with times far from all others are not shown.` : "";
  place.replaceChildren(
    chart("Rows by label over time", figures.labels, figures, hue),
    ...(stated.length ? [make("h3", {}, "Rows by severity over time"), chart("Rows by severity over time", figures.severities, figures, severityHue), key] : []),
    make("p", { class: "quiet" }, `${minute(figures.first)} to ${minute(figures.last)} UTC. Each bar is ${span(figures.interval_seconds)}, in the colours of the labels above.${outside}`));
}

// The most frequent templates, of all labels or of one.
function templates(figures, label) {
  const all = figures.top.filter((top) => !label || top.label === label)
    .flatMap((top) => top.templates.map((line) => ({ ...line, label: top.label })))
    .sort((a, b) => b.rows - a.rows);
  const names = ["Template and first row", "Label", "Rows", "Share", "Over time", "First", "Last"].filter((name) => figures.has_times || !["Over time", "First", "Last"].includes(name));
  const head = names.map((name) => make("th", { scope: "col" }, name));
  const body = all.map((line) => make("tr", {},
    make("td", { class: "mono" }, line.template || "(empty)", make("p", { class: "quiet" }, `line ${number.format(line.line)}${line.sources.length ? ` from ${line.sources.join(", ")}` : ""}: ${line.example}`)),
    make("td", {}, make("span", { class: `chip ${hue(line.label)}` }, line.label)),
    make("td", { class: "number", "data-name": "Rows" }, number.format(line.rows)),
    make("td", { class: "number", "data-name": "Share" }, percent(line.rows / Math.max(figures.rows, 1))),
    ...(figures.has_times ? [make("td", {}, sparkline(line.counts, hue(line.label))),
      make("td", { class: "time", "data-name": "First" }, minute(line.first)), make("td", { class: "time", "data-name": "Last" }, minute(line.last))] : [])));
  return { head, body, shown: all.length, of: figures.templates };
}

// Rows per label, which can be chosen, and per stage.
function charts() {
  const { counts } = page.view;
  const all = Math.max(counts.rows, 1);
  const labels = Object.entries(counts.labels).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  const most = labels.length ? labels[0][1] : 1;
  $("labels").replaceChildren(...labels.map(([label, count]) => {
    const button = make("button", { type: "button", class: hue(label), "aria-pressed": String(page.label === label) },
      make("span", { class: "name", title: label }, label),
      make("span", { class: "track", "aria-hidden": "true" }, make("span", { class: "fill", width: `${(100 * count) / most}%` })),
      make("span", { class: "count" }, `${number.format(count)} · ${percent(count / all)}`));
    button.addEventListener("click", () => filter(page.label === label ? null : label));
    return make("li", {}, button);
  }));
  const stages = Object.keys(stageNames).filter((stage) => counts.stages[stage]);
  $("stack").replaceChildren(...stages.map((stage) => make("div", { class: `hue${stageHues[stage]}`, width: `${(100 * counts.stages[stage]) / all}%` })));
  $("stages").replaceChildren(...stages.map((stage) => make("li", { class: `hue${stageHues[stage]}` },
    make("span", { class: "swatch", "aria-hidden": "true" }), make("span", {}, stageNames[stage]),
    make("span", { class: "count" }, `${number.format(counts.stages[stage])} · ${percent(counts.stages[stage] / all)}`))));
}
