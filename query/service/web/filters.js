// A form of filters that the values of the store fill: a list where there are few, a field with suggestions else.

import { getJson, withQuery } from "./api.js";
import { el } from "./dom.js";
import { TEXT } from "./strings.js";
import { fieldLabel } from "./texts.js";

const LISTED = 60; // values in a list; more are typed
const SUGGESTED = 50;
const UNKNOWN = "?"; // the option for images without a value; others are "=" and the value
const values = new Map(); // of fields, as promises

/** The values of a field: {total, unknown, values: [{value, count}]}. */
function valuesOf(field) {
  if (!values.has(field)) {
    const asked = getJson(withQuery("v1/values", { field, limit: LISTED }));
    asked.catch(() => values.delete(field));
    values.set(field, asked);
  }
  return values.get(field);
}

/** The controls of `fields`, as labels. */
export const fieldControls = (fields) => Promise.all(fields.map(control));

async function control(field) {
  const { total, unknown, values: rows } = await valuesOf(field);
  const name = TEXT.browse.labels[field] ?? fieldLabel(field);
  if (total > LISTED) return typed(field, name);
  if (!total && !unknown) return null;
  const options = [
    ["", TEXT.browse.all],
    ...rows.map(({ value, count }) => [`=${value}`, TEXT.browse.counted(value, count)]),
    ...(unknown ? [[UNKNOWN, TEXT.browse.counted(TEXT.unknown, unknown)]] : []),
  ];
  const select = el("select", { name: field }, options.map(([value, text]) => el("option", { value }, text)));
  return el("label", {}, `${name} `, select);
}

/** A field with suggestions: the most frequent values that contain what is typed. */
function typed(field, name) {
  const list = el("datalist", { id: `values-${field}` });
  const input = el("input", { name: field, type: "search", list: list.id, autocomplete: "off" });
  let newest = null;
  const suggest = async () => {
    const query = (newest = withQuery("v1/values", { field, q: input.value.trim(), limit: SUGGESTED }));
    const { values: rows } = await getJson(query);
    if (newest !== query) return;
    list.replaceChildren(...rows.map(({ value, count }) => el("option", { value }, TEXT.browse.counted("", count))));
  };
  input.addEventListener("focus", suggest, { once: true });
  input.addEventListener("input", suggest);
  return el("label", {}, `${name} `, input, list);
}

/** What the form says, as parameters of the address: values by field, `unknown` the fields that must be empty. */
export function readFilters(form) {
  const found = {};
  const unknown = [];
  for (const { name, value, tagName } of form.elements) {
    if (!name || !value.trim()) continue;
    if (tagName !== "SELECT") found[name] = value.trim();
    else if (value === UNKNOWN) unknown.push(name);
    else found[name] = value.slice(1);
  }
  return { ...found, unknown: unknown.join(",") };
}

/** Show the parameters of an address in the form; what is typed at the moment stays. */
export function writeFilters(form, params) {
  const unknown = (params.get("unknown") ?? "").split(",");
  for (const field of form.elements) {
    if (!field.name || (field === document.activeElement && field.tagName === "INPUT")) continue;
    const value = params.get(field.name) ?? "";
    if (field.tagName !== "SELECT") field.value = value;
    else field.value = unknown.includes(field.name) ? UNKNOWN : value && `=${value}`;
    if (field.tagName === "SELECT" && field.selectedIndex < 0) {
      field.append(el("option", { value: `=${value}` }, value)); // a value that no image has
      field.value = `=${value}`;
    }
  }
}
