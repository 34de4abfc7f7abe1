// Words that are explained where they stand: on hover, on focus and on a tap; and a view of all of them.

import { getJson } from "./api.js";
import { byId, el } from "./dom.js";
import { TEXT } from "./strings.js";
import { marked } from "./texts.js";

const LINGER = 200; // ms: time to move the pointer from a word to its explanation
let words = {};
let states = {};
let leaving = 0; // timer

/** Fetch the words and add the listeners; called once. Without the words the page works, and explains none. */
export async function startWords() {
  byId("words-text").replaceChildren(...TEXT.words.paragraphs.map((text) => el("p", {}, marked(text))));
  try {
    ({ words, states } = await getJson("static/words.json"));
  } catch {
    return;
  }
  const popovers = Object.entries(words).map(([key, { name, text }]) =>
    el("div", { id: idOf(key), class: "explanation", popover: "auto", role: "tooltip" }, el("b", {}, `${name}:`), ` ${text}`),
  );
  document.body.append(...popovers);
  byId("words-list").replaceChildren(
    ...Object.values(words).flatMap(({ name, text }) => [el("dt", {}, name), el("dd", {}, text)]),
  );
  document.querySelectorAll("label[data-explain]").forEach(addHelp);
  document.addEventListener("mouseover", ({ target }) => pointAt(target.closest?.(".word, .explanation")));
  document.addEventListener("focusin", ({ target }) => target.matches(".word:focus-visible") && show(target));
  document.addEventListener("focusout", ({ target }) => target.matches(".word") && hide());
  document.addEventListener("click", ({ target }) => {
    const word = target.closest?.(".word");
    if (word) show(word);
  });
  addEventListener("scroll", hide, { capture: true, passive: true });
}

/** A word of the text that explains itself. */
export function word(key, text = words[key]?.name ?? key) {
  if (!words[key]) return text;
  return el("button", { type: "button", class: "word", "data-word": key, "aria-describedby": idOf(key) }, text);
}

/** What a state of an answer means, in one sentence. */
export const stateSentence = (state) => states[state] ?? "";

/** A link to what a share means, and what it does not. */
export const meaningLink = () => el("a", { href: "#words" }, TEXT.summary.meaning);

/** A button beside the label of a field; not in it, where it would be a part of the field's name. */
function addHelp(label) {
  const key = label.dataset.explain;
  const named = { "aria-label": TEXT.words.help(words[key].name), "aria-describedby": idOf(key) };
  const field = el("div", { class: "field" });
  label.replaceWith(field);
  field.append(label, el("button", { type: "button", class: "word help", "data-word": key, ...named }, "?"));
}

const idOf = (key) => `word-${key}`;

function pointAt(node) {
  clearTimeout(leaving);
  if (node?.matches(".word")) show(node);
  else if (!node && !document.activeElement?.matches(".word")) leaving = setTimeout(hide, LINGER);
}

/** Show the explanation under its word, or above it where there is no room. */
function show(button) {
  const popover = byId(idOf(button.dataset.word));
  if (!popover) return;
  if (!popover.matches(":popover-open")) popover.showPopover();
  const at = button.getBoundingClientRect();
  const box = popover.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.left, innerWidth - box.width - 8));
  const below = at.bottom + 6;
  const top = below + box.height > innerHeight && at.top > box.height + 14 ? at.top - box.height - 6 : below;
  popover.style.setProperty("--left", `${left}px`);
  popover.style.setProperty("--top", `${top}px`);
}

function hide() {
  document.querySelector(".explanation:popover-open")?.hidePopover();
}
