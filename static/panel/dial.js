// The box for a number to call: a key, usually the slash, goes to it from everywhere; Escape leaves it.

import { byId } from "./dom.js";
import { isKeyFor } from "./shortcuts.js";

document.addEventListener("keydown", (event) => {
  const dial = byId("dial-number");
  if (!dial) return;
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (document.querySelector("dialog[open]")) return;
  if (isKeyFor(event, "call", "/") && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    dial.focus();
    dial.select();
  }
  if (event.key === "Escape" && typing === dial) dial.blur();
});

document.addEventListener("dialled", () => {
  byId("dial-number").value = "";
});
