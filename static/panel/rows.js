// Rows: elements with an id and data-order, kept in that order; data-gone takes one away.

import { byId, pointerIsAtWorkIn } from "./dom.js";
import { passFocusOn } from "./focus.js";
import { morph } from "./morph.js";
import { settle } from "./settle.js";

// A row that ended is dimmed and kept in place while the pointer is at work above it.
function removeRow(row) {
  const container = row.parentElement;
  passFocusOn(row);
  if (!container.matches(".board") || !pointerIsAtWorkIn(container)) {
    row.remove();
    return;
  }
  row.classList.add("is-ended");
  for (const button of row.querySelectorAll("button")) button.disabled = true;
}

export function sweepEndedRows() {
  for (const row of document.querySelectorAll(".is-ended")) {
    if (!pointerIsAtWorkIn(row.parentElement)) row.remove();
  }
}

// A row that went to another list leaves a copy, dimmed, where the pointer is at work.
function leaveCopy(row) {
  const copy = row.cloneNode(true);
  for (const part of [copy, ...copy.querySelectorAll("[id]")]) part.removeAttribute("id");
  copy.classList.add("is-ended");
  copy.inert = true;
  row.before(copy);
}

const compare = (one, other) => Number(one.dataset.order) - Number(other.dataset.order) || (one.id < other.id ? -1 : 1);

// Where the pointer is at work nothing changes its place, and what comes is put to the end; later they are put in order.
const misplaced = new Set();
const standsStill = (container) => container.matches(".board:not(.participants)") && pointerIsAtWorkIn(container);

function insertRow(container, row) {
  // Nearly always the new row is the newest, so look from the end.
  let after = container.lastElementChild;
  while (after && (misplaced.has(after) || compare(after, row) > 0)) after = after.previousElementSibling;
  if (after !== container.lastElementChild && standsStill(container)) {
    misplaced.add(row);
    container.append(row);
  } else if (after) after.after(row);
  else container.prepend(row);
}

// A part of a row that has ended stays in its place, too: nothing beside it moves under the pointer.
function keepEndedParts(existing, row) {
  if (!pointerIsAtWorkIn(existing)) return;
  for (const part of existing.querySelectorAll(":scope > [data-part]")) {
    if (row.querySelector(`#${CSS.escape(part.id)}`)) continue;
    const ended = part.cloneNode(true);
    ended.classList.add("is-ended");
    for (const button of ended.querySelectorAll("button")) button.disabled = true;
    const next = part.nextElementSibling && row.querySelector(`#${CSS.escape(part.nextElementSibling.id)}`);
    if (next) next.before(ended);
    else row.append(ended);
  }
}

function moveRow(container, row) {
  const held = row.contains(document.activeElement) ? document.activeElement : null;
  misplaced.delete(row);
  row.remove();
  insertRow(container, row);
  held?.focus({ preventScroll: true });
}

export function putInOrder() {
  for (const row of misplaced) {
    if (!row.isConnected) misplaced.delete(row);
    else if (!standsStill(row.parentElement)) moveRow(row.parentElement, row);
  }
}

// Where a part that has the focus goes, the next one has it, or else the row.
function passFocusOfParts(existing, row) {
  const part = document.activeElement.closest("[data-part]");
  if (!part || part.parentElement !== existing || row.querySelector(`#${CSS.escape(part.id)}`)) return;
  const others = [...existing.querySelectorAll(":scope > [data-part]:not(.is-ended)")].filter((one) => one !== part);
  (others[0] ?? existing).focus({ preventScroll: true });
}

function changeRow(container, existing, row) {
  passFocusOfParts(existing, row);
  keepEndedParts(existing, row);
  const from = existing.parentElement;
  const goes = from !== container;
  const moves = row.dataset.order && (existing.dataset.order !== row.dataset.order || goes);
  if (moves && goes && standsStill(from)) leaveCopy(existing);
  morph(existing, row);
  if (!moves) return;
  if (!goes && standsStill(container)) misplaced.add(existing);
  else moveRow(container, existing);
}

// A list that stands still (data-still) while the pointer is at work in it: what it is to show then, by its id.
const resting = new Map();

function putRows(container, fragment) {
  const inserted = [];
  for (const row of Array.from(fragment.children)) {
    const existing = byId(row.id);
    if (row.hasAttribute("data-gone")) {
      if (existing) removeRow(existing);
    } else if (row.hasAttribute("data-attributes")) {
      // Nothing else of it has changed.
      for (const { name, value } of row.attributes) {
        if (name === "data-attributes" || !existing || existing.getAttribute(name) === value) continue;
        existing.setAttribute(name, value);
      }
    } else if (existing?.matches("[data-still]") && pointerIsAtWorkIn(existing)) {
      resting.set(row.id, [container, row]);
    } else if (existing) {
      resting.delete(row.id);
      changeRow(container, existing, row);
      inserted.push(existing);
    } else if (row.dataset.order) {
      insertRow(container, row);
      inserted.push(row);
    }
  }
  return inserted;
}

export function putWhatRested() {
  for (const [id, [container, row]] of resting) {
    if (byId(id) && pointerIsAtWorkIn(byId(id))) continue;
    resting.delete(id);
    const fragment = document.createDocumentFragment();
    fragment.append(row);
    for (const put of putRows(container, fragment)) htmx.process(put);
    settle();
  }
}

// The board that comes with a new connection is newer than what rested.
addEventListener("htmx:ws:after:connection", () => resting.clear());

htmx.registerExtension("rows", {
  handle_swap: (style, target, fragment) => style === "rows" && putRows(target, fragment),
});
