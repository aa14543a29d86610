// Light or dark, before anything is painted: what the user chose, else what the system prefers.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = localStorage.getItem("theme");
    root.dataset.bsTheme = chosen || (dark.matches ? "dark" : "light");
  };
  dark.addEventListener("change", apply);
  apply();

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.bsTheme);
  });
})();
