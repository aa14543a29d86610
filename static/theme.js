// Before anything is painted: light or dark, as the user chose, else as the system prefers; and whether the board of calls
// has cards, or lines.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = localStorage.getItem("theme");
    root.dataset.bsTheme = chosen || (dark.matches ? "dark" : "light");
  };
  dark.addEventListener("change", apply);
  apply();
  root.dataset.board = localStorage.getItem("board") || "cards";

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.bsTheme);
  });
})();
