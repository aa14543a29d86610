// The wall of people: its size, its filter, the keys that lead through it, a click that calls, and the menu of a tile.

import { byId, setText } from "../panel/dom.js";
import { disableWhatCannotWork } from "../panel/availability.js";
import "./dropping.js";
import { step as moveBy } from "./favourites.js";

const wall = byId("people");
const filter = byId("people-filter");
const menu = byId("person-menu");
const callForm = byId("call-person");
const tiles = () => [...wall.querySelectorAll(".tile:not([data-unmatched])")];

// --- Size: as it was chosen in this browser. ---

const SIZES = [...document.querySelectorAll("[data-wall]")];

function showSize(size) {
  wall.dataset.size = size;
  for (const button of SIZES) button.setAttribute("aria-pressed", button.dataset.wall === size);
}

for (const button of SIZES) {
  button.addEventListener("click", () => {
    localStorage.setItem("wall", button.dataset.wall);
    showSize(button.dataset.wall);
  });
}
showSize(localStorage.getItem("wall") ?? "medium");

// --- Filter: each word begins one of the tile's, or is part of a number. As `people/searching.py` folds them. ---

const fold = (text) =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .normalize("NFD")
    .replace(/(?<!i)\u0307|[\u0300-\u0306\u0308-\u036f]/g, "")
    .normalize("NFC");

function wordsOf(typed) {
  const folded = fold(typed.trim());
  if (/^[+\d][\d\s()/.*#-]*$/.test(folded)) return [folded.replace(/[^\d*#]/g, "")];
  return folded.match(/[\p{L}\p{N}\p{M}_]+/gu) ?? [];
}

function applyFilter() {
  const words = wordsOf(filter.value);
  const all = wall.querySelectorAll(".tile");
  let found = 0;
  for (const tile of all) {
    const { folded } = tile.dataset;
    const fits = words.every((word) => folded.includes(/^[\d*#]+$/.test(word) ? word : ` ${word}`));
    tile.toggleAttribute("data-unmatched", !fits);
    if (fits) found += 1;
  }
  document.querySelector(".people-no-match").hidden = found > 0 || all.length === 0;
  setText(byId("people-status"), words.length ? `${wall.dataset.textFound} ${found}` : "");
  const current = wall.querySelector(".tile-call[tabindex='0']");
  if (!current?.checkVisibility()) enter(tiles()[0]);
}

filter.addEventListener("input", applyFilter);
filter.addEventListener("keydown", (event) => {
  const first = tiles()[0];
  if (!first || event.isComposing) return;
  if (event.key === "Enter") first.querySelector(".tile-call").click();
  else if (event.key === "ArrowDown") focusOn(first);
  else return;
  event.preventDefault();
});

// --- Keys: one tile is reached by Tab, the others from it by arrows. ---

function enter(tile) {
  for (const button of wall.querySelectorAll("[tabindex='0']")) button.tabIndex = -1;
  for (const button of tile?.querySelectorAll("button") ?? []) button.tabIndex = 0;
}

function focusOn(tile) {
  enter(tile);
  tile.querySelector(".tile-call").focus();
}

function above(tile, all, direction) {
  const box = tile.getBoundingClientRect();
  let best = null;
  let least = Infinity;
  for (const other of all) {
    const place = other.getBoundingClientRect();
    const rows = (place.top - box.top) * direction;
    if (rows < 4) continue;
    const far = rows * 4 + Math.abs(place.left - box.left);
    if (far < least) [best, least] = [other, far];
  }
  return best;
}

wall.addEventListener("keydown", (event) => {
  const tile = event.target.closest(".tile");
  if (!tile || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = tiles();
  const at = all.indexOf(tile);
  const next = {
    ArrowRight: () => all[at + 1],
    ArrowLeft: () => all[at - 1],
    ArrowDown: () => above(tile, all, 1),
    ArrowUp: () => above(tile, all, -1) ?? filter,
    Home: () => all[0],
    End: () => all.at(-1),
  }[event.key]?.();
  if (!next) return;
  event.preventDefault();
  if (next === filter) filter.focus();
  else focusOn(next);
});
wall.addEventListener("focusin", (event) => {
  const tile = event.target.closest(".tile");
  if (tile && event.target.tabIndex !== 0) enter(tile);
});

// --- A click calls. ---

let calling = null;

function call(button) {
  if (!callForm || callForm.matches(".htmx-request") || !button.dataset.number) return;
  calling = button;
  button.setAttribute("aria-busy", "true");
  callForm.elements.number.value = button.dataset.number;
  callForm.requestSubmit();
}

addEventListener("htmx:finally:request", (event) => {
  if (event.detail.ctx.sourceElement !== callForm) return;
  calling?.removeAttribute("aria-busy");
  calling = null;
});

// --- The menu of a tile. ---

async function openMenu(button) {
  const focused = document.activeElement;
  const response = await fetch(button.dataset.menu).catch(() => null);
  const html = response?.ok ? await response.text() : "";
  // Whoever has gone elsewhere meanwhile would press what they do not see yet.
  if (document.activeElement !== focused) return;
  if (!html || !button.isConnected) {
    menu.textContent = document.body.dataset.textFailed;
  } else {
    menu.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.children);
    htmx.process(menu);
    disableWhatCannotWork();
  }
  menu.opener = button;
  menu.showPopover();
  const box = button.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const top = box.bottom + height > innerHeight ? Math.max(4, box.top - height) : box.bottom;
  menu.style.top = `${top}px`;
  menu.style.left = `${Math.max(4, Math.min(box.left, innerWidth - width - 4))}px`;
  menu.querySelector("button, a")?.focus();
}

menu.addEventListener("toggle", (event) => {
  if (event.newState === "closed" && menu.contains(document.activeElement)) menu.opener?.focus();
});
menu.addEventListener("submit", () => menu.hidePopover());
menu.addEventListener("click", (event) => {
  const button = event.target.closest("button[type=button]");
  if (!button) return;
  menu.hidePopover();
  if (button.dataset.move) moveBy(byId(button.dataset.tile), Number(button.dataset.move));
});
menu.addEventListener("keydown", (event) => {
  const items = [...menu.querySelectorAll("button, a")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  items.at((items.indexOf(document.activeElement) + step) % items.length)?.focus();
});

wall.addEventListener("click", (event) => {
  const more = event.target.closest(".tile-more");
  if (more) openMenu(more);
  else if (event.target.closest(".tile-call")) call(event.target.closest(".tile-call"));
});
wall.addEventListener("contextmenu", (event) => {
  const more = event.target.closest(".tile")?.querySelector(".tile-more");
  if (!more) return;
  event.preventDefault();
  openMenu(more);
});

document.addEventListener("panel:settled", () => {
  if (!wall.querySelector(".tile-call[tabindex='0']")) applyFilter();
});
applyFilter();
