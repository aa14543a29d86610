// Durations are counted here, from a start time corrected by the server's clock; times of day are those of the browser.

import { setText } from "./dom.js";

const { serverTime } = document.body.dataset;
const clockOffset = serverTime ? Number(serverTime) - Date.now() : 0;

export const now = () => Date.now() + clockOffset;

const twoDigits = (n) => String(n).padStart(2, "0");

export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = `${hours ? twoDigits(minutes) : minutes}:${twoDigits(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

export function tick() {
  const time = now();
  for (const clock of document.querySelectorAll("time[data-since], time[data-until]")) {
    if (clock.closest("details:not([open])")) continue;
    const { since, until } = clock.dataset;
    setText(clock, duration(until ? Number(until) - time : time - Number(since)));
  }
}

// English stands in for every language that the panel does not speak: then times are written as the browser's own
// language has them, else as the language of the page has them.
const language = document.documentElement.lang;
const locale = language.startsWith("en") ? undefined : language;

export function showLocalTimes() {
  for (const time of document.querySelectorAll("time[data-at], text[data-at]")) {
    const at = new Date(Number(time.dataset.at));
    const second = "withoutSeconds" in time.dataset ? undefined : "2-digit";
    const clock = at.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit", second });
    const isOther = "withDay" in time.dataset && at.toDateString() !== new Date().toDateString();
    time.textContent = "withDate" in time.dataset || isOther ? `${at.toLocaleDateString(locale)} ${clock}` : clock;
  }
}
