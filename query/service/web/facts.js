// What the store knows of an image, as a list of names and values.

import { el } from "./dom.js";
import { TEXT } from "./strings.js";

const SAY = TEXT.detail;

/** Fill a description list; what is empty is left out. Values may be elements. */
export function fillFacts(list, entries) {
  const filled = Object.entries(entries).filter(
    ([, value]) => value !== null && value !== undefined && value !== "",
  );
  list.replaceChildren(
    ...filled.flatMap(([name, value]) => [
      el("dt", {}, SAY.names[name] ?? name.replaceAll("_", " ").replace("license", TEXT.fields.license)),
      el("dd", {}, value instanceof Node ? value : linked(String(value))),
    ]),
  );
}

/** The facts of a stored image, from its row. */
export function imageFacts(row) {
  return {
    creator: row.creator ?? TEXT.unknown,
    rights_holder: row.rights_holder,
    license: row.license ?? TEXT.unknown,
    license_url: row.license_url,
    reservation: "reservation" in row ? (TEXT.reservations[row.reservation] ?? TEXT.unknown) : null,
    category: row.category,
    uri: row.uri,
    source: row.source,
    collections: row.collections?.join(", "),
    size: row.width && row.height ? SAY.size(row.width, row.height) : null,
    ...extras(row.metadata),
    image_id: row.image_id,
  };
}

/** The text, numbers and booleans of an image's metadata, which is JSON of any shape. */
function extras(metadata) {
  try {
    const found = typeof metadata === "string" ? JSON.parse(metadata) : (metadata ?? {});
    return Object.fromEntries(
      Object.entries(found).filter(([, value]) => ["string", "number", "boolean"].includes(typeof value)),
    );
  } catch {
    return {};
  }
}

/** Only http and https become links; they open in a new tab, without a referrer. */
function linked(text) {
  return /^https?:\/\/\S+$/.test(text)
    ? el("a", { href: text, target: "_blank", rel: "noopener noreferrer" }, text)
    : text;
}
