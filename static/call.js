// The page of a call: its legs are open at first, and the ladder says how long it was until the next step.

import { byId, setText } from "./panel/dom.js";
import { duration } from "./panel/clock.js";

const card = byId("call-card");
const steps = byId("call-steps");
// Steps that follow one another sooner are one moment (ms).
const MOMENT = 1000;
const opened = new WeakSet();

function openLegs() {
  for (const legs of card.querySelectorAll(".legs")) {
    if (!opened.has(legs)) legs.open = true;
    opened.add(legs);
  }
}

const timeOf = (step) => Number(step.querySelector(".step-time[data-at]")?.dataset.at);

function measure() {
  let next;
  for (const step of Array.from(steps.children).toReversed()) {
    const lasted = next && timeOf(next) - timeOf(step);
    let gap = step.querySelector(".step-gap");
    if (!(lasted >= MOMENT)) gap?.remove();
    else {
      if (!gap) {
        gap = document.createElement("span");
        gap.className = "step-gap";
        step.append(gap);
      }
      setText(gap, duration(lasted));
    }
    next = step;
  }
}

// A step with which no phase begins leaves the call in the one that it was in.
function colour() {
  let phase = "";
  for (const step of steps.children) {
    const begins = /leads-to-(\w+)/.exec(step.className);
    if (begins) phase = begins[1];
    for (const name of ["ringing", "talking", "hold", "alone"]) {
      step.classList.toggle(`is-in-${name}`, !begins && name === phase);
    }
  }
}

function settled() {
  openLegs();
  measure();
  colour();
}

document.addEventListener("panel:settled", settled);
settled();
