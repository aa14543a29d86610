// What every page has beside htmx. Every module of it is named here, even if another one imports it, so that the browser
// asks for all of them at once. htmx starts when the page is complete, which waits for this script and its modules:
// their extensions and listeners are there in time.

import "./panel/availability.js";
import "./panel/copy.js";
import "./panel/dial.js";
import "./panel/dialogs.js";
import "./panel/dom.js";
import "./panel/find.js";
import "./panel/focus.js";
import "./panel/menus.js";
import "./panel/morph.js";
import { readNames } from "./panel/names.js";
import "./panel/presence.js";
import { searchNames } from "./panel/search.js";
import "./panel/sections.js";
import "./panel/shortcuts.js";
import "./panel/toasts.js";
import { tick } from "./panel/clock.js";
import { probe } from "./panel/connection.js";
import { putInOrder, putWhatRested, sweepEndedRows } from "./panel/rows.js";
import { settle } from "./panel/settle.js";

// How long the page may stand still, as it does while the computer sleeps, before the server is asked for an answer (ms).
const STOOD_STILL = 4000;
let tickedAt = Date.now();
setInterval(() => {
  if (Date.now() - tickedAt > STOOD_STILL) probe();
  tickedAt = Date.now();
  tick();
  document.dispatchEvent(new Event("panel:ticked"));
  sweepEndedRows();
  putInOrder();
  putWhatRested();
}, 500);

settle();
readNames(() => {
  settle();
  searchNames();
});
