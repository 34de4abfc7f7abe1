// The find view: stored images by words, where an encoder of the store takes texts.

import { getJson, showImage, withQuery } from "./api.js";
import { announce, byId, count, el, errorBox, plural } from "./dom.js";
import { arrowKeys } from "./keys.js";
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
  const grid = el("div", { class: "cards" }, answer.results.map(imageCard));
  const of = answer.exact ? "all" : `${count(answer.searched)} of`;
  const range = `${plural(answer.results.length, "image")}, compared with ${of} ${count(answer.pool_size)} by ${answer.encoder}`;
  container.replaceChildren(el("p", { class: "state soft" }, badge(answer), ` ${range}`), grid);
  arrowKeys(grid);
  announce(range);
}

/** One image with its caption, owner and cosine. */
function imageCard(image) {
  const img = el("img", { alt: image.caption ?? "", loading: "lazy" });
  showImage(img, "images", image.image_id, 128);
  const owner = [image.creator, image.license].filter(Boolean).join(" \u00b7 ");
  return el(
    "div",
    { class: "sample", "data-item": true, tabindex: "0", title: `cosine ${image.similarity.toFixed(3)}` },
    el("span", { class: "frame" }, img),
    el("span", { class: "line" }, image.caption || image.uri || image.image_id),
    el("span", { class: "line soft" }, owner),
  );
}
