// Buttons that copy a text, to be pasted elsewhere.

import { byId } from "./dom.js";
import { addToast } from "./toasts.js";

// Without this script they could do nothing, and are hidden.
for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});

async function copy(button) {
  const text = byId(button.dataset.copy);
  getSelection().selectAllChildren(text);
  // Without a secure connection there is no clipboard, but what is selected is copied.
  if (navigator.clipboard) await navigator.clipboard.writeText(text.textContent);
  else document.execCommand("copy");
  addToast("success", button.dataset.copied);
}
