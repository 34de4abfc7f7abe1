// The samples view: stored samples. Of those that a model of the store drew the true exemplars are known.

import { getJson, showImage, withQuery } from "./api.js";
import { byId, choices, count, el, errorBox, plural, announce } from "./dom.js";
import { arrowKeys } from "./keys.js";

const PAGE = 60;
const FILTERS = ["case", "scheme", "split", "q"];
const form = byId("samples-filter");
let evaluated = null; // rows of the metrics
let newestQuery = ""; // older responses are dropped

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => go({ offset: 0 }));

function go(changes) {
  const now = Object.fromEntries(FILTERS.map((name) => [name, form.elements[name].value.trim()]));
  const params = { ...now, ...changes };
  location.hash = withQuery("samples", { ...params, offset: params.offset || "" });
}

/** Show the page of samples that the address names. */
export async function openSamples(params) {
  const container = byId("samples-list");
  const offset = Number(params.get("offset")) || 0;
  const query = withQuery("v1/samples", {
    ...Object.fromEntries(FILTERS.map((name) => [name, params.get(name)])),
    offset,
    limit: PAGE,
  });
  newestQuery = query;
  try {
    await fillChoices(params);
    const { total, samples } = await getJson(query);
    if (newestQuery !== query) return;
    draw(container, samples, total, offset);
  } catch (error) {
    container.replaceChildren(errorBox(error));
  }
}

/** Offer the cases, schemes and splits that were evaluated. */
async function fillChoices(params) {
  evaluated ??= (await getJson("v1/metrics")).rows;
  const names = { case: "case_name", scheme: "scheme", split: "split" };
  for (const [field, column] of Object.entries(names)) {
    const found = [...new Set(evaluated.map((row) => row[column]).filter(Boolean))].sort();
    choices(
      form.elements[field],
      found.length ? [["", "all"], ...found.map((name) => [name, name])] : [],
      params.get(field) ?? "",
    );
  }
  if (document.activeElement !== form.elements.q) form.elements.q.value = params.get("q") ?? "";
}

function draw(container, samples, total, offset) {
  const grid = el("div", { class: "cards" }, samples.map(sampleCard));
  const last = offset + samples.length;
  const pageButton = (text, to, disabled) =>
    el("button", { type: "button", class: "button", disabled, onclick: () => go({ offset: to }) }, text);
  const range = total
    ? `${count(offset + 1)} to ${count(last)} of ${plural(total, "sample")}`
    : "No sample fits.";
  const pages = el(
    "div",
    { class: "actions" },
    pageButton("← Previous", Math.max(0, offset - PAGE), offset === 0),
    pageButton("Next →", last, last >= total),
  );
  container.replaceChildren(el("p", { class: "soft" }, range), grid, ...(total > PAGE ? [pages] : []));
  arrowKeys(grid);
  announce(range);
}

/** One sample as a link to its answer. */
export function sampleCard(sample) {
  const img = el("img", { alt: "", loading: "lazy" });
  showImage(img, "samples", sample.sample_id, 128);
  const joined = (...parts) => parts.filter(Boolean).join(" · ");
  return el(
    "a",
    {
      class: "sample",
      "data-item": true,
      title: sample.prompt,
      href: withQuery("#ask", { sample: sample.sample_id }),
    },
    el("span", { class: "frame" }, img),
    el("span", { class: "line" }, sample.prompt || sample.uri || sample.sample_id),
    el("span", { class: "line soft" }, joined(sample.concept && `V* = ${sample.concept}`, sample.split)),
    el("span", { class: "line soft" }, joined(sample.case_name, sample.scheme)),
  );
}
