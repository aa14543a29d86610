// A button that another page can have put under somebody's pointer, by opening the window between the two clicks of a
// double click, takes no press until the window has been seen for a moment. (Inert, since whether it is disabled says
// whether the panel can be reached.)

const SEEN_FOR = 700; // ms
const buttons = document.querySelectorAll("[data-settles]");

function settle() {
  for (const button of buttons) button.inert = true;
  setTimeout(() => {
    for (const button of buttons) button.inert = document.hidden;
  }, SEEN_FOR);
}

settle();
document.addEventListener("visibilitychange", () => document.hidden || settle());
