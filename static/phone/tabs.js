// Of several tabs one rings: the one that has taken that on, for as long as it says so.

const KEY = "ringing-tab";
const LASTS = 2000;
const me = String(Math.random());

// Whether it is this one. Whoever rings asks again and again.
export function isMine() {
  const [tab, at] = (localStorage.getItem(KEY) ?? "").split(" ");
  if (tab !== me && Date.now() - Number(at) < LASTS) return false;
  localStorage.setItem(KEY, `${me} ${Date.now()}`);
  return true;
}

export function giveUp() {
  if (localStorage.getItem(KEY)?.startsWith(`${me} `)) localStorage.removeItem(KEY);
}

// Whether this happens for the first time, in any tab: a page about a caller is opened once.
export function isFirst(id) {
  const key = "called";
  const former = JSON.parse(localStorage.getItem(key) ?? "[]");
  if (former.includes(id)) return false;
  localStorage.setItem(key, JSON.stringify([...former, id].slice(-20)));
  return true;
}
