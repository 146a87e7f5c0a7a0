// The beginning of a file, as the page shows it before it is sent.
"use strict";

// Bytes that are looked at.
const BEGINNING = 262144;

// Rows of a CSV's beginning; a last row that may be cut is left out.
function parse(text, delimiter, whole, most) {
  const rows = [];
  let row = [], cell = "", quoted = false, opened = false;
  for (let at = 0; at < text.length && rows.length < most; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') { cell += '"'; at += 1; }
      else quoted = false;
    } else if (letter === '"' && cell === "" && !opened) { quoted = true; opened = true; }
    else if (letter === delimiter) { row.push(cell); cell = ""; opened = false; }
    else if (letter === "\n" || letter === "\r") {
      if (row.length || cell !== "" || opened) { row.push(cell); rows.push(row); }
      row = []; cell = ""; opened = false;
    } else cell += letter;
  }
  if (whole && !quoted && rows.length < most && (row.length || cell !== "")) { row.push(cell); rows.push(row); }
  return rows;
}

// The first bytes of a file that is compressed with gzip; what is cut off behind them does not matter.
async function unpacked(file) {
  const reader = file.slice(0, BEGINNING).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const pieces = [];
  for (let length = 0; length < BEGINNING;) {
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    if (done) break;
    pieces.push(value);
    length += value.length;
  }
  reader.cancel().catch(() => {});
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

// The text that a file begins with, and whether that is all of it; or why it is none.
async function beginning(file) {
  let bytes = new Uint8Array(await file.slice(0, BEGINNING).arrayBuffer());
  let whole = bytes.length === file.size;
  const begins = (...wanted) => wanted.every((byte, at) => bytes[at] === byte);
  if (begins(0x50, 0x4b)) return { refused: "This is a spreadsheet or an archive, not a CSV: save it as CSV first." };
  if (begins(0x1f, 0x8b)) { bytes = await unpacked(file); whole = false; }
  const wide = begins(0xff, 0xfe) ? "utf-16le" : begins(0xfe, 0xff) ? "utf-16be" : null;
  if (!wide && bytes.includes(0)) return { refused: "This is not a text file: expected a CSV." };
  return { text: new TextDecoder(wide || "utf-8").decode(bytes), whole };
}
