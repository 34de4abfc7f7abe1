// What a lasso or a search has chosen on the map: how many of what, some of them, and how to go on with them.

import { withQuery } from "./api.js";
import { imageCard, sampleCard } from "./cards.js";
import { count, el } from "./dom.js";
import { arrowKeys } from "./keys.js";
import { copyText } from "./save.js";
import { TEXT } from "./strings.js";

const SHOWN = 12;
const CONDITION = 9000; // characters that a condition of a question may have
const SAY = TEXT.map;

/** A card of the chosen points; `clear` chooses none. */
export function chosenCard(map, points, title, clear) {
  const { columns } = map;
  const kinds = new Map();
  for (const index of points) {
    const kind = columns.kind.values[columns.kind.codes[index]];
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const parts = [...kinds].map(([kind, number]) => SAY.group(SAY.kinds[kind] ?? kind, number));
  const grid = el("div", { class: "cards" }, points.slice(0, SHOWN).map((index) => itemCard(columns, index)));
  arrowKeys(grid);
  const more = points.length - SHOWN;
  return el(
    "section",
    { class: "card", "aria-label": title },
    el("h2", {}, title),
    el("p", { class: "soft" }, SAY.chosen(points.length), " ", parts.join(", ")),
    actions(map, points, clear),
    grid,
    more > 0 && el("p", { class: "soft" }, SAY.more(count(more))),
  );
}

/** A card of one point. */
export function pointCard({ columns }, index) {
  return el("section", { class: "card", "aria-label": SAY.point }, el("div", { class: "cards" }, itemCard(columns, index)));
}

function actions(map, points, clear) {
  const { columns } = map;
  const isImage = (index) => columns.kind.values[columns.kind.codes[index]] !== "sample";
  const ids = points.map((index) => columns.item_id[index]);
  const images = points.filter(isImage).map((index) => columns.item_id[index]);
  const where = among("image_id", images);
  const said = el("p", { class: "soft kept" });
  const button = (text, onclick) => el("button", { type: "button", class: "button", onclick }, text);
  const fits = images.length > 0 && where.length <= CONDITION;
  const browse = el("a", { class: "button", href: withQuery("#browse", { kind: "images", where }) }, SAY.browse);
  if (images.length && !fits) said.textContent = SAY.tooMany;
  return el(
    "div",
    { class: "keep" },
    el(
      "div",
      { class: "actions" },
      button(SAY.sql, () => copyText(`from map_items where map_id = ${quoted(map.map_id)} and ${among("item_id", ids)}`, said)),
      button(SAY.ids, () => copyText(ids.join("\n"), said)),
      fits && button(SAY.condition, () => copyText(where, said)),
      fits && browse,
      button(SAY.clear, clear),
    ),
    said,
  );
}

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
const among = (column, ids) => `${column} in (${ids.map(quoted).join(", ")})`;

function itemCard(columns, index) {
  const value = (field) => columns[field]?.values[columns[field].codes[index]] ?? null;
  const [id, label] = [columns.item_id[index], columns.label[index]];
  if (value("kind") === "sample") return sampleCard({ sample_id: id, prompt: label });
  const [creator, license, reservation] = ["creator", "license", "reservation"].map(value);
  return imageCard({ image_id: id, caption: label, creator, license, reservation });
}
