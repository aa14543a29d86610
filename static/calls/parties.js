// The parties of the cards, and what may be done with them. The style sheet says the same of the items of a menu.

const { classList } = document.body;

export const partiesOf = (card) => [...card.querySelectorAll(".party[data-uniqueid]")];

// With the number, where the name is another text: two people may have the same name.
export const nameOf = (party) =>
  Array.from(party.querySelectorAll(".party-text > bdi"), (part) => part.textContent).join(" ");

export function mayTransfer(party) {
  const mine = party.closest(".call").hasAttribute("data-mine");
  const may = classList.contains("may-control-any") || (mine && classList.contains("may-control-own"));
  return may && ["Up", "Ring"].includes(party.dataset.state);
}

// As Django writes them into a path.
const segment = (text) => encodeURIComponent(text.replace(/[~/]/g, (letter) => (letter === "~" ? "~~" : "~s")));

// An address of the page, for this channel.
export const addressFor = (path, pbx, uniqueid) =>
  path.replace("/PBX/channels/UNIQUEID/", () => `/${encodeURIComponent(pbx)}/channels/${segment(uniqueid)}/`);

// The same, for this party.
export const addressOf = (path, party) =>
  addressFor(path, party.closest("[data-pbx]").dataset.pbx, party.dataset.uniqueid);
