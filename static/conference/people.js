// The participants of the page: their rows, and how they are called.

import { byId } from "../panel/dom.js";

export const people = byId("participants");

export const rows = () => [...people.children].filter((row) => !row.classList.contains("is-ended"));
export const seenRows = () => rows().filter((row) => !row.hasAttribute("data-unmatched"));

export const nameOf = (row) => row.querySelector(".party-label").textContent;
// With the number where the name is not it: two may have one name.
export const fullNameOf = (row) =>
  Array.from(row.querySelectorAll(".participant-name bdi"), (part) => part.textContent).join(" ");
