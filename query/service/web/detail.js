// A dialog with one training image beside the image of the question: what the store knows of it.

import { getJson, showImage } from "./api.js";
import { byId, el, errorBox, figures, percent } from "./dom.js";
import { conditions } from "./owners.js";

const dialog = byId("detail");
let shown = null;
let current = 0; // index of the result

/** Open the dialog at one result; arrow keys show the others. */
export function openDetail(answer, index) {
  shown = answer;
  draw(index);
  if (!dialog.open) dialog.showModal();
}

dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowRight") move(1);
  else if (event.key === "ArrowLeft") move(-1);
});
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("close", () => document.querySelectorAll(".hits [data-item]")[current]?.focus());

function move(step) {
  if (shown.answer.results[current + step]) draw(current + step);
}

function draw(index) {
  current = index;
  const focused = document.activeElement?.dataset?.move;
  const { answer } = shown;
  const row = answer.results[index];
  const img = el("img", { alt: row.caption || row.uri || "training image" });
  const question = el("img", { src: byId("asked").src, alt: "" });
  const more = el("dl", { class: "facts" });
  dialog.replaceChildren(
    el(
      "div",
      { class: "bar-line" },
      el("h2", { id: "detail-title" }, row.caption || row.uri || "Training image"),
      button("Close", "close", () => dialog.close()),
    ),
    el(
      "div",
      { class: "pair" },
      figure(question, "asked about"),
      figure(
        img,
        row.influence === null
          ? `rank ${row.rank}`
          : `rank ${row.rank}, ${percent(row.influence)} of the influence`,
      ),
    ),
    el(
      "div",
      { class: "actions" },
      button("← Previous", "back", () => move(-1), index === 0),
      button("Next →", "next", () => move(1), index === answer.results.length - 1),
      narrowing(row),
    ),
    more,
  );
  (
    dialog.querySelector(`[data-move="${focused}"]:not(:disabled)`) ??
    dialog.querySelector("[data-move=close]")
  ).focus();
  question.classList.toggle("small", byId("asked").classList.contains("small"));
  showImage(img, "images", row.image_id);
  describe(more, row);
}

const figure = (img, text) => el("figure", {}, img, el("figcaption", { class: "soft" }, text));

const button = (text, name, onclick, disabled = false) =>
  el("button", { type: "button", class: "button", "data-move": name, onclick, disabled }, text);

function narrowing(row) {
  if (!row.creator) return null;
  const [only, without] = conditions("creator", row.creator);
  const ask = (text, condition) =>
    el(
      "button",
      { type: "button", class: "button", onclick: () => (dialog.close(), shown.narrow(condition)) },
      text,
    );
  return [ask("Only this creator", only), ask("Without this creator", without)];
}

async function describe(list, row) {
  const known = {
    influence: row.influence === null ? "not calibrated" : percent(row.influence),
    similarity: figures(row.similarity),
    creator: row.creator ?? "unknown",
    licence: row.license ?? "unknown",
    category: row.category,
  };
  fill(list, known);
  let full;
  try {
    full = await getJson(`v1/images/${encodeURIComponent(row.image_id)}?format=json`);
  } catch (error) {
    list.after(errorBox(error));
    return;
  }
  const size = full.width && full.height ? `${full.width} × ${full.height}` : null;
  const copies = row.copies?.length ? row.copies.join(", ") : null;
  const collections = full.collections?.join(", ");
  fill(list, {
    ...known,
    source: full.uri,
    collections,
    size,
    copies,
    ...extras(full.metadata),
    "image id": full.image_id,
  });
}

function fill(list, entries) {
  const filled = Object.entries(entries).filter(
    ([, value]) => value !== null && value !== undefined && value !== "",
  );
  list.replaceChildren(
    ...filled.flatMap(([name, value]) => [
      el("dt", {}, name.replaceAll("_", " ").replace("license", "licence")),
      el("dd", {}, linked(String(value))),
    ]),
  );
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
