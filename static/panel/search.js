// The search box: of a list that is there as a whole (data-search), and of a long one of which the server sends the part
// that is looked at, with the rows that match (data-look).

// The address of the page keeps the search, so that it is still there after a reload.
function rememberSearch(text) {
  const url = new URL(location.href);
  if (text) url.searchParams.set("q", text);
  else url.searchParams.delete("q");
  history.replaceState(null, "", url);
}

// --- A list that is there as a whole. ---

// In lower case, and behind it without accents. The dot above an i is no accent: the Turkish İ is an i with one.
function comparable(text) {
  const lower = text.toLowerCase();
  const plain = lower
    .normalize("NFD")
    .replace(/(?<!i)\u0307|[\u0300-\u0306\u0308-\u036f]/g, "")
    .normalize("NFC");
  return plain === lower ? lower : `${lower} ${plain}`;
}

function textOf(row) {
  const parts = Array.from(row.querySelectorAll("[data-searched]"), (part) => part.textContent);
  if (row.dataset.talkingSince) parts.push(row.querySelector(".when-talking")?.textContent ?? "");
  return comparable(parts.join(" "));
}

export function search() {
  const box = document.querySelector("[data-search]");
  if (!box) return;
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...document.querySelector(box.dataset.search).children];
  let matches = 0;
  for (const row of rows) {
    const text = words.length ? textOf(row) : "";
    const fits = words.every((word) => text.includes(word));
    row.toggleAttribute("data-unmatched", !fits);
    if (fits) matches += 1;
  }
  const none = document.querySelector(".no-match");
  if (none) none.hidden = matches > 0 || rows.length === 0;
}

document.querySelector("[data-search]")?.addEventListener("input", (event) => {
  rememberSearch(event.target.value);
  search();
});

// --- A long list: how many rows are shown, and of which search, is told to the server. ---

const lookBox = document.querySelector("[data-look]");
const TYPING_PAUSE = 150;
// With no limit the server shows as many as it likes to begin with.
const look = { limit: 0, search: lookBox?.value ?? "" };
let connection = null;

function lookAt(limit, text) {
  Object.assign(look, { limit, search: text });
  tellServer();
}

function tellServer() {
  const socket = connection?.socket;
  if (socket?.readyState === WebSocket.OPEN) socket.send(`look ${look.limit} ${look.search}`);
}

// A new socket begins with what is looked at already.
function addressWithLook(address) {
  const url = new URL(address);
  url.searchParams.set("limit", look.limit);
  url.searchParams.set("q", look.search);
  return url.href;
}

addEventListener("htmx:ws:before:connection", (event) => {
  const next = event.detail.connection;
  if (lookBox) next.url = addressWithLook(next.url);
});
addEventListener("htmx:ws:after:connection", (event) => {
  connection = event.detail.connection;
  const { socket } = connection;
  // The search may have changed since the socket was asked for.
  if (lookBox && addressWithLook(socket.url) !== socket.url) tellServer();
});

function showMore(button) {
  const limit = Number(button.dataset.showMore);
  if (limit <= look.limit) return;
  button.setAttribute("aria-busy", "true");
  lookAt(limit, look.search);
}

document.addEventListener("click", (event) => {
  const more = event.target.closest("[data-show-more]");
  if (more) showMore(more);
});

// More rows are asked for before the end of the list comes into sight.
const end = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) if (entry.isIntersecting) showMore(entry.target);
  },
  { rootMargin: "0px 0px 800px 0px" },
);
let watched = null;
let watchedLimit = "";

export function watchTheEnd() {
  const button = document.querySelector("[data-show-more]");
  if (button === watched && button?.dataset.showMore === watchedLimit) return;
  if (watched) end.unobserve(watched);
  watched = button;
  watchedLimit = button?.dataset.showMore;
  // Looked at once more, even if it is where it was: there may be room for another part.
  if (button) end.observe(button);
}

let typing = 0;
lookBox?.addEventListener("input", () => {
  rememberSearch(lookBox.value);
  clearTimeout(typing);
  typing = setTimeout(() => lookAt(0, lookBox.value), TYPING_PAUSE);
});
