// Boxes for a number in which names may be typed (data-find): whom they may mean is offered below, and chosen by the
// arrows, by a click, or by Enter, which then does what it does with a number; or nothing more (data-find-stays). In a
// box of several lines that is about the part at the caret, in which somebody who was chosen stands by name and number,
// and Enter alone begins a line.

import { showLocalTimes } from "./clock.js";
import { byId } from "./dom.js";

const PAUSE = 60;
// What is dialled as it is.
const NUMBER = /^[+\d*#\s()/.-]*$/;

let pause = 0;
let request = null;
// The Enter that was pressed before the answer came.
let awaiting = null;

const boxOf = (event) => event.target.closest?.("[data-find]");
const listOf = (box) => byId(box.getAttribute("aria-controls"));
const optionsOf = (box) => [...listOf(box).children];
const hasSeveral = (box) => box.matches("textarea");
// What is typed of one of several: from the last sign between them to the next.
function partOf(box) {
  if (!hasSeveral(box)) return { start: 0, end: box.value.length, typed: box.value };
  const before = box.value.slice(0, box.selectionStart);
  const start = before.search(/[^,;，；、\n]*$/);
  const end = box.selectionStart + box.value.slice(box.selectionStart).search(/[,;，；、\n]|$/);
  return { start, end, typed: box.value.slice(start, end) };
}
const typedIn = (box) => partOf(box).typed;
const isNumber = (box) => NUMBER.test(typedIn(box));
const chosenOf = (box) => byId(box.getAttribute("aria-activedescendant") ?? "");

function close(box) {
  request?.abort();
  request = null;
  clearTimeout(pause);
  awaiting = null;
  const list = listOf(box);
  list.hidden = true;
  list.replaceChildren();
  if (!hasSeveral(box)) box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
}

function point(box, option) {
  for (const other of optionsOf(box)) other.setAttribute("aria-selected", other === option);
  if (!option) box.removeAttribute("aria-activedescendant");
  else box.setAttribute("aria-activedescendant", option.id);
  option?.scrollIntoView({ block: "nearest" });
}

function take(box, option) {
  if (!hasSeveral(box)) box.value = option.dataset.number;
  else {
    const { start, end, typed } = partOf(box);
    const name = option.querySelector(".found-name > bdi").textContent.replace(/[,;，；、<>\n]+/g, " ");
    const { number } = option.dataset;
    // A name that begins as a number does would be read as one.
    const entry = /^[\d+(*#]/.test(name) ? number : `${name} <${number}>`;
    box.setRangeText(`${/^\s*/.exec(typed)[0]}${entry}`, start, end, "end");
  }
  close(box);
}

// As if Enter were pressed, with Shift or without.
function goOn(box, shiftKey) {
  const enter = new KeyboardEvent("keydown", { key: "Enter", shiftKey, bubbles: true, cancelable: true });
  if (box.dispatchEvent(enter)) box.form.requestSubmit();
}

function show(box, html) {
  const options = new DOMParser().parseFromString(html, "text/html").querySelectorAll("[role=option]");
  const list = listOf(box);
  for (const option of options) option.id = `${list.id}-${option.id}`;
  list.replaceChildren(...options);
  showLocalTimes();
  list.hidden = options.length === 0;
  if (!hasSeveral(box)) box.setAttribute("aria-expanded", String(options.length > 0));
  point(box, isNumber(box) ? null : options[0]);
}

async function look(box) {
  request?.abort();
  const mine = new AbortController();
  request = mine;
  const address = `${box.dataset.find}?q=${encodeURIComponent(typedIn(box))}`;
  const response = await fetch(address, { signal: mine.signal }).catch(() => null);
  const html = response?.ok && !response.redirected ? await response.text().catch(() => "") : "";
  if (request !== mine) return;
  request = null;
  show(box, html);
  if (!awaiting) return;
  const { shiftKey } = awaiting;
  awaiting = null;
  if (chosenOf(box)) take(box, chosenOf(box));
  if (!("findStays" in box.dataset)) goOn(box, shiftKey);
}

document.addEventListener("input", (event) => {
  const box = boxOf(event);
  if (!box) return;
  clearTimeout(pause);
  awaiting = null;
  if (!typedIn(box).trim()) close(box);
  else {
    pause = setTimeout(() => {
      pause = 0;
      look(box);
    }, PAUSE);
  }
});

// Before whatever else is done with these keys.
document.addEventListener(
  "keydown",
  (event) => {
    const box = boxOf(event);
    if (!box || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const options = optionsOf(box);
    const at = options.indexOf(chosenOf(box));
    if (event.key === "Enter" && hasSeveral(box)) {
      if (at >= 0) event.preventDefault();
      if (at >= 0) take(box, options[at]);
      else close(box);
    } else if (event.key === "Enter") {
      if (!isNumber(box) && (pause || request)) {
        event.preventDefault();
        event.stopPropagation();
        awaiting = event;
      } else if (at >= 0) {
        take(box, options[at]);
        if ("findStays" in box.dataset) event.preventDefault();
      } else close(box);
    } else if (options.length && event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      close(box);
    } else if (options.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      // Before the first and behind the last is what was typed, where that can be dialled; else the other end.
      let next = at < 0 && step < 0 ? options.length - 1 : at + step;
      if (!isNumber(box)) next = (next + options.length) % options.length;
      point(box, options[next]);
    }
  },
  { capture: true },
);

const optionAt = (event) => event.target.closest("[data-finds] [role=option]");

// The box keeps the focus.
document.addEventListener("mousedown", (event) => {
  if (optionAt(event)) event.preventDefault();
});
document.addEventListener("click", (event) => {
  const option = optionAt(event);
  if (!option) return;
  const box = document.querySelector(`[aria-controls="${option.parentElement.id}"]`);
  take(box, option);
  if ("findGoesOn" in box.dataset) goOn(box, false);
});

document.addEventListener("focusout", (event) => {
  const box = boxOf(event);
  if (box) close(box);
});
