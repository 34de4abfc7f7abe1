// Where an answer comes from, and what no answer is: shown below it, and on paper.

import { count, el } from "./dom.js";
import { meaningLink, word } from "./words.js";

const POOLS = { all: "the gallery and every exemplar", gallery: "the gallery" };

/** All that is needed to ask again, and the limits. */
export function provenanceCard({ provenance: known, limits }) {
  const facts = {
    question: known.question,
    asked: known.date.replace("T", " ").replace("Z", " UTC"),
    store: `${known.store} at ${known.at}`,
    tables: known.tables_version,
    features: [word("encoder"), ` ${known.encoder}, `, word("mapper"), ` ${known.mapper}`],
    pool: `${count(known.pool_size)} images: ${POOLS[known.pool]}`,
    ...(known.where && { condition: known.where }),
    software: known.software,
  };
  return el(
    "section",
    { class: "card provenance", "aria-labelledby": "provenance-title" },
    el("h2", { id: "provenance-title" }, "Where this answer comes from"),
    el("p", { class: "limits" }, limits.join(" "), " ", meaningLink(), "."),
    el(
      "dl",
      { class: "facts" },
      Object.entries(facts).flatMap(([name, value]) => [
        el("dt", {}, name === "pool" ? word("pool") : name),
        el("dd", {}, value),
      ]),
    ),
  );
}
