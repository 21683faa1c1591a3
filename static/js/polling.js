/** Polls marked `data-pause-hidden` rest while nobody looks at the tab. */

document.addEventListener("htmx:beforeRequest", (event) => {
  const asking = event.target instanceof Element && event.target.hasAttribute("data-pause-hidden");
  if (asking && document.hidden) event.preventDefault();
});
