// Buttons that print the page; without JavaScript they are not there, and the browser's own command does it.
for (const button of document.querySelectorAll("[data-print]")) {
  button.removeAttribute("hidden");
  button.addEventListener("click", () => window.print());
}
