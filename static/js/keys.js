/** Whether a key is a shortcut: not typed into a field, not with others held, and not turned off by whoever needs it. */

const TYPED_INTO = "input, textarea, select, [contenteditable], [role=textbox]";

/** Storage may be forbidden; then shortcuts are on. */
function isOn() {
  try {
    return localStorage.getItem("tokenops.shortcuts") !== "off";
  } catch {
    return true;
  }
}

/** @param {KeyboardEvent} event */
export function isPlainKey(event) {
  const target = event.target instanceof Element ? event.target : null;
  return isOn() && !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing && !target?.closest(TYPED_INTO);
}
