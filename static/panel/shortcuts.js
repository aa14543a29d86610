// Keys of one character, which somebody who speaks to the computer presses without meaning to (WCAG 2.1.4): each user may
// turn them off, all or one by one, or choose others. The browser keeps that. The list of them is a dialog of some pages.

import { byId, setText } from "./dom.js";

const NONE = "—";
const list = document.querySelector("#keys-dialog .keys");
const rows = [...(list?.querySelectorAll("[data-shortcut]") ?? [])];
const switches = document.querySelectorAll("[data-keys-switch]");

export const keysAreOn = () => localStorage.getItem("keys") !== "off";

const chosenKey = (name, usual) => localStorage.getItem(`key-${name}`) ?? usual;

// Whether this is what somebody presses for that.
export const isKeyFor = (event, name, usual) => keysAreOn() && event.key === chosenKey(name, usual);

const keyOf = (row) => chosenKey(row.dataset.shortcut, row.dataset.usual);

function show() {
  for (const one of switches) one.checked = keysAreOn();
  list?.classList.toggle("is-off", !keysAreOn());
  for (const row of rows) {
    setText(row.querySelector("kbd"), keyOf(row) || NONE);
    row.querySelector("[data-clear-key]").disabled = keyOf(row) === "";
  }
  const dialKey = keysAreOn() ? chosenKey("call", "/") : "";
  byId("dial-number")?.setAttribute("aria-keyshortcuts", dialKey);
  const hint = document.querySelector(".dial kbd");
  if (hint) {
    hint.hidden = !dialKey;
    setText(hint, dialKey || NONE);
  }
}

const told = document.querySelector(".keys-told");

function tell(text) {
  if (told) setText(told, text);
}

// The row whose key is being chosen.
let asking = null;

function ask(row) {
  asking?.removeAttribute("data-asks");
  asking = row;
  row?.setAttribute("data-asks", "");
  if (row) tell(list.dataset.textPress);
}

function choose(row, key) {
  localStorage.setItem(`key-${row.dataset.shortcut}`, key);
  ask(null);
  show();
  tell(key ? `${list.dataset.textChanged}: ${key}` : list.dataset.textOff);
}

function take(key) {
  if (key === "Escape") {
    ask(null);
    tell("");
  } else if ([...key].length !== 1 || key === " ") tell(list.dataset.textNoKey);
  else if (rows.some((row) => row !== asking && keyOf(row) === key)) tell(list.dataset.textTaken);
  else choose(asking, key);
}

// Before anybody else, while a key is asked for. Tab goes on, and what is held down meanwhile is no key yet.
addEventListener(
  "keydown",
  (event) => {
    if (!asking || event.isComposing || ["Tab", "Shift", "Control", "Alt", "AltGraph", "Meta"].includes(event.key))
      return;
    event.preventDefault();
    event.stopImmediatePropagation();
    take(event.key);
  },
  { capture: true },
);

document.addEventListener("click", (event) => {
  const row = event.target.closest("[data-shortcut]");
  if (event.target.closest("[data-change-key]")) ask(row);
  else if (event.target.closest("[data-clear-key]")) {
    choose(row, "");
    row.querySelector("[data-change-key]").focus();
  } else if (event.target.closest("[data-usual-keys]")) {
    for (const one of rows) localStorage.removeItem(`key-${one.dataset.shortcut}`);
    localStorage.removeItem("keys");
    ask(null);
    tell("");
    show();
  }
});

for (const one of switches) {
  one.addEventListener("change", () => {
    localStorage.setItem("keys", one.checked ? "on" : "off");
    show();
  });
}
byId("keys-dialog")?.addEventListener("close", () => {
  ask(null);
  tell("");
});
// Another tab of the same browser.
addEventListener("storage", show);
show();
