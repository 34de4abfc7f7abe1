// Where an answer comes from, and what no answer is: shown below it, and on paper.

import { el } from "./dom.js";
import { TEXT } from "./strings.js";
import { meaningLink, word } from "./words.js";

const SAY = TEXT.provenance;

/** All that is needed to ask again, and the limits. */
export function provenanceCard({ provenance: known, limits }) {
  const facts = {
    question: known.question,
    asked: known.date.replace("T", " ").replace("Z", " UTC"),
    store: SAY.store(known.store, known.at),
    tables: known.tables_version,
    features: SAY.features(word, known.encoder, known.mapper),
    pool: SAY.pool(known.pool_size, SAY.pools[known.pool]),
    ...(known.where && { condition: known.where }),
    software: known.software,
  };
  return el(
    "section",
    { class: "card provenance", "aria-labelledby": "provenance-title" },
    el("h2", { id: "provenance-title" }, SAY.title),
    el("p", { class: "limits" }, limits.join(" "), " ", meaningLink(), "."),
    el(
      "dl",
      { class: "facts" },
      Object.entries(facts).flatMap(([name, value]) => [
        el("dt", {}, name === "pool" ? word("pool") : SAY.names[name]),
        el("dd", {}, value),
      ]),
    ),
  );
}
