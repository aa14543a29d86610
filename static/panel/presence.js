// Presence: the menu of one's own, and the time in a form of it, which is sent with its offset from UTC.

import { disableWhatCannotWork } from "./availability.js";
import { showLocalTimes } from "./clock.js";
import { byId } from "./dom.js";

const menu = byId("presence-menu");
const items = byId("presence-items");

async function fill() {
  const response = await fetch(menu.dataset.menu).catch(() => null);
  const html = response?.ok ? await response.text() : "";
  if (html) items.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.children);
  else items.textContent = document.body.dataset.textFailed;
  htmx.process(items);
  showLocalTimes();
  disableWhatCannotWork();
  items.querySelector("[aria-current], button, a")?.focus();
}

menu?.addEventListener("toggle", () => {
  if (menu.open) fill();
  else items.replaceChildren();
});

// Before htmx reads the form. Whoever is available is not back at a time.
document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (!form.matches("[data-presence]")) return;
    const typed = form.querySelector("[data-moment]").value;
    const isAway = event.submitter?.value !== "available";
    form.elements.until.value = typed && isAway ? new Date(typed).toISOString() : "";
  },
  true,
);

// What was set shows in the page's head.
addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.response.status >= 400 || !ctx.sourceElement.matches("[data-presence]")) return;
  if (!menu?.contains(ctx.sourceElement)) {
    ctx.sourceElement.reset();
    return;
  }
  menu.open = false;
  menu.querySelector("summary").focus();
});
