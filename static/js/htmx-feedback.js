/** A failed htmx request says so in the toasts (aria-live) instead of leaving a dead page. */

const OFFLINE = "The server cannot be reached. What you see may be old.";

/** @type {Record<number, string>} */
const BY_STATUS = {
  403: "Your role does not allow this.",
  404: "This is gone. Reload the page.",
  413: "That is too large to send.",
  429: "Too many requests. Wait a moment, then try again.",
  503: "The database is busy or restarting. Try again in a moment.",
};

/** @param {string} text */
function toast(text) {
  const region = document.getElementById("toasts");
  const template = document.getElementById("toast-error");
  if (!region || !(template instanceof HTMLTemplateElement)) return;
  // A poll that fails again repeats nothing.
  if ([...region.querySelectorAll("[data-toast-text]")].some((shown) => shown.textContent === text)) return;
  const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
  const words = copy.querySelector("[data-toast-text]");
  if (words) words.textContent = text;
  region.append(copy);
}

/** @param {string} text */
function dismiss(text) {
  for (const words of document.querySelectorAll("#toasts [data-toast-text]")) {
    if (words.textContent === text) words.closest(".toast")?.remove();
  }
}

/** @param {Event} event @returns {XMLHttpRequest | undefined} */
const request = (event) => /** @type {CustomEvent} */ (event).detail?.xhr;

/** A page that refreshes itself says beside the time of its numbers that it could not (live.js). @param {Event} event */
function isQuiet(event) {
  const asking = /** @type {CustomEvent} */ (event).detail?.elt;
  return asking instanceof Element && asking.hasAttribute("data-pause-hidden") && document.querySelector("[data-freshness]") !== null;
}

/** @param {Event} event @param {string} text */
function complain(event, text) {
  if (!isQuiet(event)) toast(text);
}

/** The session ended: the answer is the sign-in page, which belongs to the whole window. @param {Event} event */
function leaveIfSignedOut(event) {
  const login = document.querySelector("meta[name=login-url]")?.getAttribute("content");
  const answered = request(event)?.responseURL;
  if (!login || !answered || new URL(answered).pathname !== login || location.pathname === login) return;
  event.preventDefault();
  location.reload();
}

document.addEventListener("htmx:beforeSwap", leaveIfSignedOut);
document.addEventListener("htmx:sendError", (event) => complain(event, OFFLINE));
document.addEventListener("htmx:timeout", (event) => complain(event, "That took too long. Try a shorter time range."));
document.addEventListener("htmx:swapError", () => toast("The answer could not be shown. Reload the page."));
document.addEventListener("htmx:responseError", (event) => {
  const status = request(event)?.status ?? 0;
  complain(event, BY_STATUS[status] ?? "Something broke on our side. Try again.");
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (/** @type {CustomEvent} */ (event).detail?.successful) dismiss(OFFLINE);
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (request(event)?.status !== 422 || !(event.target instanceof Element)) return;
  const invalid = event.target.querySelector("[aria-invalid=true]");
  if (invalid instanceof HTMLElement) invalid.focus();
});
