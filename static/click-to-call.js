// Makes buttons of the telephone links of a page, and of whatever has data-call; see docs/button.md. It is for pages of
// others: one classic script without imports, and nothing of it stands in their way.
(() => {
  const script = document.currentScript;
  const ONCE = Symbol.for("pbxpanel.button");
  if (!script || window[ONCE]) return;
  window[ONCE] = true;

  const panel = new URL(script.dataset.panel ?? script.src).origin;
  // A page without an origin, as in a sandbox, cannot be allowed.
  const inPage = "inPage" in script.dataset && location.origin !== "null";
  const SELECTOR = 'a[href^="tel:" i], [data-call]';
  const KEY = `pbxpanel ${panel}`;
  // How long until it is asked again how the call goes: while it is placed, while they talk, and at most while the panel
  // cannot be reached (ms).
  const SOON = 1000;
  const LATER = 3000;
  const AT_MOST = 15000;
  const WORDS = {
    en: {
      agree: "Agree in the window of the panel …",
      refused: "You have not agreed, so nothing was called.",
      elsewhere: "Goes on in the window of the panel.",
      blocked: "Your browser has blocked the window of the panel. Open it here:",
      open: "Open",
      again: "Your agreement has ended. Press once more.",
      away: "The panel cannot be reached. Trying again …",
      gaveUp: "The panel cannot be reached, so it is not known whether your phone will ring.",
      hangUp: "Hang up",
      keys: "then press",
      starting: "Your phone is being called",
      "phone-rings": "Your phone rings: pick it up",
      "phone-answered": "Your phone has answered",
      rings: "It rings there",
      talking: "Talking",
      held: "On hold",
      waiting: "Waiting",
      conference: "In conference",
      ended: "The call has ended",
      busy: "Busy",
      declined: "Declined",
      "no-answer": "Nobody has answered",
      unreachable: "The number could not be reached",
      cancelled: "Hung up before anybody answered",
      "phone-silent": "Your phone was not picked up, so nobody was called",
      "phone-busy": "Your phone is busy or has declined, so nobody was called",
      "phone-unreachable": "Your phone could not be reached, so nobody was called",
    },
    zh: {
      agree: "请在面板窗口中同意……",
      refused: "您没有同意，因此未拨打。",
      elsewhere: "请在面板窗口中继续。",
      blocked: "浏览器拦截了面板窗口。请在此打开：",
      open: "打开",
      again: "您的同意已失效。请再按一次。",
      away: "无法连接面板，正在重试……",
      gaveUp: "无法连接面板，因此不知道您的话机是否会响铃。",
      hangUp: "挂断",
      keys: "然后按",
      starting: "正在呼叫您的话机",
      "phone-rings": "您的话机在响铃：请接听",
      "phone-answered": "您的话机已接听",
      rings: "对方正在响铃",
      talking: "通话中",
      held: "保持中",
      waiting: "等待中",
      conference: "会议中",
      ended: "通话已结束",
      busy: "忙",
      declined: "对方拒接",
      "no-answer": "无人接听",
      unreachable: "无法接通该号码",
      cancelled: "接听前已挂断",
      "phone-silent": "您的话机无人接听，因此未拨打",
      "phone-busy": "您的话机忙或拒接，因此未拨打",
      "phone-unreachable": "无法接通您的话机，因此未拨打",
    },
  };
  const language = () => (document.documentElement.lang.toLowerCase().startsWith("zh") ? "zh" : "en");
  const words = (name) => WORDS[language()][name] ?? name;
  const random = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join("-");

  const sheet = (css) => {
    const made = new CSSStyleSheet();
    made.replaceSync(css);
    return made;
  };
  // The sign before a number is easily taken away by a page: its own rules win over `:where`.
  const OF_PAGE = sheet(`
    :where([data-pbxpanel]) { cursor: pointer; }
    :where([data-pbxpanel])::before { content: "\\260E\\FE0E\\A0" / ""; }
  `);
  const OF_STATUS = sheet(`
    :host { display: inline-flex; margin-inline-start: .5em; max-width: 100%; vertical-align: middle; }
    :host([hidden]), [hidden] { display: none !important; }
    div {
      display: inline-flex; flex-wrap: wrap; align-items: center; gap: .25em .6em; padding: .15em .6em;
      border-radius: .5em; background: #eef2f7; color: #1b2433; font-size: .9em; line-height: 1.5;
    }
    a { color: inherit; }
    time { font-variant-numeric: tabular-nums; }
    button {
      padding: .1em .7em; border: 0; border-radius: .4em; background: #b42318; color: #fff; font: inherit; cursor: pointer;
    }
    :focus-visible { outline: 2px solid currentcolor; outline-offset: 2px; }
    @media (prefers-color-scheme: dark) {
      div { background: #1b2433; color: #eef2f7; }
      button { background: #ffb4ab; color: #410002; }
    }
  `);
  document.adoptedStyleSheets.push(OF_PAGE);

  // What a user has agreed to, in this page and its other tabs; never longer than the tab.

  let token = null;
  let tabs = null;
  function keep(given) {
    token = given;
    try {
      if (given) sessionStorage.setItem(KEY, given);
      else sessionStorage.removeItem(KEY);
    } catch {
      // Where a page may store nothing, it is known until the page is left.
    }
  }
  if (inPage) {
    try {
      token = sessionStorage.getItem(KEY);
    } catch {
      token = null;
    }
    tabs = new BroadcastChannel(KEY);
    tabs.addEventListener("message", ({ data }) => {
      if (data !== "?") keep(data);
      else if (token) tabs.postMessage(token);
    });
    if (!token) tabs.postMessage("?");
  }

  const openWindow = (address) => window.open(address, "_blank", "popup,width=440,height=640");
  const windowFor = (number) => `${panel}/calls/new/?${new URLSearchParams({ number })}`;

  // Asks the user, once, in a window of the panel. Resolves to what it has answered: `token`, or `refused`; or neither.
  function agree(number) {
    const state = random();
    const asked = new URLSearchParams({ origin: location.origin, state, number });
    const opened = openWindow(`${panel}/integrations/agree/?${asked}`);
    if (!opened) return { isBlocked: true };
    return new Promise((resolve) => {
      const hear = (event) => {
        if (event.origin !== panel || event.source !== opened || event.data?.pbxpanel !== state) return;
        opened.close();
        done(event.data);
      };
      const closed = setInterval(() => opened.closed && done({}), 500);
      const done = (answer) => {
        clearInterval(closed);
        removeEventListener("message", hear);
        resolve(answer);
      };
      addEventListener("message", hear);
    });
  }

  function ask(method, path, { body, ...headers } = {}) {
    const options = { method, cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(AT_MOST) };
    const accepted = language() === "zh" ? "zh-hans" : "en";
    options.headers = { Authorization: `Bearer ${token}`, "Accept-Language": accepted, ...headers };
    if (body) options.body = body;
    return fetch(`${panel}/api/v1${path}`, options);
  }

  // How a call goes, beside the button.

  const shown = new WeakMap();

  class Status {
    constructor(button) {
      this.button = button;
      this.isBusy = false;
      this.host = document.createElement("span");
      const root = this.host.attachShadow({ mode: "closed" });
      root.adoptedStyleSheets = [OF_STATUS];
      this.root = root;
      const box = document.createElement("div");
      this.text = document.createElement("span");
      this.text.setAttribute("role", "status");
      this.clock = document.createElement("time");
      this.clock.setAttribute("aria-hidden", "true");
      this.link = document.createElement("a");
      this.link.target = "_blank";
      this.end = document.createElement("button");
      this.end.type = "button";
      this.end.hidden = true;
      this.end.addEventListener("click", (event) => event.isTrusted && this.hangUp());
      box.append(this.text, this.link, this.clock, this.end);
      root.append(box);
      this.say("");
      button.after(this.host);
    }

    say(text, link = "") {
      this.host.hidden = !text;
      this.text.textContent = text;
      this.link.hidden = !link;
      if (link) {
        this.link.href = link;
        this.link.textContent = words("open");
      }
    }

    async complain(answer) {
      const problem = await answer.json().catch(() => ({ detail: String(answer.status), what_to_do: "" }));
      // Of a number that is none the sentence says it all; the rest is for who writes programs.
      this.say(answer.status === 422 ? problem.detail : `${problem.detail} ${problem.what_to_do}`);
    }

    show(call, keys) {
      const { progress } = call;
      const hadFocus = this.root.activeElement === this.end;
      this.call = call;
      this.isOver = Boolean(call.ended_at);
      this.say(keys && progress === "talking" ? `${words(progress)} (${words("keys")} ${keys})` : words(progress));
      this.end.textContent = words("hangUp");
      this.end.hidden = this.isOver || !call.channels.length;
      if (hadFocus && this.end.hidden) this.button.focus();
      if (progress === "talking" && !this.since) this.since = Date.now();
      if (this.isOver) this.since = 0;
      this.tick();
      this.button.dispatchEvent(new CustomEvent("pbxpanel:progress", { bubbles: true, detail: { ...call } }));
    }

    tick() {
      clearTimeout(this.ticking);
      const seconds = Math.floor((Date.now() - this.since) / 1000);
      this.clock.hidden = !this.since;
      if (!this.since) return;
      this.clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      this.ticking = setTimeout(() => this.tick(), 1000);
    }

    pause(time) {
      return new Promise((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, time);
      });
    }

    async place(number, reference, keys) {
      if (this.isBusy) return;
      this.isBusy = true;
      this.since = 0;
      this.tick();
      try {
        const answer = await this.ordered(number, reference);
        if (!answer) return;
        if (answer.ok) await this.follow(await answer.json(), keys);
        else await this.complain(answer);
      } catch {
        this.say(words("gaveUp"));
      } finally {
        this.isBusy = false;
        this.since = 0;
        this.end.hidden = true;
        this.tick();
      }
    }

    // The panel's answer to a call that is placed once, however often it has to be sent; none where nobody has agreed.
    async ordered(number, reference) {
      const body = JSON.stringify({ number, reference });
      const key = random();
      for (let wait = 500; ; wait *= 2) {
        if (!token) {
          this.say(words("agree"));
          const answer = await agree(number);
          if (answer.isBlocked) this.say(words("blocked"), windowFor(number));
          else if (!answer.token) this.say(words(answer.refused ? "refused" : "elsewhere"));
          if (!answer.token) return null;
          keep(answer.token);
          tabs.postMessage(token);
        }
        this.say(words("starting"));
        try {
          const answer = await ask("POST", "/me/calls", {
            body,
            "Content-Type": "application/json",
            "Idempotency-Key": key,
          });
          const isUnderWay = answer.status === 409 && answer.headers.has("Retry-After");
          if (answer.status === 401) keep(null);
          else if (!isUnderWay || wait > LATER) return answer;
        } catch (error) {
          this.say(words("away"));
          if (wait > LATER) throw error;
        }
        if (token) await this.pause(wait);
      }
    }

    async follow(call, keys) {
      let [etag, wait] = ["", 0];
      this.show({ progress: "starting", ...call }, keys);
      while (!this.isOver && this.button.isConnected) {
        await this.pause(wait);
        const used = token;
        try {
          const answer = await ask("GET", `/me/calls/${call.pbx}/${call.id}`, etag ? { "If-None-Match": etag } : {});
          if (answer.status === 401 && token === used) {
            keep(null);
            return this.say(words("again"));
          }
          if (answer.status === 403 || answer.status === 404) return this.complain(answer);
          if (answer.ok) {
            etag = answer.headers.get("ETag");
            this.show(await answer.json(), keys);
          } else if (answer.status !== 304 && answer.status !== 401) throw new Error(answer.status);
          wait = this.since ? LATER : SOON;
        } catch {
          this.say(words("away"));
          [etag, wait] = ["", Math.min(wait * 2 || SOON, AT_MOST)];
        }
      }
      return undefined;
    }

    async hangUp() {
      try {
        const answer = await ask("DELETE", `/calls/${this.call.pbx}/${this.call.id}`);
        if (!answer.ok && answer.status !== 404) await this.complain(answer);
      } catch {
        this.say(words("away"));
      }
      this.wake?.();
    }
  }

  function unescaped(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  function numberOf(button) {
    const written = button.dataset.call ?? unescaped(button.getAttribute("href").slice("tel:".length));
    const [number, ...more] = written.split(";");
    return { number: number.trim(), keys: more.find((part) => /^ext=/i.test(part))?.slice(4), written };
  }

  function press(button) {
    const { number, keys, written } = numberOf(button);
    if (!shown.has(button)) shown.set(button, new Status(button));
    const status = shown.get(button);
    if (!status.host.isConnected) button.after(status.host);
    if (inPage) return status.place(number, button.dataset.callReference ?? "", keys);
    if (openWindow(windowFor(written))) status.say(words("elsewhere"));
    else status.say(words("blocked"), windowFor(written));
    return undefined;
  }

  // Only what a person does counts, never what a script of the page does in their place.

  addEventListener("click", (event) => {
    const button = event.target.closest?.(SELECTOR);
    if (!button || event.defaultPrevented || !event.isTrusted) return;
    event.preventDefault();
    press(button);
  });
  addEventListener("keydown", (event) => {
    const button = event.target.closest?.(SELECTOR);
    if (!button || button !== event.target || event.defaultPrevented || !event.isTrusted || event.repeat) return;
    const isLink = button.matches("a[href]");
    if (button.matches("button, input") || !(event.key === " " || (event.key === "Enter" && !isLink))) return;
    event.preventDefault();
    press(button);
  });

  function mark(button) {
    if (button.hasAttribute("data-pbxpanel")) return;
    button.setAttribute("data-pbxpanel", "");
    if (button.matches("button, input")) return;
    button.setAttribute("role", "button");
    if (button.tabIndex < 0) button.tabIndex = 0;
  }

  const markAll = () => document.querySelectorAll(SELECTOR).forEach(mark);
  const look = { childList: true, subtree: true, attributeFilter: ["data-call", "href"] };
  new MutationObserver(markAll).observe(document.documentElement, look);
  markAll();
})();
