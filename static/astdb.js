// A value is edited where it stands: Enter saves it, Escape brings back what was there.

document.addEventListener("keydown", (event) => {
  const box = event.target.closest(".astdb-edit textarea");
  if (!box) return;
  if (event.key === "Enter" && !event.isComposing) {
    event.preventDefault();
    if (box.value !== box.defaultValue) box.form.requestSubmit();
  } else if (event.key === "Escape") {
    box.value = box.defaultValue;
    mark(box);
  }
});
function mark(box) {
  box.closest(".astdb-row").classList.toggle("is-changed", box.value !== box.defaultValue);
}
document.addEventListener("input", (event) => {
  if (event.target.matches(".astdb-edit textarea")) mark(event.target);
});
// What was added leaves the form; the next entry is likely of the same family.
document.addEventListener("astdb-added", () => {
  const form = document.getElementById("astdb-new");
  form.elements.key.value = form.elements.value.value = "";
  form.elements.key.focus();
});
