// How a question is asked: the fields of the form, and the state of the store that is asked.

import { byId, choices, el } from "./dom.js";
import { TEXT } from "./strings.js";
import { fieldName } from "./texts.js";

const SAY = TEXT.ask;
const NAMES = ["encoder", "mapper", "k", "pool", "where", "by", "dedup", "alpha"];
const OPTIONAL = ["where", "dedup", "alpha"];
const FOLD = "clusters"; // the choice of near-duplicates that stored clusters decide
const NUMBERS = ["k", "dedup", "alpha"];
export const form = byId("question");
let info = null;
let at = ""; // the state of the store that is asked; empty: the newest

/** Fill the choices; called once. `again(submitted)` asks with what the form says now. */
export function startSettings(known, again) {
  info = known;
  const offer = (name, texts) => choices(form.elements[name], Object.entries(texts));
  offer("pool", SAY.pools);
  offer("dedup", info.clusters ? { "": SAY.dedups[""], [FOLD]: SAY.clusters, ...SAY.dedups } : SAY.dedups);
  offer("alpha", SAY.alphas);
  choices(form.elements.by, info.owners.map((field) => [field, fieldName(field)]), "creator");
  choices(form.elements.encoder, info.encoders.map(({ encoder }) => [encoder, encoder]));
  byId("where-help").textContent = SAY.whereHelp([...info.fields, "caption", "uri", "width", "height"]);
  offerMappers();
  form.elements.encoder.addEventListener("change", offerMappers);
  form.addEventListener("submit", (event) => (event.preventDefault(), again(true)));
  form.addEventListener("change", (event) => event.target.name && again());
  form.addEventListener("invalid", () => (byId("options").open = true), true); // show the field that is invalid
  byId("options").open = !matchMedia("(max-width: 860px)").matches; // a narrow screen shows the answer first
  byId("as-of").addEventListener("click", ({ target }) => target.matches("button") && (setState(""), again(true)));
}

function offerMappers() {
  const space = info.encoders.find(({ encoder }) => encoder === form.elements.encoder.value);
  const text = (name) => (name === "none" ? SAY.raw : name) + (space.calibrated.includes(name) ? "" : SAY.uncalibrated);
  const names = space?.mappers ?? [];
  choices(form.elements.mapper, names.map((name) => [name, text(name)]), names[0]);
}

/** Ask the store as it was at `state`; the newest where it is empty. */
export function setState(state) {
  at = state;
  byId("as-of").hidden = !at;
  if (at)
    byId("as-of").replaceChildren(
      el("p", { class: "soft" }, TEXT.answer.asOf(at)),
      el("button", { type: "button", class: "button" }, TEXT.answer.asNow),
    );
}

/** Show the settings that an address holds. */
export function showSettings(params) {
  const hasSettings = NAMES.some((name) => params.has(name));
  for (const name of NAMES) {
    if (params.has(name) || (hasSettings && OPTIONAL.includes(name)))
      form.elements[name].value = params.get(name) ?? "";
    if (name === "encoder" && params.has(name)) offerMappers();
  }
  setState(params.get("at") ?? "");
}

/** The settings of the form as text, without empty ones. */
export function settings() {
  const entries = NAMES.map((name) => [name, form.elements[name].value.trim()]);
  return Object.fromEntries([...entries, ["at", at]].filter(([, value]) => value !== ""));
}

/** The same as fields of a request: stored clusters are `fold`, not a cosine. */
export function requestFields() {
  const { dedup, ...found } = settings();
  if (dedup === FOLD) return { ...found, fold: true };
  return dedup ? { ...found, dedup } : found;
}

/** The same as a JSON body takes them. */
export function typedFields() {
  const found = requestFields();
  for (const name of NUMBERS) if (name in found) found[name] = Number(found[name]);
  return found;
}

/** Ask among fewer images: add a condition to the one of the form. */
export function addCondition(condition) {
  const field = form.elements.where;
  field.value = field.value.trim() ? `(${field.value.trim()}) and ${condition}` : condition;
}
