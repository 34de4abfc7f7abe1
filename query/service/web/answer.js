// The answer: images sized by influence on one scale for all answers, owners, and where it comes from.

import { showImage } from "./api.js";
import { openDetail } from "./detail.js";
import { announce, el, figures, percent } from "./dom.js";
import { arrowKeys } from "./keys.js";
import { ownerBars } from "./owners.js";
import { provenanceCard } from "./provenance.js";
import { saveButtons } from "./save.js";
import { TEXT } from "./strings.js";
import { summary } from "./summary.js";
import { word } from "./words.js";

const LEAST = 0.3; // of the width that a share of 100% has: the least that is recognisable, a share of 9%
const UNKNOWN = 0.5; // where there are no shares
const SAY = TEXT.answer;

/**
 * Draw one answer. `shown`: {answer, asked: {row}, exemplars: ids or null, seconds, by, narrow(condition), link}.
 */
export function showAnswer(container, shown) {
  const { answer, exemplars } = shown;
  const grid = el(
    "ol",
    { class: "hits", "aria-label": SAY.hits },
    answer.results.map((_, index) => hit(shown, index)),
  );
  container.replaceChildren(
    el("div", { class: "card summary" }, summary(shown)),
    ...(exemplars?.length ? [trueExemplars(shown)] : []),
    ...(answer.results.length ? [grid, scale(answer)] : [el("p", {}, nothingFound(answer))]),
    ...(answer.shares?.length ? [ownerBars(shown)] : []),
    ...(answer.provenance ? [provenanceCard(answer)] : []),
    saveButtons(shown),
  );
  arrowKeys(grid);
  const said = ["banner", "verdict", "lead-line", "state"].map((name) => container.querySelector(`.${name}`));
  announce(said.filter(Boolean).map(({ textContent }) => textContent).join(" "));
}

/** How wide which share is, as the scale of a map. */
function scale({ remaining }) {
  if (remaining === null) return el("p", { class: "soft" }, SAY.sameSize);
  const ticks = [LEAST ** 2, 0.25, 0.5, 1].map((share) =>
    el("i", { style: { "--at": Math.sqrt(share) } }, `${Math.round(100 * share)}%`),
  );
  return el(
    "div",
    { class: "scale soft" },
    el("span", { class: "ruler", "aria-hidden": true }, ticks),
    el("p", {}, SAY.scale(Math.round(100 * LEAST ** 2))),
  );
}

function nothingFound({ pool_size: size }) {
  return size ? SAY.noVector : SAY.nothingFits;
}

/** The images that the sample's model was trained on, with their rank in the answer. */
function trueExemplars({ answer, asked, exemplars }) {
  const control = asked.row?.split === "control";
  const found = new Map(answer.results.flatMap((row) => idsOf(row).map((id) => [id, row.rank])));
  const cards = exemplars.slice(0, 12).map((id) => {
    const img = el("img", { alt: "" });
    showImage(img, "images", id, 128);
    return el(
      "li",
      { class: found.has(id) ? "found" : "" },
      img,
      el("span", {}, found.has(id) ? TEXT.truth.rank(found.get(id)) : TEXT.truth.notBelow),
    );
  });
  const named = [...found.keys()].filter((id) => exemplars.includes(id)).length;
  const text = control
    ? TEXT.truth.control
    : exemplars.length === 1
      ? TEXT.truth.one(named)
      : TEXT.truth.several(exemplars.length, named);
  const more =
    exemplars.length > cards.length
      ? el("li", {}, el("span", {}, TEXT.truth.more(exemplars.length - cards.length)))
      : null;
  return el(
    "div",
    { class: "card truth" },
    el(
      "div",
      {},
      el("h3", {}, control ? TEXT.truth.controlTitle : TEXT.truth.title(word)),
      el("p", { class: "soft" }, text),
    ),
    el("ul", {}, cards, more),
  );
}

function hit(shown, index) {
  const { answer, exemplars, asked } = shown;
  const row = answer.results[index];
  const isTrue = idsOf(row).some((id) => exemplars?.includes(id)) && asked.row?.split !== "control";
  const name = row.caption || row.uri || row.image_id;
  const img = el("img", { alt: SAY.rank(row.rank, name) });
  showImage(img, "images", row.image_id, 256);
  const copies = row.copies?.length ? el("span", { class: "badge" }, SAY.copies(row.copies.length)) : null;
  const button = el(
    "button",
    {
      type: "button",
      "data-item": true,
      class: isTrue ? "hit true" : "hit",
      onclick: () => openDetail(shown, index),
    },
    el(
      "span",
      { class: "frame", style: { "--size": widthOf(row.influence) } },
      img,
    ),
    el(
      "span",
      { class: "numbers" },
      el("b", {}, row.influence === null ? figures(row.similarity) : percent(row.influence)),
      isTrue && el("span", { class: "badge good" }, SAY.exemplar),
      copies,
    ),
    el("span", { class: "line", title: row.creator }, row.creator || SAY.creatorUnknown),
    el("span", { class: "line soft" }, row.license || SAY.licenceUnknown),
    el("span", { class: "line soft" }, SAY.similarity(figures(row.similarity))),
  );
  return el("li", {}, button);
}

/** The width of a picture, as a part of that of a share of 100%: its area is its share. */
const widthOf = (influence) => (influence === null ? UNKNOWN : Math.max(LEAST, Math.sqrt(influence)));

/** The ids of a result: its image, and the near-duplicates that share its rank. */
const idsOf = (row) => [row.image_id, ...(row.copies ?? [])];
