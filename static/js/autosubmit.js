/** `<form data-autosubmit autocomplete="off">` is sent when one of its controls changes. */

const FORM = "form[data-autosubmit]";

/** @param {Element} control */
function isChanged(control) {
  if (control instanceof HTMLInputElement) return control.checked !== control.defaultChecked;
  if (!(control instanceof HTMLSelectElement)) return false;
  const stated = [...control.options].findIndex((option) => option.defaultSelected);
  return control.selectedIndex !== Math.max(stated, 0);
}

document.addEventListener("change", (event) => {
  const form = event.target instanceof Element ? event.target.closest(FORM) : null;
  if (form instanceof HTMLFormElement) form.requestSubmit();
});

// A page can be used before its scripts run: what was chosen meanwhile is sent now, through htmx, which is ready first.
// `autocomplete="off"` keeps browsers from restoring choices on the way back, which nobody made on this page.
document.addEventListener("DOMContentLoaded", () => {
  for (const form of document.querySelectorAll(FORM)) {
    if (form instanceof HTMLFormElement && [...form.elements].some(isChanged)) form.requestSubmit();
  }
});
