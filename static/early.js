// Whoever presses a button before the page's scripts have started must not press it in vain: the press is kept, and
// given again when they have. Classic, and first of all scripts, so that it is there before any button.
(() => {
  const PRESSED = "button, input[type=submit], input[type=button]";
  const kept = new Set();

  function keep(event) {
    const pressed = event.target.closest?.(PRESSED);
    if (!pressed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    kept.add(pressed);
  }

  addEventListener("click", keep, { capture: true });
  document.addEventListener("DOMContentLoaded", () => {
    // After whatever else begins with this event.
    setTimeout(() => {
      removeEventListener("click", keep, { capture: true });
      for (const pressed of kept) pressed.click();
    });
  });
})();
