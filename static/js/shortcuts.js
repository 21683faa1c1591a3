/**
 * Keyboard shortcuts: `/` searches, `?` tells which there are, `g` and a letter go to a page. What a shortcut does is an
 * element of the help dialog that carries it as `data-shortcut`; whoever needs single keys for something else turns
 * them off there (WCAG 2.1.4).
 */

const OFF = "tokenops.shortcuts";
const SEQUENCE_MS = 1500;
const TYPED_INTO = "input, textarea, select, [contenteditable], [role=textbox]";

/** The key that began a sequence, and when. @type {{key: string, at: number}} */
let begun = { key: "", at: 0 };

const help = () => /** @type {HTMLDialogElement | null} */ (document.getElementById("shortcuts"));

/** Storage may be forbidden; then they are on. */
function isOn() {
  try {
    return localStorage.getItem(OFF) !== "off";
  } catch {
    return true;
  }
}

/** @param {boolean} on */
function turn(on) {
  try {
    if (on) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "off");
  } catch {
    // Nothing to remember it in: it holds as long as the page.
  }
}

/** Somebody types, or a dialog has the page. @param {KeyboardEvent} event */
function isBusy(event) {
  const target = event.target instanceof Element ? event.target : null;
  return event.ctrlKey || event.metaKey || event.altKey || event.isComposing || Boolean(target?.closest(`${TYPED_INTO}, dialog`));
}

/** @param {string} keys @returns {HTMLElement | null} */
const carrier = (keys) => document.querySelector(`#shortcuts [data-shortcut="${CSS.escape(keys)}"]`);

/** Opens the filter panel and puts the cursor into its search, once the panel has come. */
function search() {
  const menu = document.querySelector("#filters details.filter-menu");
  if (!(menu instanceof HTMLDetailsElement)) return;
  menu.open = true;
  const field = menu.querySelector("[data-search]");
  if (field instanceof HTMLElement) field.focus();
  else menu.addEventListener("htmx:afterSettle", () => /** @type {HTMLElement | null} */ (menu.querySelector("[data-search]"))?.focus(), { once: true });
}

function openHelp() {
  const dialog = help();
  const box = dialog?.querySelector("[data-shortcuts-on]");
  if (box instanceof HTMLInputElement) box.checked = isOn();
  if (dialog && !dialog.open) dialog.showModal();
}

/** @param {string} keys @returns {boolean} whether there is such a shortcut here */
function run(keys) {
  if (keys === "?") openHelp();
  else if (keys === "/") search();
  else if (carrier(keys)) carrier(keys)?.click();
  else return false;
  return true;
}

document.addEventListener("keydown", (event) => {
  if (!help() || event.key.length !== 1 || isBusy(event) || !isOn()) return;
  const follows = begun.key && event.timeStamp - begun.at < SEQUENCE_MS;
  const keys = follows ? `${begun.key} ${event.key}` : event.key;
  begun = { key: "", at: 0 };
  if (run(keys)) event.preventDefault();
  else if (!follows && event.key === "g") begun = { key: "g", at: event.timeStamp };
});

document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("[data-shortcuts-help]")) openHelp();
});

document.addEventListener("change", (event) => {
  if (event.target instanceof HTMLInputElement && event.target.hasAttribute("data-shortcuts-on")) turn(event.target.checked);
});

for (const button of document.querySelectorAll("[data-shortcuts-help]")) button.removeAttribute("hidden");
