// Starts the page and shows the view that the address names.

import { getJson, setTokenPrompt } from "./api.js";
import { openAsk, startAsk } from "./ask.js";
import { byId, errorBox, plural } from "./dom.js";
import { openFind, startFind } from "./find.js";
import { openMetrics } from "./metrics.js";
import { openSamples } from "./samples.js";
import { promptForToken } from "./token.js";
import { startWords } from "./words.js";

const VIEWS = { ask: openAsk, samples: openSamples, find: openFind, metrics: openMetrics, words: () => {} };
const TITLES = { ask: "Ask", samples: "Samples", find: "Find", metrics: "Metrics", words: "Words" };
let info = null;
let current = null;

/** Show the view of an address `#view?name=value`. The address of a sample's answer holds the whole question. */
function route() {
  const [, name, query] = location.hash.match(/^#(\w+)\??(.*)$/) ?? [null, "ask", ""];
  const view = name in VIEWS ? name : "ask";
  for (const other of Object.keys(VIEWS)) byId(`view-${other}`).hidden = other !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${TITLES[view]} · Attribase`;
  const arrived = view !== current;
  current = view;
  VIEWS[view](new URLSearchParams(query), arrived);
}

async function start() {
  setTokenPrompt(promptForToken);
  await startWords();
  try {
    info = await getJson("v1/info");
  } catch (error) {
    byId("main").prepend(errorBox(error));
    return;
  }
  const { images, samples } = info.counts;
  byId("store").textContent = `${info.name} · ${plural(images, "image")} · ${plural(samples, "sample")}`;
  startAsk(info);
  startFind(info);
  addEventListener("hashchange", route);
  route();
}

start();
