/** The drawer of one call beside a list of calls: it takes the focus, walks the list, and gives the focus back. */

import { isPlainKey } from "./keys.js";

const STEPS = { j: 1, k: -1 };

/** @returns {HTMLDialogElement | null} */
const panel = () => /** @type {HTMLDialogElement | null} */ (document.getElementById("call-panel"));

/** The link in the list that leads to the call shown. */
const shown = () => panel()?.querySelector("[data-call]")?.getAttribute("data-call") ?? "";

/** @returns {HTMLElement[]} */
const links = () => [...document.querySelectorAll(".call-link")].filter((link) => link instanceof HTMLElement);

/** The call before (-1) or after (1) in the list; none when the list has moved on. @param {number} step */
function neighbour(step) {
  const listed = links();
  const here = listed.findIndex((link) => link.id === shown());
  return here < 0 ? undefined : listed[here + step];
}

/** @param {HTMLDialogElement} dialog */
function update(dialog) {
  for (const button of dialog.querySelectorAll("[data-drawer-step]")) {
    button.toggleAttribute("disabled", !neighbour(Number(button.getAttribute("data-drawer-step"))));
  }
}

/** The button that was pressed may be pressed again; else the drawer is read from its title. @param {HTMLDialogElement} dialog @param {string} pressed */
function takeFocus(dialog, pressed) {
  const button = dialog.querySelector(`[data-drawer-step="${pressed}"]:not([disabled])`);
  const target = button ?? dialog.querySelector("[data-drawer-title]");
  if (target instanceof HTMLElement) target.focus();
}

let pressed = "";

document.addEventListener("htmx:afterSwap", (event) => {
  const dialog = panel();
  if (!dialog || event.target !== dialog) return;
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  update(dialog);
  takeFocus(dialog, pressed);
  pressed = "";
});

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const button = target?.closest("[data-drawer-step]");
  if (button) {
    pressed = button.getAttribute("data-drawer-step") ?? "";
    neighbour(Number(pressed))?.click();
    return;
  }
  const row = target?.closest(".calls-table tbody tr, [data-calls] tbody tr");
  if (!row || target?.closest("a, button, input") || !document.getSelection()?.isCollapsed) return;
  const link = row.querySelector(".call-link");
  if (link instanceof HTMLElement) link.click();
});

document.addEventListener("keydown", (event) => {
  const step = STEPS[/** @type {keyof typeof STEPS} */ (event.key)];
  if (step && panel()?.open && isPlainKey(event)) neighbour(step)?.click();
});

// The row may have been replaced while the drawer was open, so it is found by its name.
document.addEventListener("close", (event) => {
  if (event.target === panel()) document.getElementById(shown())?.focus({ preventScroll: true });
}, true);
