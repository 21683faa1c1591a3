/** Keeps `<time data-relative>` true while a page stays open. */

import { relativeTime } from "./formats.js";

const EVERY_MS = 10_000;

function refresh() {
  if (document.hidden) return;
  const now = new Date();
  for (const element of document.querySelectorAll("time[data-relative]")) {
    const text = relativeTime(new Date(element.getAttribute("datetime") ?? ""), now);
    if (text && text !== element.textContent) element.textContent = text;
  }
}

setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
