// The participants of the page: their rows, and how they are called.

import { byId } from "../panel/dom.js";

export const people = byId("participants");

export const rows = () => [...people.children].filter((row) => !row.classList.contains("is-ended"));
export const seenRows = () => rows().filter((row) => !row.hasAttribute("data-unmatched"));

export const nameOf = (row) => row.querySelector(".party-label").textContent;
// With the number, where the name is another text: two people may have the same name.
export const fullNameOf = (row) =>
  Array.from(row.querySelectorAll(".participant-name bdi"), (part) => part.textContent).join(" ");
