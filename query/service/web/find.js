// The find view: stored images by words, where an encoder of the store takes texts.

import { getJson, withQuery } from "./api.js";
import { imageCard } from "./cards.js";
import { announce, byId, el, errorBox } from "./dom.js";
import { arrowKeys } from "./keys.js";
import { TEXT } from "./strings.js";
import { badge } from "./summary.js";

const SHOWN = 48;
const form = byId("find-form");
let pending = null; // AbortController of the request in flight

/** Offer the view where there is an encoder for it; called once. */
export function startFind(info) {
  byId("find-link").hidden = !info.text_encoders?.length;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.hash = withQuery("find", { text: form.elements.text.value.trim() });
  });
}

/** Show the images for the words that the address holds. */
export async function openFind(params) {
  const container = byId("find-list");
  const text = params.get("text") ?? "";
  form.elements.text.value = text;
  pending?.abort();
  if (!text) return container.replaceChildren();
  const request = (pending = new AbortController());
  container.setAttribute("aria-busy", "true");
  try {
    draw(container, await getJson(withQuery("v1/similar", { text, k: SHOWN }), request.signal));
  } catch (error) {
    if (error.name !== "AbortError") container.replaceChildren(errorBox(error));
  } finally {
    if (pending === request) container.setAttribute("aria-busy", "false");
  }
}

function draw(container, answer) {
  const grid = el("div", { class: "cards" }, answer.results.map((image) => imageCard(image, TEXT.find.cosine(image.similarity.toFixed(3)))));
  const { results, exact, searched, pool_size: size, encoder } = answer;
  const range = TEXT.find.range(results.length, exact, searched, size, encoder);
  container.replaceChildren(el("p", { class: "state soft" }, badge(answer), ` ${range}`), grid);
  arrowKeys(grid);
  announce(range);
}
