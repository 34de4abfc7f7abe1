// Before a question: some stored samples to try, so that the first answer is one press away.

import { getJson } from "./api.js";
import { el } from "./dom.js";
import { arrowKeys } from "./keys.js";
import { sampleCard } from "./samples.js";

const SHOWN = 12;
let chosen = null;

/** A few samples of different models. */
export async function showExamples(place) {
  place.replaceChildren();
  try {
    chosen ??= spread((await getJson("v1/samples?split=test&limit=200")).samples);
    if (!chosen.length) chosen = spread((await getJson("v1/samples?limit=200")).samples);
  } catch {
    return; // the page works without them
  }
  if (!chosen.length || place.childElementCount) return;
  const grid = el("div", { class: "cards" }, chosen.map(sampleCard));
  place.replaceChildren(el("h2", {}, "Or try one that is stored here"), grid);
  arrowKeys(grid);
}

/** One sample a model first, then the rest. */
function spread(samples) {
  const seen = new Set();
  const first = samples.filter(({ model_id }) => !seen.has(model_id) && seen.add(model_id));
  return [...first, ...samples.filter((sample) => !first.includes(sample))].slice(0, SHOWN);
}
