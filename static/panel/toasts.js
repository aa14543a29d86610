// Toasts: what is about one thing is one toast, of the latest step, whichever way it comes.

import { byId } from "./dom.js";

const steps = new Map();

function putToasts(container, fragment) {
  const inserted = [];
  for (const toast of Array.from(fragment.children)) {
    const former = toast.id && byId(toast.id);
    const step = Number(toast.dataset.step);
    if (toast.id && step <= (steps.get(toast.id) ?? -1)) continue;
    if (toast.id) steps.set(toast.id, step);
    if (toast.hasAttribute("data-gone")) {
      former?.remove();
      continue;
    }
    if (former) former.replaceWith(toast);
    else container.append(toast);
    inserted.push(toast);
  }
  return inserted;
}

htmx.registerExtension("toasts", {
  handle_swap: (style, target, fragment) => style === "toasts" && putToasts(target, fragment),
});

export function addToast(level, text) {
  const toast = document.createElement("div");
  toast.className = `panel-toast is-${level}`;
  toast.setAttribute("role", "alert");
  const words = document.createElement("div");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "btn-close";
  close.dataset.close = "";
  close.setAttribute("aria-label", document.body.dataset.textClose);
  toast.append(words, close);
  byId("toasts").append(toast);
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close]")) event.target.closest(".panel-toast").remove();
});

// Good news goes by itself, unless somebody is reading it; bad news stays until it is closed.
setInterval(() => {
  for (const toast of document.querySelectorAll(".panel-toast:not(.is-danger)")) {
    toast.dataset.age = Number(toast.dataset.age || 0) + (toast.matches(":hover, :focus-within") ? 0 : 1);
    if (toast.dataset.age >= Number(toast.dataset.seconds ?? 8)) toast.remove();
  }
  const all = document.querySelectorAll(".panel-toast");
  for (let i = 0; i < all.length - 5; i += 1) all[i].remove();
}, 1000);

// What it offered was done.
addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.response.status < 400) ctx.sourceElement.closest(".panel-toast")?.remove();
});

addEventListener("htmx:error", (event) => {
  const { ctx } = event.detail;
  if (ctx?.request && !ctx.response) addToast("danger", document.body.dataset.textFailed);
});
