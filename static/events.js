// The page of events: what comes over its own socket, one line for each, and what is to be seen of it.

import { byId, setText } from "./panel/dom.js";
import { download } from "./panel/download.js";
import { filterMessage, fits, inputs, readFilter } from "./events/filter.js";
import { readEvent } from "./events/reading.js";
import { connect, send } from "./events/socket.js";

const page = byId("events");
const list = byId("events-list");
const none = byId("events-none");
const words = page.dataset;
const pauseButton = byId("events-pause");

// So many lines are kept, and so many wait while the list stands still.
const KEPT = 2000;
// While the pointer is at work in the list, or somebody reads further up, nothing in it moves (ms, px).
const POINTER_RESTS = 1200;
const END = 24;
const TYPING_PAUSE = 200;

let kept = [];
let waiting = [];
let paused = false;
let leftOff = 0;
let forgotten = 0;
let unseen = 0;
let state = "connecting";
let why = "";

let typing = 0;
function onFilter() {
  readFilter();
  for (const event of kept) event.row.hidden = !fits(event);
  keepAtEnd();
  report();
  clearTimeout(typing);
  typing = setTimeout(() => send(filterMessage()), TYPING_PAUSE);
}
for (const input of Object.values(inputs)) input.addEventListener("input", onFilter);

// --- The lines. Text from the telephone network stays text. ---

const twoDigits = (number) => String(number).padStart(2, "0");
function timeOf(at) {
  const time = new Date(at);
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits).join(":");
  return `${clock}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

function part(tag, kind, text) {
  const element = document.createElement(tag);
  element.className = kind;
  element.textContent = text;
  return element;
}

function draw(event) {
  const row = document.createElement("details");
  const summary = document.createElement("summary");
  row.className = "event";
  summary.append(
    part("span", "event-time", timeOf(event.at)),
    part("span", "event-name", event.name),
    part("bdi", "event-channel", event.channel),
    part("bdi", "event-summary", event.summary),
  );
  row.append(summary);
  row.hidden = !fits(event);
  row.addEventListener("toggle", () => {
    if (row.open) showFields(event);
  });
  event.row = row;
  return row;
}

function showFields(event) {
  // What is being read is not to run away.
  setPaused(true);
  if (event.row.children.length > 1) return;
  const fields = document.createElement("dl");
  for (const [name, value] of event.fields) {
    const line = document.createElement("div");
    const key = document.createElement("dt");
    const data = document.createElement("dd");
    const text = document.createElement("bdi");
    key.textContent = name;
    text.textContent = value;
    data.append(text);
    line.append(key, data);
    fields.append(line);
  }
  event.row.append(fields);
}

let atEnd = true;
let pointerAt = -Infinity;
let scrolledTo = 0;
// Lines are drawn higher or lower than was reckoned, which scrolls as well; only who scrolls up leaves the end.
list.addEventListener("scroll", () => {
  const isUp = list.scrollTop < scrolledTo;
  scrolledTo = list.scrollTop;
  setAtEnd(list.scrollHeight - list.scrollTop - list.clientHeight <= END || (atEnd && !isUp));
});
function setAtEnd(on) {
  atEnd = on;
  list.classList.toggle("is-at-end", on);
}
const pointerMoves = () => {
  pointerAt = performance.now();
};
for (const kind of ["pointermove", "pointerdown", "wheel"]) {
  list.addEventListener(kind, pointerMoves, { passive: true });
}
const isHeld = () =>
  paused ||
  !atEnd ||
  (list.matches(":hover") && performance.now() - pointerAt < POINTER_RESTS) ||
  list.contains(document.activeElement.closest("summary"));

function keepAtEnd() {
  if (!atEnd || paused) return;
  list.scrollTop = list.scrollHeight;
}

function show() {
  if (!waiting.length || isHeld()) return;
  const rows = document.createDocumentFragment();
  for (const event of waiting) rows.append(draw(event));
  kept.push(...waiting);
  waiting = [];
  unseen = 0;
  list.append(rows);
  const over = kept.length - KEPT;
  if (over > 0) {
    for (const event of kept.splice(0, over)) event.row.remove();
    forgotten += over;
  }
  keepAtEnd();
}

const names = new Set();
function take(news) {
  if (news.state) ({ state, why } = news);
  leftOff += news.left_off ?? 0;
  for (const received of news.events ?? []) {
    const event = readEvent(received);
    // Its filter may be an older one.
    if (!fits(event)) continue;
    waiting.push(event);
    unseen += 1;
    if (!names.has(event.name) && names.size < 400) {
      names.add(event.name);
      const option = document.createElement("option");
      option.value = event.name;
      byId("events-names").append(option);
    }
  }
  const over = waiting.length - KEPT;
  if (over > 0) {
    waiting.splice(0, over);
    forgotten += over;
  }
  show();
  report();
}

// --- What is said of it all. ---

const number = (value) => value.toLocaleString(document.documentElement.lang);

function stateInWords() {
  if (state === "live") return paused ? words.textPaused : words.textLive;
  return why || words[`text${state[0].toUpperCase()}${state.slice(1)}`] || "";
}

function report() {
  page.dataset.state = state;
  setText(byId("events-state"), stateInWords());
  const shown = kept.filter((event) => !event.row.hidden).length;
  const count = words.textShown.replace("%1", number(shown)).replace("%2", number(kept.length));
  setText(byId("events-count"), kept.length ? count : "");
  setText(byId("events-new"), unseen && isHeld() ? words.textNew.replace("%s", number(unseen)) : "");
  const notes = [];
  if (leftOff) notes.push(words.textLeftOff.replace("%s", number(leftOff)));
  if (forgotten) notes.push(words.textForgotten.replace("%s", number(forgotten)));
  const note = byId("events-note");
  note.hidden = notes.length === 0;
  setText(note, notes.join(" · "));
  none.hidden = shown > 0;
  setText(none, kept.length ? words.textUnmatched : words.textWaiting);
  byId("events-save").disabled = shown === 0;
  byId("events-clear").disabled = kept.length + waiting.length === 0;
  pauseButton.classList.toggle("is-held", isHeld());
}

function setPaused(on) {
  paused = on;
  pauseButton.setAttribute("aria-pressed", on);
  if (!on) {
    // Whoever lets it go on wants to see the newest.
    for (const row of list.querySelectorAll("details[open]")) row.open = false;
    setAtEnd(true);
    pointerAt = -Infinity;
    show();
    keepAtEnd();
  }
  report();
}
pauseButton.addEventListener("click", () => setPaused(!(paused || !atEnd)));

byId("events-clear").addEventListener("click", () => {
  for (const event of kept) event.row.remove();
  kept = [];
  waiting = [];
  leftOff = 0;
  forgotten = 0;
  unseen = 0;
  setAtEnd(true);
  report();
});

function asAsteriskWritesIt({ at, fields }) {
  const lines = fields.map(([name, value]) => `${name}: ${value}`);
  // With a time, as where timestampevents is on.
  if (!fields.some(([name]) => name === "Timestamp")) lines.splice(1, 0, `Timestamp: ${(at / 1000).toFixed(3)}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

byId("events-save").addEventListener("click", () => {
  const shown = kept.filter((event) => !event.row.hidden);
  download("events", words.pbxName, shown.map(asAsteriskWritesIt).join(""));
});

readFilter();
connect(words.socket, {
  greeting: filterMessage,
  received: take,
  closed: (reason) => {
    why = "";
    state = reason;
    report();
  },
});
setInterval(() => {
  show();
  if (!isHeld()) keepAtEnd();
  report();
}, 400);
