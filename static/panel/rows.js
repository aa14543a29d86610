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

const compare = (one, other) => Number(one.dataset.order) - Number(other.dataset.order) || (one.id < other.id ? -1 : 1);

function insertRow(container, row) {
  // Nearly always the new row is the newest, so look from the end.
  let after = container.lastElementChild;
  while (after && compare(after, row) > 0) after = after.previousElementSibling;
  if (after) after.after(row);
  else container.prepend(row);
}

function changeRow(container, existing, row) {
  const moves =
    row.dataset.order && (existing.dataset.order !== row.dataset.order || existing.parentElement !== container);
  morph(existing, row);
  if (!moves) return;
  const held = existing.contains(document.activeElement) ? document.activeElement : null;
  existing.remove();
  insertRow(container, existing);
  held?.focus({ preventScroll: true });
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
