// The editor of configuration files: what was typed and is not written yet is not left by accident.

function guard(form) {
  let typed = false;
  form.addEventListener("input", (event) => {
    if (event.target.name) typed = true;
  });
  addEventListener("beforeunload", (event) => {
    if (typed) event.preventDefault();
  });
  document.addEventListener("config-written", (event) => {
    typed = false;
    const address = new URL(event.detail.address, location.href);
    // The same page but for what follows the #: it must be loaded all the same.
    if (address.pathname + address.search === location.pathname + location.search) {
      history.replaceState(null, "", address);
      location.reload();
    } else {
      location.assign(address);
    }
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-remove]");
    if (button) document.getElementById(button.dataset.remove)?.remove();
  });
}

const form = document.getElementById("config-form");
if (form) guard(form);
