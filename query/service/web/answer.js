// The answer: images sized by influence, their sum, and how complete the search was.

import { showImage } from "./api.js";
import { openDetail } from "./detail.js";
import { count, el, figures, percent, plural, announce } from "./dom.js";
import { arrowKeys } from "./keys.js";
import { ownerBars } from "./owners.js";
import { saveButton } from "./save.js";

/**
 * Draw one answer. `shown`: {answer, asked: {row}, exemplars: ids or null, seconds, by, narrow(condition)}.
 */
export function showAnswer(container, shown) {
  const { answer, exemplars } = shown;
  const grid = el(
    "ol",
    { class: "hits", "aria-label": "Training images, best first" },
    answer.results.map((_, index) => hit(shown, index)),
  );
  container.replaceChildren(
    el("div", { class: "card" }, summary(shown)),
    ...(exemplars?.length ? [trueExemplars(shown)] : []),
    answer.results.length ? grid : el("p", {}, nothingFound(answer)),
    ...(answer.shares?.length ? [ownerBars(shown)] : []),
    el("div", { class: "actions" }, saveButton(answer)),
  );
  arrowKeys(grid);
  const said = container.querySelector(".verdict")?.textContent ?? "";
  const lead = container.querySelector(".lead-line").textContent + container.querySelector(".state").textContent;
  announce(said ? `${said} ${lead}` : lead);
}

function nothingFound({ pool_size: size }) {
  return size ? "No image that fits the condition has a vector." : "No image fits the condition.";
}

function summary({ answer, seconds }) {
  const listed = answer.results.length;
  const calibrated = answer.remaining !== null;
  const outside = answer.null_share
    ? [`, `, el("b", {}, percent(answer.null_share)), ` in nothing of the pool.`]
    : [`.`];
  const lead = calibrated
    ? [
        el("b", {}, percent(listedShare(answer))),
        ` of the influence is in ${listed === 1 ? "the image" : `the ${count(listed)} images`} below, `,
        el("b", {}, percent(answer.remaining)),
        ` in others`,
        ...outside,
      ]
    : [
        `The ${plural(listed, "image")} below are the most similar. How much each contributed is not known: `,
        "these features are not calibrated.",
      ];
  return [
    el("h2", { class: "lead-line" }, lead),
    calibrated && shareBar(answer),
    answer.evidence && el("p", { class: "evidence" }, sentence(answer.evidence.line)),
    ...verdict(answer),
    el("p", { class: "state" }, badge(answer), " ", completeness(answer)),
    ...answer.notes.map((note) => el("p", { class: "soft" }, note)),
    el("p", { class: "soft" }, details(answer, seconds)),
  ];
}

/** A line of the service as a sentence. */
const sentence = (line) => `${line[0].toUpperCase()}${line.slice(1)}.`;

/** Whether any image may have made the picture, and the set that holds its exemplars; nothing without a level. */
function verdict({ alpha, p_none: p, attributed, set_size: size, embedded, results }) {
  if (p === null || p === undefined) return [];
  const likely = `Up to ${percent(p)} of pictures that owe nothing to these images have a match as good.`;
  if (alpha === null) return [el("p", { class: "soft" }, likely)];
  const inside = results.filter((row) => row.in_set).length;
  const known = size === null ? "unknown how many" : count(size);
  return [
    el(
      "p",
      { class: "verdict" },
      el("span", { class: attributed ? "badge good" : "badge warn" }, attributed ? "Attributed" : "None of these"),
      ` ${likely}`,
    ),
    el(
      "p",
      { class: "soft" },
      `The set with at least ${percent(1 - alpha)} of the exemplars on average: ${known} of ${count(embedded)} images, ${count(inside)} of those below.`,
    ),
  ];
}

/** The influence of the images that are listed: what is neither of others nor of what is not in the pool. */
function listedShare({ remaining, null_share: nothing }) {
  return 1 - remaining - (nothing ?? 0);
}

/** A bar of all influence: a part for each image, the rest in grey. */
function shareBar(answer) {
  const parts = answer.results.map((row) => el("i", { style: { "--part": row.influence } }));
  const text = `${percent(listedShare(answer))} in the images below, ${percent(answer.remaining)} in others`;
  return el("div", { class: "share-bar", role: "img", "aria-label": text }, parts);
}

function badge({ exact, complete }) {
  if (exact) return el("span", { class: "badge" }, "all images compared");
  return complete
    ? el("span", { class: "badge" }, "Complete")
    : el("span", { class: "badge warn" }, "Incomplete");
}

