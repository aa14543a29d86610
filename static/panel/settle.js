// What is to be done after every change of the page.

import { disableWhatCannotWork } from "./availability.js";
import { showLocalTimes, tick } from "./clock.js";
import { layNamesOver } from "./names.js";
import { search, watchTheEnd } from "./search.js";

function markMine() {
  const mine = document.body.dataset.phone;
  for (const call of document.querySelectorAll("[data-phones]")) {
    call.toggleAttribute("data-mine", Boolean(mine) && call.dataset.phones.split(" ").includes(mine));
  }
  for (const party of document.querySelectorAll("[data-endpoint]")) {
    party.toggleAttribute("data-mine", Boolean(mine) && party.dataset.endpoint === mine);
  }
}

export function settle() {
  markMine();
  layNamesOver();
  disableWhatCannotWork();
  search();
  watchTheEnd();
  tick();
  showLocalTimes();
  document.dispatchEvent(new Event("panel:settled"));
}

addEventListener("htmx:after:swap", settle);
