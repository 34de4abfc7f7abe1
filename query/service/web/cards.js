// Cards of stored images and samples, as links to the page of an image or the answer of a sample.

import { showImage, withQuery } from "./api.js";
import { el } from "./dom.js";
import { TEXT } from "./strings.js";

const THUMBNAIL = 128;
const joined = (...parts) => parts.filter(Boolean).join(" · ");

/** One image with its caption, owner, and the wish of its owner where one is known. */
export function imageCard(image, title = null) {
  const name = image.caption || image.uri || image.image_id;
  const reserved = image.reservation && image.reservation !== "none";
  return card({
    kind: "images",
    id: image.image_id,
    href: withQuery("#image", { id: image.image_id }),
    title: title ?? name,
    lines: [joined(image.creator || image.rights_holder, image.license)],
    name,
    badge: reserved && TEXT.browse.reserved(image.reservation),
  });
}

/** One sample as a link to its answer. */
export function sampleCard(sample) {
  const name = sample.prompt || sample.uri || sample.sample_id;
  return card({
    kind: "samples",
    id: sample.sample_id,
    href: withQuery("#ask", { sample: sample.sample_id }),
    title: name,
    lines: [
      joined(sample.concept && TEXT.browse.concept(sample.concept), sample.split),
      joined(sample.case_name, sample.scheme),
    ],
    name,
  });
}

function card({ kind, id, href, title, lines, name, badge = null }) {
  const img = el("img", { alt: "", loading: "lazy" });
  showImage(img, kind, id, THUMBNAIL);
  return el(
    "a",
    { class: "sample", "data-item": true, title, href },
    el("span", { class: "frame" }, img),
    el("span", { class: "line" }, name),
    lines.map((line) => el("span", { class: "line soft" }, line)),
    badge && el("span", { class: "badge warn" }, badge),
  );
}
