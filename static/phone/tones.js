// Ring tones, made by the browser: no sound file is loaded.

// How often it begins anew (ms), and its notes: when (s), how long (s), and of which frequencies (Hz).
const TONES = {
  soft: [3000, [0, 0.5, [523]], [0.6, 0.8, [659]]],
  classic: [3000, [0, 0.9, [440, 480]]],
  chime: [3500, [0, 0.4, [784]], [0.35, 0.4, [659]], [0.7, 0.9, [523]]],
};
const LOUDNESS = 0.15;

let context = null;
let timer = 0;
// How often something was played.
let playing = 0;

function playOnce(notes) {
  for (const [at, length, frequencies] of notes) {
    const volume = context.createGain();
    const start = context.currentTime + at;
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(LOUDNESS, start + 0.03);
    volume.gain.setValueAtTime(LOUDNESS, start + length - 0.1);
    volume.gain.linearRampToValueAtTime(0, start + length);
    volume.connect(context.destination);
    for (const frequency of frequencies) {
      const oscillator = new OscillatorNode(context, { frequency });
      oscillator.connect(volume);
      oscillator.start(start);
      oscillator.stop(start + length);
    }
  }
}

// Whether it is heard: a browser plays nothing before something on the page was clicked.
export const isHeard = () => context?.state === "running";

export function play(name) {
  stop();
  playing += 1;
  const [every, ...notes] = TONES[name] ?? [];
  if (!every) return;
  context ??= new AudioContext();
  context.resume();
  // What is not heard does not wait until it is: then many rings would come at once.
  const ring = () => isHeard() && playOnce(notes);
  context.addEventListener("statechange", ring, { once: true });
  ring();
  timer = setInterval(ring, every);
}

// Plays it once; what begins meanwhile goes on.
export function tryOut(name, lasts) {
  play(name);
  const mine = playing;
  setTimeout(() => mine === playing && stop(), lasts);
}

export function stop() {
  clearInterval(timer);
  timer = 0;
  context?.close();
  context = null;
}
