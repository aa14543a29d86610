// What several modules ask of the page.

export const byId = (id) => document.getElementById(id);

// A text in place of another one makes the browser look at the styles of all that is around it; a changed one does not.
export function setText(element, text) {
  if (!element.firstChild) element.textContent = text;
  else if (element.firstChild.nodeValue !== text) element.firstChild.nodeValue = text;
}

// Nothing moves under a click: what would move waits until the pointer has left, or rested this long (ms).
const POINTER_RESTS = 1200;
let pointerMovedAt = 0;
const pointerMoves = () => {
  pointerMovedAt = performance.now();
};
for (const kind of ["pointermove", "pointerdown", "wheel"]) addEventListener(kind, pointerMoves, { passive: true });

export const pointerIsAtWorkIn = (container) =>
  performance.now() - pointerMovedAt < POINTER_RESTS && container.matches(":hover");

// In lower case, and behind it without accents. The dot above an i is no accent: the Turkish İ is an i with one.
export function comparable(text) {
  const lower = text.toLowerCase();
  const plain = lower
    .normalize("NFD")
    .replace(/(?<!i)\u0307|[\u0300-\u0306\u0308-\u036f]/g, "")
    .normalize("NFC");
  return plain === lower ? lower : `${lower} ${plain}`;
}
