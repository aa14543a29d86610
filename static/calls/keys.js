// Keys. The card that has the focus is the one that they are about.

import { openDialog } from "../panel/dialogs.js";
import { byId } from "../panel/dom.js";
import { isKeyFor } from "../panel/shortcuts.js";
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

// Of my own call the other one, else the first; without a card, whoever is at my phone.
function transfer() {
  const card = currentCard();
  const party = card
    ? partiesOf(card).find((one) => mayTransfer(one) && !one.hasAttribute("data-mine"))
    : document.querySelector('.my-call:has([data-opens="transfer"]) .party[data-uniqueid]');
  if (party && byId("transfer-dialog")) openFor(party, "transfer");
}

const arrows = new Map([
  ["ArrowDown", () => moveBy(1)],
  ["ArrowUp", () => moveBy(-1)],
]);
// By name, with the key that each has unless its user chose another one.
const keys = [
  ["transfer", "t", transfer],
  ["search", "f", () => byId("search")?.focus()],
  ["help", "?", () => openDialog(byId("keys-dialog"))],
];

document.addEventListener("click", (event) => {
  if (event.target.closest('[data-opens="keys"]')) openDialog(byId("keys-dialog"));
});

document.addEventListener("keydown", (event) => {
  const act = arrows.get(event.key) ?? keys.find(([name, usual]) => isKeyFor(event, name, usual))?.[2];
  if (!act || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select, [contenteditable], dialog, details[open] .menu-items")) return;
  if (document.querySelector("dialog[open]") || (event.repeat && event.key.length === 1)) return;
  event.preventDefault();
  act();
});
