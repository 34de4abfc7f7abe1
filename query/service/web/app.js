// Starts the page and shows the view that the address names.

import { getJson, setTokenPrompt } from "./api.js";
import { openAsk, startAsk } from "./ask.js";
import { openBrowse, startBrowse } from "./browse.js";
import { byId, errorBox } from "./dom.js";
import { openFind, startFind } from "./find.js";
import { openImage } from "./image.js";
import { openMap, startMap } from "./map.js";
import { openMetrics } from "./metrics.js";
import { TEXT } from "./strings.js";
import { fillTexts } from "./texts.js";
import { promptForToken } from "./token.js";
import { openUsage, startUsage } from "./usage.js";
import { startWords } from "./words.js";

const VIEWS = {
  ask: openAsk,
  browse: openBrowse,
  image: openImage,
  find: openFind,
  map: openMap,
  usage: openUsage,
  metrics: openMetrics,
  words: () => {},
};
const PARTS = { image: "browse" }; // which page of the navigation a view is a part of
const EARLIER = { samples: ["browse", "kind=samples"] }; // addresses that links of before may have
let info = null;
let current = null;

/** Show the view of an address `#view?name=value`. The address of a sample's answer holds the whole question. */
function route() {
  let [, name, query] = location.hash.match(/^#(\w+)\??(.*)$/) ?? [null, "ask", ""];
  if (name in EARLIER) [name, query] = [EARLIER[name][0], `${EARLIER[name][1]}&${query}`];
  const view = name in VIEWS ? name : "ask";
  for (const other of Object.keys(VIEWS)) byId(`view-${other}`).hidden = other !== view;
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.getAttribute("href") === `#${PARTS[view] ?? view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = TEXT.title(TEXT.nav[PARTS[view] ?? view]);
  const arrived = view !== current;
  current = view;
  VIEWS[view](new URLSearchParams(query), arrived);
}

async function start() {
  fillTexts();
  setTokenPrompt(promptForToken);
  await startWords();
  try {
    info = await getJson("v1/info");
  } catch (error) {
    byId("main").prepend(errorBox(error));
    return;
  }
  const { images, samples } = info.counts;
  byId("store").textContent = TEXT.store(info.name, images, samples);
  startAsk(info);
  startBrowse(info);
  startFind(info);
  startMap();
  startUsage(info);
  addEventListener("hashchange", route);
  route();
}

start();
