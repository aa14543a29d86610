// The form of a message: a sentence is put to the end of its text.

import { byId } from "../panel/dom.js";

const text = byId("id_text");

for (const button of document.querySelectorAll("[data-sentence]")) {
  button.addEventListener("click", () => {
    const before = text.value.trimEnd();
    text.value = before ? `${before} ${button.innerText.trim()}` : button.innerText.trim();
    text.focus();
  });
}
