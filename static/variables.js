// A variable of the list is taken into the form, to be read again or set.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-variable]");
  if (!button) return;
  const form = document.getElementById("variables-form");
  form.elements.name.value = button.dataset.variable;
  if (form.elements.value) form.elements.value.value = button.dataset.value;
  (form.elements.value ?? form.elements.name).focus();
});
