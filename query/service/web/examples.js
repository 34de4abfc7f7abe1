// Before a question: some stored samples to try, so that the first answer is one press away.

import { getJson, withQuery } from "./api.js";
import { el } from "./dom.js";
import { arrowKeys } from "./keys.js";
import { sampleCard } from "./samples.js";

const SHOWN = 12;
let chosen = null;

/** A few samples of different models. */
export async function showExamples(place) {
  place.replaceChildren();
  try {
    chosen ??= (await spread("test")) ?? (await spread("")) ?? [];
  } catch {
    return; // the page works without them
  }
  if (!chosen.length || place.childElementCount) return;
  const grid = el("div", { class: "cards" }, chosen.map(sampleCard));
  place.replaceChildren(el("h2", {}, "Or try one that is stored here"), grid);
  arrowKeys(grid);
}

/** Samples of one split, as far apart as they are stored; null where there is none. */
async function spread(split) {
  const one = (offset) => getJson(withQuery("v1/samples", { split, offset, limit: 1 }));
  const { total } = await one(0);
  const places = [
    ...new Set([...Array(SHOWN).keys()].map((place) => Math.floor(((place + 0.5) * total) / SHOWN))),
  ];
  return total ? (await Promise.all(places.map(one))).flatMap(({ samples }) => samples) : null;
}
