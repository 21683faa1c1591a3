/** Menus (details), dialogs, confirmations and toasts. All work without this file, less comfortably. */

const MENU = "details[data-menu]";
const TOAST_MS = 6000;

/** @param {Event} event @param {string} selector @returns {HTMLElement | null} */
function closest(event, selector) {
  const found = event.target instanceof Element ? event.target.closest(selector) : null;
  return found instanceof HTMLElement ? found : null;
}

/** @param {Element | null} [except] */
function closeMenus(except) {
  for (const menu of document.querySelectorAll(`${MENU}[open]`)) {
    if (menu !== except && !menu.contains(except ?? null)) menu.removeAttribute("open");
  }
}

/** @param {string} id @returns {HTMLDialogElement | null} */
function dialog(id) {
  const found = document.getElementById(id);
  return found instanceof HTMLDialogElement ? found : null;
}

document.addEventListener("click", (event) => {
  closeMenus(closest(event, MENU));
  const opener = closest(event, "[data-dialog-open]");
  const box = opener && dialog(opener.dataset.dialogOpen ?? "");
  if (box) {
    event.preventDefault();
    box.showModal();
  }
  if (closest(event, "[data-dialog-close]")) closest(event, "dialog")?.closest("dialog")?.close();
  if (event.target instanceof HTMLDialogElement) event.target.close(); // the backdrop
  closest(event, "[data-toast-close]")?.closest(".toast")?.remove();
  const risky = closest(event, "[data-confirm]");
  if (risky && !window.confirm(risky.dataset.confirm)) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  const menu = closest(event, `${MENU}[open]`);
  if (!menu) return;
  if (event.key === "Escape") {
    menu.removeAttribute("open");
    menu.querySelector("summary")?.focus();
  }
  if (event.key === "ArrowDown" || event.key === "ArrowUp") moveFocus(menu, event);
});

/** @param {HTMLElement} menu @param {KeyboardEvent} event */
function moveFocus(menu, event) {
  /** @type {HTMLElement[]} */
  const items = [...menu.querySelectorAll(".menu-item")].filter((item) => item instanceof HTMLElement);
  if (!items.length) return;
  event.preventDefault();
  const here = items.findIndex((item) => item === document.activeElement);
  const step = event.key === "ArrowDown" ? 1 : -1;
  const next = here < 0 && step < 0 ? items.length - 1 : (here + step + items.length) % items.length;
  items[next].focus();
}

document.addEventListener("focusout", (event) => {
  const menu = closest(event, `${MENU}[open]`);
  if (menu && event.relatedTarget instanceof Node && !menu.contains(event.relatedTarget)) menu.removeAttribute("open");
});

// A message of something done leaves by itself; an error stays until it is read.
for (const toast of document.querySelectorAll(".toast:not(.toast-error)")) setTimeout(() => toast.remove(), TOAST_MS);
