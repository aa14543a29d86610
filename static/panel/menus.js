// Menus close by a click elsewhere and by Escape.

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// In a row of pages that is wider than a phone, the page that is open is in sight.
document.querySelector(".system-parts [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" });
