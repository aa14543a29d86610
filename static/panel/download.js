// Saves a text of the page as a file: `cli-main-2026-01-31T120000.txt`.

export function download(kind, pbxName, text) {
  const moment = new Date().toISOString().slice(0, 19).replaceAll(":", "");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = `${kind}-${pbxName}-${moment}.txt`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
