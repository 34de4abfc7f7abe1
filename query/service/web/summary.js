// What an answer says first: its state, the sum of what is listed, evidence, and how complete the search was.

import { count, el, figures, percent, plural } from "./dom.js";
import { meaningLink, stateSentence, word } from "./words.js";

const NONE = "none";

/** The states of answers that name no source, and what leads such an answer; its shares come last. */
const UNSOURCED = { "no clear source": "No clear source.", [NONE]: "None of these." };

/** The parts of the summary; what kind of answer it is comes first. */
export function summary({ answer, seconds }) {
  const listed = answer.results.length;
  const calibrated = answer.remaining !== null;
  const outside = answer.null_share
    ? [`, `, el("b", {}, percent(answer.null_share)), ` in none of the pool (the `, word("null_share"), `).`]
    : [`.`];
  const lead = calibrated
    ? [
        el("b", {}, percent(listedShare(answer))),
        ` of the `,
        word("share", "influence"),
        ` is in ${listed === 1 ? "the image" : `the ${count(listed)} images`} below, `,
        el("b", {}, percent(answer.remaining)),
        ` in others`,
        ...outside,
      ]
    : [
        `The ${plural(listed, "image")} below are the most similar. How much each contributed is not known: `,
        "these features are not calibrated.",
      ];
  const unsourced = answer.state in UNSOURCED;
  const shares = [el(unsourced ? "p" : "h2", { class: "lead-line" }, lead), calibrated && shareBar(answer)];
  return [
    ...(unsourced ? [banner(answer)] : shares),
    answer.evidence && evidence(answer.evidence),
    ...verdict(answer),
    ...(unsourced ? shares : []),
    el("p", { class: "state" }, badge(answer), " ", completeness(answer)),
    ...answer.notes.map((note) => el("p", { class: "soft" }, note)),
    el("p", { class: "soft" }, details(answer, seconds)),
    answer.limits && el("p", { class: "soft limits" }, answer.limits.join(" "), " ", meaningLink(), "."),
  ];
}

/** What leads an answer that names no source. */
function banner(answer) {
  const { state, state_text: text } = answer;
  const reason = text?.split(": ").slice(1).join(": ");
  const why = state === NONE ? likely(answer) : reason ? [sentence(reason)] : [];
  return el("div", { class: "banner" }, el("h2", {}, UNSOURCED[state]), el("p", {}, stateSentence(state), " ", why));
}

/** How often such answers were right; the words for it are explained. */
function evidence({ line, strength }) {
  const said = strength && `${strength} evidence`;
  if (!said || !line.endsWith(said)) return el("p", { class: "evidence" }, sentence(line));
  const before = sentence(line).slice(0, -said.length - 1);
  return el("p", { class: "evidence" }, before, el("b", {}, word("evidence", said)), ".");
}

/** A line of the service as a sentence. */
const sentence = (line) => `${line[0].toUpperCase()}${line.slice(1)}.`;

/** Whether any image may have made the picture, and the set that holds its exemplars; nothing without a level. */
function verdict(answer) {
  const { alpha, p_none: p, state, attributed, set_size: size, embedded, results } = answer;
  if (p === null || p === undefined) return [];
  if (alpha === null) return [el("p", { class: "soft" }, likely(answer))];
  const inside = results.filter((row) => row.in_set).length;
  const known = size === null ? "unknown how many" : count(size);
  const said = el("span", { class: attributed ? "badge good" : "badge warn" }, attributed ? "Attributed" : "None of these");
  return [
    state !== NONE && el("p", { class: "verdict" }, said, " ", likely(answer)), // the banner says it
    el(
      "p",
      { class: "soft" },
      `The set with at least ${percent(1 - alpha)} of the exemplars on average: ${known} of ${count(embedded)} images, ${count(inside)} of those below.`,
    ),
  ];
}

/** How often a match as good is chance. */
function likely({ p_none: p }) {
  return [
    `Up to ${percent(p)} of pictures that owe nothing to these images have a match as good (`,
    word("p_none"),
    ` ${Number(p.toPrecision(3))}).`,
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

/** How the search was done: grey, since it says nothing of how right the answer is. */
export function badge({ exact, complete }) {
  if (exact) return el("span", { class: "badge" }, "all images compared");
  return complete
    ? el("span", { class: "badge" }, "Complete")
    : el("span", { class: "badge warn" }, "Incomplete");
}

function completeness({ exact, complete, method, pool_size: size, embedded, searched, unseen, recall }) {
  if (exact) return ["The ", word("pool"), size === 1 ? " has one image." : ` has ${count(size)} images.`];
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
  const fitted =
    answer.tau === null
      ? answer.law === "spread" && ["shares by ", word("spread")]
      : [word("tau", "τ"), ` ${figures(answer.tau)} · `, word("lambda", "λ"), ` ${figures(answer.lam, 2)}`];
  const parts = [
    [word("encoder"), ` ${answer.encoder}`],
    answer.mapper === "none" ? ["raw features, no ", word("mapper")] : [word("mapper"), ` ${answer.mapper}`],
    fitted,
    answer.where && [`where ${answer.where}`],
    [`${seconds.toFixed(2)} s`],
  ];
  return parts.filter(Boolean).flatMap((part, index) => (index ? [" · ", ...part] : part));
}
