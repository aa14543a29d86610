// Who talks now, and who has talked how much.

import { duration, now } from "../panel/clock.js";
import { byId, setText } from "../panel/dom.js";
import { nameOf, people } from "./people.js";

// Talk time and the share of all talk, counted from what each row says of it.
export function countTalk() {
  const time = now();
  const talks = [];
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
    const bar = row.querySelector("progress");
    setText(row.querySelector(".talked"), share ? `${duration(spoken)} · ${Math.round(100 * share)} %` : "–");
    if (Math.abs(bar.value - share) >= 0.005) bar.value = share;
  }
}

// The strip of those who talk now. Whoever stops stays in it for a moment (ms), so that it does not flicker.
const strip = byId("talking-now");
const LINGERS = 1500;
const chips = new Map();

export function showTalkers() {
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
