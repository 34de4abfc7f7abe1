// What can be kept of an answer: a link, a table, paper, signed evidence.

import { announce, el } from "./dom.js";
import { TEXT } from "./strings.js";

const SAY = TEXT.answer;
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

/**
 * Buttons that keep an answer.
 *
 * `link`: the address that asks the same again; null for a picture that is not stored. `evidence`: {signer,
 * most, make}: the fingerprint of the service's key, null where it has none, the most images of a signed file,
 * and what makes one of the images up to there.
 */
export function saveButtons({ answer, link, evidence }) {
  const button = (text, onclick) => el("button", { type: "button", class: "button", onclick }, text);
  const { signer, most } = evidence;
  const first = answer.results.length > most ? most : 0;
  const notes = [!link && SAY.noLink, !signer && SAY.noKey, signer && first && SAY.evidenceFirst(most)].filter(Boolean);
  const said = el("p", { class: "soft kept" }, notes.join(" "));
  return el(
    "div",
    { class: "keep" },
    el(
      "div",
      { class: "actions" },
      link && button(SAY.link, () => copyText(link, said, SAY.linked)),
      button(SAY.csv, () => save(answer)),
      button(SAY.print, () => print()),
      signer && button(SAY.evidence(first), ({ target }) => sign(target, { ...evidence, first }, said)),
    ),
    said,
  );
}

/** Save the answer, or its `first` images, as a file that the service signs. */
async function sign(button, { signer, first, make }, said) {
  button.disabled = true;
  said.textContent = SAY.signing;
  try {
    const { blob, name } = await make();
    download(blob, name ?? "evidence.zip");
    said.textContent = SAY.signed(signer, first);
  } catch (error) {
    said.textContent = [error.message, error.hint].filter(Boolean).join(" ");
  } finally {
    button.disabled = false;
    announce(said.textContent);
  }
}

/** Copy a text, and say so in `said`, or show it there where the browser does not let the page copy. */
export async function copyText(text, said, copied = TEXT.map.copied, failed = SAY.copyFailed) {
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = copied;
  } catch {
    said.textContent = failed(text); // not over plain HTTP from another machine, or not allowed
  }
  announce(said.textContent);
}

function save(answer) {
  const about = source(answer);
  const names = [...COLUMNS, ...Object.keys(about)];
  const lines = [names, ...answer.results.map((row) => names.map((name) => row[name] ?? about[name] ?? ""))];
  const text = lines.map((cells) => cells.map(cell).join(",")).join("\r\n");
  download(new Blob([`${text}\r\n`], { type: "text/csv" }), `influence-${fileStem(answer)}.csv`);
}

/** A part of a file's name that says which question the answer is of. */
export const fileStem = (answer) => answer.query.slice(0, 12).replace(/\W/g, "_");

/** Let the browser save `blob` under `name`. */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  el("a", { href: url, download: name }).click();
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
