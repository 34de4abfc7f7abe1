// Shown before the first question: some stored samples to try.

import { getJson, withQuery } from "./api.js";
import { sampleCard } from "./cards.js";
import { el } from "./dom.js";
import { arrowKeys } from "./keys.js";
import { TEXT } from "./strings.js";

const SHOWN = 12;
let examples = null;

/** A few samples of different models. */
export async function showExamples(container) {
  container.replaceChildren();
  try {
    examples ??= (await sampleEvenly("test")) ?? (await sampleEvenly("")) ?? [];
  } catch {
    return; // the page works without examples
  }
  if (!examples.length || container.childElementCount) return;
  const grid = el("div", { class: "cards" }, examples.map(sampleCard));
  container.replaceChildren(el("h2", {}, TEXT.ask.examples), grid);
  arrowKeys(grid);
}

/** SHOWN samples of one split, evenly spaced in stored order; null where there is none. */
async function sampleEvenly(split) {
  const one = (offset) => getJson(withQuery("v1/samples", { split, offset, limit: 1 }));
  const { total } = await one(0);
  const offsets = [
    ...new Set([...Array(SHOWN).keys()].map((index) => Math.floor(((index + 0.5) * total) / SHOWN))),
  ];
  return total ? (await Promise.all(offsets.map(one))).flatMap(({ samples }) => samples) : null;
}
