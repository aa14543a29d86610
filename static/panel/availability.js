// The banner that says that the panel cannot be reached, and the buttons that cannot work meanwhile.

import { byId } from "./dom.js";

export let offline = false;

export function setOffline(value, why = "offline") {
  offline = value;
  byId("offline")?.toggleAttribute("hidden", !value);
  for (const words of document.querySelectorAll("#offline [data-why]")) words.hidden = words.dataset.why !== why;
  disableWhatCannotWork();
}

export function disableWhatCannotWork() {
  const down = new Set();
  const trouble = Boolean(byId("trouble"));
  for (const link of document.querySelectorAll('[data-link="down"]')) down.add(link.dataset.pbxName);
  for (const button of document.querySelectorAll("[data-action]")) {
    // A button of a form is busy while the form's request is under way.
    if (button.closest(".htmx-request, .is-ended, .is-over")) continue;
    const unable = offline || trouble || down.has(button.closest("[data-pbx]")?.dataset.pbx);
    if (button.disabled !== unable) button.disabled = unable;
  }
}
