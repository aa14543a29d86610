// The photo of a person: one that is larger than a request may be is made smaller before it is sent.

const MOST_BYTES = 900_000;
const SIDE = 1024;

const form = document.querySelector("[data-photo]");
const input = form?.querySelector("input[type=file]");
const complaint = form?.querySelector("[role=alert]");

input?.addEventListener("change", async () => {
  const [file] = input.files;
  say("");
  if (!file || file.size <= MOST_BYTES) return;
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  try {
    const smaller = new DataTransfer();
    smaller.items.add(await shrunk(file));
    input.files = smaller.files;
  } catch {
    input.value = "";
    say(form.dataset.textTooLarge);
  } finally {
    button.disabled = false;
  }
});

function say(words) {
  complaint.textContent = words;
  input.classList.toggle("is-invalid", Boolean(words));
}

async function shrunk(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, SIDE / Math.min(picture.width, picture.height));
  const canvas = new OffscreenCanvas(Math.round(picture.width * scale), Math.round(picture.height * scale));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  const content = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
  return new File([content], "photo.jpg", { type: content.type });
}
