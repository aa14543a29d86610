// The dialogs about one party: to transfer it, and to press keys. What is typed there stays until it was taken.

import { disableWhatCannotWork } from "../panel/availability.js";
import { openDialog } from "../panel/dialogs.js";
import { byId, setText } from "../panel/dom.js";
import { addressOf, nameOf } from "./parties.js";

const partyOf = (dialog) => {
  const party = byId(dialog.dataset.party);
  return party?.closest(".is-ended") ? null : party;
};

// The keys that were pressed while a request was under way, go together with the next.
let pressed = "";
let sent = "";
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
  if (name === "keypad") {
    pressed = "";
    sent = "";
    showKeys(dialog);
  }
  // Where the focus is when it closes.
  const menu = party.querySelector(".party-menu > summary");
  (menu?.checkVisibility() ? menu : party.closest(".call")).focus({ preventScroll: true });
  openDialog(dialog);
  follow(dialog);
  disableWhatCannotWork();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (!opener) return;
  const party = opener.closest(".party");
  if (party) openFor(party, opener.dataset.opens);
  else openDialog(byId(`${opener.dataset.opens}-dialog`));
});

function refuse(dialog, sentence) {
  dialog.querySelector("[data-refusal]").textContent = sentence;
}

// A toast is behind the dialog, where nobody hears it.
function sentenceOf(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  return page.querySelector(".panel-toast > div")?.textContent.trim() ?? "";
}

addEventListener("htmx:before:request", (event) => {
  const dialog = event.detail.ctx.sourceElement.closest("dialog[data-party]");
  if (dialog) refuse(dialog, "");
});

addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  const form = ctx.sourceElement;
  const dialog = form.closest("dialog[data-party]");
  if (!dialog?.open) return;
  if (ctx.response.status >= 400) {
    refuse(dialog, sentenceOf(ctx.text) || document.body.dataset.textFailed);
  } else if (form.matches("[data-stays]")) {
    form.reset();
  } else if (form.matches("form")) {
    dialog.close();
  }
});

addEventListener("htmx:error", (event) => {
  const { ctx } = event.detail;
  const dialog = ctx?.sourceElement?.closest("dialog[data-party]");
  if (dialog && !ctx.response) refuse(dialog, document.body.dataset.textFailed);
});

// To consult first is another verb with the same number; Enter alone transfers, whichever button stands first.
const transferDialog = byId("transfer-dialog");

function aim(button) {
  const form = button.closest("form");
  const party = partyOf(form.closest("dialog"));
  if (party) form.setAttribute("hx-post", addressOf(button.dataset.path ?? form.dataset.path, party));
}

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

// --- The keypad. One request at a time, so that the keys arrive in the order in which they were pressed. ---

function showKeys(dialog) {
  dialog.querySelector(".keypad-pressed").textContent = sent + pressed;
}

async function send(dialog) {
  if (isSending || !pressed) return;
  isSending = true;
  const digits = pressed;
  sent += digits;
  pressed = "";
  const path = dialog.querySelector("form").getAttribute("hx-post");
  const source = dialog.querySelector(".keypad");
  await htmx.ajax("POST", path, { source, values: { digits }, swap: "none" });
  isSending = false;
  send(dialog);
}

function press(dialog, key) {
  pressed += key;
  showKeys(dialog);
  send(dialog);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-key]");
  if (button) press(button.closest("dialog"), button.dataset.key);
});

byId("keypad-dialog")?.addEventListener("keydown", (event) => {
  if (event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) return;
  const button = /^[0-9*#]$/.test(event.key) && event.currentTarget.querySelector(`[data-key="${event.key}"]`);
  if (!button || button.disabled) return;
  event.preventDefault();
  press(event.currentTarget, event.key);
});
