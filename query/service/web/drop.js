// Pictures that are dropped on the page, pasted, or chosen.

import { byId } from "./dom.js";

/** Call `take(file)` for each of them; called once. */
export function startDrop(take) {
  const veil = byId("veil");
  const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
  byId("file").addEventListener("change", ({ target }) => target.files[0] && take(target.files[0]));
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
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (file) take(file);
  });
}
