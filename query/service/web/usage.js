// What stored samples owe to owners, together: of a time range or a model, with intervals, as a chart.

import { getJson, withQuery } from "./api.js";
import { announce, byId, choices, count, el, errorBox, percent } from "./dom.js";
import { TEXT } from "./strings.js";
import { fieldLabel, fieldName } from "./texts.js";
import { word } from "./words.js";

const SAY = TEXT.usage;
const SHOWN = 40;
const FIELDS = ["by", "since", "until", "model"];
const form = byId("usage-form");
let pending = null; // AbortController of the request in flight

/** Fill the choices and add the listeners; called once. */
export function startUsage(info) {
  choices(form.elements.by, info.owners.map((field) => [field, fieldName(field)]), "reservation");
  form.addEventListener("submit", (event) => (event.preventDefault(), apply()));
  form.addEventListener("change", apply);
  byId("usage-month").addEventListener("click", () => {
    const [since, until] = lastMonth(new Date());
    form.elements.since.value = since;
    form.elements.until.value = until;
    apply();
  });
}

/** [first day of the last month, first day of this one], in UTC. */
export function lastMonth(now) {
  const day = (months) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months, 1)).toISOString().slice(0, 10);
  return [day(-1), day(0)];
}

function apply() {
  location.hash = withQuery("#usage", Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value.trim()])));
}

/** Show the usage that the address names. */
export async function openUsage(params) {
  const container = byId("usage-body");
  for (const name of FIELDS) {
    if (name !== "by") form.elements[name].value = params.get(name) ?? "";
    else if (params.get(name)) form.elements.by.value = params.get(name);
  }
  const asked = Object.fromEntries(FIELDS.map((name) => [name, params.get(name)]));
  pending?.abort();
  const request = (pending = new AbortController());
  container.setAttribute("aria-busy", "true");
  if (!container.childElementCount) container.replaceChildren(el("p", { class: "soft" }, SAY.counting));
  try {
    draw(container, await getJson(withQuery("v1/usage", { ...asked, by: form.elements.by.value }), request.signal));
  } catch (error) {
    if (error.name !== "AbortError") container.replaceChildren(errorBox(error));
  } finally {
    if (pending === request) container.setAttribute("aria-busy", "false");
  }
}

function draw(container, usage) {
  const { by, owners, reserved, samples } = usage;
  const lead = reserved ? SAY.reserved(percent(reserved.influence), interval(reserved), count(samples), usage.not_known && percent(usage.not_known)) : SAY.lead(fieldName(by), count(samples));
  const shown = owners.slice(0, SHOWN);
  const name = (owner) => (owner.name === null ? TEXT.unknown : by === "reservation" ? (TEXT.reservations[owner.name] ?? owner.name) : owner.name);
  container.replaceChildren(
    el(
      "section",
      { class: "card owners usage", "aria-labelledby": "usage-lead" },
      el("h2", { id: "usage-lead", class: "lead-line" }, lead),
      el("p", { class: "soft" }, SAY.chart),
      el("table", {}, el("thead", {}, head(by)), el("tbody", {}, shown.map((owner) => row(owner, name(owner), by)))),
      owners.length > SHOWN && el("p", { class: "soft" }, SAY.more(count(owners.length - SHOWN))),
      el("ul", { class: "soft remarks" }, usage.remarks.map((remark) => el("li", {}, remark))),
    ),
    el("p", { class: "soft" }, SAY.sql, " ", el("code", {}, SAY.statement(by, form.elements.since.value, form.elements.until.value, form.elements.model.value))),
  );
  announce(lead);
}

const interval = ({ low, high }) => (low === null || high === null ? null : `${percent(low)} – ${percent(high)}`);

function head(by) {
  const columns = [fieldLabel(by), "", word("share", SAY.columns.influence), SAY.columns.interval, word("owned", TEXT.owners.columns.owned), SAY.columns.samples];
  return el("tr", {}, columns.map((column) => (column === "" ? el("td", {}) : el("th", { scope: "col" }, column))));
}

function row(owner, label, by) {
  const known = owner.low !== null && owner.high !== null;
  const style = { "--part": owner.influence, "--owned": owner.owned, "--low": owner.low ?? 0, "--high": owner.high ?? 0 };
  const filter = owner.name === null ? { unknown: by } : { [by]: owner.name };
  const link = by === "license_url" || by.startsWith("metadata.") ? label : el("a", { href: withQuery("#browse", { kind: "images", ...filter }) }, label);
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, link),
    el("td", { class: "bar" }, el("span", { class: "track", style }, el("i", {}), known && el("b", { class: "whisker" }))),
    el("td", {}, percent(owner.influence)),
    el("td", {}, interval(owner) ?? TEXT.dash),
    el("td", {}, percent(owner.owned)),
    el("td", {}, count(owner.samples)),
  );
}
