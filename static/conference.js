// The page of one conference: who talks how much, menus and dialogs, keys, the compact view.
(() => {
  "use strict";
  const { duration, setText, disableWhatCannotWork, now, pointerIsAtWorkIn } = window.panel;
  const byId = (id) => document.getElementById(id);
  const people = byId("participants");
  const mayModerate = document.body.classList.contains("may-moderate");
  const rows = () => [...people.children].filter((row) => !row.classList.contains("is-ended"));
  const seenRows = () => rows().filter((row) => !row.hasAttribute("data-unmatched"));
  const nameOf = (row) => row.querySelector(".party-label").textContent;
  // With the number where the name is not it: two may have one name.
  const fullNameOf = (row) =>
    Array.from(row.querySelectorAll(".participant-name bdi"), (part) => part.textContent).join(" ");

  // --- Talk time and the share of all talk, counted from what the row says of it. ---

  function countTalk() {
    const time = now(), talks = [];
    let total = 0;
    for (const row of people.children) {
      const { talked, talkingSince } = row.dataset;
      const spoken = Number(talked) + (talkingSince ? Math.max(0, time - Number(talkingSince)) : 0);
      total += spoken;
      talks.push([row, spoken]);
    }
    for (const [row, spoken] of talks) {
      // The bar is as long as the percentage says.
      const share = spoken < 500 ? 0 : spoken / total;
      const text = share ? `${duration(spoken)} · ${Math.round(100 * share)} %` : "–";
      const words = row.querySelector(".talked"), bar = row.querySelector("progress");
      setText(words, text);
      if (Math.abs(bar.value - share) >= 0.005) bar.value = share;
    }
  }

  // --- The strip of those who talk now. One who stops stays in it for a moment, so that it does not flicker. ---

  const strip = byId("talking-now");
  const LINGERS = 1500;
  const chips = new Map();

  function showTalkers() {
    const time = performance.now();
    for (const row of people.querySelectorAll('.participant:not([data-talking-since=""])')) {
      let chip = chips.get(row.id);
      if (!chip) {
        const name = document.createElement("bdi");
        chip = { element: document.createElement("span"), name };
        chip.element.className = "talker";
        chip.element.append(name);
        chips.set(row.id, chip);
        strip.append(chip.element);
      }
      chip.heardAt = time;
      setText(chip.name, nameOf(row));
    }
    for (const [id, chip] of chips) {
      chip.element.classList.toggle("is-silent", chip.heardAt !== time);
      if (time - chip.heardAt > LINGERS || !byId(id)) {
        chip.element.remove();
        chips.delete(id);
      }
    }
  }

  // --- The raised hands. Their box comes and goes while the pointer rests: what is below it moves. ---

  const hands = byId("room-hands"), room = document.querySelector(".room");

  function showHands() {
    const are = Boolean(hands.querySelector(".hand"));
    if (hands.hidden === are && !pointerIsAtWorkIn(room)) hands.hidden = !are;
  }

  // --- The compact view: as chosen, else by itself where there are many. ---

  const MANY = 100;
  const compactButton = document.querySelector("[data-compact]");
  const setCompact = (on) => {
    people.classList.toggle("is-compact", on);
    compactButton.setAttribute("aria-pressed", on);
  };
  function compactWhereMany() {
    const chosen = localStorage.getItem("compact");
    if (chosen !== null || people.children.length <= MANY || people.matches(".is-compact, :hover")) return;
    setCompact(true);
  }
  setCompact(localStorage.getItem("compact") === "yes");
  compactButton.addEventListener("click", () => {
    const on = !people.classList.contains("is-compact");
    localStorage.setItem("compact", on ? "yes" : "no");
    setCompact(on);
  });

  // --- A row's menu: what is in it is the same for all, and is put there when it is opened. ---

  // The last one stands for his unique id: a conference may be named anything.
  const addressOf = (path, row) => path.replace(/UNIQUEID(?!.*UNIQUEID)/, () => segmentOf(row));

  function segmentOf(row) {
    return row.querySelector("[hx-post]").getAttribute("hx-post").split("/").at(-3);
  }

  people.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (!menu.matches("[data-menu]") || !menu.open || menu.children.length > 1) return;
    const items = byId("participant-menu").content.firstElementChild.cloneNode(true);
    const row = menu.closest(".participant");
    for (const button of items.querySelectorAll("[hx-post]")) {
      button.setAttribute("hx-post", addressOf(button.getAttribute("hx-post"), row));
    }
    items.setAttribute("aria-label", menu.querySelector("summary").getAttribute("aria-label"));
    menu.append(items);
    htmx.process(items);
    disableWhatCannotWork();
  }, true);
  people.addEventListener("click", (event) => {
    const menu = event.target.closest(".menu-items")?.closest("details");
    if (menu && event.target.closest("button")) menu.open = false;
  });

  // --- Dialogs. ---

  function open(dialog) {
    dialog.returnValue = "";
    if (!dialog.open) dialog.showModal();
  }

  // About one participant: his name, where to send it, and what there is to choose from.
  const prepare = {
    move(dialog) {
      const choices = byId("move-choices");
      choices.replaceChildren();
      htmx.ajax("GET", choices.dataset.from, { target: choices, swap: "innerHTML" });
    },
    aside(dialog, row) {
      const others = rows().filter((other) => other !== row).map((other) => {
        const option = document.createElement("option");
        option.value = other.dataset.uniqueid;
        option.textContent = fullNameOf(other);
        return option;
      });
      const select = byId("aside-other");
      // Nobody is chosen yet, and the browser asks for somebody.
      const nobody = new Option(select.dataset.nobody, "", true, true);
      nobody.disabled = true;
      select.replaceChildren(nobody, ...others);
    },
  };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const dialog = byId(`${opener.dataset.opens}-dialog`), row = opener.closest(".participant");
      if (row) {
        const form = dialog.querySelector("form");
        form.dataset.path ??= form.getAttribute("hx-post");
        form.reset();
        form.setAttribute("hx-post", addressOf(form.dataset.path, row));
        dialog.querySelector("[data-who]").textContent = fullNameOf(row);
        row.focus({ preventScroll: true });
      }
      prepare[opener.dataset.opens]?.(dialog, row);
      open(dialog);
    }
    if (event.target.closest("[data-close-dialog]")) event.target.closest("dialog").close();
    const choice = event.target.closest("[data-choose]");
    if (choice) {
      byId("move-to").value = choice.dataset.choose;
      choice.closest("form").querySelector("[type=submit]").focus();
    }
    // Beside it.
    if (event.target.matches("dialog[open]")) {
      const box = event.target.getBoundingClientRect();
      const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
      if (!inside) event.target.close();
    }
  });
  // What it says is said to everybody's toasts, which a dialog would hide.
  document.addEventListener("submit", (event) => {
    if (event.target.matches("dialog form[hx-post]")) event.target.closest("dialog").close();
  });

  addEventListener("htmx:confirm", (event) => {
    const { ctx, issueRequest, dropRequest } = event.detail;
    const dialog = byId(`${ctx.confirm}-dialog`);
    if (!dialog) return;
    event.preventDefault();
    if (document.querySelector("dialog[open]")) { dropRequest(); return; }
    const row = ctx.sourceElement.closest(".participant");
    if (row) dialog.querySelector("[data-who]").textContent = fullNameOf(row);
    sayHowMany();
    dialog.addEventListener("close", () => (dialog.returnValue === "yes" ? issueRequest() : dropRequest()), { once: true });
    open(dialog);
  });

  function sayHowMany() {
    const text = document.querySelector("[data-action=end]")?.dataset.words;
    const words = document.querySelector("#end-dialog [data-words]");
    if (text && words) setText(words, text);
  }

  // --- Keys. The row that has the focus is the one that they are about. ---

  let place = 0;
  const currentRow = () => document.activeElement.closest("#participants > .participant");

  people.addEventListener("focusin", (event) => {
    const row = event.target.closest(".participant");
    for (const other of people.querySelectorAll('.participant[tabindex="0"]')) other.tabIndex = -1;
    row.tabIndex = 0;
    place = seenRows().indexOf(row);
  });

  function beTabbable() {
    if (!people.querySelector('.participant[tabindex="0"]')) people.firstElementChild?.setAttribute("tabindex", "0");
  }

  function focusRow(row) {
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  function moveTo(choose) {
    const all = seenRows(), row = currentRow();
    if (!all.length) return;
    const to = choose(row ? all.indexOf(row) : null, all.length - 1);
    if (to !== null) focusRow(all[Math.max(0, Math.min(all.length - 1, to))]);
  }
  // Where the one that had the focus has left, the next stands in that place.
  const moveBy = (steps) => moveTo((at) => (at === null ? (steps > 0 ? place : place - 1) : at + steps));
  // In the compact view several stand beside each other. Below the last of a column is the last of all, if that is
  // in another line.
  function moveLine(lines) {
    const columns = getComputedStyle(people).gridTemplateColumns.split(" ").length;
    moveTo((at, last) => {
      if (at === null) return lines > 0 ? place : place - columns;
      const to = at + lines * columns;
      if (to >= 0 && to <= last) return to;
      return lines > 0 && Math.floor(last / columns) > Math.floor(at / columns) ? last : null;
    });
  }

  const click = (selector, inside = document) => inside?.querySelector(selector)?.click();
  const handOf = (row) => row && document.querySelector(`.hand[data-row="${CSS.escape(row.id)}"]`);

  function nextHand() {
    const hands = [...document.querySelectorAll(".hand")];
    const next = hands[(hands.indexOf(handOf(currentRow())) + 1) % hands.length];
    const row = next && byId(next.dataset.row);
    if (row) focusRow(row);
  }

  const keys = {
    ArrowDown: () => moveLine(1),
    ArrowUp: () => moveLine(-1),
    ArrowRight: () => moveBy(1),
    ArrowLeft: () => moveBy(-1),
    Home: () => moveTo(() => 0),
    End: () => moveTo((_at, last) => last),
    m: () => click('[data-action="mute"], [data-action="unmute"]', currentRow()),
    k: () => click('[data-action="kick"]', currentRow()),
    l: () => click('[data-action="lock"], [data-action="unlock"]'),
    h: nextHand,
    g: () => click('[data-action="give-word"]', handOf(currentRow())),
    f: () => byId("search").focus(),
    "?": () => open(byId("keys-dialog")),
  };
  const MOVES = new Set(["ArrowDown", "ArrowUp", "ArrowRight", "ArrowLeft", "Home", "End"]);

  function onKey(event) {
    const act = Object.hasOwn(keys, event.key) && keys[event.key];
    if (!act || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog, .menu-items")) return;
    if (document.querySelector("dialog[open]") || (event.repeat && !MOVES.has(event.key))) return;
    event.preventDefault();
    act();
  }
  if (mayModerate) document.addEventListener("keydown", onKey);

  document.addEventListener("panel:ticked", () => { countTalk(); showTalkers(); showHands(); });
  document.addEventListener("panel:settled", () => { showTalkers(); showHands(); compactWhereMany(); beTabbable(); sayHowMany(); });
  countTalk();
  showTalkers();
  compactWhereMany();
  beTabbable();
})();
