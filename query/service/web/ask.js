// The question: a picture that was dropped, pasted or chosen, a stored sample, or a stored image; and its answer.

import { getJson, imageFile, postForFile, postForm, postJson, showImage, withQuery } from "./api.js";
import { showAnswer } from "./answer.js";
import { byId, errorBox } from "./dom.js";
import { startDrop } from "./drop.js";
import { showExamples } from "./examples.js";
import { addCondition, form, requestFields, setState, settings, showSettings, startSettings, typedFields } from "./settings.js";
import { TEXT } from "./strings.js";

const SAY = TEXT.ask;
let info = null;
let question = null; // {file, name, url}, {sample, row}, or {image, file, name, url} of a stored image
let pending = null; // AbortController of the request in flight
let last = null; // what the last answer is drawn from

/** Fill the choices and add the listeners; called once. */
export function startAsk(known) {
  info = known;
  startSettings(info, (submitted) => (submitted || question) && resubmit());
  startDrop(askFile);
  byId("clear").addEventListener("click", startOver);
}

/** Show what the address holds: a stored question with settings, or nothing. `arrived`: from another view. */
export function openAsk(params, arrived) {
  const [sample, image] = [params.get("sample"), params.get("image")];
  if (sample || image || params.size) showSettings(params);
  if (sample) return askSample(sample);
  if (image) return askImage(image);
  if (isStored() && arrived) return history.replaceState(null, "", address());
  return question?.file && !question.image ? undefined : reset();
}

const isStored = () => Boolean(question?.sample || question?.image);

function startOver() {
  history.pushState(null, "", "#ask");
  reset();
}

function reset() {
  pending?.abort();
  question = null;
  setState("");
  byId("file").value = "";
  byId("asked").hidden = true;
  byId("clear").hidden = true;
  byId("intro").hidden = false;
  byId("asked-name").textContent = SAY.drop;
  byId("drop").classList.remove("has-picture");
  showExamples(byId("result"));
}

function askFile(file) {
  if (!file.type.startsWith("image/")) {
    const [message, hint] = SAY.noImage(file.name);
    byId("result").replaceChildren(errorBox({ message, hint }));
    return;
  }
  if (question?.url) URL.revokeObjectURL(question.url);
  question = { file, name: file.name || SAY.pasted };
  setState("");
  if (location.hash !== "#ask") history.pushState(null, "", "#ask");
  dispatchEvent(new HashChangeEvent("hashchange"));
  showFile();
  ask();
}

/** Show the picture of a question that has a file. */
function showFile() {
  question.url = URL.createObjectURL(question.file);
  const img = byId("asked");
  img.onload = () => img.classList.toggle("small", Math.max(img.naturalWidth, img.naturalHeight) <= 64);
  img.src = question.url;
  showQuestion(question.name);
}

async function askSample(id) {
  if (question?.sample === id) return ask();
  return askStored({ sample: id, row: null }, SAY.stored, async (asked) => {
    showImage(byId("asked"), "samples", id);
    asked.row = await sampleRow(id);
    return () => showQuestion(asked.row.prompt || asked.row.uri || id);
  });
}

async function askImage(id) {
  if (question?.image === id) return ask();
  return askStored({ image: id }, SAY.storedImage, async (asked) => {
    const row = await getJson(`v1/images/${encodeURIComponent(id)}?format=json`);
    asked.name = row.caption || row.uri || id;
    asked.file = await imageFile("images", id, asked.name);
    return showFile;
  });
}

/** Ask about something that the store has. `read` reads what the question needs; then what it returns shows it. */
async function askStored(asked, name, read) {
  question = asked;
  byId("asked").removeAttribute("src");
  showQuestion(name);
  try {
    const show = await read(asked);
    if (question !== asked) return;
    show();
  } catch (error) {
    if (question === asked) showError(error);
    return;
  }
  await ask();
}

/** The row of a stored sample with that of its model, where it has one: concept, case, split and exemplars. */
async function sampleRow(id) {
  const row = await getJson(`v1/samples/${encodeURIComponent(id)}?format=json`);
  if (!row.model_id) return row;
  const { samples } = await getJson(withQuery("v1/samples", { model: row.model_id, limit: 1 }));
  return { ...samples[0], ...row };
}

function showQuestion(name) {
  byId("asked").alt = name;
  byId("asked").hidden = false;
  byId("asked-name").textContent = name;
  byId("clear").hidden = false;
  byId("intro").hidden = true;
  byId("drop").classList.add("has-picture");
}

const address = (more = {}) =>
  withQuery("#ask", { sample: question.sample, image: question.image, ...settings(), ...more });

/** Ask the same question with the settings of the form; the address of a stored one follows. */
function resubmit() {
  if (!question) return byId("file").focus();
  if (isStored()) history.replaceState(null, "", address());
  return ask();
}

async function ask() {
  if (!form.reportValidity()) return;
  pending?.abort();
  const controller = (pending = new AbortController());
  const result = byId("result");
  result.setAttribute("aria-busy", "true");
  const started = performance.now();
  try {
    const asked = question;
    const sign = evidenceOf(asked); // with the settings that are sent: the form may change until the answer comes
    const answer = await send(controller.signal);
    const at = answer.provenance?.at;
    showAnswer(result, (last = {
      answer,
      asked: { row: asked.row ?? null },
      exemplars: asked.row?.exemplar_ids ?? null,
      seconds: (performance.now() - started) / 1000,
      by: form.elements.by.value,
      narrow: (condition) => (addCondition(condition), resubmit()),
      evidence: { signer: info.evidence ?? null, most: info.evidence_images, make: () => sign(at) },
      link: isStored() ? new URL(address({ at }), location).href : null,
    }));
  } catch (error) {
    if (error.name !== "AbortError") showError(error);
  } finally {
    if (pending === controller) result.setAttribute("aria-busy", "false");
  }
}

/**
 * What asks for an answer as signed evidence, given the state of the store that it is of: of the same picture and
 * settings, with no more images than the service signs.
 */
function evidenceOf(asked) {
  const body = requestBody(asked, { k: Math.min(Number(form.elements.k.value), info.evidence_images) });
  return (at) => {
    if (at && body instanceof FormData) body.set("at", at);
    else if (at) body.at = at;
    return postForFile("v1/evidence", body);
  };
}

/** The last answer as it is drawn: {answer, asked, ...}; null before one was. */
export const lastAnswer = () => last;

function send(signal) {
  const body = requestBody(question);
  const post = body instanceof FormData ? postForm : postJson;
  return post("v1/attribute", body, signal);
}

/** A question with the settings of the form, and `more`: JSON for a stored sample, else a form with the picture. */
function requestBody({ sample, file, name }, more = {}) {
  if (sample) return { ...typedFields(), ...more, sample };
  const body = new FormData();
  for (const [field, value] of Object.entries({ ...requestFields(), ...more })) body.append(field, value);
  body.append("image", file, name);
  return body;
}

const showError = (error) => byId("result").replaceChildren(errorBox(error));
