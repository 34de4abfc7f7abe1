// The map: images and samples where a map of the store has them, coloured, searched, and chosen by a lasso.

import { getJson, withQuery } from "./api.js";
import { lastAnswer } from "./ask.js";
import { announce, byId, choices, el, errorBox } from "./dom.js";
import { colouring } from "./map_colours.js";
import { chosenCard, pointCard } from "./map_chosen.js";
import { Scatter } from "./scatter.js";
import { TEXT } from "./strings.js";
import { fieldName } from "./texts.js";

const SAY = TEXT.map;
const form = byId("map-form");
let scatter = null;
let loaded = null; // {key, maps, map}
let hidden = new Set(); // names of the legend that are not drawn
let chosen = []; // points of the lasso or the search
let colours = null; // what `colouring` returns

/** Show the map that the address names: encoder, mapper, colour, q. */
export async function openMap(params) {
  const container = byId("map-body");
  container.setAttribute("aria-busy", "true");
  try {
    await load(params.get("encoder") ?? "", params.get("mapper") ?? "");
    byId("map-stage").hidden = !loaded.map;
    if (!loaded.map) return byId("map-said").replaceChildren(el("p", {}, SAY.none), el("pre", {}, SAY.command));
    fillForm(params);
    repaint(params.get("q") ?? "");
    find(params.get("item"));
  } catch (error) {
    byId("map-stage").hidden = true;
    byId("map-said").replaceChildren(errorBox(error));
  } finally {
    container.setAttribute("aria-busy", "false");
  }
}

/** Add the listeners; called once. */
export function startMap() {
  form.addEventListener("submit", (event) => (event.preventDefault(), apply()));
  form.addEventListener("change", apply);
  const lasso = byId("map-lasso");
  lasso.addEventListener("click", () => {
    scatter.lassoing = !scatter.lassoing;
    lasso.setAttribute("aria-pressed", scatter.lassoing);
    byId("map-canvas").classList.toggle("lassoing", scatter.lassoing);
  });
  byId("map-whole").addEventListener("click", () => scatter.fit(true));
  byId("map-closer").addEventListener("click", () => scatter.zoom(1.6));
  byId("map-further").addEventListener("click", () => scatter.zoom(1 / 1.6));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => loaded?.map && repaint());
}

function apply() {
  const { map, colour, q } = form.elements;
  const [encoder, mapper] = map.value.split(" ");
  location.hash = withQuery("#map", { encoder, mapper, colour: colour.value, q: q.value.trim() });
}

/** Fetch the map, unless it is there. */
async function load(encoder, mapper) {
  const key = `${encoder} ${mapper}`;
  if (loaded?.key === key) return;
  const found = await getJson(withQuery("v1/map", { encoder, mapper }));
  loaded = { key, ...found };
  [hidden, chosen] = [new Set(), []];
  if (!found.map) return;
  byId("map-stage").hidden = false; // a canvas that is hidden has no size
  scatter ??= new Scatter(byId("map-canvas"), { onPoint: pointAt, onOpen: open, onLasso: choose });
  const { x, y } = found.map.columns;
  scatter.place(x, y);
}

function fillForm(params) {
  const { map, maps } = loaded;
  const name = ({ encoder, mapper }) => `${encoder} ${mapper}`;
  choices(form.elements.map, maps.map((one) => [name(one), SAY.features(one)]), name(map));
  const answered = lastAnswer()?.answer.remaining !== null && lastAnswer();
  const fields = ["kind", ...Object.keys(map.columns).filter((one) => map.columns[one].values && one !== "kind")];
  const names = fields.map((field) => [field, field === "kind" ? SAY.kind : fieldName(field)]);
  choices(form.elements.colour, answered ? [...names, ["influence", SAY.influence]] : names, params.get("colour") ?? "kind");
  if (document.activeElement !== form.elements.q) form.elements.q.value = params.get("q") ?? "";
  byId("map-said").replaceChildren(el("p", { class: "soft" }, SAY.about(map)));
}

/** Colours, legend and what was searched for. */
function repaint(text = form.elements.q.value.trim()) {
  const { columns } = loaded.map;
  colours = colouring(columns, form.elements.colour.value, lastAnswer()?.answer);
  if (text) {
    const wanted = text.toLowerCase();
    choose([...columns.label.keys()].filter((index) => matches(columns, index, wanted)), SAY.found(text));
  } else choose([]);
}

const matches = ({ label, item_id: ids }, index, text) =>
  label[index]?.toLowerCase().includes(text) || ids[index].toLowerCase().startsWith(text);

/** Mark some points, and show what can be done with them. */
function choose(points, title = SAY.lassoed) {
  chosen = points;
  paint();
  const card = points.length ? chosenCard(loaded.map, points, title, () => choose([])) : null;
  byId("map-chosen").replaceChildren(...(card ? [card] : []));
  if (points.length) announce(SAY.chosen(points.length));
}

function paint() {
  const marked = new Set(chosen);
  const { groups, group } = colours;
  const shown = group.map((one) => !hidden.has(groups[one].name));
  const faded = chosen.length > 0;
  const colour = group.map((one, index) => (faded && !marked.has(index) ? colours.faded : groups[one].colour));
  const size = group.map((one, index) => (marked.has(index) ? groups[one].size + 2 : groups[one].size));
  scatter.paint(colour, size, shown);
  legend();
}

/** The groups of the colours, each a button that hides its points. */
function legend() {
  const rows = colours.groups.filter(({ count }) => count).map(({ name, colour, count }) => {
    const toggle = () => {
      if (!hidden.delete(name)) hidden.add(name);
      paint();
      [...byId("map-legend").querySelectorAll("button")].find(({ dataset }) => dataset.name === name)?.focus();
    };
    const swatch = el("i", { class: "swatch", style: { "--colour": colour } });
    const pressed = String(!hidden.has(name));
    return el("li", {}, el("button", { type: "button", "data-name": name, "aria-pressed": pressed, onclick: toggle }, swatch, SAY.group(name, count)));
  });
  byId("map-legend").replaceChildren(...rows);
}

function pointAt(index) {
  const { label, item_id: ids } = loaded.map.columns;
  byId("map-at").textContent = index < 0 ? SAY.hint : label[index] || ids[index];
}

const open = (index) => byId("map-chosen").replaceChildren(pointCard(loaded.map, index));

/** Show one item, where the map has it. */
function find(id) {
  const index = id ? loaded.map.columns.item_id.indexOf(id) : -1;
  if (index < 0) return pointAt(-1);
  scatter.show(index);
  pointAt(index);
  open(index);
}
