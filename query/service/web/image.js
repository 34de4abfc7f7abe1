// The page of one stored image: the picture, what the store knows of it, and what was drawn after it.

import { getJson, showImage, withQuery } from "./api.js";
import { sampleCard } from "./cards.js";
import { byId, el, errorBox } from "./dom.js";
import { fillFacts, imageFacts } from "./facts.js";
import { arrowKeys } from "./keys.js";
import { TEXT } from "./strings.js";

const SHOWN = 12;
const SAY = TEXT.image;
let pending = null; // AbortController of the requests in flight

/** Show the image that the address names. */
export async function openImage(params) {
  const id = params.get("id") ?? "";
  const body = byId("image-body");
  pending?.abort();
  const request = (pending = new AbortController());
  byId("image-title").textContent = SAY.untitled;
  body.replaceChildren();
  body.setAttribute("aria-busy", "true");
  try {
    const row = await getJson(`v1/images/${encodeURIComponent(id)}?format=json`, request.signal);
    draw(body, row);
    await drawSamples(body, id, request.signal);
  } catch (error) {
    if (error.name !== "AbortError") body.append(errorBox(error));
  } finally {
    if (pending === request) body.setAttribute("aria-busy", "false");
  }
}

function draw(body, row) {
  const name = row.caption || row.uri || row.image_id;
  byId("image-title").textContent = name;
  const img = el("img", { alt: name });
  showImage(img, "images", row.image_id);
  const facts = el("dl", { class: "facts" });
  fillFacts(facts, imageFacts(row));
  const link = (text, href, main = false) => el("a", { class: main ? "button main" : "button", href }, text);
  const ask = link(SAY.ask, withQuery("#ask", { image: row.image_id }), true);
  const others = row.creator && link(SAY.creator, withQuery("#browse", { kind: "images", creator: row.creator }));
  body.replaceChildren(
    el(
      "div",
      { class: "image-page" },
      el("div", { class: "card" }, img),
      el("div", { class: "card" }, facts, el("div", { class: "actions" }, ask, others)),
    ),
  );
}

/** Some samples of the models that were made from the image. */
async function drawSamples(body, id, signal) {
  const { total, samples } = await getJson(withQuery("v1/samples", { exemplar: id, limit: SHOWN }), signal);
  if (!total) return;
  const grid = el("div", { class: "cards" }, samples.map(sampleCard));
  const all = el("a", { href: withQuery("#browse", { kind: "samples", exemplar: id }) }, SAY.all(total));
  body.append(el("h2", { class: "after" }, SAY.samples), grid, ...(total > SHOWN ? [el("p", { class: "after" }, all)] : []));
  arrowKeys(grid);
}
