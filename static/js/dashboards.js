/** The overview and the calls log while they stay open: what polling may replace, and the drawer of one call. */

const SCROLLED_PX = 160;

/** @param {EventTarget | null} target @returns {Element | null} */
const element = (target) => (target instanceof Element ? target : null);

/** Somebody is reading: rows must not move away under their eyes or their selection. */
function isReading() {
  const selected = document.getSelection();
  const log = document.getElementById("calls");
  const isSelecting = Boolean(selected && !selected.isCollapsed && log && selected.anchorNode && log.contains(selected.anchorNode));
  return window.scrollY > SCROLLED_PX || isSelecting;
}

document.addEventListener("htmx:configRequest", (event) => {
  const { parameters } = /** @type {CustomEvent} */ (event).detail;
  if (!element(event.target)?.hasAttribute("data-live")) return;
  if (isReading()) parameters.peek = "1";
  else delete parameters.shown;
});

document.addEventListener("htmx:afterSwap", (event) => {
  const panel = element(event.target);
  if (panel instanceof HTMLDialogElement && panel.id === "call-panel" && !panel.open) panel.showModal();
});

document.addEventListener("click", (event) => {
  const target = element(event.target);
  const row = target?.closest(".calls-table tbody tr");
  if (!row || target?.closest("a, button, input") || !document.getSelection()?.isCollapsed) return;
  const link = row.querySelector(".call-link");
  if (link instanceof HTMLElement) link.click();
});
