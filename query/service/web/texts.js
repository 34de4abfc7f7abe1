// Puts the texts of strings.js where the page names them.

import { el } from "./dom.js";
import { TEXT } from "./strings.js";

const PREFIX = "data-text";

/** Fill every element that names a text: its content by `data-text`, an attribute by `data-text-NAME`. */
export function fillTexts() {
  for (const node of document.querySelectorAll("*"))
    for (const { name, value } of [...node.attributes]) {
      if (name === PREFIX) node.textContent = textOf(value);
      else if (name.startsWith(`${PREFIX}-`)) node.setAttribute(name.slice(PREFIX.length + 1), textOf(value));
    }
}

const textOf = (path) => path.split(".").reduce((found, name) => found[name], TEXT);

/** A text in which **strong** and *emphasised* parts are marked, as elements. */
export function marked(text) {
  return text.split(/(\*\*[^*]+\*\*|\*[^*]+\*)/).map((part) => {
    if (part.startsWith("**")) return el("strong", {}, part.slice(2, -2));
    return part.startsWith("*") ? el("em", {}, part.slice(1, -1)) : part;
  });
}

/** The name of a field of images, as people call it. */
export const fieldName = (field) => TEXT.fields[field] ?? field.replace("metadata.", "").replaceAll("_", " ");

/** The same at the beginning of a label. */
export function fieldLabel(field) {
  const name = fieldName(field);
  return name[0].toUpperCase() + name.slice(1);
}
