// What an incoming call does beside being shown: title and icon of the tab, sound, notification, a page about the caller.

import { byId, setText } from "../panel/dom.js";
import { giveUp, isFirst, isMine } from "./tabs.js";
import { isHeard, play, stop } from "./tones.js";

const bar = byId("my-phone");
const icon = document.querySelector('link[rel="icon"]');
const { title } = document;
const still = icon.href;
const settings = bar.dataset;

let ringing = null;
let sounds = false;
let notification = null;

const nameOf = (call) => `${call.dataset.name} ${call.dataset.number}`.trim() || call.getAttribute("aria-label");

function addressFor({ dataset }) {
  if (!settings.callerLink || !dataset.number) return "";
  const values = { number: dataset.number, name: dataset.name };
  return settings.callerLink.replace(/\{(number|name)\}/g, (_, key) => encodeURIComponent(values[key]));
}

function showLinks() {
  for (const call of bar.querySelectorAll(".my-call")) {
    const address = addressFor(call);
    const link = call.querySelector(".caller-link");
    link.hidden = !address;
    if (!address) continue;
    link.href = address;
    setText(link, `${settings.textOpen} ${new URL(address).host}`);
  }
}

// In one tab alone; another one takes over when this one is closed.
function ringHere() {
  if (!ringing || !isMine()) return;
  if (settings.ringTone && !sounds) {
    sounds = true;
    play(settings.ringTone);
  }
  if (!isFirst(ringing.id)) return;
  if ("notifies" in settings && window.Notification?.permission === "granted") {
    const body = ringing.querySelector(".my-call-facts").innerText;
    notification = new Notification(nameOf(ringing), { body, icon: icon.href, tag: ringing.id });
    notification.addEventListener("click", () => window.focus());
  }
  const address = addressFor(ringing);
  if ("opensCallerLink" in settings && address) open(address, "_blank", "noopener,noreferrer");
}

function stopRinging() {
  if (sounds) stop();
  sounds = false;
  notification?.close();
  notification = null;
  document.title = title;
  icon.href = still;
  giveUp();
}

function look() {
  showLinks();
  const call = bar.querySelector("[data-rings]:not(.is-ended)");
  if (ringing && call?.id !== ringing.id) stopRinging();
  ringing = call;
  if (!call) return;
  document.title = `\u260e ${nameOf(call)} \u00b7 ${title}`;
  icon.href = settings.icon;
  ringHere();
  const hint = call.querySelector(".is-silent");
  setText(hint, settings.textSilent);
  hint.hidden = !sounds || isHeard();
}

document.addEventListener("panel:settled", look);
document.addEventListener("panel:ticked", look);
addEventListener("pagehide", giveUp);
// The click that lets the browser play it.
addEventListener("click", () => sounds && !isHeard() && play(settings.ringTone));
