// Influence summed by owner over all images compared, not only those shown.

import { count, el, percent, plural } from "./dom.js";

const SHOWN = 12;
const PLURALS = {
  creator: "creators",
  license: "licences",
  category: "categories",
  collection: "collections",
};

/** A table of bars, largest first, with buttons that ask again with or without one owner. */
export function ownerBars({ answer, by, narrow }) {
  const rows = answer.shares
    .slice(0, SHOWN)
    .map((share) => bar(share, by, narrow));
  const rest = answer.shares.slice(SHOWN);
  const restInfluence = rest.reduce((sum, { influence }) => sum + influence, 0);
  const others = rest.length
    ? el(
        "tr",
        {},
        el("th", { scope: "row", class: "soft" }, `${count(rest.length)} more ${PLURALS[by]}`),
        el("td", {}),
        el("td", {}, percent(restInfluence)),
        el("td", {}),
        el("td", {}),
      )
    : null;
  const owner = by === "license" ? "licence" : by;
  const column = (name) => (name ? el("th", { scope: "col" }, name) : el("td", {}));
  const head = el(
    "tr",
    {},
    [owner[0].toUpperCase() + owner.slice(1), "", "Influence", "Images", ""].map(column),
  );
  return el(
    "section",
    { class: "card owners" },
    el("h2", {}, `By ${owner}`),
    el("p", { class: "soft" }, "Over every image compared, not only those above."),
    el("table", {}, el("thead", {}, head), el("tbody", {}, rows, others)),
  );
}

/** A row; the full bar is 100% of the influence. */
function bar({ name, influence, images }, by, narrow) {
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
    el("td", { class: "bar" }, el("i", { style: { "--part": influence } })),
    el("td", {}, percent(influence)),
    el("td", { title: plural(images, "image") }, count(images)),
    el("td", { class: "asks" }, button("only", only), button("without", without)),
  );
}

/** SQL conditions [only, without] of one owner; null is an owner too. */
export function conditions(field, name) {
  if (name === null) return [`${field} is null`, `${field} is not null`];
  const text = `'${name.replaceAll("'", "''")}'`;
  return [`${field} = ${text}`, `(${field} is null or ${field} <> ${text})`];
}
