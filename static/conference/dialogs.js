// The menu of each row, and the dialogs.

import { disableWhatCannotWork } from "../panel/availability.js";
import { openDialog } from "../panel/dialogs.js";
import { byId, setText } from "../panel/dom.js";
import { fullNameOf, people, rows } from "./people.js";

// --- A row's menu: what is in it is the same for all, and is put there when it is opened. ---

// The last one stands for the participant's unique id: a conference may be named anything.
const addressOf = (path, row) => path.replace(/UNIQUEID(?!.*UNIQUEID)/, () => segmentOf(row));

function segmentOf(row) {
  return row.querySelector("[hx-post]").getAttribute("hx-post").split("/").at(-3);
}

people.addEventListener(
  "toggle",
  (event) => {
    const menu = event.target;
    if (!menu.matches("[data-menu]") || !menu.open || menu.children.length > 1) return;
    const items = byId("participant-menu").content.firstElementChild.cloneNode(true);
    const row = menu.closest(".participant");
    for (const button of items.querySelectorAll("[hx-post]")) {
      button.setAttribute("hx-post", addressOf(button.getAttribute("hx-post"), row));
    }
    items.setAttribute("aria-label", menu.querySelector("summary").getAttribute("aria-label"));
    menu.append(items);
    htmx.process(items);
    disableWhatCannotWork();
  },
  true,
);
people.addEventListener("click", (event) => {
  const menu = event.target.closest(".menu-items")?.closest("details");
  if (menu && event.target.closest("button")) menu.open = false;
});

// --- Dialogs. ---

// What there is to choose from in a dialog about one participant.
const prepare = {
  move() {
    const choices = byId("move-choices");
    choices.replaceChildren();
    htmx.ajax("GET", choices.dataset.from, { target: choices, swap: "innerHTML" });
  },
  aside(row) {
    const others = rows()
      .filter((other) => other !== row)
      .map((other) => {
        const option = document.createElement("option");
        option.value = other.dataset.uniqueid;
        option.textContent = fullNameOf(other);
        return option;
      });
    const select = byId("aside-other");
    // Nobody is chosen yet, and the browser asks for somebody.
    const nobody = new Option(select.dataset.nobody, "", true, true);
    nobody.disabled = true;
    select.replaceChildren(nobody, ...others);
  },
};

function openFor(opener) {
  const dialog = byId(`${opener.dataset.opens}-dialog`);
  const row = opener.closest(".participant");
  if (row) {
    const form = dialog.querySelector("form");
    form.dataset.path ??= form.getAttribute("hx-post");
    form.reset();
    form.setAttribute("hx-post", addressOf(form.dataset.path, row));
    dialog.querySelector("[data-who]").textContent = fullNameOf(row);
    row.focus({ preventScroll: true });
  }
  prepare[opener.dataset.opens]?.(row);
  openDialog(dialog);
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]:not(#my-phone *)");
  if (opener) openFor(opener);
  const choice = event.target.closest("[data-choose]");
  if (choice) {
    byId("move-to").value = choice.dataset.choose;
    choice.closest("form").querySelector("[type=submit]").focus();
  }
});
// What the answer says is shown as a toast, which a dialog would hide.
document.addEventListener("submit", (event) => {
  if (event.target.matches("dialog form[hx-post]")) event.target.closest("dialog").close();
});

addEventListener("htmx:confirm", (event) => {
  const { ctx, issueRequest, dropRequest } = event.detail;
  const dialog = byId(`${ctx.confirm}-dialog`);
  if (!dialog) return;
  event.preventDefault();
  if (document.querySelector("dialog[open]")) {
    dropRequest();
    return;
  }
  const row = ctx.sourceElement.closest(".participant");
  if (row) dialog.querySelector("[data-who]").textContent = fullNameOf(row);
  sayHowMany();
  dialog.addEventListener("close", () => (dialog.returnValue === "yes" ? issueRequest() : dropRequest()), {
    once: true,
  });
  openDialog(dialog);
});

// The question whether to end the conference says how many are in it, also when somebody comes meanwhile.
export function sayHowMany() {
  const text = document.querySelector("[data-action=end]")?.dataset.words;
  const words = document.querySelector("#end-dialog [data-words]");
  if (text && words) setText(words, text);
}
