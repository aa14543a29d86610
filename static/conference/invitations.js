// The box of who is to be called: those who could be called leave it, what was typed meanwhile stays.

import { byId } from "../panel/dom.js";

let invited = "";
document.addEventListener(
  "submit",
  (event) => {
    if (event.target.matches(".invite-form")) invited = byId("invite-numbers").value;
  },
  true,
);
document.addEventListener("invited", (event) => {
  const box = byId("invite-numbers");
  const group = byId("invite-group");
  if (box.value !== invited) return;
  box.value = event.detail.value;
  if (group) group.value = event.detail.group;
});
