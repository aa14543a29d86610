// The focus stays where somebody is at work, when a button is busy and when a row goes.

// First, so that its listener comes before the one here: a button that was busy is shown anew before it gets the focus.
import "./morph.js";

// The button that was pressed last: it is disabled while its request is under way, which takes the focus from it.
let pressed = null;
addEventListener("htmx:before:request", (event) => {
  const element = event.detail.ctx.sourceElement;
  pressed = element.contains(document.activeElement) ? element : null;
});
// What its request did shows elsewhere; the button is where it was, and has the focus again.
addEventListener("htmx:finally:request", (event) => {
  const element = event.detail.ctx.sourceElement;
  setTimeout(() => {
    if (pressed !== element || document.activeElement !== document.body) return;
    if (element.isConnected && !element.disabled) element.focus({ preventScroll: true });
  });
});

const hasFocus = (element) =>
  element.contains(document.activeElement) ||
  (pressed !== null && element.contains(pressed) && document.activeElement === document.body);

const isThere = (row) => !row.matches(".is-ended, [data-unmatched]");

// When a row goes that has the focus, the next one gets it, or the one before, or the heading of the board; the row as
// such and not a button in it, which could be pressed by mistake. No participant gets it: there a single letter mutes or
// removes.
export function passFocusOn(row) {
  if (!hasFocus(row) || row.matches(".participant")) return;
  pressed = null;
  const others = [...row.parentElement.children].filter((other) => other === row || isThere(other));
  const place = others.indexOf(row);
  const next = others[place + 1] ?? others[place - 1] ?? row.closest("section, main")?.querySelector("h1, h2");
  if (!next) return;
  if (!next.hasAttribute("tabindex")) next.tabIndex = -1;
  next.focus({ preventScroll: true });
  if (!row.parentElement.matches(":hover")) next.scrollIntoView({ block: "nearest" });
}
