// The search box: of a list that is there as a whole (data-search), and of a long one of which the server sends the part
// that is looked at, with the rows that match (data-look) and are in the state that was chosen (data-look-state).

import { comparable, setText } from "./dom.js";
import { numbersOf } from "./names.js";

// The address of the page keeps the search, so that it is still there after a reload.
function remember(name, text) {
  const url = new URL(location.href);
  if (text) url.searchParams.set(name, text);
  else url.searchParams.delete(name);
  history.replaceState(null, "", url);
}

// --- A list that is there as a whole. ---

function textOf(row) {
  const parts = Array.from(row.querySelectorAll("[data-searched]"), (part) => part.textContent);
  if (row.dataset.talkingSince) parts.push(row.querySelector(".when-talking")?.textContent ?? "");
  return comparable(parts.join(" "));
}

export function search() {
  const box = document.querySelector("[data-search]");
  if (!box) return;
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...document.querySelector(box.dataset.search).children];
  let matches = 0;
  for (const row of rows) {
    const text = words.length ? textOf(row) : "";
    const fits = words.every((word) => text.includes(word));
    row.toggleAttribute("data-unmatched", !fits);
    if (fits) matches += 1;
  }
  const none = document.querySelector(".no-match");
  if (none) none.hidden = matches > 0 || rows.length === 0;
}

document.querySelector("[data-search]")?.addEventListener("input", (event) => {
  remember("q", event.target.value);
  search();
});

// --- A long list: how many rows are shown, and of which search, is told to the server. ---

const lookBox = document.querySelector("[data-look]");
const TYPING_PAUSE = 150;
const list = document.querySelector("[data-looked-at]");
const chips = [...document.querySelectorAll("[data-look-state]")];
const ALL = "all";
const stateOf = (chip) => chip?.dataset.lookState ?? ALL;
const currentChip = () => chips.find((chip) => chip.hasAttribute("aria-current"));
// With no limit the server shows as many as it likes to begin with.
const look = { limit: 0, state: stateOf(currentChip()), search: lookBox?.value ?? "" };
let connection = null;

// The server knows no names that are laid over here: a word that is part of some stands for their numbers, too.
const LONGEST = 100;

function withNumbers(typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  let room = LONGEST - words.join(" ").length;
  const fits = (number) => {
    room -= number.length + 1;
    return room >= 0;
  };
  return words.map((word) => [word, ...numbersOf(word).filter(fits)].join("|")).join(" ");
}

// Once names are there, or others.
export function searchNames() {
  const wanted = withNumbers(lookBox?.value ?? "");
  if (wanted.includes("|")) lookAt({ limit: 0, search: wanted });
}

function lookAt(wanted) {
  Object.assign(look, wanted);
  tellServer();
}

function tellServer() {
  const socket = connection?.socket;
  if (socket?.readyState === WebSocket.OPEN) socket.send(`look ${look.limit} ${look.state} ${look.search}`);
}

// A new socket begins with what is looked at already.
function addressWithLook(address) {
  const url = new URL(address);
  url.searchParams.set("limit", look.limit);
  url.searchParams.set("state", look.state);
  url.searchParams.set("q", look.search);
  return url.href;
}

addEventListener("htmx:ws:before:connection", (event) => {
  const next = event.detail.connection;
  if (lookBox) next.url = addressWithLook(next.url);
});
addEventListener("htmx:ws:after:connection", (event) => {
  connection = event.detail.connection;
  const { socket } = connection;
  // The search may have changed since the socket was asked for.
  if (lookBox && addressWithLook(socket.url) !== socket.url) tellServer();
});

function showMore(button) {
  const limit = Number(button.dataset.showMore);
  if (limit <= look.limit) return;
  button.setAttribute("aria-busy", "true");
  lookAt({ limit });
}

document.addEventListener("click", (event) => {
  const more = event.target.closest("[data-show-more]");
  if (more) showMore(more);
});

// More rows are asked for before the end of the list comes into sight.
const end = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) if (entry.isIntersecting) showMore(entry.target);
  },
  { rootMargin: "0px 0px 800px 0px" },
);
let watched = null;
let watchedLimit = "";

export function watchTheEnd() {
  const button = document.querySelector("[data-show-more]");
  if (button === watched && button?.dataset.showMore === watchedLimit) return;
  if (watched) end.unobserve(watched);
  watched = button;
  watchedLimit = button?.dataset.showMore;
  // Looked at once more, even if it is where it was: there may be room for another part.
  if (button) end.observe(button);
}

let typing = 0;
lookBox?.addEventListener("input", () => {
  remember("q", lookBox.value);
  list?.toggleAttribute("data-searches", Boolean(lookBox.value.trim()));
  for (const chip of chips) chip.search = new URLSearchParams({ state: stateOf(chip), q: lookBox.value });
  clearTimeout(typing);
  typing = setTimeout(() => lookAt({ limit: 0, search: withNumbers(lookBox.value) }), TYPING_PAUSE);
});

// --- Its states. Until the rows of another state are there, the list is busy; then it is said what is shown. ---

let isTurning = false;

function choose(chip) {
  for (const other of chips) other.toggleAttribute("aria-current", false);
  chip.setAttribute("aria-current", "true");
  chip.scrollIntoView({ block: "nearest", inline: "nearest" });
  const state = stateOf(chip);
  remember("state", state === ALL ? "" : state);
  if (list) list.dataset.state = state;
  isTurning = true;
  list?.setAttribute("aria-busy", "true");
  lookAt({ limit: 0, state });
}

document.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-look-state]");
  if (!chip || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (chip !== currentChip()) choose(chip);
});

addEventListener("htmx:ws:after:message:incoming", (event) => {
  if (!isTurning || !event.detail.message.data.includes('hx-swap="innerMorph"')) return;
  isTurning = false;
  list?.removeAttribute("aria-busy");
  setText(document.querySelector("#look-status"), currentChip().textContent.replace(/\s+/g, " ").trim());
});
