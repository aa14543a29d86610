// The menu of each party: what is in it is the same for all, and is put there when it is opened.

import { disableWhatCannotWork } from "../panel/availability.js";
import { byId } from "../panel/dom.js";
import { addressOf, nameOf } from "./parties.js";

function fill(menu) {
  const items = byId("party-menu").content.firstElementChild.cloneNode(true);
  const party = menu.closest(".party");
  for (const button of items.querySelectorAll("[hx-post]")) {
    button.setAttribute("hx-post", addressOf(button.getAttribute("hx-post"), party));
  }
  items.setAttribute("aria-label", nameOf(party));
  menu.append(items);
  htmx.process(items);
  disableWhatCannotWork();
}

// Above its button where there is no room below, and to its left where there is none to its right.
function place(items) {
  items.classList.remove("is-above", "is-left");
  const { bottom, height, right } = items.getBoundingClientRect();
  items.classList.toggle("is-above", bottom > innerHeight && bottom - height > height);
  items.classList.toggle("is-left", right > document.documentElement.clientWidth);
}

document.addEventListener(
  "toggle",
  (event) => {
    const menu = event.target;
    if (!menu.matches(".party-menu") || !menu.open) return;
    if (menu.children.length === 1) fill(menu);
    place(menu.lastElementChild);
  },
  true,
);

document.addEventListener("click", (event) => {
  const menu = event.target.closest(".party-menu .menu-items button")?.closest("details");
  if (!menu) return;
  menu.open = false;
  if (!document.querySelector("dialog[open]")) menu.querySelector("summary").focus({ preventScroll: true });
});

// What a party is called may change; whatever is in its menu stays as it is.
document.addEventListener("panel:settled", () => {
  for (const menu of document.querySelectorAll(".party-menu")) {
    const summary = menu.firstElementChild;
    const { label } = menu.dataset;
    if (summary.getAttribute("aria-label") !== label) summary.setAttribute("aria-label", label);
  }
});
