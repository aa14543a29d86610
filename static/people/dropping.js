// A call that is dragged onto a tile, from the bar of my phone or from a card in another window, is transferred there.

import { CALL, addressFor } from "../calls/dragging.js";
import { byId } from "../panel/dom.js";

const wall = byId("people");
const form = byId("transfer-here");
const carriesCall = (event) => form && event.dataTransfer.types.includes(CALL);
const tileAt = (event) => event.target.closest?.(".tile:has(.tile-call[data-number]:not([data-number='']))");

let over = null;

function mark(tile) {
  if (over && over !== tile) delete over.dataset.drop;
  over = tile;
  if (tile) tile.dataset.drop = "call";
}

wall.addEventListener("dragover", (event) => {
  if (!carriesCall(event)) return;
  const tile = tileAt(event);
  mark(tile);
  if (!tile) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "move";
});
wall.addEventListener("dragleave", (event) => {
  if (!wall.contains(event.relatedTarget)) mark(null);
});
wall.addEventListener("drop", (event) => {
  if (!carriesCall(event)) return;
  const tile = tileAt(event);
  mark(null);
  if (!tile || form.matches(".htmx-request")) return;
  event.preventDefault();
  // Of what another page may have put there, nothing is taken but two names.
  const { pbx, uniqueid } = JSON.parse(event.dataTransfer.getData(CALL));
  form.setAttribute("hx-post", addressFor(form.dataset.path, String(pbx), String(uniqueid)));
  form.elements.to.value = tile.querySelector(".tile-call").dataset.number;
  tile.setAttribute("aria-busy", "true");
  form.requestSubmit();
});
document.addEventListener("dragend", () => mark(null));

addEventListener("htmx:finally:request", (event) => {
  if (event.detail.ctx.sourceElement !== form) return;
  for (const tile of wall.querySelectorAll(".tile[aria-busy]")) tile.removeAttribute("aria-busy");
});
