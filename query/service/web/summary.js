// What an answer says first: its state, the sum of what is listed, evidence, and how complete the search was.

import { el, figures, percent } from "./dom.js";
import { TEXT } from "./strings.js";
import { meaningLink, stateSentence, word } from "./words.js";

const NONE = "none";

/** The states of answers that name no source, and what leads such an answer; its shares come last. */
const UNSOURCED = TEXT.summary.unsourced;
const SAY = TEXT.summary;

/** The parts of the summary; what kind of answer it is comes first. */
export function summary({ answer, seconds }) {
  const listed = answer.results.length;
  const calibrated = answer.remaining !== null;
  const lead = calibrated
    ? SAY.lead({
        listed: el("b", {}, percent(listedShare(answer))),
        number: listed,
        remaining: el("b", {}, percent(answer.remaining)),
        outside: answer.null_share ? el("b", {}, percent(answer.null_share)) : null,
        word,
      })
    : SAY.uncalibrated(listed);
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
  const said = strength && SAY.strength(strength);
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
  const said = el("span", { class: attributed ? "badge good" : "badge warn" }, attributed ? SAY.attributed : SAY.noneOfThese);
  return [
    state !== NONE && el("p", { class: "verdict" }, said, " ", likely(answer)), // the banner says it
    el("p", { class: "soft" }, SAY.set(percent(1 - alpha), size, embedded, inside)),
  ];
}

/** How often a match as good is chance. */
const likely = ({ p_none: p }) => SAY.likely(percent(p), word, Number(p.toPrecision(3)));

/** The influence of the images that are listed: what is neither of others nor of what is not in the pool. */
function listedShare({ remaining, null_share: nothing }) {
  return 1 - remaining - (nothing ?? 0);
}

/** A bar of all influence: a part for each image, the rest in grey. */
function shareBar(answer) {
  const parts = answer.results.map((row) => el("i", { style: { "--part": row.influence } }));
  const text = SAY.bar(percent(listedShare(answer)), percent(answer.remaining));
  return el("div", { class: "share-bar", role: "img", "aria-label": text }, parts);
}

/** How the search was done: grey, since it says nothing of how right the answer is. */
export function badge({ exact, complete }) {
  if (exact) return el("span", { class: "badge" }, SAY.allCompared);
  return complete
    ? el("span", { class: "badge" }, SAY.complete)
    : el("span", { class: "badge warn" }, SAY.incomplete);
}

function completeness({ exact, complete, method, pool_size: size, embedded, searched, unseen, recall }) {
  if (exact) return SAY.exact(word, size);
  if (embedded < size) return SAY.withoutVector(method === "index", searched, size, size - embedded);
  const known = (value) => value !== null && value !== undefined;
  const found = known(recall) ? SAY.recall(percent(recall)) : "";
  const looked = SAY.searched(searched, size);
  if (complete) return `${looked}${SAY.noneFurther}${found}`;
  return known(unseen) ? `${looked}${SAY.further(percent(unseen))}${found}` : `${looked}.${found}`;
}

function details(answer, seconds) {
  const fitted =
    answer.tau === null
      ? answer.law === "spread" && SAY.spread(word)
      : [word("tau", "τ"), ` ${figures(answer.tau)} · `, word("lambda", "λ"), ` ${figures(answer.lam, 2)}`];
  const parts = [
    [word("encoder"), ` ${answer.encoder}`],
    answer.mapper === "none" ? SAY.raw(word) : [word("mapper"), ` ${answer.mapper}`],
    fitted,
    answer.where && [SAY.where(answer.where)],
    [SAY.seconds(seconds)],
  ];
  return parts.filter(Boolean).flatMap((part, index) => (index ? [" · ", ...part] : part));
}
