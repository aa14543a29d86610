// The list of messages: whoever opens one has read it.

const readIn = (opened) => opened.querySelector("[data-reads]")?.click();

document.addEventListener("toggle", (event) => event.target.open && readIn(event.target), { capture: true });
// What was opened before there were buttons that work.
document.addEventListener("DOMContentLoaded", () => {
  for (const opened of document.querySelectorAll(".message details[open]")) readIn(opened);
});
