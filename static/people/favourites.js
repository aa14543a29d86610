// One's favourites, which stand first on the wall: starred in the menu of a tile, and put in order by dragging, by the
// menu, or by Alt and an arrow.

import { byId, pointerIsAtWorkIn, setText } from "../panel/dom.js";

const TYPE = "application/x-pbxpanel-person";
const wall = byId("people");
const said = byId("people-status");
const listOf = () => wall.querySelector(".is-favourites .tiles");
const tilesIn = (list) => [...list.querySelectorAll(".tile")];
const favourite = (element) => element.closest?.(".is-favourites .tile");

// --- Becoming one. Nothing moves under the pointer: what was starred goes to its place once that rests elsewhere. ---

const misplaced = new Map();

function homeOf(tile, isOne) {
  if (isOne) return listOf();
  const groups = [...wall.querySelectorAll(".people-group:not(.is-favourites)")];
  return groups.find((group) => group.dataset.group === tile.dataset[wall.dataset.by])?.querySelector(".tiles");
}

function put(tile, isOne) {
  const home = homeOf(tile, isOne);
  if (!home || tile.parentElement === home) return;
  const next = isOne ? null : tilesIn(home).find((other) => other.dataset.folded > tile.dataset.folded);
  const held = tile.contains(document.activeElement) ? document.activeElement : null;
  home.insertBefore(tile, next ?? null);
  held?.focus({ preventScroll: true });
  for (const group of wall.querySelectorAll(".people-group")) {
    setText(group.querySelector("[data-tiles]"), String(group.querySelectorAll(".tile").length));
  }
}

function putWhatRested() {
  for (const [id, isOne] of misplaced) {
    if (pointerIsAtWorkIn(wall)) return;
    misplaced.delete(id);
    if (byId(id)) put(byId(id), isOne);
  }
}

addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  const id = ctx.sourceElement.dataset?.favourite;
  if (!id || ctx.response.status >= 400) return;
  misplaced.set(id, ctx.sourceElement.elements.on.value === "yes");
  putWhatRested();
});
document.addEventListener("panel:ticked", putWhatRested);

// --- Their order. ---

let asked = 0;

// A board that was drawn before may come meanwhile: once it is kept, it is as it was asked for.
function arrange(ids) {
  const list = listOf();
  const there = tilesIn(list).map((tile) => tile.id);
  if (there.join() === ids.join()) return;
  for (const id of ids) if (there.includes(id)) list.append(byId(id));
}

async function keep(before) {
  const list = listOf();
  const wanted = tilesIn(list).map((tile) => tile.id);
  const order = wanted.map((id) => id.replace("person-", ""));
  const mine = ++asked;
  const body = new URLSearchParams({ order: order.join(",") });
  const headers = { ...JSON.parse(document.body.getAttribute("hx-headers:inherited")), "HX-Request": "true" };
  const response = await fetch(list.closest("[data-order-path]").dataset.orderPath, {
    method: "POST",
    body,
    headers,
  }).catch(() => null);
  if (!response?.ok) setText(said, wall.dataset.textNotKept);
  if (mine === asked) arrange(response?.ok ? wanted : before.map((tile) => tile.id));
}

function move(tile, before, next) {
  const list = listOf();
  const held = tile.contains(document.activeElement) ? document.activeElement : null;
  list.insertBefore(tile, next);
  held?.focus({ preventScroll: true });
  const all = tilesIn(list);
  const name = tile.querySelector(".state-name").textContent.trim();
  setText(said, `${name}: ${all.indexOf(tile) + 1} / ${all.length}`);
  keep(before);
}

export function step(tile, by) {
  const all = tilesIn(listOf());
  const at = all.indexOf(tile) + by;
  if (!all.includes(tile) || at < 0 || at >= all.length) return;
  move(tile, all, by < 0 ? all[at] : all[at].nextElementSibling);
}

wall.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by || !event.altKey || event.ctrlKey || event.metaKey || !favourite(event.target)) return;
  event.preventDefault();
  step(favourite(event.target), by);
});

// A tile is drawn again while it is dragged: what is set here is set each time.
wall.addEventListener("pointerdown", (event) => {
  const tile = favourite(event.target);
  if (tile) tile.draggable = true;
});

let dragged = null;

wall.addEventListener("dragstart", (event) => {
  dragged = favourite(event.target);
  if (!dragged) return;
  event.dataTransfer.setData(TYPE, dragged.id);
  event.dataTransfer.effectAllowed = "move";
});

function unmark() {
  for (const tile of wall.querySelectorAll("[data-drop]")) delete tile.dataset.drop;
}

const isBefore = (tile, event) => {
  const box = tile.getBoundingClientRect();
  return event.clientX < box.left + box.width / 2;
};

wall.addEventListener("dragover", (event) => {
  const tile = favourite(event.target);
  if (!dragged || !event.dataTransfer.types.includes(TYPE)) return;
  unmark();
  if (!tile || tile === dragged) return;
  event.preventDefault();
  tile.dataset.drop = isBefore(tile, event) ? "before" : "after";
});
wall.addEventListener("drop", (event) => {
  const tile = favourite(event.target);
  if (!dragged || !tile || tile === dragged) return;
  event.preventDefault();
  move(dragged, tilesIn(listOf()), isBefore(tile, event) ? tile : tile.nextElementSibling);
});
wall.addEventListener("dragend", () => {
  dragged = null;
  unmark();
});
