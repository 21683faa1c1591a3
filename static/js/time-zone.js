/** Presets a time zone list from the browser, as long as nobody has chosen. */

const list = document.querySelector("select[data-time-zone]");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

if (list instanceof HTMLSelectElement && list.value === "UTC" && !list.closest("form")?.querySelector("[aria-invalid=true]")) {
  if ([...list.options].some((option) => option.value === zone)) list.value = zone;
}
