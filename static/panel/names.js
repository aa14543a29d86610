// Names that not everybody may see, laid over the numbers of rows, which are drawn once for all: those of one's own
// contacts, and of people whom others do not see. They come once for each page, by what numbers are known again.

const { names: address } = document.body.dataset;
let names = new Map();

const nameFor = (element) =>
  element.dataset.keys
    .split(" ")
    .map((key) => names.get(key))
    .find(Boolean);

function nameParty(party) {
  const name = nameFor(party);
  const label = party.querySelector(".party-label");
  if (!name || !label || label.textContent === name) return;
  const before = document.createElement("bdi");
  before.className = "muted own-name";
  before.textContent = label.textContent;
  label.textContent = name;
  [...label.parentElement.querySelectorAll(":scope > bdi")].at(-1).after(" ", before);
  const call = party.closest("[data-name]");
  if (call) call.dataset.name = name;
}

export function layNamesOver() {
  if (!names.size) return;
  for (const party of document.querySelectorAll("[data-keys]:not([data-keys=''])")) nameParty(party);
}

// Calls `then` once there are some. Without them numbers stay what they are.
export async function readNames(then) {
  if (!address) return;
  const response = await fetch(address, { priority: "low" }).catch(() => null);
  if (!response?.ok || !response.headers.get("Content-Type")?.startsWith("application/json")) return;
  names = new Map(Object.entries(await response.json()));
  if (names.size) then();
}
