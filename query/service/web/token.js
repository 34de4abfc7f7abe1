// The dialog that asks for a token.

import { byId } from "./dom.js";

/** Ask the user for a token; `wrong`: the last one was not accepted. Null where the dialog was cancelled. */
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
