// Influence summed by owner over all images compared, beside the owner's share of them; or each one's best match.

import { showImage } from "./api.js";
import { count, el, figures, percent, plural } from "./dom.js";
import { word } from "./words.js";

const SHOWN = 12;
const PLURALS = {
  creator: "creators",
  license: "licences",
  category: "categories",
  collection: "collections",
};

/** A table of owners, best first, with buttons that ask again with or without one of them. */
export function ownerBars({ answer, by, narrow }) {
  const shared = answer.remaining !== null;
  const rows = answer.shares.slice(0, SHOWN).map((share) => row(share, by, narrow, shared));
  const rest = answer.shares.slice(SHOWN);
  const owner = by === "license" ? "licence" : by;
  const said = shared
    ? "Over every image compared, not only those above. The full bar is 100%; the line in it is how much of the images compared the owner has."
    : "The best match of each owner among all images compared. These features cannot give shares.";
  return el(
    "section",
    { class: shared ? "card owners" : "card owners matches" },
    el("h2", {}, `By ${owner}`),
    el("p", { class: "soft" }, said),
    el("table", {}, el("thead", {}, head(owner, shared)), el("tbody", {}, rows, others(rest, by, shared))),
  );
}

function head(owner, shared) {
  const named = owner[0].toUpperCase() + owner.slice(1);
  const columns = shared
    ? [named, "", word("share", "Influence"), word("owned", "Owns"), "Images", ""]
    : [named, "Best match", word("similarity", "Similarity"), word("owned", "Owns"), "Images", ""];
  return el(
    "tr",
    {},
    columns.map((column) => (column === "" ? el("td", {}) : el("th", { scope: "col" }, column))),
  );
}

/** A row; the full bar is 100% of the influence. */
function row({ name, influence, images, owned, similarity, image_id: best }, by, narrow, shared) {
  const label = name ?? "unknown";
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
    el("td", { title: `owns ${percent(owned)} of the images compared` }, percent(owned)),
    el("td", { title: plural(images, "image") }, count(images)),
    el("td", { class: "asks" }, button("only", only), button("without", without)),
  );
}

const bar = (influence, owned) =>
  el(
    "td",
    { class: "bar" },
    el("span", { class: "track", style: { "--part": influence, "--owned": owned } }, el("i", {})),
  );

function bestMatch(id, label) {
  const img = el("img", { alt: `best match of ${label}` });
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
    el("th", { scope: "row", class: "soft" }, `${count(rest.length)} more ${PLURALS[by]}`),
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
