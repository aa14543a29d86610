// Names that not everybody may see, laid over the numbers of rows, which are drawn once for all: those of one's own
// contacts, and of people whom others do not see. They come once for each page, by what numbers are known again.

import { comparable, setText } from "./dom.js";

const { names: address } = document.body.dataset;
let names = new Map();
// Each name, as it is searched in.
const comparables = new Map();
// What a label said before a name was laid over it.
const former = new WeakMap();
// What else of a row says who somebody is: to whoever listens, and in questions.
const SAID = ["aria-label", "data-label", "hx-confirm"];

const nameFor = (element) =>
  element.dataset.keys
    .split(" ")
    .map((key) => names.get(key))
    .find(Boolean);

function nameParty(party) {
  const name = nameFor(party);
  const label = party.querySelector(".party-label");
  if (!name || !label) return;
  if (label.textContent !== name) nameLabel(party, label, name);
  nameRow(party, former.get(label) ?? name, name);
}

function nameLabel(party, label, name) {
  former.set(label, label.textContent);
  const before = document.createElement("bdi");
  before.className = "muted own-name";
  before.textContent = label.textContent;
  label.textContent = name;
  [...label.parentElement.querySelectorAll(":scope > bdi")].at(-1).after(" ", before);
  const call = party.closest("[data-name]");
  if (call) call.dataset.name = name;
}

// In place of what the label said, wherever a row says it: behind a name stays the number that stood there.
function nameRow(party, said, name) {
  const isNumber = /^[+*#\d]+$/.test(said);
  const literally = said.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  const word = new RegExp(`(?<![\\p{L}\\p{N}+])${literally}(?![\\p{L}\\p{N}])`, "gu");
  const named = (text) =>
    text.includes(name) ? text : text.replace(word, () => (isNumber ? `${name} ${said}` : name));
  const row = party.closest("[data-part], [data-order]") ?? party;
  for (const attribute of SAID) {
    for (const element of [row, ...row.querySelectorAll(`[${attribute}]`)]) {
      const text = element.getAttribute(attribute);
      if (text && named(text) !== text) element.setAttribute(attribute, named(text));
    }
  }
  for (const hidden of row.querySelectorAll("summary > .visually-hidden")) setText(hidden, named(hidden.textContent));
}

function searchedIn(name) {
  if (!comparables.has(name)) comparables.set(name, comparable(name));
  return comparables.get(name);
}

// The numbers of those whose names contain this word, in lower case; of one with a country as much as is always there.
export function numbersOf(word) {
  const numbers = [...names]
    .filter(([, name]) => searchedIn(name).includes(word))
    .map(([key]) => key.split("/").at(-1));
  return [...new Set(numbers.map((number) => (number.startsWith("+") ? number.slice(-8) : number)))];
}

export function layNamesOver() {
  if (!names.size) return;
  for (const party of document.querySelectorAll("[data-keys]:not([data-keys=''])")) nameParty(party);
}

// Calls `then` once there are some. Without them numbers stay what they are.
export async function readNames(then) {
  if (!address) return;
  const response = await fetch(address, { priority: "low" }).catch(() => null);
  if (!response?.ok || !response.headers.get("Content-Type")?.startsWith("application/json")) return;
  names = new Map(Object.entries(await response.json()));
  if (names.size) then();
}
