// Elements and number formats. Text is only set as text: nothing from the store is parsed as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element; `props` are attributes, except on* (listeners) and `style` (custom properties by name). */
export function el(name, props = {}, ...children) {
  return fill(document.createElement(name), props, children);
}

/** The same in SVG. */
export function svg(name, props = {}, ...children) {
  return fill(document.createElementNS(SVG, name), props, children);
}

function fill(node, props, children) {
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "style")
      for (const [name, part] of Object.entries(value)) node.style.setProperty(name, part);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Set the options of a select; what was chosen stays chosen where it is still an option. */
export function choices(select, options, chosen = select.value) {
  select.replaceChildren(...options.map(([value, text]) => el("option", { value }, text)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
  select.closest("label").hidden = options.length === 0;
}

/** A share as percent, with up to three significant digits. */
export function percent(share) {
  if (share === null || share === undefined) return "–";
  const value = share * 100;
  if (value === 0) return "0%";
  if (value < 0.01) return "<0.01%";
  if (value < 1) return `${value.toFixed(2)}%`;
  return `${value.toFixed(value < 99.95 ? 1 : 0)}%`;
}

export const count = (number) => number.toLocaleString("en");
export const figures = (number, digits = 3) => number.toFixed(digits).replace("-", "−");

/** An id short enough to read. */
export const shortId = (id) => (id.length > 16 ? `${id.slice(0, 12)}…` : id);

/** Announce text to screen readers. */
export function announce(text) {
  byId("announcement").textContent = text;
}

/** An error of the service: what failed and what to do next. */
export function errorBox(error) {
  return el(
    "div",
    { class: "error", role: "alert" },
    el("p", {}, error.message),
    error.hint && el("p", { class: "hint" }, error.hint),
  );
}
