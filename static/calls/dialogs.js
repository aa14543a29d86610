// The dialogs about one party: to transfer it, and to press keys. What is typed there stays until it was taken.

import { disableWhatCannotWork } from "../panel/availability.js";
import { openDialog } from "../panel/dialogs.js";
import { byId, setText } from "../panel/dom.js";
import { addressOf, nameOf } from "./parties.js";

const partyOf = (dialog) => {
  const party = byId(dialog.dataset.party);
  return party?.closest(".is-ended") ? null : party;
};

const transferDialog = byId("transfer-dialog");
const keypadDialog = byId("keypad-dialog");
const keypadForm = keypadDialog?.querySelector("form");
const keypad = keypadDialog?.querySelector(".keypad");

// What waits on the keypad for the request that is under way, in the order in which it was entered.
let waiting = [];
let isSending = false;

export function openFor(party, name) {
  const dialog = byId(`${name}-dialog`);
  const form = dialog.querySelector("form");
  form.reset();
  form.setAttribute("hx-post", addressOf(form.dataset.path, party));
  dialog.dataset.party = party.id;
  dialog.dataset.pbx = party.closest("[data-pbx]").dataset.pbx;
  setText(dialog.querySelector("[data-who]"), nameOf(party));
  refuse(dialog, "");
  if (dialog === keypadDialog) {
    waiting = [];
    dialog.querySelector(".keypad-pressed").textContent = "";
  }
  offer(dialog);
  if (dialog === transferDialog) {
    const voicemail = dialog.querySelector("[data-action=voicemail]");
    voicemail.hidden = !dialog.dataset.withVoicemail.split(" ").includes(dialog.dataset.pbx);
  }
  // Where the focus is when it closes.
  const menu = party.querySelector(".party-menu > summary");
  (menu?.checkVisibility() ? menu : party.closest(".call, .my-call")).focus({ preventScroll: true });
  openDialog(dialog);
  follow(dialog);
  disableWhatCannotWork();
}

// What there is to choose from comes from the server.
async function offer(dialog) {
  const select = dialog.querySelector("select[data-options]");
  if (!select) return;
  const path = select.dataset.options.replace("/PBX/", () => `/${encodeURIComponent(dialog.dataset.pbx)}/`);
  const loading = new Option(select.dataset.loading, "", true, true);
  loading.disabled = true;
  select.replaceChildren(loading);
  const { party } = dialog.dataset;
  const response = await fetch(path).catch(() => null);
  const html = response?.ok ? await response.text() : "";
  if (dialog.dataset.party !== party) return;
  const options = new DOMParser().parseFromString(html, "text/html").querySelectorAll("option");
  if (options.length) select.replaceChildren(...options);
  else refuse(dialog, document.body.dataset.textFailed);
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  const party = opener?.closest(".party") ?? opener?.closest(".my-call")?.querySelector(".party");
  if (party) openFor(party, opener.dataset.opens);
});

function refuse(dialog, sentence) {
  dialog.querySelector("[data-refusal]").textContent = sentence;
}

// A toast is behind the dialog, where nobody hears it.
function sentenceOf(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  return page.querySelector(".panel-toast > div")?.textContent.trim() ?? "";
}

// What is sent later, as the keypad does, was entered before the refusal that is shown.
document.addEventListener(
  "submit",
  (event) => {
    const dialog = event.target.closest("dialog[data-party]");
    if (dialog) refuse(dialog, "");
  },
  { capture: true },
);

addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  const form = ctx.sourceElement;
  const dialog = form.closest("dialog[data-party]");
  if (!dialog?.open) return;
  if (ctx.response.status >= 400) {
    refuse(dialog, sentenceOf(ctx.text) || document.body.dataset.textFailed);
  } else if (form === keypadForm) {
    // Unless other keys were typed meanwhile.
    if (form.elements.digits.value === ctx.values.digits) form.reset();
  } else if (form.matches("form")) {
    dialog.close();
  }
});

addEventListener("htmx:error", (event) => {
  const { ctx } = event.detail;
  const dialog = ctx?.sourceElement?.closest("dialog[data-party]");
  if (dialog && !ctx.response) refuse(dialog, document.body.dataset.textFailed);
});

// To consult first, and to have the call come back, are other verbs with the same number; Enter alone transfers,
// whichever button stands first.
const recall = byId("transfer-recall");

function aim(button) {
  const form = button.closest("form");
  const party = partyOf(form.closest("dialog"));
  const path = button.dataset.path ?? (recall.checked ? form.dataset.recallPath : form.dataset.path);
  if (party) form.setAttribute("hx-post", addressOf(path, party));
}

// What was chosen last in this browser is there again, also after the form was reset.
const RECALL = "transfer-recall";
if (recall) recall.defaultChecked = localStorage.getItem(RECALL) === "yes";
recall?.addEventListener("change", () => {
  recall.defaultChecked = recall.checked;
  localStorage.setItem(RECALL, recall.checked ? "yes" : "no");
});

transferDialog?.addEventListener("click", (event) => {
  const button = event.target.closest("[type=submit]");
  if (button) aim(button);
});
transferDialog?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches("input")) return;
  event.preventDefault();
  transferDialog.querySelector(`[data-action=${event.shiftKey ? "consult" : "transfer"}]`).click();
});

// Somebody may hang up while a dialog is open.
function follow(dialog) {
  const form = dialog.querySelector("form");
  if (form.matches(".htmx-request")) return;
  const party = partyOf(dialog);
  const over = !party;
  dialog.querySelector("[data-over]").hidden = !over;
  form.classList.toggle("is-over", over);
  if (over) {
    refuse(dialog, "");
    for (const button of form.querySelectorAll("[data-action]")) button.disabled = true;
  } else setText(dialog.querySelector("[data-who]"), nameOf(party));
}

document.addEventListener("panel:settled", () => {
  const dialog = document.querySelector("dialog[data-party][open]");
  if (!dialog) return;
  const wasOver = dialog.querySelector(".is-over");
  follow(dialog);
  if (wasOver) disableWhatCannotWork();
});

// --- The keypad. One request at a time, so that keys arrive in the order in which they were entered: keys that are
// pressed meanwhile go together with the next, and so do not wait for each other; keys that were typed may be refused,
// and go alone. ---

async function sendKeys() {
  const next = !isSending && waiting.shift();
  if (!next) return;
  isSending = true;
  await htmx.ajax("POST", keypadForm.getAttribute("hx-post"), { ...next, swap: "none" });
  isSending = false;
  sendKeys();
}

function enter(source, digits) {
  const last = waiting.at(-1);
  if (source === keypad && last?.source === keypad) last.values.digits += digits;
  else waiting.push({ source, values: { digits } });
  sendKeys();
}

function press(key) {
  refuse(keypadDialog, "");
  keypadDialog.querySelector(".keypad-pressed").textContent += key;
  enter(keypad, key);
}

keypad?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-key]");
  if (button) press(button.dataset.key);
});

keypadDialog?.addEventListener("keydown", (event) => {
  if (event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) return;
  const button = /^[0-9*#]$/.test(event.key) && keypad.querySelector(`[data-key="${event.key}"]`);
  if (!button || button.disabled) return;
  event.preventDefault();
  press(event.key);
});

keypadForm?.addEventListener(
  "submit",
  (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (waiting.some((one) => one.source === keypadForm)) return;
    enter(keypadForm, keypadForm.elements.digits.value);
  },
  { capture: true },
);
