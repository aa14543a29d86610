// The page of one conference.

import { byId, pointerIsAtWorkIn } from "./panel/dom.js";
import { sayHowMany } from "./conference/dialogs.js";
import "./conference/invitations.js";
import { beTabbable } from "./conference/keys.js";
import { people } from "./conference/people.js";
import { countTalk, showTalkers } from "./conference/talk.js";

// The box of the raised hands comes and goes while the pointer rests: what is below it moves.
const hands = byId("room-hands");
const room = document.querySelector(".room");

function showHands() {
  const are = Boolean(hands.querySelector(".hand"));
  if (hands.hidden === are && !pointerIsAtWorkIn(room)) hands.hidden = !are;
}

// The compact view: as chosen, else by itself where there are many.
const MANY = 100;
const compactButton = document.querySelector("[data-compact]");

function setCompact(on) {
  people.classList.toggle("is-compact", on);
  compactButton.setAttribute("aria-pressed", on);
}

function compactWhereMany() {
  const chosen = localStorage.getItem("compact");
  if (chosen !== null || people.children.length <= MANY || people.matches(".is-compact, :hover")) return;
  setCompact(true);
}

setCompact(localStorage.getItem("compact") === "yes");
compactButton.addEventListener("click", () => {
  const on = !people.classList.contains("is-compact");
  localStorage.setItem("compact", on ? "yes" : "no");
  setCompact(on);
});

document.addEventListener("panel:ticked", () => {
  countTalk();
  showTalkers();
  showHands();
});
document.addEventListener("panel:settled", () => {
  showTalkers();
  showHands();
  compactWhereMany();
  beTabbable();
  sayHowMany();
});
countTalk();
showTalkers();
compactWhereMany();
beTabbable();
