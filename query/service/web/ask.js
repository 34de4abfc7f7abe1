// The question: an image that was dropped, pasted or chosen, or a stored sample; and its settings.

import { getJson, postForm, postJson, showImage, withQuery } from "./api.js";
import { showAnswer } from "./answer.js";
import { byId, choices, errorBox } from "./dom.js";
import { showExamples } from "./examples.js";

const form = byId("question");
const SETTINGS = ["encoder", "mapper", "k", "pool", "where", "by", "dedup", "alpha"];
const OPTIONAL = ["where", "dedup", "alpha"];
let info = null;
let question = null; // {file, name, url} or {sample, row}
let pending = null; // AbortController of the request in flight

/** Fill the choices and add the listeners; called once. */
export function startAsk(known) {
  info = known;
  choices(
    form.elements.encoder,
    info.encoders.map(({ encoder }) => [encoder, encoder]),
  );
  offerMappers();
  form.elements.encoder.addEventListener("change", offerMappers);
  form.addEventListener("submit", (event) => (event.preventDefault(), resubmit()));
  form.addEventListener("change", (event) => event.target.name && question && resubmit());
  byId("file").addEventListener("change", (event) => event.target.files[0] && askFile(event.target.files[0]));
  byId("clear").addEventListener("click", startOver);
  form.addEventListener("invalid", () => (byId("options").open = true), true); // show the field that is invalid
  byId("options").open = !matchMedia("(max-width: 860px)").matches; // a narrow screen shows the answer first
  addImageListeners();
}

function offerMappers() {
  const space = info.encoders.find(({ encoder }) => encoder === form.elements.encoder.value);
  const text = (name) =>
    (name === "none" ? "none (raw)" : name) + (space.calibrated.includes(name) ? "" : ", not calibrated");
  const names = space?.mappers ?? [];
  choices(
    form.elements.mapper,
    names.map((name) => [name, text(name)]),
    names[0],
  );
}

/** Show what the address holds: a sample with settings, or nothing. `arrived`: another view was shown before. */
export function openAsk(params, arrived) {
  const hasSettings = SETTINGS.some((name) => params.has(name));
  for (const name of SETTINGS) {
    if (params.has(name) || (hasSettings && OPTIONAL.includes(name)))
      form.elements[name].value = params.get(name) ?? "";
    if (name === "encoder" && params.has(name)) offerMappers();
  }
  const sample = params.get("sample");
  if (sample) return askSample(sample);
  if (question?.sample && arrived) return history.replaceState(null, "", address());
  return question?.file ? undefined : reset();
}

function startOver() {
  history.pushState(null, "", "#ask");
  reset();
}

function reset() {
  pending?.abort();
  question = null;
  byId("file").value = "";
  byId("asked").hidden = true;
  byId("clear").hidden = true;
  byId("intro").hidden = false;
  byId("asked-name").textContent = "Drop a picture, paste one, or";
  byId("drop").classList.remove("has-picture");
  showExamples(byId("result"));
}

function askFile(file) {
  if (!file.type.startsWith("image/")) {
    byId("result").replaceChildren(
      errorBox({ message: `${file.name} is no picture.`, hint: "Drop a PNG, JPEG or WebP file." }),
    );
    return;
  }
  if (question?.url) URL.revokeObjectURL(question.url);
  question = { file, name: file.name || "pasted picture", url: URL.createObjectURL(file) };
  if (location.hash !== "#ask") history.pushState(null, "", "#ask");
  dispatchEvent(new HashChangeEvent("hashchange"));
  const img = byId("asked");
  img.onload = () => img.classList.toggle("small", Math.max(img.naturalWidth, img.naturalHeight) <= 64);
  img.src = question.url;
  showQuestion(question.name);
  ask();
}

async function askSample(id) {
  if (question?.sample !== id) {
    question = { sample: id, row: null };
    byId("asked").removeAttribute("src");
    showQuestion("stored sample");
    showImage(byId("asked"), "samples", id);
    try {
      const row = await sampleRow(id);
      if (question?.sample !== id) return;
      question.row = row;
      showQuestion(row.prompt || row.uri || id);
    } catch (error) {
      if (question?.sample === id) showError(error);
      return;
    }
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

/** The settings of the form, without empty ones. */
function settings() {
  const entries = SETTINGS.map((name) => [name, form.elements[name].value.trim()]);
  return Object.fromEntries(entries.filter(([, value]) => value !== ""));
}

const address = () => withQuery("#ask", { sample: question.sample, ...settings() });

/** Ask the same question with the settings of the form; the address of a sample's answer follows. */
function resubmit() {
  if (!question) return byId("file").focus();
  if (question.sample) history.replaceState(null, "", address());
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
    const answer = await send(settings(), controller.signal);
    const exemplars = question.row?.exemplar_ids ?? null;
    const asked = { row: question.row ?? null };
    showAnswer(result, {
      answer,
      asked,
      exemplars,
      seconds: (performance.now() - started) / 1000,
      by: form.elements.by.value,
      narrow,
    });
  } catch (error) {
    if (error.name !== "AbortError") showError(error);
  } finally {
    if (pending === controller) result.setAttribute("aria-busy", "false");
  }
}

function send(options, signal) {
  if (question.sample) {
    const numbers = { k: Number(options.k) };
    for (const name of ["dedup", "alpha"]) if (options[name]) numbers[name] = Number(options[name]);
    return postJson("v1/attribute", { ...options, ...numbers, sample: question.sample }, signal);
  }
  const body = new FormData();
  for (const [name, value] of Object.entries(options)) body.append(name, value);
  body.append("image", question.file, question.name);
  return postForm("v1/attribute", body, signal);
}

const showError = (error) => byId("result").replaceChildren(errorBox(error));

/** Ask again among fewer images: add a condition to the one of the form. */
function narrow(condition) {
  const field = form.elements.where;
  field.value = field.value.trim() ? `(${field.value.trim()}) and ${condition}` : condition;
  resubmit();
}

function addImageListeners() {
  const veil = byId("veil");
  const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && (veil.hidden = true));
  addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    veil.hidden = true;
    if (event.dataTransfer.files[0]) askFile(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (file) askFile(file);
  });
}
