// The live connection: htmx tells of the socket, the browser of the network.

import { offline, setOffline } from "./availability.js";
import { byId } from "./dom.js";

// How long an answer to a ping may take (ms).
const PONG_WITHIN = 1000;
// How long the buttons may go on working while a new socket is tried (ms): a short interruption is not worth a banner.
const UNNOTICED = 1500;
// How long a page that was refused, since its session has ended, does not try again (ms).
const REFUSED_FOR = 10_000;
// The server sends no more than so much ahead of what a page says it has read.
const READ_MESSAGES = 24;
const READ_SIZE = 100_000;

let connection = null;
let offlineTimer = 0;
let pongTimer = 0;
let refusedAt = 0;

// Tells the server through this socket, again and again, how many messages have been read.
export function sayWhatIsRead(socket) {
  let count = 0;
  let told = 0;
  let size = 0;
  socket.addEventListener("message", ({ data }) => {
    count += 1;
    size += data.length;
    if (count - told < READ_MESSAGES && size < READ_SIZE) return;
    told = count;
    size = 0;
    if (socket.readyState === WebSocket.OPEN) socket.send(`read ${count}`);
  });
}

addEventListener("htmx:ws:after:connection", (event) => {
  connection = event.detail.connection;
  clearTimeout(offlineTimer);
  sayWhatIsRead(connection.socket);
});
// The page says of itself whether what it shows is live: from its first board until its socket closes.
addEventListener("htmx:ws:after:message:incoming", () => {
  document.documentElement.dataset.live = "";
  clearTimeout(pongTimer);
  if (offline) setOffline(false);
});
addEventListener("htmx:ws:close", (event) => {
  const { code, reason } = event.detail;
  delete document.documentElement.dataset.live;
  if (reason === "removed") return;
  // The session of this socket has ended; but another page may have a new one, after a new password or login: ask once.
  if (code === 4401 && Date.now() - refusedAt > REFUSED_FOR) {
    refusedAt = Date.now();
    renew();
    return;
  }
  if (code === 4401 || code === 4403) {
    byId("logged-out")?.removeAttribute("hidden");
    return;
  }
  clearTimeout(offlineTimer);
  const why = !navigator.onLine ? "offline" : code === 4503 ? "database" : "server";
  offlineTimer = setTimeout(() => setOffline(true, why), offline || why === "offline" ? 0 : UNNOTICED);
});

// Leave the socket as it is, even if it takes its time to close, and begin anew at once.
function renew() {
  clearTimeout(pongTimer);
  const former = document.querySelector("[hx-ws\\:connect]");
  const next = document.createElement("div");
  next.hidden = true;
  next.setAttribute("hx-ws:connect", former.getAttribute("hx-ws:connect"));
  delete document.documentElement.dataset.live;
  former.replaceWith(next);
  connection.socket.close();
  htmx.process(next);
}

// A socket can look open and be dead, after a sleep or a change of network: ask. One that waits for its next try
// need not wait any longer.
export function probe() {
  if (document.hidden || !connection || byId("logged-out")?.hidden === false) return;
  const { socket } = connection;
  if (socket.readyState !== WebSocket.OPEN) {
    renew();
    return;
  }
  clearTimeout(pongTimer);
  pongTimer = setTimeout(renew, PONG_WITHIN);
  socket.send("ping");
}

addEventListener("online", probe);
document.addEventListener("visibilitychange", probe);
document.addEventListener("resume", probe);
addEventListener("offline", () => {
  clearTimeout(offlineTimer);
  setOffline(true);
});
