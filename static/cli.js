// The page of the CLI: history and completion in the line, and what can be done with what Asterisk printed.

import { byId } from "./panel/dom.js";
import { download } from "./panel/download.js";

const form = byId("cli-form");
const line = byId("cli-command");
const screen = byId("cli-screen");
const options = byId("cli-options");
const saveAll = document.querySelector("[data-cli-save]");
const clear = document.querySelector("[data-cli-clear]");

// --- History, as in a shell: what is typed and not given yet is its last line. ---

const history = JSON.parse(byId("cli-history").textContent);
let at = history.length;
let draft = "";

function go(step) {
  const next = Math.min(history.length, Math.max(0, at + step));
  if (next === at) return;
  if (at === history.length) draft = line.value;
  at = next;
  put(at === history.length ? draft : history[at]);
}

function put(text) {
  line.value = text;
  line.setSelectionRange(text.length, text.length);
  line.scrollLeft = line.scrollWidth;
}

function remember(text) {
  if (history.at(-1) !== text) history.push(text);
  at = history.length;
  draft = "";
}

// --- Completion, asked of Asterisk. An answer that comes when something else has been typed is not for this line. ---

async function complete() {
  const typed = line.value;
  let found;
  try {
    const answer = await fetch(`${line.dataset.complete}?line=${encodeURIComponent(typed)}`);
    if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
    found = await answer.json();
  } catch {
    if (line.value === typed) say(document.body.dataset.textFailed);
    return;
  }
  if (line.value !== typed) return;
  options.replaceChildren();
  if (found.failure) {
    say(found.failure);
    return;
  }
  if (!found.options.length) {
    say(options.dataset.textNone);
    return;
  }
  const head = typed.slice(0, typed.length - typed.match(/[^ \t]*$/)[0].length);
  put(found.line);
  if (found.options.length > 1) offer(head, found);
}

function offer(head, found) {
  for (const word of found.options) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm";
    button.textContent = word;
    button.addEventListener("click", () => {
      put(`${head}${word} `);
      options.replaceChildren();
      line.focus();
    });
    options.append(button);
  }
  if (found.left_off) {
    const more = document.createElement("span");
    more.className = "muted";
    more.textContent = options.dataset.textMore.replace("%s", found.left_off);
    options.append(more);
  }
}

function say(text) {
  const words = document.createElement("span");
  words.className = "muted";
  words.textContent = text;
  options.replaceChildren(words);
}

let leaving = false;
line.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "ArrowUp") {
    event.preventDefault();
    go(-1);
  } else if (event.key === "ArrowDown") {
    event.preventDefault();
    go(1);
  } else if (event.key === "Tab" && !event.shiftKey && !leaving && line.value.trim()) {
    event.preventDefault();
    complete();
  } else if (event.key === "Escape") {
    options.replaceChildren();
  }
  leaving = event.key === "Escape";
});
line.addEventListener("input", () => options.replaceChildren());
document.querySelector("[data-cli-complete]").addEventListener("click", () => {
  line.focus();
  complete();
});

// --- Giving a command. The line keeps what was typed until the server has taken it. ---

let given = "";
form.addEventListener(
  "submit",
  () => {
    given = line.value;
    options.replaceChildren();
    if (given.trim()) remember(given.trim());
  },
  true,
);
document.addEventListener("given", () => {
  if (line.value === given) line.value = "";
  given = "";
});

function settle() {
  const entries = screen.querySelectorAll(".cli-entry");
  saveAll.disabled = clear.disabled = entries.length === 0;
  screen.querySelector(".terminal-empty").hidden = entries.length > 0;
}

let known = 0;
document.addEventListener("panel:settled", () => {
  settle();
  const entries = screen.querySelectorAll(".cli-entry");
  if (entries.length === known) return;
  known = entries.length;
  // The end of a short answer, the beginning of a long one.
  const last = entries[known - 1];
  if (last) screen.scrollTop = last.offsetTop - screen.offsetTop;
});

// --- What was printed. ---

function textOf(entry) {
  const printed = Array.from(entry.querySelectorAll("pre"), (part) => part.textContent).join("");
  return `${entry.querySelector(".cli-given").textContent.trim()}\n${printed}`;
}

const save = (text) => download("cli", form.closest("[data-pbx]").dataset.pbx, text);

screen.addEventListener("click", (event) => {
  const entry = event.target.closest(".cli-entry");
  if (event.target.closest("[data-save-entry]")) save(textOf(entry));
  const all = event.target.closest("[data-cli-all]");
  if (all) {
    const rest = entry.querySelector("pre[hidden]");
    rest.hidden = false;
    all.parentElement.remove();
    rest.focus({ preventScroll: true });
  }
  if (event.target.closest("[data-cli-dismiss]")) {
    entry.remove();
    known -= 1;
    settle();
    line.focus();
  }
});
// After an answer to a question the line has the focus again.
screen.addEventListener("submit", () => line.focus(), true);
saveAll.addEventListener("click", () => save([...screen.querySelectorAll(".cli-entry")].map(textOf).join("\n")));
clear.addEventListener("click", () => {
  for (const entry of screen.querySelectorAll(".cli-entry")) entry.remove();
  known = 0;
  settle();
  line.focus();
});
