/** Copy buttons: `<button data-copy="id">` copies the text of the element with that id and says so. */

const SHOWN_MS = 1600;

/** @param {string} text */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Plain http on another machine has no clipboard API.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("copy refused");
}

/** @param {Element} button @param {Element} source */
async function copyFrom(button, source) {
  const label = button.getAttribute("data-label") ?? button.getAttribute("aria-label") ?? "Copy";
  button.setAttribute("data-label", label);
  try {
    await copy(source.textContent?.trim() ?? "");
  } catch {
    getSelection()?.selectAllChildren(source);
    button.setAttribute("aria-label", "Press Ctrl-C to copy the selected text");
    return;
  }
  button.classList.add("is-copied");
  button.setAttribute("aria-label", "Copied");
  setTimeout(() => {
    button.classList.remove("is-copied");
    button.setAttribute("aria-label", label);
  }, SHOWN_MS);
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
  const source = button && document.getElementById(button.getAttribute("data-copy") ?? "");
  if (button && source) void copyFrom(button, source);
});
