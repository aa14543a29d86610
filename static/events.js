// The page of events: what comes over its own socket, one line for each, and what is to be seen of it.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const page = byId("events"), list = byId("events-list"), none = byId("events-none"), words = page.dataset;
  const inputs = { name: byId("events-name"), channel: byId("events-channel"), text: byId("events-text") };
  const pauseButton = byId("events-pause");

  // So many lines are kept, and so many wait while the list stands still.
  const KEPT = 2000;
  // While the pointer is at work in the list, or somebody reads further up, nothing moves under him (ms, px).
  const POINTER_RESTS = 1200, END = 24;

  // Each: at, fields, name, channel, text (all of it, in lower case), and its row, once it is drawn.
  let kept = [], waiting = [];
  let paused = false, leftOff = 0, forgotten = 0, unseen = 0, state = "connecting", why = "";

  // --- What an event says, in one line. ---

  const CHANNEL = /^(?:Dest|Source|Local\w*|Transferer|Transferee|Parker|Parkee|Old|New)?Channel\d?$/;
  const DULL = /^(?:Event|Privilege|Timestamp|ActionID|SystemName|EventTV|EventVersion|SessionID|Severity)$|^Bridge(?!Uniqueid|Type)|(?:UniqueID)$/;
  // What every event about a channel says of it, and of each further one with a word in front; a little of it is news.
  const SNAPSHOT = /(?:ChannelState|ChannelStateDesc|CallerIDNum|CallerIDName|ConnectedLineNum|ConnectedLineName|Language|AccountCode|Context|Exten|Priority|Uniqueid|Linkedid)$/;
  const OF_THE_SNAPSHOT = ["CallerIDNum", "CallerIDName", "Exten", "ChannelStateDesc"];
  const NOTHING = new Set(["", "<unknown>", "<none>"]);

  function readEvent([at, fields]) {
    const event = { at, fields, name: "", channel: "", channels: "", text: "", row: null };
    const own = [], known = [];
    for (const [name, value] of fields) {
      event.text += `${name}: ${value}\n`.toLowerCase();
      if (CHANNEL.test(name)) event.channels += ` ${value.toLowerCase()}`;
      if (name === "Event" && !event.name) event.name = value;
      else if (CHANNEL.test(name) && !event.channel) event.channel = value;
      else if (NOTHING.has(value) || DULL.test(name)) continue;
      else if (!SNAPSHOT.test(name)) own.push(`${name}: ${value}`);
      else if (OF_THE_SNAPSHOT.includes(name)) known.push(`${name}: ${value}`);
    }
    event.summary = [...own, ...known].join(" · ").slice(0, 300);
    return event;
  }

  // --- The filter: here at once over what is kept, and at the server for what comes. ---

  let filter = { names: [], unwanted: [], channel: "", text: "" };

  function readFilter() {
    const names = inputs.name.value.toLowerCase().split(/\s+/).filter(Boolean);
    filter = {
      names: names.filter((name) => !name.startsWith("-")),
      unwanted: names.filter((name) => name.startsWith("-") && name.length > 1).map((name) => name.slice(1)),
      channel: inputs.channel.value.trim().toLowerCase(),
      text: inputs.text.value.trim().toLowerCase(),
    };
  }

  function fits(event) {
    const name = event.name.toLowerCase();
    return (!filter.names.length || filter.names.some((part) => name.includes(part)))
      && !filter.unwanted.some((part) => name.includes(part))
      && (!filter.channel || event.channels.includes(filter.channel))
      && (!filter.text || event.text.includes(filter.text));
  }

  const filterMessage = () =>
    `filter ${JSON.stringify({ name: inputs.name.value, texts: [filter.channel, filter.text].filter(Boolean) })}`;

  let typing = 0;
  function onFilter() {
    readFilter();
    for (const event of kept) event.row.hidden = !fits(event);
    keepAtEnd();
    report();
    clearTimeout(typing);
    typing = setTimeout(() => { if (socket?.readyState === WebSocket.OPEN) socket.send(filterMessage()); }, 200);
  }
  for (const input of Object.values(inputs)) input.addEventListener("input", onFilter);

  // --- The lines. Text from the telephone network stays text. ---

  const two = (number) => String(number).padStart(2, "0");
  function timeOf(at) {
    const time = new Date(at);
    return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, "0")}`;
  }

  function part(kind, text) {
    const element = document.createElement(kind === "event-channel" || kind === "event-summary" ? "bdi" : "span");
    element.className = kind;
    element.textContent = text;
    return element;
  }

  function draw(event) {
    const row = document.createElement("details"), summary = document.createElement("summary");
    row.className = "event";
    summary.append(part("event-time", timeOf(event.at)), part("event-name", event.name), part("event-channel", event.channel), part("event-summary", event.summary));
    row.append(summary);
    row.hidden = !fits(event);
    row.addEventListener("toggle", () => { if (row.open) open(event); });
    event.row = row;
    return row;
  }

  // What one reads is not to run away.
  function open(event) {
    setPaused(true);
    if (event.row.children.length > 1) return;
    const fields = document.createElement("dl");
    for (const [name, value] of event.fields) {
      const line = document.createElement("div"), key = document.createElement("dt"), data = document.createElement("dd"), text = document.createElement("bdi");
      key.textContent = name;
      text.textContent = value;
      data.append(text);
      line.append(key, data);
      fields.append(line);
    }
    event.row.append(fields);
  }

  let atEnd = true, pointerAt = -Infinity;
  list.addEventListener("scroll", () => { atEnd = list.scrollHeight - list.scrollTop - list.clientHeight <= END; });
  for (const kind of ["pointermove", "pointerdown", "wheel"]) {
    list.addEventListener(kind, () => { pointerAt = performance.now(); }, { passive: true });
  }
  const isHeld = () =>
    paused || !atEnd || (list.matches(":hover") && performance.now() - pointerAt < POINTER_RESTS) || list.contains(document.activeElement.closest("summary"));

  function keepAtEnd() {
    if (!atEnd || paused) return;
    list.scrollTop = list.scrollHeight;
  }

  function show() {
    if (!waiting.length || isHeld()) return;
    const rows = document.createDocumentFragment();
    for (const event of waiting) rows.append(draw(event));
    kept.push(...waiting);
    waiting = [];
    unseen = 0;
    list.append(rows);
    const over = kept.length - KEPT;
    if (over > 0) {
      for (const event of kept.splice(0, over)) event.row.remove();
      forgotten += over;
    }
    keepAtEnd();
  }

  const names = new Set();
  function take(news) {
    if (news.state) { ({ state, why } = news); }
    leftOff += news.left_off ?? 0;
    for (const received of news.events ?? []) {
      const event = readEvent(received);
      // Its filter may be an older one.
      if (!fits(event)) continue;
      waiting.push(event);
      unseen += 1;
      if (!names.has(event.name) && names.size < 400) {
        names.add(event.name);
        const option = document.createElement("option");
        option.value = event.name;
        byId("events-names").append(option);
      }
    }
    const over = waiting.length - KEPT;
    if (over > 0) { waiting.splice(0, over); forgotten += over; }
    show();
    report();
  }

  // --- What is said of it all. ---

  const number = (value) => value.toLocaleString(document.documentElement.lang);
  function setText(element, text) { if (element.textContent !== text) element.textContent = text; }

  function report() {
    page.dataset.state = state;
    setText(byId("events-state"), state === "live" ? (paused ? words.textPaused : words.textLive) : why || words[`text${state[0].toUpperCase()}${state.slice(1)}`] || "");
    const shown = kept.filter((event) => !event.row.hidden).length;
    setText(byId("events-count"), kept.length ? words.textShown.replace("%1", number(shown)).replace("%2", number(kept.length)) : "");
    setText(byId("events-new"), unseen && isHeld() ? words.textNew.replace("%s", number(unseen)) : "");
    const notes = [];
    if (leftOff) notes.push(words.textLeftOff.replace("%s", number(leftOff)));
    if (forgotten) notes.push(words.textForgotten.replace("%s", number(forgotten)));
    const note = byId("events-note");
    note.hidden = notes.length === 0;
    setText(note, notes.join(" · "));
    none.hidden = shown > 0;
    setText(none, kept.length ? words.textUnmatched : words.textWaiting);
    byId("events-save").disabled = shown === 0;
    byId("events-clear").disabled = kept.length + waiting.length === 0;
    pauseButton.classList.toggle("is-held", isHeld());
  }

  function setPaused(on) {
    paused = on;
    pauseButton.setAttribute("aria-pressed", on);
    if (!on) {
      // Whoever lets it go on wants to see the newest.
      for (const row of list.querySelectorAll("details[open]")) row.open = false;
      atEnd = true;
      pointerAt = -Infinity;
      show();
      keepAtEnd();
    }
    report();
  }
  pauseButton.addEventListener("click", () => setPaused(!(paused || !atEnd)));

  byId("events-clear").addEventListener("click", () => {
    for (const event of kept) event.row.remove();
    kept = [];
    waiting = [];
    leftOff = forgotten = unseen = 0;
    atEnd = true;
    report();
  });

  byId("events-save").addEventListener("click", () => {
    const text = kept.filter((event) => !event.row.hidden).map(({ at, fields }) => {
      const lines = fields.map(([name, value]) => `${name}: ${value}`);
      // As Asterisk itself writes it where timestampevents is on.
      if (!fields.some(([name]) => name === "Timestamp")) lines.splice(1, 0, `Timestamp: ${(at / 1000).toFixed(3)}`);
      return `${lines.join("\r\n")}\r\n\r\n`;
    }).join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = `events-${words.pbxName}-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.txt`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });

  // --- The socket: opened anew for as long as that makes sense. ---

  let socket = null, delay = 300, refused = false;
  const READ_MESSAGES = 24, READ_SIZE = 100_000;
  // A socket can look open and be dead: the server says something at least as often as it is asked (ms).
  const PING_EVERY = 10_000;

  function connect() {
    const address = new URL(words.socket, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    let count = 0, told = 0, size = 0, heard = true;
    const own = socket = new WebSocket(address);
    const pings = setInterval(() => {
      if (!heard) { own.close(); return; }
      heard = false;
      if (own.readyState === WebSocket.OPEN) own.send("ping");
    }, PING_EVERY);
    own.addEventListener("open", () => {
      delay = 300;
      own.send(filterMessage());
    });
    own.addEventListener("message", ({ data }) => {
      heard = true;
      count += 1;
      size += data.length;
      if (count - told >= READ_MESSAGES || size >= READ_SIZE) {
        told = count;
        size = 0;
        if (own.readyState === WebSocket.OPEN) own.send(`read ${count}`);
      }
      take(JSON.parse(data));
    });
    own.addEventListener("close", ({ code }) => {
      clearInterval(pings);
      why = "";
      // The session has ended; but another page may have a new one, after a new password or login: ask once.
      const again = code === 4401 && !refused;
      refused = code === 4401;
      state = again ? "lost" : { 4401: "forbidden", 4403: "forbidden", 4404: "gone" }[code] ?? "lost";
      if (code === 4401 && !again) byId("logged-out")?.removeAttribute("hidden");
      report();
      if (state !== "lost") return;
      setTimeout(connect, delay * (0.75 + Math.random() / 2));
      delay = Math.min(4000, delay * 2);
    });
  }

  readFilter();
  connect();
  setInterval(() => { show(); report(); }, 400);
})();
