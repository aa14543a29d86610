// Of several tabs one does it, and when that is closed, another one.

// Without HTTPS there are no locks; then a tab says in the storage that it is the one, and looks after this time whether
// another said so at the same moment (ms).
const SETTLES = 400;
const LASTS = 2000;
const KEY = "ringing-tab";
const me = crypto.getRandomValues(new Uint32Array(2)).join("-");

const claim = () => localStorage.setItem(KEY, `${me} ${Date.now()}`);
const claimed = () => {
  const [tab, at] = (localStorage.getItem(KEY) ?? "").split(" ");
  return Date.now() - Number(at) < LASTS ? tab : "";
};

function holdByStorage(begin) {
  let isMine = false;
  const look = () => {
    const tab = claimed();
    if (tab && tab !== me) return;
    if (tab === me && !isMine) {
      isMine = true;
      begin();
    }
    claim();
  };
  look();
  const timer = setInterval(look, SETTLES);
  return () => {
    clearInterval(timer);
    if (claimed() === me) localStorage.removeItem(KEY);
  };
}

function holdByLock(begin) {
  const waiting = new AbortController();
  let release = null;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  const hold = () => {
    if (!waiting.signal.aborted) begin();
    return held;
  };
  navigator.locks.request(KEY, { signal: waiting.signal }, hold).catch((error) => {
    if (!waiting.signal.aborted) throw error;
  });
  return () => {
    waiting.abort();
    release();
  };
}

// Calls `begin` once this tab is the one; what it returns gives that up.
export const beTheOne = (begin) => (navigator.locks ? holdByLock(begin) : holdByStorage(begin));

// Whether this happens for the first time, in any tab: a page about a caller is opened once.
export function isFirst(id) {
  const key = "called";
  const former = JSON.parse(localStorage.getItem(key) ?? "[]");
  if (former.includes(id)) return false;
  localStorage.setItem(key, JSON.stringify([...former, id].slice(-20)));
  return true;
}
