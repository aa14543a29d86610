// Keys. The row that has the focus is the one that they are about.

import { openDialog } from "../panel/dialogs.js";
import { byId } from "../panel/dom.js";
import { keysAreOn } from "../panel/shortcuts.js";
import { people, seenRows } from "./people.js";

let place = 0;
const currentRow = () => document.activeElement.closest("#participants > .participant");

people.addEventListener("focusin", (event) => {
  const row = event.target.closest(".participant");
  for (const other of people.querySelectorAll('.participant[tabindex="0"]')) other.tabIndex = -1;
  row.tabIndex = 0;
  place = seenRows().indexOf(row);
});

export function beTabbable() {
  if (!people.querySelector('.participant[tabindex="0"]')) people.firstElementChild?.setAttribute("tabindex", "0");
}

function focusRow(row) {
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function moveTo(choose) {
  const all = seenRows();
  const row = currentRow();
  if (!all.length) return;
  const to = choose(row ? all.indexOf(row) : null, all.length - 1);
  if (to !== null) focusRow(all[Math.max(0, Math.min(all.length - 1, to))]);
}
// Where the one that had the focus has left, the next stands in that place.
const moveBy = (steps) => moveTo((at) => (at === null ? (steps > 0 ? place : place - 1) : at + steps));
// In the compact view several stand beside each other. Down from the last of a column goes to the last of all, if that
// is in another line.
function moveLine(lines) {
  const columns = getComputedStyle(people).gridTemplateColumns.split(" ").length;
  moveTo((at, last) => {
    if (at === null) return lines > 0 ? place : place - columns;
    const to = at + lines * columns;
    if (to >= 0 && to <= last) return to;
    return lines > 0 && Math.floor(last / columns) > Math.floor(at / columns) ? last : null;
  });
}

const click = (selector, inside = document) => inside?.querySelector(selector)?.click();
const handOf = (row) => row && document.querySelector(`.hand[data-row="${CSS.escape(row.id)}"]`);

function nextHand() {
  const hands = [...document.querySelectorAll(".hand")];
  const next = hands[(hands.indexOf(handOf(currentRow())) + 1) % hands.length];
  const row = next && byId(next.dataset.row);
  if (row) focusRow(row);
}

const keys = {
  ArrowDown: () => moveLine(1),
  ArrowUp: () => moveLine(-1),
  ArrowRight: () => moveBy(1),
  ArrowLeft: () => moveBy(-1),
  Home: () => moveTo(() => 0),
  End: () => moveTo((_at, last) => last),
  m: () => click('[data-action="mute"], [data-action="unmute"]', currentRow()),
  k: () => click('[data-action="kick"]', currentRow()),
  l: () => click('[data-action="lock"], [data-action="unlock"]'),
  h: nextHand,
  g: () => click('[data-action="give-word"]', handOf(currentRow())),
  f: () => byId("search").focus(),
  "?": () => openDialog(byId("keys-dialog")),
};
const MOVES = new Set(["ArrowDown", "ArrowUp", "ArrowRight", "ArrowLeft", "Home", "End"]);

function onKey(event) {
  const act = Object.hasOwn(keys, event.key) && keys[event.key];
  if (!act || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select, [contenteditable], dialog, .menu-items")) return;
  if (event.key.length === 1 && !keysAreOn()) return;
  if (document.querySelector("dialog[open]") || (event.repeat && !MOVES.has(event.key))) return;
  event.preventDefault();
  act();
}
if (document.body.classList.contains("may-moderate")) document.addEventListener("keydown", onKey);
