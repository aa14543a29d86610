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

// Above its button where there is more room than below, and to its left where there is none to its right; what fits
// nowhere is scrolled. The head of the page and my phone cover what is behind them.
function place(items) {
  items.classList.remove("is-above", "is-left");
  items.style.maxHeight = "";
  const box = items.getBoundingClientRect();
  const { height, right } = box;
  const button = items.previousElementSibling.getBoundingClientRect();
  const gap = Math.abs(box.top - button.bottom) + 2;
  const top = document.querySelector(".panel-header").getBoundingClientRect().bottom;
  const bottom = byId("my-phone").getBoundingClientRect().top;
  const [above, below] = [button.top - gap - Math.max(0, top), Math.min(innerHeight, bottom) - button.bottom - gap];
  items.classList.toggle("is-above", height > below && above > below);
  items.classList.toggle("is-left", right > document.documentElement.clientWidth);
  if (height > Math.max(above, below)) items.style.maxHeight = `${Math.floor(Math.max(above, below))}px`;
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
