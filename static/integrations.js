// The page “Integrations”: the panel as what opens telephone links in this browser.

import { addToast } from "./panel/toasts.js";

const handler = document.querySelector("[data-handler]");
const show = (name) => {
  document.querySelector(`[data-handler-${name}]`).hidden = false;
};

if (!isSecureContext) show("insecure");
else if (!navigator.registerProtocolHandler) show("unknown");
else handler.disabled = false;

handler.addEventListener("click", () => {
  navigator.registerProtocolHandler("tel", handler.dataset.handler);
  addToast("info", handler.dataset.asked);
});

// It is there to be dragged: on this page itself its click would do nothing.
document.querySelector("[data-bookmark]").addEventListener("click", (event) => event.preventDefault());
