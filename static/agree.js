// The window in which a user agrees that a page may place calls: what the user has agreed to goes to the page that has
// opened the window, and only if it is of that origin. A browser delivers it to no other.

import { byId } from "./panel/dom.js";

const agreement = byId("agreement");
const { origin, state, token } = agreement.dataset;
const show = (name) => {
  agreement.querySelector(`[data-when=${name}]`).hidden = false;
};

// The page closes this window when it has heard it; one that is no longer there cannot.
function answer(said) {
  opener?.postMessage({ pbxpanel: state, ...said }, origin);
  show("told");
}

if (!opener) {
  show("alone");
  agreement.querySelector("[data-agree]")?.remove();
} else if (token) {
  answer({ token });
}

agreement.querySelector("[data-refuse]")?.addEventListener("click", () => answer({ refused: true }));
