// Dialogs: how they open and close, and what is asked before something is done: a question that a button has, and the
// password.

import { byId, setText } from "./dom.js";

export function openDialog(dialog) {
  dialog.returnValue = "";
  if (!dialog.open) dialog.showModal();
}

function isInside(event, element) {
  const box = element.getBoundingClientRect();
  return (
    event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom
  );
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close-dialog]")) event.target.closest("dialog").close();
  // A click beside a dialog comes as one on the dialog itself.
  if (event.target.matches("dialog[open]") && !isInside(event, event.target)) event.target.close();
});

// A page may have a dialog of its own for a button's question; then this one is not for it. To hang up one's own call
// nobody is asked.
addEventListener("htmx:confirm", (event) => {
  const { ctx, issueRequest, dropRequest } = event.detail;
  const dialog = byId("question");
  if (!ctx.confirm || byId(`${ctx.confirm}-dialog`)) return;
  event.preventDefault();
  if (ctx.sourceElement.closest(".call[data-mine]")) {
    issueRequest();
    return;
  }
  if (document.querySelector("dialog[open]")) {
    dropRequest();
    return;
  }
  setText(byId("question-text"), ctx.confirm);
  dialog.returnValue = "";
  dialog.addEventListener("close", () => (dialog.returnValue === "yes" ? issueRequest() : dropRequest()), {
    once: true,
  });
  dialog.showModal();
});

// An action that needs the password again asks for it in a dialog, so that what was typed stays; then it goes on.
let unconfirmed = null;
document.addEventListener("confirm-password", (event) => {
  const dialog = byId("confirm-password");
  unconfirmed = event.target;
  dialog.querySelector("form").reset();
  byId("confirm-failure").replaceChildren();
  if (!dialog.open) dialog.showModal();
});
document.addEventListener("password-confirmed", () => {
  const element = unconfirmed;
  unconfirmed = null;
  byId("confirm-password").close();
  if (!element?.isConnected) return;
  if (element.matches("form")) element.requestSubmit();
  else element.click();
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-dismiss-confirmation]")) byId("confirm-password").close();
});
