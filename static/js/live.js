/**
 * Pages that refresh themselves: an element that replaces itself by htmx `every …` and carries `data-pause-hidden`.
 *
 * It rests while nobody looks at the tab and catches up when somebody does, also when the browser brings a page back.
 * What somebody has opened, typed, scrolled to or is about to press survives. A refresh that fails says so beside the
 * time of the numbers, which stay.
 */

const LIVE = "[data-pause-hidden]";
const KEEPS = "details, input, select, textarea, [tabindex]";

/** @typedef {{open?: boolean, value?: string, checked?: boolean, left?: number, top?: number}} State */
/** @typedef {{states: Map<string, State>, focused: string, selection: [number, number] | null}} Memory */

/** Elements whose poll was skipped. @type {WeakSet<Element>} */
const behind = new WeakSet();

/** @param {Event} event @returns {any} */
const detail = (event) => /** @type {CustomEvent} */ (event).detail;

/** Whether the request is the element's own poll. @param {Event} event */
const isPoll = (event) => event.target instanceof Element && event.target.matches(LIVE) && detail(event)?.elt === event.target;

/** What an element is called on the page before and after: its id, or its place below what has one. @param {Element} element @param {Element} root */
function nameOf(element, root) {
  const path = [];
  for (let at = /** @type {Element | null} */ (element); at && at !== root; at = at.parentElement) {
    if (at.id) return [`#${at.id}`, ...path.reverse()].join(">");
    const place = [...(at.parentElement?.children ?? [])].filter((other) => other.tagName === at?.tagName).indexOf(at);
    path.push(`${at.tagName}:${place}`);
  }
  return path.reverse().join(">");
}

/** @param {Element} root @returns {Element[]} */
const keepers = (root) => [...root.querySelectorAll(KEEPS)];

/** @param {Element} element @returns {State} */
function stateOf(element) {
  if (element instanceof HTMLDetailsElement) return { open: element.open };
  if (element instanceof HTMLInputElement && element.type === "checkbox") return { checked: element.checked };
  if (element instanceof HTMLInputElement && element.type === "hidden") return {};
  if (element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement) return { value: element.value };
  return { left: element.scrollLeft, top: element.scrollTop };
}

/** @param {Element} element @param {State} state */
function bringBack(element, state) {
  if (element instanceof HTMLDetailsElement) element.open = state.open ?? element.open;
  else if (state.checked !== undefined && element instanceof HTMLInputElement) element.checked = state.checked;
  else if (state.value !== undefined && "value" in element) element.value = state.value;
  else if (state.top !== undefined) element.scrollTo({ left: state.left, top: state.top, behavior: "instant" });
}

/** @param {Element} root @returns {Memory} */
function remember(root) {
  const active = document.activeElement;
  const inside = active && root.contains(active) && active !== root ? active : null;
  const typed = inside instanceof HTMLInputElement && inside.selectionStart !== null;
  return {
    states: new Map(keepers(root).map((element) => [nameOf(element, root), stateOf(element)])),
    focused: inside ? nameOf(inside, root) : "",
    selection: typed ? [inside.selectionStart ?? 0, inside.selectionEnd ?? 0] : null,
  };
}

/** @param {Element} root @param {Memory} memory */
function restore(root, memory) {
  for (const element of keepers(root)) {
    const state = memory.states.get(nameOf(element, root));
    if (state) bringBack(element, state);
  }
  if (!memory.focused || (document.activeElement && document.activeElement !== document.body)) return;
  const found = [...root.querySelectorAll("*")].find((element) => nameOf(element, root) === memory.focused);
  if (found instanceof HTMLElement) found.focus({ preventScroll: true });
  if (found instanceof HTMLInputElement && memory.selection) found.setSelectionRange(...memory.selection);
}

/** What was on the page before an answer came, by the id of the element that it replaces. @type {Map<string, Memory>} */
const memories = new Map();

document.addEventListener("htmx:beforeRequest", (event) => {
  if (!isPoll(event) || !document.hidden) return;
  event.preventDefault();
  behind.add(/** @type {Element} */ (event.target));
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig, shouldSwap } = detail(event);
  const asks = requestConfig?.elt;
  if (shouldSwap && target instanceof Element && target.id && asks === target && target.matches(LIVE)) memories.set(target.id, remember(target));
});

document.addEventListener("htmx:afterSwap", () => {
  for (const [id, memory] of memories) {
    const root = document.getElementById(id);
    if (root) restore(root, memory);
  }
  memories.clear();
});

function catchUp() {
  if (document.hidden) return;
  for (const element of document.querySelectorAll(LIVE)) {
    if (!behind.delete(element)) continue;
    /** @type {any} */ (window).htmx?.trigger(element, "catch-up");
  }
}

document.addEventListener("visibilitychange", catchUp);
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const element of document.querySelectorAll(LIVE)) behind.add(element);
  catchUp();
});

/** Whether the numbers could not be refreshed. @param {boolean} failed */
function say(failed) {
  for (const place of document.querySelectorAll("[data-freshness]")) {
    place.classList.toggle("is-stale", failed);
    place.querySelector("[data-stale]")?.toggleAttribute("hidden", !failed);
  }
}

// The answer "nothing new" has no body; it says in a header up to when the numbers are whole now.
document.addEventListener("numbers-up-to", (event) => {
  const { text, title, moment } = detail(event);
  const shown = document.querySelector("[data-freshness] time[data-up-to]");
  if (!(shown instanceof HTMLTimeElement)) return;
  Object.assign(shown, { textContent: text, title, dateTime: moment });
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (isPoll(event)) say(!detail(event).successful);
});
