// Influence summed by owner over all images compared, beside the owner's share of them; or each one's best match.

import { showImage } from "./api.js";
import { count, el, figures, percent } from "./dom.js";
import { TEXT } from "./strings.js";
import { fieldLabel, fieldName } from "./texts.js";
import { word } from "./words.js";

const SHOWN = 12;
const SAY = TEXT.owners;

/** A table of owners, best first, with buttons that ask again with or without one of them. */
export function ownerBars({ answer, by, narrow }) {
  const shared = answer.remaining !== null;
  const rows = answer.shares.slice(0, SHOWN).map((share) => row(share, by, narrow, shared));
  const rest = answer.shares.slice(SHOWN);
  return el(
    "section",
    { class: shared ? "card owners" : "card owners matches", "aria-labelledby": "owners-title" },
    el("h2", { id: "owners-title" }, SAY.title(fieldName(by))),
    el("p", { class: "soft" }, shared ? SAY.shared : SAY.matches),
    el("table", {}, el("thead", {}, head(by, shared)), el("tbody", {}, rows, others(rest, by, shared))),
  );
}

function head(by, shared) {
  const { match, share, similarity, owned, images } = SAY.columns;
  const columns = shared
    ? [fieldLabel(by), "", word("share", share), word("owned", owned), images, ""]
    : [fieldLabel(by), match, word("similarity", similarity), word("owned", owned), images, ""];
  return el(
    "tr",
    {},
    columns.map((column) => (column === "" ? el("td", {}) : el("th", { scope: "col" }, column))),
  );
}

/** A row; the full bar is 100% of the influence. */
function row({ name, influence, images, owned, similarity, image_id: best }, by, narrow, shared) {
  const label = name ?? TEXT.unknown;
  const [only, without] = conditions(by, name);
  const button = (text, condition) =>
    el(
      "button",
      { type: "button", class: "quiet", "aria-label": `${text} ${label}`, onclick: () => narrow(condition) },
      text,
    );
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, label),
    shared ? bar(influence, owned) : el("td", { class: "match" }, bestMatch(best, label)),
    el("td", {}, shared ? percent(influence) : figures(similarity)),
    el("td", { title: SAY.owns(percent(owned)) }, percent(owned)),
    el("td", { title: TEXT.images(images) }, count(images)),
    el("td", { class: "asks" }, button(SAY.only, only), button(SAY.without, without)),
  );
}

const bar = (influence, owned) =>
  el(
    "td",
    { class: "bar" },
    el("span", { class: "track", style: { "--part": influence, "--owned": owned } }, el("i", {})),
  );

function bestMatch(id, label) {
  const img = el("img", { alt: SAY.bestMatch(label) });
  showImage(img, "images", id, 128);
  return img;
}

/** The owners that have no row. */
function others(rest, by, shared) {
  if (!rest.length) return null;
  const sum = (name) => percent(rest.reduce((total, share) => total + share[name], 0));
  return el(
    "tr",
    {},
    el("th", { scope: "row", class: "soft" }, SAY.more(rest.length, by)),
    el("td", {}),
    el("td", {}, shared ? sum("influence") : ""),
    el("td", {}, by === "collection" ? "" : sum("owned")), // an image may be in several collections
    el("td", {}),
    el("td", {}),
  );
}

/** SQL conditions [only, without] of one owner; null is an owner too. */
export function conditions(field, name) {
  if (name === null) return [`${field} is null`, `${field} is not null`];
  const text = `'${name.replaceAll("'", "''")}'`;
  return [`${field} = ${text}`, `(${field} is null or ${field} <> ${text})`];
}
