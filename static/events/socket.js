// The socket of the page of events: opened anew for as long as that makes sense.

import { sayWhatIsRead } from "../panel/connection.js";
import { byId } from "../panel/dom.js";

// A socket can look open and be dead: the server says something at least as often as it is asked (ms).
const PING_EVERY = 10_000;
const FIRST_DELAY = 300;
const LONGEST_DELAY = 4000;

let socket = null;
let delay = FIRST_DELAY;
let refused = false;

export function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(message);
}

// `greeting` is asked for what to send first; `received` gets each message, `closed` why there is no connection.
export function connect(path, { greeting, received, closed }) {
  const address = new URL(path, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  let heard = true;
  const own = new WebSocket(address);
  socket = own;
  const pings = setInterval(() => {
    if (!heard) {
      own.close();
      return;
    }
    heard = false;
    if (own.readyState === WebSocket.OPEN) own.send("ping");
  }, PING_EVERY);
  own.addEventListener("open", () => {
    delay = FIRST_DELAY;
    own.send(greeting());
  });
  sayWhatIsRead(own);
  own.addEventListener("message", ({ data }) => {
    heard = true;
    received(JSON.parse(data));
  });
  own.addEventListener("close", ({ code }) => {
    clearInterval(pings);
    // The session has ended; but another page may have a new one, after a new password or login: ask once.
    const again = code === 4401 && !refused;
    refused = code === 4401;
    const state = again ? "lost" : ({ 4401: "forbidden", 4403: "forbidden", 4404: "gone" }[code] ?? "lost");
    if (code === 4401 && !again) byId("logged-out")?.removeAttribute("hidden");
    closed(state);
    if (state !== "lost") return;
    setTimeout(() => connect(path, { greeting, received, closed }), delay * (0.75 + Math.random() / 2));
    delay = Math.min(LONGEST_DELAY, delay * 2);
  });
}
