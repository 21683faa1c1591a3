/** Light, dark or the system's choice. A cookie remembers it, so that the server draws the right theme at once. */

const YEAR = 365 * 86_400;

/** @param {string} theme "light", "dark" or "" for the system's */
function apply(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `theme=${theme}; path=/; max-age=${theme ? YEAR : 0}; samesite=lax${secure}`;
  for (const button of document.querySelectorAll("[data-theme-value]")) {
    button.setAttribute("aria-pressed", String(button.getAttribute("data-theme-value") === theme));
  }
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-theme-value]");
  if (button) apply(button.getAttribute("data-theme-value") ?? "");
});
