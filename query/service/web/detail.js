// A dialog with one training image beside the image of the question: what the store knows of it.

import { getJson, showImage, withQuery } from "./api.js";
import { byId, el, errorBox, figures, percent } from "./dom.js";
import { fillFacts, imageFacts } from "./facts.js";
import { conditions } from "./owners.js";
import { TEXT } from "./strings.js";

const SAY = TEXT.detail;
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
dialog.addEventListener("click", ({ target }) => (target === dialog || target.closest("a[href^='#']")) && dialog.close());
dialog.addEventListener("close", () => document.querySelectorAll(".hits [data-item]")[current]?.focus());

function move(step) {
  if (shown.answer.results[current + step]) draw(current + step);
}

function draw(index) {
  current = index;
  const focused = document.activeElement?.dataset?.move;
  const { answer } = shown;
  const row = answer.results[index];
  const img = el("img", { alt: row.caption || row.uri || SAY.untitled });
  const question = el("img", { src: byId("asked").src, alt: "" });
  const more = el("dl", { class: "facts" });
  dialog.replaceChildren(
    el(
      "div",
      { class: "bar-line" },
      el("h2", { id: "detail-title" }, row.caption || row.uri || SAY.untitled),
      button(TEXT.close, "close", () => dialog.close()),
    ),
    el(
      "div",
      { class: "pair" },
      figure(question, SAY.asked),
      figure(
        img,
        row.influence === null
          ? SAY.rank(row.rank)
          : SAY.share(row.rank, percent(row.influence)),
      ),
    ),
    el(
      "div",
      { class: "actions" },
      button(TEXT.previous, "back", () => move(-1), index === 0),
      button(TEXT.next, "next", () => move(1), index === answer.results.length - 1),
      narrowing(row),
      el("a", { class: "button", href: imageAddress(row.image_id) }, SAY.open),
    ),
    copies(row),
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
  return [ask(SAY.only, only), ask(SAY.without, without)];
}

const imageAddress = (id) => withQuery("#image", { id });

/** The near-duplicates that share the place of a result, folded. */
function copies(row) {
  if (!row.copies?.length) return null;
  const links = row.copies.map((id) => {
    const img = el("img", { alt: id });
    showImage(img, "images", id, 128);
    return el("li", {}, el("a", { href: imageAddress(id) }, img));
  });
  return el("details", { class: "copies" }, el("summary", {}, SAY.copies(row.copies.length)), el("ul", {}, links));
}

async function describe(list, row) {
  const known = {
    influence: row.influence === null ? SAY.uncalibrated : percent(row.influence),
    similarity: figures(row.similarity),
  };
  fillFacts(list, { ...known, creator: row.creator, license: row.license, category: row.category });
  try {
    const full = await getJson(`v1/images/${encodeURIComponent(row.image_id)}?format=json`);
    if (list.isConnected) fillFacts(list, { ...known, ...imageFacts(full) });
  } catch (error) {
    list.after(errorBox(error));
  }
}
