// The board has cards, or one line a call: as the user chose. (`theme.js` knows it before anything is painted.)

const root = document.documentElement;
const button = document.querySelector("[data-board-lines]");

const showChoice = () => button?.setAttribute("aria-pressed", root.dataset.board === "lines");

button?.addEventListener("click", () => {
  root.dataset.board = root.dataset.board === "lines" ? "cards" : "lines";
  localStorage.setItem("board", root.dataset.board);
  showChoice();
});
showChoice();
