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

// The places, in the page, of the buttons whose menus were put beside them.
const placedAt = new WeakMap();

function placeOf(button) {
  const { left, top } = button.getBoundingClientRect();
  return `${left + scrollX} ${top + scrollY}`;
}

// Above its button where there is more room than below, and to its left where there is none to its right; what fits
// nowhere is scrolled. The head of the page and my phone cover what is behind them. One that `isAbove` already stays there
// as long as it fits.
function place(items, isAbove = false) {
  const scrolled = items.scrollTop;
  items.classList.remove("is-above", "is-left");
  items.style.maxHeight = "";
  const box = items.getBoundingClientRect();
  const { height, right } = box;
  const button = items.previousElementSibling.getBoundingClientRect();
  const gap = Math.abs(box.top - button.bottom) + 2;
  const top = document.querySelector(".panel-header").getBoundingClientRect().bottom;
  const bottom = byId("my-phone").getBoundingClientRect().top;
  const [above, below] = [button.top - gap - Math.max(0, top), Math.min(innerHeight, bottom) - button.bottom - gap];
  items.classList.toggle("is-above", (isAbove && height <= above) || (height > below && above > below));
  items.classList.toggle("is-left", right > document.documentElement.clientWidth);
  if (height > Math.max(above, below)) items.style.maxHeight = `${Math.floor(Math.max(above, below))}px`;
  items.scrollTop = scrolled;
  placedAt.set(items, placeOf(items.previousElementSibling));
}

// What ended above its card, or a telephone that was turned, may have taken its button elsewhere.
function placeAgain() {
  for (const items of document.querySelectorAll(".party-menu[open] > .menu-items")) {
    const hasMoved = placedAt.get(items) !== placeOf(items.previousElementSibling);
    if (hasMoved) place(items, items.classList.contains("is-above"));
  }
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
document.addEventListener("panel:settled", placeAgain);
addEventListener("resize", placeAgain);

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
