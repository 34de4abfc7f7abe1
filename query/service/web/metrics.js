// The metrics view: one small plot for each case and scheme, then a table of all numbers.

import { getJson } from "./api.js";
import { byId, choices, count, el, errorBox, figures } from "./dom.js";
import { dotPlot, legend } from "./plot.js";
import { TEXT } from "./strings.js";

const SAY = TEXT.metrics;
const METRICS = SAY.names;
const CONTROL = "control";
const form = byId("metrics-filter");
let rows = null;

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("change", () => draw());

/** Fetch once, then draw. */
export async function openMetrics() {
  try {
    rows = (await getJson("v1/metrics")).rows;
    fillChoices();
    draw();
    rows = (await getJson("v1/metrics?intervals=true")).rows; // takes seconds the first time
    draw();
  } catch (error) {
    byId("metrics-body").replaceChildren(errorBox(error));
  }
}

function fillChoices() {
  const splits = [...new Set(rows.map(({ split }) => split))].sort();
  const usual = ["test", ...splits].find((split) => splits.includes(split)) ?? "";
  choices(form.elements.metric, rows.length ? Object.entries(METRICS) : []);
  choices(
    form.elements.split,
    splits.map((split) => [split, split || TEXT.none]),
    form.elements.split.value || usual,
  );
}

function draw() {
  const metric = form.elements.metric.value;
  const split = form.elements.split.value;
  const chosen = rows.filter((row) => row.split === split);
  if (!chosen.length) {
    byId("metrics-body").replaceChildren(
      el("p", {}, SAY.nothing),
      el("pre", {}, SAY.command),
    );
    return;
  }
  const largest = Math.max(...chosen.map((row) => row.intervals?.[metric]?.[1] ?? row[metric]), 0.01);
  const panels = [...grouped(chosen)].map(([title, members]) => panel(title, members, metric, largest, split));
  byId("metrics-body").replaceChildren(
    legend(
      split !== CONTROL && rows.some((row) => row.split === CONTROL),
      chosen.some((row) => (row.intervals?.[metric]?.[0] ?? null) !== null),
    ),
    el("div", { class: "panels" }, panels),
    table(chosen, metric),
  );
}

const caseAndScheme = (row) => [row.case_name || SAY.noCase, row.scheme].filter(Boolean).join(", ");
const space = (row) => `${row.encoder} ${row.mapper === "none" ? SAY.raw : row.mapper}`;

/** The name of a feature space; without its encoder where there is only one. */
function name(row) {
  const several = new Set(rows.map(({ encoder }) => encoder)).size > 1;
  return several ? space(row) : space(row).slice(row.encoder.length + 1);
}

function grouped(list) {
  const groups = new Map();
  for (const row of list) groups.set(caseAndScheme(row), [...(groups.get(caseAndScheme(row)) ?? []), row]);
  return new Map([...groups].sort(([a], [b]) => a.localeCompare(b)));
}

function panel(title, members, metric, largest, split) {
  const points = members
    .map((row) => {
      const twin = rows.find(
        (other) =>
          other.split === CONTROL &&
          split !== CONTROL &&
          caseAndScheme(other) === caseAndScheme(row) &&
          space(other) === space(row),
      );
      const [low, high] = row.intervals?.[metric] ?? [null, null];
      return { name: name(row), value: row[metric], low, high, control: twin?.[metric] ?? null };
    })
    .sort((a, b) => b.value - a.value);
  return el(
    "figure",
    { class: "card" },
    el(
      "figcaption",
      {},
      el("h2", {}, title),
      el("span", { class: "soft" }, TEXT.samples(members[0].samples)),
    ),
    dotPlot(points, largest, SAY.plot(METRICS[metric], title)),
  );
}

function table(chosen, metric) {
  const names = Object.keys(METRICS);
  const head = el(
    "tr",
    {},
    [SAY.columns.group, SAY.columns.features].map((name) => el("th", { scope: "col", class: "text" }, name)),
    [...Object.values(METRICS), SAY.columns.samples].map((name) => el("th", { scope: "col" }, name)),
  );
  const bodies = [...grouped(chosen)].map(([title, members]) => {
    const sorted = members.sort((a, b) => b[metric] - a[metric]);
    return el(
      "tbody",
      {},
      sorted.map((row, index) =>
        el(
          "tr",
          { class: row[metric] === sorted[0][metric] ? "best" : "" },
          index === 0 && el("th", { scope: "rowgroup", rowspan: sorted.length }, title),
          el("td", { class: "text", title: space(row) }, name(row)),
          names.map((one) => el("td", { class: one === metric ? "chosen" : "" }, figures(row[one]))),
          el("td", {}, count(row.samples)),
        ),
      ),
    );
  });
  return el(
    "div",
    { class: "card scroll", tabindex: 0, role: "region", "aria-label": SAY.all },
    el("table", {}, el("thead", {}, head), bodies),
  );
}
