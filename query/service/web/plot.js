// A small plot: a dot for each feature space, its 95% interval, and the value of its control.

import { el, figures, svg } from "./dom.js";
import { TEXT } from "./strings.js";

const WIDTH = 420;
const VALUE = 48;
const STEP = 24;

/** Points {name, value, low, high, control} on an axis from 0 to at least `largest`. */
export function dotPlot(points, largest, title) {
  const end = axisEnd(largest);
  const label = Math.min(210, 24 + 7 * Math.max(...points.map(({ name }) => name.length)));
  const x = (value) => label + (value / end) * (WIDTH - label - VALUE);
  const height = points.length * STEP + 26;
  const ticks = [0, end / 2, end].map((value) => [
    svg("line", { class: "grid-line", x1: x(value), x2: x(value), y1: 2, y2: height - 22 }),
    svg("text", { x: x(value), y: height - 6, "text-anchor": "middle" }, String(Number(value.toFixed(3)))),
  ]);
  const marks = points.map((point, index) => row(point, index * STEP + STEP / 2 + 2, x, label));
  const values = points.map(({ name, value }) => `${name} ${figures(value)}`).join(", ");
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `${title}: ${values}` },
    ticks.flat(),
    marks.flat(),
  );
}

function row({ name, value, low, high, control }, y, x, label) {
  return [
    svg("text", { x: label - 12, y: y + 4, "text-anchor": "end" }, shorten(name), svg("title", {}, name)),
    low !== null &&
      high !== null &&
      svg("line", { class: "interval", x1: x(low), x2: x(high), y1: y, y2: y }),
    control !== null && svg("circle", { class: "control", cx: x(control), cy: y, r: 4 }),
    svg("circle", { class: "dot", cx: x(value), cy: y, r: 5 }),
    svg("text", { class: "value", x: WIDTH - VALUE + 10, y: y + 4 }, figures(value)),
  ];
}

const shorten = (name) => (name.length > 28 ? `…${name.slice(-27)}` : name);

function axisEnd(largest) {
  return [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1].find((end) => largest <= end) ?? 1;
}

/** The legend of the plots. */
export function legend(controls, intervals) {
  const mark = (kind, ...shapes) =>
    svg("svg", { viewBox: "0 0 28 12", class: `mark ${kind}`, "aria-hidden": true }, shapes);
  const line = svg("line", { class: "interval", x1: 1, x2: 27, y1: 6, y2: 6 });
  const dot = (name, r) => svg("circle", { class: name, cx: 14, cy: 6, r });
  return el(
    "ul",
    { class: "key soft" },
    el("li", {}, mark("", dot("dot", 5)), TEXT.metrics.measured),
    intervals && el("li", {}, mark("", line), TEXT.metrics.interval),
    controls &&
      el(
        "li",
        {},
        mark("", dot("control", 4)),
        TEXT.metrics.control,
      ),
  );
}