function completeness({ exact, complete, method, pool_size: size, embedded, searched, unseen, recall }) {
  if (exact) return size === 1 ? "The pool has one image." : `The pool has ${count(size)} images.`;
  if (embedded < size) {
    const how = method === "index" ? "An index was searched: " : "";
    const missing = size - embedded === 1 ? "1 has no vector" : `${count(size - embedded)} have no vector`;
    return `${how}${count(searched)} of ${count(size)} images were compared; ${missing}, so nothing is known of how much they contributed.`;
  }
  const searchedText = `An index was searched: ${count(searched)} of ${count(size)} images were looked at`;
  const recallText =
    recall === null || recall === undefined ? "" : ` The index finds ${percent(recall)} of the nearest.`;
  if (complete) return `${searchedText}; images less similar than those have no influence.${recallText}`;
  if (unseen === null || unseen === undefined) return `${searchedText}.${recallText}`;
  return `${searchedText}; the others could hold up to ${percent(unseen)} of the influence.${recallText}`;
}

function details(answer, seconds) {
  const fitted = answer.tau === null ? (answer.law === "spread" ? ["by spread"] : []) : [`τ ${figures(answer.tau)}`, `λ ${figures(answer.lam, 2)}`];
  const where = answer.where ? [`where ${answer.where}`] : [];
  const mapper = answer.mapper === "none" ? "raw features" : `mapper ${answer.mapper}`;
  return [answer.encoder, mapper, ...fitted, ...where, `${seconds.toFixed(2)} s`].join(" · ");
}

/** The images that the sample's model was trained on, with their rank in the answer. */
function trueExemplars({ answer, asked, exemplars }) {
  const control = asked.row?.split === "control";
  const found = new Map(answer.results.flatMap((row) => idsOf(row).map((id) => [id, row.rank])));
  const cards = exemplars.slice(0, 12).map((id) => {
    const img = el("img", { alt: "" });
    showImage(img, "images", id, 128);
    return el(
      "li",
      { class: found.has(id) ? "found" : "" },
      img,
      el("span", {}, found.has(id) ? `rank ${found.get(id)}` : "not below"),
    );
  });
  const named = [...found.keys()].filter((id) => exemplars.includes(id)).length;
  const text = control
    ? "A control: a sample of the base model. Its twin was customized on these; it was not."
    : exemplars.length === 1
      ? `Its model was trained on this image. It is ${named ? "below, framed" : "not among those below"}.`
      : `Its model was trained on these ${count(exemplars.length)} images. ${count(named)} of them ${named === 1 ? "is" : "are"} below, framed.`;
  const more =
    exemplars.length > cards.length
      ? el("li", {}, el("span", {}, `and ${count(exemplars.length - cards.length)} more`))
      : null;
  return el(
    "div",
    { class: "card truth" },
    el(
      "div",
      {},
      el("h3", {}, control ? "Exemplars of its twin" : "True exemplars"),
      el("p", { class: "soft" }, text),
    ),
    el("ul", {}, cards, more),
  );
}

function hit(shown, index) {
  const { answer, exemplars, asked } = shown;
  const row = answer.results[index];
  const most = Math.max(...answer.results.map(({ influence }) => influence ?? 0));
  const isTrue = idsOf(row).some((id) => exemplars?.includes(id)) && asked.row?.split !== "control";
  const name = row.caption || row.uri || row.image_id;
  const img = el("img", { alt: `Rank ${row.rank}: ${name}` });
  showImage(img, "images", row.image_id, 256);
  const copies = row.copies?.length
    ? el(
        "span",
        { class: "badge" },
        `+${count(row.copies.length)} ${row.copies.length === 1 ? "copy" : "copies"}`,
      )
    : null;
  const button = el(
    "button",
    {
      type: "button",
      "data-item": true,
      class: isTrue ? "hit true" : "hit",
      onclick: () => openDetail(shown, index),
    },
    el(
      "span",
      { class: "frame", style: { "--size": most > 0 ? Math.sqrt(row.influence / most) : 0.7 } },
      img,
    ),
    el(
      "span",
      { class: "numbers" },
      el("b", {}, row.influence === null ? figures(row.similarity) : percent(row.influence)),
      isTrue && el("span", { class: "badge good" }, "exemplar"),
      copies,
    ),
    el("span", { class: "line", title: row.creator }, row.creator || "creator unknown"),
    el("span", { class: "line soft" }, row.license || "licence unknown"),
    el("span", { class: "line soft" }, `similarity ${figures(row.similarity)}`),
  );
  return el("li", {}, button);
}

/** The ids of a result: its image, and the near-duplicates that share its rank. */
const idsOf = (row) => [row.image_id, ...(row.copies ?? [])];
