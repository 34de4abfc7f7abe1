// The data set, a page at a time: all images, the gallery, exemplars, samples. The address holds filters and page.

import { getJson, withQuery } from "./api.js";
import { imageCard, sampleCard } from "./cards.js";
import { announce, byId, el, errorBox } from "./dom.js";
import { fieldControls, readFilters, writeFilters } from "./filters.js";
import { arrowKeys } from "./keys.js";
import { TEXT } from "./strings.js";

const PAGE = 60;
const PLACE = ["kind", "after", "before"]; // in an address, and no filters
const TYPING = 250; // ms after the last key
const SAY = TEXT.browse;
const SAMPLE_FIELDS = ["case", "scheme", "split"];
const ROLES = { gallery: "gallery", exemplars: "exemplar" };
const KINDS = ["images", "gallery", "exemplars", "samples"];
const form = byId("browse-filter");
let imageFields = [];
let kind = null; // whose filters the form has
let pending = null; // AbortController of the request in flight
let typing = 0; // timer
let turned = false; // a page was turned: its cards get the focus

/** Add the listeners; called once. */
export function startBrowse(info) {
  imageFields = info.fields;
  form.addEventListener("submit", (event) => (event.preventDefault(), apply()));
  form.addEventListener("change", apply);
  form.addEventListener("input", ({ target }) => {
    clearTimeout(typing);
    if (target.tagName === "INPUT" && target.name !== "where") typing = setTimeout(apply, TYPING);
  });
  foldFilters();
  byId("browse-kinds").replaceChildren(
    ...KINDS.map((one) => el("a", { href: withQuery("#browse", { kind: one }), "data-kind": one }, SAY.names[one])),
  );
}

/** A narrow screen shows the images first: the filters are folded there, and again when a wide one gets narrow. */
function foldFilters() {
  const narrow = matchMedia("(max-width: 860px)");
  const fold = byId("browse-fold");
  const follow = () => {
    if (!fold.contains(document.activeElement)) fold.open = !narrow.matches; // not under the keyboard of a phone
  };
  narrow.addEventListener("change", follow);
  follow();
}

/** Show what the form says, from the first page on. */
function apply() {
  clearTimeout(typing);
  const hash = withQuery("#browse", { kind, ...readFilters(form) });
  if (location.hash !== hash) location.hash = hash;
}

/** Show the page that the address names. */
export async function openBrowse(params) {
  const wanted = KINDS.includes(params.get("kind")) ? params.get("kind") : "images";
  const container = byId("browse-list");
  pending?.abort();
  const request = (pending = new AbortController());
  container.setAttribute("aria-busy", "true");
  try {
    await prepare(wanted, params);
    if (pending !== request) return;
    draw(container, wanted, await getJson(query(wanted, params), request.signal), params);
  } catch (error) {
    if (error.name !== "AbortError") container.replaceChildren(errorBox(error));
  } finally {
    if (pending === request) container.setAttribute("aria-busy", "false");
  }
}

/** The form of a kind, with the values of the address. */
async function prepare(wanted, params) {
  for (const link of byId("browse-kinds").children) {
    if (link.dataset.kind === wanted) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  byId("browse-lead").textContent = SAY.leads[wanted];
  if (kind !== wanted) {
    const ofSamples = wanted === "samples";
    const fields = ofSamples ? SAMPLE_FIELDS : imageFields;
    const controls = await fieldControls(wanted === "gallery" ? fields.filter((one) => one !== "collection") : fields);
    const text = (name, label, props) => el("label", { class: props?.class }, `${label} `, el("input", { name, ...props }));
    form.replaceChildren(
      ...controls.filter(Boolean),
      text("q", ofSamples ? SAY.sampleText : SAY.imageText, { type: "search", autocomplete: "off" }),
      ...(ofSamples ? [text("model", SAY.model, { type: "search", autocomplete: "off" })] : []),
      ...(ofSamples ? [] : [text("where", TEXT.ask.where, { type: "text", autocomplete: "off", spellcheck: "false", placeholder: TEXT.ask.whereExample })]),
    );
    kind = wanted;
  }
  writeFilters(form, params);
  byId("browse-filtered").textContent = SAY.filtered(filtersIn(params));
}

/** How many filters an address has, of the form or not. */
function filtersIn(params) {
  const unknown = (params.get("unknown") ?? "").split(",").filter(Boolean);
  return unknown.length + [...params].filter(([name, value]) => value && ![...PLACE, "unknown"].includes(name)).length;
}

/** The request of a page. */
function query(wanted, params) {
  const ofSamples = wanted === "samples";
  const names = ofSamples ? [...SAMPLE_FIELDS, "model", "exemplar"] : [...imageFields, "where"];
  const given = Object.fromEntries([...names, "q", "after", "before"].map((name) => [name, params.get(name)]));
  if (!ofSamples) {
    const unknown = (params.get("unknown") ?? "").split(",").filter(Boolean);
    return withQuery("v1/images", { ...given, unknown, role: ROLES[wanted], limit: PAGE });
  }
  const first = given.after || given.before ? "" : "&after="; // in the order of ids from the first page on
  return `${withQuery("v1/samples", { ...given, limit: PAGE })}${first}`;
}

function draw(container, wanted, { total, before, images, samples }, params) {
  const rows = images ?? samples;
  const what = samples ? TEXT.samples : TEXT.images;
  const keys = rows.map((row) => row.image_id ?? row.sample_id);
  const range = rows.length ? TEXT.range(before + 1, before + rows.length, total, what) : SAY.nothing;
  const grid = el("div", { class: "cards" }, rows.map((row) => (samples ? sampleCard(row) : imageCard(row))));
  const last = before + rows.length;
  const pages = el(
    "div",
    { class: "actions" },
    turn(TEXT.previous, params, { before: keys[0] }, before === 0 || !rows.length),
    turn(TEXT.next, params, { after: keys.at(-1) }, last >= total || !rows.length),
  );
  container.replaceChildren(
    el("p", { class: "soft" }, range),
    grid,
    ...(total > rows.length ? [pages] : []),
  );
  arrowKeys(grid);
  if (turned) grid.querySelector("[data-item]")?.focus({ preventScroll: true });
  if (turned) byId("browse-title").scrollIntoView({ block: "start" });
  turned = false;
  announce(range);
}

/** A button that shows the page after or before. */
function turn(text, params, place, disabled) {
  const kept = Object.fromEntries([...params].filter(([name]) => !["after", "before"].includes(name)));
  const go = () => {
    turned = true;
    location.hash = withQuery("#browse", { ...kept, kind, ...place });
  };
  return el("button", { type: "button", class: "button", disabled, onclick: go }, text);
}
