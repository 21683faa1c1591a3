// Buttons that print the page; without JavaScript they are not there, and the browser's own command does it.
function offer() {
  for (const button of document.querySelectorAll("[data-print][hidden]")) {
    button.removeAttribute("hidden");
    button.addEventListener("click", () => window.print());
  }
}

offer();
document.addEventListener("htmx:afterSwap", offer); // a report that was waited for
