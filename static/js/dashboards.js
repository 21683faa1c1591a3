/** The overview and the calls log while they stay open: what polling may replace, and the drawer of one call. */

import "./call-drawer.js";
import { isPlainKey } from "./keys.js";

const SCROLLED_PX = 160;

/** @param {EventTarget | null} target @returns {Element | null} */
const element = (target) => (target instanceof Element ? target : null);

/** Whether somebody stopped the log: it only counts what comes then. */
let isPaused = false;

/** Somebody is reading: rows must not move away under their eyes or their selection. */
function isReading() {
  const selected = document.getSelection();
  const log = document.getElementById("calls");
  const isSelecting = Boolean(selected && !selected.isCollapsed && log && selected.anchorNode && log.contains(selected.anchorNode));
  return isPaused || window.scrollY > SCROLLED_PX || isSelecting;
}

document.addEventListener("htmx:configRequest", (event) => {
  const { parameters } = /** @type {CustomEvent} */ (event).detail;
  if (!element(event.target)?.hasAttribute("data-live")) return;
  if (isReading()) parameters.peek = "1";
  else delete parameters.shown;
});

/** @param {HTMLElement} button */
function toggle(button) {
  isPaused = !isPaused;
  button.dataset.paused = String(isPaused);
  const words = button.querySelector("span");
  if (words) words.textContent = isPaused ? "Resume" : "Pause";
  const log = document.getElementById("calls");
  if (!isPaused && log) /** @type {any} */ (window).htmx?.trigger(log, "catch-up");
}

/** @returns {HTMLElement | null} */
const toggler = () => document.querySelector("[data-live-toggle]");

toggler()?.removeAttribute("hidden");

document.addEventListener("click", (event) => {
  const button = element(event.target)?.closest("[data-live-toggle]");
  if (button instanceof HTMLElement) toggle(button);
});

document.addEventListener("keydown", (event) => {
  const button = toggler();
  if (event.key === "p" && button && isPlainKey(event) && !element(event.target)?.closest("dialog")) toggle(button);
});
