// Whoever is in a call is dragged by the grip beside their name, to the tile of somebody on the wall of people.

import { mayTransfer } from "./parties.js";

export { addressFor } from "./parties.js";

// What a drag of a call carries: its PBX and its unique id.
export const CALL = "application/x-pbxpanel-call";

const { classList } = document.body;
const mayMine = () => classList.contains("may-control-any") || classList.contains("may-control-own");

document.addEventListener("dragstart", (event) => {
  const grip = event.target.closest?.(".call-grip");
  const party = grip?.closest("[data-uniqueid]");
  if (!grip) return;
  if (!party || party.closest(".is-ended") || !(party.closest(".my-call") ? mayMine() : mayTransfer(party))) {
    event.preventDefault();
    return;
  }
  const { pbx } = party.closest("[data-pbx]").dataset;
  event.dataTransfer.setData(CALL, JSON.stringify({ pbx, uniqueid: party.dataset.uniqueid }));
  event.dataTransfer.setDragImage(party, 8, 8);
  event.dataTransfer.effectAllowed = "move";
});
