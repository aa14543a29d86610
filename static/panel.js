// What the panel adds to htmx: rows that stay where they are, clocks, the banner, keys and toasts.
(() => {
  "use strict";
  const body = document.body;
  const byId = (id) => document.getElementById(id);

  // --- Rows: elements with an id and data-order, kept in that order; data-gone takes one away. ---

  // A row that ended is dimmed and kept in place while the pointer is at work above it, so that nothing moves
  // under a click; it goes when the pointer has left or rested this long (ms).
  const POINTER_RESTS = 1200;
  let pointerMovedAt = 0;
  for (const kind of ["pointermove", "pointerdown", "wheel"]) {
    addEventListener(kind, () => { pointerMovedAt = performance.now(); }, { passive: true });
  }
  const pointerIsAtWorkIn = (container) =>
    performance.now() - pointerMovedAt < POINTER_RESTS && container.matches(":hover");

  function removeRow(row) {
    const container = row.parentElement;
    passFocusOn(row);
    if (!container.matches(".board") || !pointerIsAtWorkIn(container)) {
      row.remove();
      return;
    }
    row.classList.add("is-ended");
    for (const button of row.querySelectorAll("button")) button.disabled = true;
  }

  // The button that was pressed last: it is disabled while its request is under way, which takes the focus from it.
  let pressed = null;
  addEventListener("htmx:before:request", (event) => {
    const element = event.detail.ctx.sourceElement;
    pressed = element.contains(document.activeElement) ? element : null;
  });
  const hasFocus = (element) =>
    element.contains(document.activeElement) ||
    (pressed !== null && element.contains(pressed) && document.activeElement === document.body);

  // Whoever was at work in a row that goes stands before the next one, or the one before, or the board's heading; not on a
  // button there, which could be pressed by mistake. On a participant a single letter mutes or removes: nobody gets
  // there unasked.
  function passFocusOn(row) {
    if (!hasFocus(row) || row.matches(".participant")) return;
    pressed = null;
    const others = [...row.parentElement.children].filter((other) => other === row || isThere(other));
    const place = others.indexOf(row);
    const next = others[place + 1] ?? others[place - 1] ?? row.closest("section, main")?.querySelector("h1, h2");
    if (!next) return;
    if (!next.hasAttribute("tabindex")) next.tabIndex = -1;
    next.focus({ preventScroll: true });
    if (!row.parentElement.matches(":hover")) next.scrollIntoView({ block: "nearest" });
  }
  const isThere = (row) => !row.matches(".is-ended, [data-unmatched]");

  function sweepEndedRows() {
    for (const row of document.querySelectorAll(".is-ended")) {
      if (!pointerIsAtWorkIn(row.parentElement)) row.remove();
    }
  }

  const compare = (one, other) =>
    Number(one.dataset.order) - Number(other.dataset.order) || (one.id < other.id ? -1 : 1);

  function insertRow(container, row) {
    // Nearly always the new row is the newest, so look from the end.
    let after = container.lastElementChild;
    while (after && compare(after, row) > 0) after = after.previousElementSibling;
    if (after) after.after(row); else container.prepend(row);
  }

  // A list that stands still (data-still) while the pointer is at work in it: what it is to show then, by its id.
  const resting = new Map();

  function putWhatRested() {
    for (const [id, [container, row]] of resting) {
      if (byId(id) && pointerIsAtWorkIn(byId(id))) continue;
      resting.delete(id);
      const fragment = document.createDocumentFragment();
      fragment.append(row);
      for (const put of putRows(container, fragment)) htmx.process(put);
      settle();
    }
  }

  function putRows(container, fragment) {
    const inserted = [];
    for (const row of Array.from(fragment.children)) {
      const existing = byId(row.id);
      if (row.hasAttribute("data-gone")) {
        if (existing) removeRow(existing);
      } else if (row.hasAttribute("data-attributes")) {
        // Nothing else of it has changed.
        for (const { name, value } of row.attributes) {
          if (name !== "data-attributes" && existing && existing.getAttribute(name) !== value) existing.setAttribute(name, value);
        }
      } else if (existing?.matches("[data-still]") && pointerIsAtWorkIn(existing)) {
        resting.set(row.id, [container, row]);
      } else if (existing) {
        resting.delete(row.id);
        const twin = document.createDocumentFragment();
        const moves = row.dataset.order && (existing.dataset.order !== row.dataset.order || existing.parentElement !== container);
        twin.append(row);
        api.morph(existing, twin, false);
        if (moves) {
          const held = existing.contains(document.activeElement) ? document.activeElement : null;
          existing.remove();
          insertRow(container, existing);
          held?.focus({ preventScroll: true });
        }
        inserted.push(existing);
      } else if (row.dataset.order) {
        insertRow(container, row);
        inserted.push(row);
      }
    }
    return inserted;
  }

  const api = {};

  htmx.registerExtension("rows", {
    init: (internal) => { api.morph = internal.morph; },
    handle_swap: (style, target, fragment) =>
      style === "rows" ? putRows(target, fragment) : style === "toasts" ? putToasts(target, fragment) : false,
    // A button whose request is under way stays busy, whatever arrives for its row meanwhile: that is shown after it.
    htmx_before_morph_node: (element, { newNode }) => {
      if (!element.classList?.contains("htmx-request")) return true;
      waiting.set(element, newNode);
      return false;
    },
  });
  const waiting = new WeakMap();
  addEventListener("htmx:finally:request", (event) => {
    setTimeout(() => {
      const element = event.detail.ctx.sourceElement, newNode = waiting.get(element);
      waiting.delete(element);
      if (!newNode || !element.isConnected || element.classList.contains("htmx-request")) return;
      const twin = document.createDocumentFragment();
      twin.append(newNode);
      api.morph(element, twin, false);
      htmx.process(element);
      settle();
    });
  });
  // What a button's request did shows elsewhere; its button is where one was.
  addEventListener("htmx:finally:request", (event) => {
    const element = event.detail.ctx.sourceElement;
    setTimeout(() => {
      if (pressed !== element || document.activeElement !== document.body) return;
      if (element.isConnected && !element.disabled) element.focus({ preventScroll: true });
    });
  });

  // --- Clocks: durations are counted here, from a start time corrected by the server's clock. ---

  const clockOffset = body.dataset.serverTime ? Number(body.dataset.serverTime) - Date.now() : 0;
  const twoDigits = (n) => String(n).padStart(2, "0");

  function duration(ms) {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor(seconds / 60) % 60;
    const rest = `${hours ? twoDigits(minutes) : minutes}:${twoDigits(seconds % 60)}`;
    return hours ? `${hours}:${rest}` : rest;
  }

  // A text in place of another one makes the browser look at the styles of all that is around it; a changed one does not.
  function setText(element, text) {
    if (!element.firstChild) element.textContent = text;
    else if (element.firstChild.nodeValue !== text) element.firstChild.nodeValue = text;
  }

  function tick() {
    const now = Date.now() + clockOffset;
    for (const clock of document.querySelectorAll("time[data-since]")) {
      if (clock.closest("details:not([open])")) continue;
      setText(clock, duration(now - Number(clock.dataset.since)));
    }
  }

  // As is usual where he is; in another language than English, which stands in for all that the panel does not speak, as
  // in that language.
  const language = document.documentElement.lang;
  const locale = language.startsWith("en") ? undefined : language;

  function localTimes() {
    for (const time of document.querySelectorAll("time[data-at], text[data-at]")) {
      const at = new Date(Number(time.dataset.at));
      const second = "withoutSeconds" in time.dataset ? undefined : "2-digit";
      const clock = at.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit", second });
      time.textContent = "withDate" in time.dataset ? `${at.toLocaleDateString(locale)} ${clock}` : clock;
    }
  }

  // --- After every change of the page. ---

  let offline = false;

  function markMine() {
    const mine = body.dataset.phone;
    for (const call of document.querySelectorAll("[data-phones]")) {
      call.toggleAttribute("data-mine", Boolean(mine) && call.dataset.phones.split(" ").includes(mine));
    }
  }

  function disableWhatCannotWork() {
    const down = new Set();
    const trouble = Boolean(byId("trouble"));
    for (const link of document.querySelectorAll('[data-link="down"]')) down.add(link.dataset.pbxName);
    for (const button of document.querySelectorAll("[data-action]")) {
      // A button of a form is busy while the form's request is under way.
      if (button.closest(".htmx-request, .is-ended")) continue;
      const unable = offline || trouble || down.has(button.closest("[data-pbx]")?.dataset.pbx);
      if (button.disabled !== unable) button.disabled = unable;
    }
  }

  // In lower case, and behind it without accents. The dot above an i is none: the Turkish İ is an i with one.
  function comparable(text) {
    const lower = text.toLowerCase();
    const plain = lower.normalize("NFD").replace(/(?<!i)\u0307|[\u0300-\u0306\u0308-\u036f]/g, "").normalize("NFC");
    return plain === lower ? lower : `${lower} ${plain}`;
  }

  function textOf(row) {
    const parts = Array.from(row.querySelectorAll("[data-searched]"), (part) => part.textContent);
    if (row.dataset.talkingSince) parts.push(row.querySelector(".when-talking")?.textContent ?? "");
    return comparable(parts.join(" "));
  }

  function search() {
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

  function settle() {
    markMine();
    disableWhatCannotWork();
    search();
    watchTheEnd();
    tick();
    localTimes();
    document.dispatchEvent(new Event("panel:settled"));
  }

  let connection = null;

  // --- A long page: the server sends the part of it that is looked at, so many rows of those that are searched for. ---

  const lookBox = document.querySelector("[data-look]");
  const TYPING_PAUSE = 150;
  // With no limit the server shows as many as it likes to begin with.
  const look = { limit: 0, search: lookBox?.value ?? "" };

  function lookAt(limit, text) {
    Object.assign(look, { limit, search: text });
    tellWhereILook();
  }

  function tellWhereILook() {
    const socket = connection?.socket;
    if (socket?.readyState === WebSocket.OPEN) socket.send(`look ${look.limit} ${look.search}`);
  }

  // What a new socket begins with.
  const addressWithLook = (address) => {
    const url = new URL(address);
    url.searchParams.set("limit", look.limit);
    url.searchParams.set("q", look.search);
    return url.href;
  };

  function showMore(button) {
    const limit = Number(button.dataset.showMore);
    if (limit <= look.limit) return;
    button.setAttribute("aria-busy", "true");
    lookAt(limit, look.search);
  }

  const end = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) showMore(entry.target);
  }, { rootMargin: "0px 0px 800px 0px" });
  let watched = null, watchedLimit = "";

  function watchTheEnd() {
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

  function rememberSearch(text) {
    const url = new URL(location.href);
    if (text) url.searchParams.set("q", text); else url.searchParams.delete("q");
    history.replaceState(null, "", url);
  }

  // --- The connection: htmx tells of the socket, the browser of the network. ---

  function setOffline(value, why = "offline") {
    offline = value;
    byId("offline")?.toggleAttribute("hidden", !value);
    for (const words of document.querySelectorAll("#offline [data-why]")) words.hidden = words.dataset.why !== why;
    disableWhatCannotWork();
  }

  let offlineTimer = 0;
  let pongTimer = 0;
  // How long an answer to a ping may take, and how long the page may stand still before it is asked for one (ms).
  const PONG_WITHIN = 1000, STOOD_STILL = 4000;
  // When a socket was last refused since its session has ended, and for how long that is not tried again (ms).
  let refusedAt = 0;
  const REFUSED_FOR = 10_000;
  // The server sends no more than so much ahead of what a page says it has read.
  const READ_MESSAGES = 24, READ_SIZE = 100_000;

  addEventListener("htmx:ws:before:connection", (event) => {
    const next = event.detail.connection;
    if (lookBox) next.url = addressWithLook(next.url);
  });
  addEventListener("htmx:ws:after:connection", (event) => {
    connection = event.detail.connection;
    // The board that comes now is newer.
    resting.clear();
    clearTimeout(offlineTimer);
    const socket = connection.socket;
    // One may have looked elsewhere since it was asked for.
    if (lookBox && addressWithLook(socket.url) !== socket.url) tellWhereILook();
    let count = 0, told = 0, size = 0;
    socket.addEventListener("message", (message) => {
      count += 1;
      size += message.data.length;
      if (count - told < READ_MESSAGES && size < READ_SIZE) return;
      told = count;
      size = 0;
      if (socket.readyState === WebSocket.OPEN) socket.send(`read ${count}`);
    });
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
    if (code === 4401 && Date.now() - refusedAt > REFUSED_FOR) { refusedAt = Date.now(); renew(); return; }
    if (code === 4401 || code === 4403) { byId("logged-out")?.removeAttribute("hidden"); return; }
    // A short interruption heals before anybody has to know.
    clearTimeout(offlineTimer);
    const why = !navigator.onLine ? "offline" : code === 4503 ? "database" : "server";
    offlineTimer = setTimeout(() => setOffline(true, why), offline || why === "offline" ? 0 : 1500);
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
  function probe() {
    if (document.hidden || !connection || byId("logged-out")?.hidden === false) return;
    const { socket } = connection;
    if (socket.readyState !== WebSocket.OPEN) { renew(); return; }
    clearTimeout(pongTimer);
    pongTimer = setTimeout(renew, PONG_WITHIN);
    socket.send("ping");
  }
  addEventListener("online", probe);
  document.addEventListener("visibilitychange", probe);
  document.addEventListener("resume", probe);
  addEventListener("offline", () => { clearTimeout(offlineTimer); setOffline(true); });

  // --- Toasts: what is about one thing is one toast, of the latest step, whichever way it comes. ---

  const steps = new Map();

  function putToasts(container, fragment) {
    const inserted = [];
    for (const toast of Array.from(fragment.children)) {
      const former = toast.id && byId(toast.id), step = Number(toast.dataset.step);
      if (toast.id && step <= (steps.get(toast.id) ?? -1)) continue;
      if (toast.id) steps.set(toast.id, step);
      if (toast.hasAttribute("data-gone")) { former?.remove(); continue; }
      if (former) former.replaceWith(toast); else container.append(toast);
      inserted.push(toast);
    }
    return inserted;
  }

  function addToast(level, text) {
    const toast = document.createElement("div");
    toast.className = `panel-toast is-${level}`;
    toast.setAttribute("role", "alert");
    const words = document.createElement("div");
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "btn-close";
    close.dataset.close = "";
    close.setAttribute("aria-label", body.dataset.textClose);
    toast.append(words, close);
    byId("toasts").append(toast);
  }

  // Good news goes by itself, unless one is reading it; bad news stays until it is closed.
  setInterval(() => {
    for (const toast of document.querySelectorAll(".panel-toast:not(.is-danger)")) {
      toast.dataset.age = Number(toast.dataset.age || 0) + (toast.matches(":hover, :focus-within") ? 0 : 1);
      if (toast.dataset.age >= Number(toast.dataset.seconds ?? 8)) toast.remove();
    }
    const all = document.querySelectorAll(".panel-toast");
    for (let i = 0; i < all.length - 5; i += 1) all[i].remove();
  }, 1000);

  addEventListener("htmx:error", (event) => {
    if (event.detail.ctx?.request && !event.detail.ctx.response) addToast("danger", body.dataset.textFailed);
  });

  // --- Hands on the page. ---

  document.addEventListener("click", (event) => {
    const more = event.target.closest("[data-show-more]");
    if (more) showMore(more);
    if (event.target.closest("[data-close]")) event.target.closest(".panel-toast").remove();
    if (event.target.closest("[data-dismiss-confirmation]")) byId("confirm-password").close();
    const copied = event.target.closest("[data-copy]");
    if (copied) copy(copied);
    if (event.target.closest("[data-theme-toggle]")) {
      const root = document.documentElement;
      root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
      localStorage.setItem("theme", root.dataset.bsTheme);
    }
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  // A text that is pasted elsewhere. Without a secure connection there is no clipboard, but what is selected is copied.
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;

  async function copy(button) {
    const text = byId(button.dataset.copy);
    getSelection().selectAllChildren(text);
    if (navigator.clipboard) await navigator.clipboard.writeText(text.textContent);
    else document.execCommand("copy");
    addToast("success", button.dataset.copied);
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const dial = byId("dial-number");
      if (dial) { event.preventDefault(); dial.focus(); dial.select(); }
    }
    if (event.key === "Escape") {
      const menu = document.querySelector("details.menu[open]");
      if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
      if (typing?.id === "dial-number") typing.blur();
    }
  });

  // What a button asks before its request is sent; a page may have a dialog of its own for that.
  addEventListener("htmx:confirm", (event) => {
    const { ctx, issueRequest, dropRequest } = event.detail, dialog = byId("question");
    if (!ctx.confirm || byId(`${ctx.confirm}-dialog`)) return;
    event.preventDefault();
    if (document.querySelector("dialog[open]")) { dropRequest(); return; }
    setText(byId("question-text"), ctx.confirm);
    dialog.returnValue = "";
    dialog.addEventListener("close", () => (dialog.returnValue === "yes" ? issueRequest() : dropRequest()), { once: true });
    dialog.showModal();
  });

  // What takes the password again is asked in a dialog, so that what was typed stays; then it is done as it was to be.
  let unconfirmed = null;
  document.addEventListener("confirm-password", (event) => {
    const dialog = byId("confirm-password");
    unconfirmed = event.target;
    dialog.querySelector("form").reset();
    byId("confirm-failure").replaceChildren();
    if (!dialog.open) dialog.showModal();
  });
  document.addEventListener("password-confirmed", () => {
    const element = unconfirmed;
    unconfirmed = null;
    byId("confirm-password").close();
    if (!element?.isConnected) return;
    if (element.matches("form")) element.requestSubmit(); else element.click();
  });

  document.addEventListener("dialled", () => { byId("dial-number").value = ""; });
  // Who could be called leaves the box; what was typed meanwhile stays.
  let invited = "";
  document.addEventListener("submit", (event) => {
    if (event.target.matches(".invite-form")) invited = byId("invite-numbers").value;
  }, true);
  document.addEventListener("invited", (event) => {
    const box = byId("invite-numbers"), group = byId("invite-group");
    if (box.value !== invited) return;
    box.value = event.detail.value;
    if (group) group.value = event.detail.group;
  });
  document.querySelector("[data-search]")?.addEventListener("input", (event) => {
    rememberSearch(event.target.value);
    search();
  });

  // Of a row of pages that is wider than a phone, the one that is open is in sight.
  document.querySelector(".system-parts [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" });

  addEventListener("htmx:after:swap", settle);
  let tickedAt = Date.now();
  setInterval(() => {
    if (Date.now() - tickedAt > STOOD_STILL) probe();
    tickedAt = Date.now();
    tick();
    document.dispatchEvent(new Event("panel:ticked"));
    sweepEndedRows();
    putWhatRested();
  }, 500);
  // What scripts of single pages need.
  window.panel = { duration, setText, disableWhatCannotWork, pointerIsAtWorkIn, now: () => Date.now() + clockOffset };
  settle();
})();
