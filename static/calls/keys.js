// Keys. The card that has the focus is the one that they are about.

import { openDialog } from "../panel/dialogs.js";
import { byId } from "../panel/dom.js";
import { openFor } from "./dialogs.js";
import { mayTransfer, partiesOf } from "./parties.js";

const currentCard = () => document.activeElement.closest(".call");

function moveBy(step) {
  const cards = [...document.querySelectorAll(".call:not(.is-ended)")];
  const at = cards.indexOf(currentCard());
  const card = at < 0 ? cards[0] : cards[at + step];
  card?.focus({ preventScroll: true });
  card?.scrollIntoView({ block: "nearest" });
}

// Of my own call the other one, else the first.
function transfer() {
  const card = currentCard();
  const party = card && partiesOf(card).find((one) => mayTransfer(one) && !one.hasAttribute("data-mine"));
  if (party) openFor(party, "transfer");
}

const keys = {
  ArrowDown: () => moveBy(1),
  ArrowUp: () => moveBy(-1),
  t: transfer,
  "?": () => openDialog(byId("keys-dialog")),
};

document.addEventListener("keydown", (event) => {
  const act = Object.hasOwn(keys, event.key) && keys[event.key];
  if (!act || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select, [contenteditable], dialog, details[open] .menu-items")) return;
  if (document.querySelector("dialog[open]") || (event.repeat && event.key.length === 1)) return;
  event.preventDefault();
  act();
});
