// On the page of a call: those of one of its legs. (Elsewhere the link leads to the page of variables.)
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-variables-of]");
  const pane = document.getElementById("variables");
  if (!link || !pane || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  pane.open = true;
  const form = document.getElementById("variables-form");
  form.elements.channel.value = link.dataset.variablesOf;
  form.querySelector("[data-action=all]").click();
  pane.querySelector("summary").focus();
});

// A variable of the list is taken into the form, to be read again or set.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-variable]");
  if (!button) return;
  const form = document.getElementById("variables-form");
  form.elements.name.value = button.dataset.variable;
  if (form.elements.value) form.elements.value.value = button.dataset.value;
  (form.elements.value ?? form.elements.name).focus();
});
