// An element becomes what a newer one is, and stays the same element. A button whose request is under way stays busy,
// whatever arrives for its row meanwhile: that is shown after it.

import { settle } from "./settle.js";

let morphInto;
const waiting = new WeakMap();

export function morph(element, newer) {
  const fragment = document.createDocumentFragment();
  fragment.append(newer);
  morphInto(element, fragment, false);
}

htmx.registerExtension("busy", {
  init: (internal) => {
    morphInto = internal.morph;
  },
  htmx_before_morph_node: (element, { newNode }) => {
    if (!element.classList?.contains("htmx-request")) return true;
    waiting.set(element, newNode);
    return false;
  },
});

addEventListener("htmx:finally:request", (event) => {
  const element = event.detail.ctx.sourceElement;
  setTimeout(() => {
    const newer = waiting.get(element);
    waiting.delete(element);
    if (!newer || !element.isConnected || element.classList.contains("htmx-request")) return;
    morph(element, newer);
    htmx.process(element);
    settle();
  });
});
