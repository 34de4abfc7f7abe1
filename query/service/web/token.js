// The prompt for a token.

import { byId } from "./dom.js";

/** Ask the person; `wrong` says that the last one was not accepted. Null where they gave up. */
export function promptForToken(wrong) {
  const dialog = byId("token");
  const input = dialog.querySelector("input");
  byId("token-wrong").hidden = !wrong;
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => resolve(dialog.returnValue === "use" ? input.value.trim() : null),
      { once: true },
    );
  });
}
