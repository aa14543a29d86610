// The list is asked for anew every few seconds, but not while somebody is at work in it: nothing moves under the pointer,
// not even by an answer that was asked for before.

const AT_WORK = 3000;
const list = document.getElementById("recording-channels");
let touched = 0;
for (const name of ["pointermove", "pointerdown", "keydown", "focusin", "change"]) {
  list.addEventListener(name, () => {
    touched = Date.now();
  });
}
for (const name of ["htmx:before:request", "htmx:before:swap"]) {
  document.addEventListener(name, (event) => {
    if (event.detail.ctx?.sourceElement === list && Date.now() - touched < AT_WORK) event.preventDefault();
  });
}
