// A part of the page that has nothing to show takes no room (data-section-of: its list). It comes and goes while the pointer
// is not at work on the page, so that nothing beside it moves under a click.

import { pointerIsAtWorkIn } from "./dom.js";

function focusTitle() {
  const title = document.querySelector("main h1");
  title.tabIndex = -1;
  title.focus({ preventScroll: true });
}

function showWhatIsFilled() {
  for (const section of document.querySelectorAll("[data-section-of]")) {
    const isFilled = Boolean(document.getElementById(section.dataset.sectionOf).firstElementChild);
    if (isFilled !== section.hidden || pointerIsAtWorkIn(section.parentElement)) continue;
    if (section.contains(document.activeElement)) focusTitle();
    section.hidden = !isFilled;
  }
  const nothing = document.querySelector("[data-when-nothing]");
  if (nothing) nothing.hidden = Boolean(document.querySelector("[data-section-of]:not([hidden])"));
}

document.addEventListener("panel:settled", showWhatIsFilled);
document.addEventListener("panel:ticked", showWhatIsFilled);
