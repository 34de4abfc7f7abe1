// Saves an answer as a CSV file.

import { el } from "./dom.js";

const COLUMNS = [
  "rank",
  "influence",
  "similarity",
  "creator",
  "license",
  "category",
  "caption",
  "uri",
  "image_id",
];

/** A button that saves the rows of an answer as CSV. */
export function saveButton(answer) {
  return el("button", { type: "button", class: "button", onclick: () => save(answer) }, "Save as CSV");
}

function save(answer) {
  const about = source(answer);
  const names = [...COLUMNS, ...Object.keys(about)];
  const lines = [names, ...answer.results.map((row) => names.map((name) => row[name] ?? about[name] ?? ""))];
  const text = lines.map((cells) => cells.map(cell).join(",")).join("\r\n");
  const url = URL.createObjectURL(new Blob([`${text}\r\n`], { type: "text/csv" }));
  el("a", { href: url, download: `influence-${answer.query.slice(0, 12).replace(/\W/g, "_")}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** What each row says of the answer, by the names that the service's own files have. */
function source({ encoder, mapper, state, evidence, provenance, limits }) {
  return {
    encoder,
    mapper,
    state,
    evidence: evidence?.line,
    store: provenance?.store,
    store_at: provenance?.at,
    asked: provenance?.date,
    software: provenance?.software,
    limits: limits?.join(" "),
  };
}

/** A quoted field; text that a spreadsheet would run as a formula gets an apostrophe, so that it stays text. */
function cell(value) {
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return `"${text.replaceAll('"', '""')}"`;
}
