// What an incoming call does beside being shown: title and icon of the tab, sound, notification, a page about the caller.

import { byId, setText } from "../panel/dom.js";
import { beTheOne, isFirst } from "./tabs.js";
import { isHeard, play, stop } from "./tones.js";

const bar = byId("my-phone");
const icon = document.querySelector('link[rel="icon"]');
const { title } = document;
const still = icon.href;
const settings = bar.dataset;

let ringing = null;
let sounds = false;
let notification = null;
let giveUp = () => {};

const nameOf = (call) => `${call.dataset.name} ${call.dataset.number}`.trim() || call.getAttribute("aria-label");

function addressFor({ dataset }) {
  if (!settings.callerLink || !dataset.number) return "";
  const values = { number: dataset.number, name: dataset.name };
  const address = settings.callerLink.replace(/\{(number|name)\}/g, (_, key) => encodeURIComponent(values[key]));
  return URL.canParse(address) ? address : "";
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
  if (!ringing) return;
  sounds = Boolean(settings.ringTone);
  if (sounds) play(settings.ringTone);
  if (!isFirst(ringing.id)) return;
  const address = addressFor(ringing);
  if ("opensCallerLink" in settings && address) open(address, "_blank", "noopener,noreferrer");
  if ("notifies" in settings && window.Notification?.permission === "granted") notify();
}

function notify() {
  const body = ringing.querySelector(".my-call-facts").innerText;
  try {
    notification = new Notification(nameOf(ringing), { body, icon: icon.href, tag: ringing.id });
  } catch (error) {
    // Chrome on Android has only those of service workers.
    if (!(error instanceof TypeError)) throw error;
    return;
  }
  notification.addEventListener("click", () => window.focus());
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

function startRinging(call) {
  document.title = `\u260e ${nameOf(call)} \u00b7 ${title}`;
  icon.href = settings.icon;
  giveUp = beTheOne(ringHere);
}

function look() {
  showLinks();
  const call = bar.querySelector("[data-rings]:not(.is-ended)");
  const former = ringing?.id;
  ringing = call;
  if (former && former !== call?.id) stopRinging();
  if (!call) return;
  if (former !== call.id) startRinging(call);
  const hint = call.querySelector(".is-silent");
  setText(hint, settings.textSilent);
  hint.hidden = !sounds || isHeard();
}

document.addEventListener("panel:settled", look);
document.addEventListener("panel:ticked", look);
addEventListener("pagehide", () => giveUp());
// The click that lets the browser play it.
addEventListener("click", () => sounds && !isHeard() && play(settings.ringTone));
