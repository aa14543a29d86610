// The page “My phone”: ring tones are listened to, and the browser is asked whether it shows notifications.

import { byId } from "../panel/dom.js";
import { tryOut } from "./tones.js";

const LISTENS = 3000;

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-try-ring-tone]");
  if (!button) return;
  tryOut(byId(button.dataset.tryRingTone).value, LISTENS);
});

const state = document.querySelector("[data-notification-state]");

function showState() {
  state.textContent =
    state.dataset[window.isSecureContext ? (window.Notification?.permission ?? "denied") : "insecure"];
}

if (state) {
  showState();
  byId("id_notifies").addEventListener("change", async (event) => {
    if (event.target.checked && window.isSecureContext) await window.Notification?.requestPermission();
    showState();
  });
}
