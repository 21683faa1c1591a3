/** Dashboards: a widget that did not load says so in its own place, and an open editor arranges widgets. */

import { COLUMNS, grown, inOrder, moved, resized, settled, stepped } from "./grid.js";

/** @typedef {import("./grid.js").Layout} Layout */
/** @typedef {import("./grid.js").Place} Place */

/** @type {Record<string, string>} */
const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

// ---- Widgets that did not load

/** @param {Event} event */
function showFailure(event) {
  const place = event.target instanceof Element ? event.target.closest("[data-widget]") : null;
  const template = document.getElementById("widget-failed");
  if (!place || place !== event.target || !(template instanceof HTMLTemplateElement)) return;
  if (place.querySelector(".chart.is-ready, .board-stat")) return; // older numbers are better than none
  place.replaceChildren(template.content.cloneNode(true));
}

for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, showFailure);

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-retry]") : null;
  const place = button?.closest("[data-widget]");
  const url = place?.getAttribute("hx-get");
  if (place && url) void (/** @type {any} */ (window).htmx.ajax("GET", url, { source: place, target: place, swap: "innerHTML" }));
});

// ---- Arranging

class Editor {
  /** @param {HTMLFormElement} form @param {HTMLElement} grid */
  constructor(form, grid) {
    this.form = form;
    this.grid = grid;
    this.field = /** @type {HTMLInputElement} */ (form.elements.namedItem("layout"));
    /** @type {Layout} */
    this.layout = settled(new Map(Object.entries(JSON.parse(this.field.value))));
    /** As it was when the keyboard came to a handle, for Escape. @type {Layout} */
    this.before = this.layout;
    this.saved = this.text(this.layout);
    this.isLeaving = false;
    this.listen();
  }

  listen() {
    this.grid.addEventListener("pointerdown", (event) => this.drag(event));
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.grid.addEventListener("focusin", () => { this.before = this.layout; });
    document.addEventListener("submit", () => { this.isLeaving = true; });
    document.querySelector("[data-leave]")?.addEventListener("click", () => { this.isLeaving = true; });
    window.addEventListener("beforeunload", (event) => { if (this.isChanged && !this.isLeaving) event.preventDefault(); });
    window.addEventListener("pageshow", () => { this.isLeaving = false; });
  }

  /** @param {Layout} layout */
  text = (layout) => JSON.stringify(Object.fromEntries(layout));

  get isChanged() {
    return this.field.value !== this.saved;
  }

  /** @param {string} key @returns {Place} */
  place = (key) => /** @type {Place} */ (this.layout.get(key));

  /** @param {Layout} layout */
  show(layout) {
    this.layout = layout;
    this.field.value = this.text(layout);
    inOrder(layout).forEach((key, order) => {
      const widget = this.grid.querySelector(`[data-place="${key}"]`);
      if (!(widget instanceof HTMLElement)) return;
      const { x, w, h } = this.place(key);
      for (const name of [...widget.classList].filter((one) => /^(at|wide|tall)-/.test(one))) widget.classList.remove(name);
      widget.classList.add(`at-${x}`, `wide-${w}`, `tall-${h}`);
      widget.style.order = String(order);
    });
    const note = document.querySelector("[data-unsaved]");
    if (note instanceof HTMLElement) note.hidden = !this.isChanged;
  }

  /** @param {HTMLElement} widget */
  announce(widget) {
    const { x, y, w, h } = this.place(widget.dataset.place ?? "");
    const region = this.form.querySelector("[data-announce]");
    const name = widget.getAttribute("aria-label");
    if (region) region.textContent = `${name}: column ${x + 1} of ${COLUMNS}, row ${y + 1}, ${w} wide, ${h} tall`;
  }

  /** @param {Event} event @returns {[HTMLElement, boolean] | null} the widget whose handle it is, and whether that resizes */
  handle(event) {
    const handle = event.target instanceof Element ? event.target.closest("[data-move], [data-resize]") : null;
    const widget = handle?.closest("[data-place]");
    return handle && widget instanceof HTMLElement ? [widget, handle.hasAttribute("data-resize")] : null;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const hit = this.handle(event);
    if (!hit || event.ctrlKey || event.altKey || event.metaKey) return;
    const [widget, isResize] = hit;
    const direction = ARROWS[event.key];
    if (!direction && event.key !== "Escape") return;
    event.preventDefault();
    const change = isResize || event.shiftKey ? grown : stepped;
    this.show(direction ? change(this.layout, widget.dataset.place ?? "", direction) : this.before);
    this.announce(widget);
    widget.scrollIntoView({ block: "nearest" });
  }

  /** Pixels from one column, and from one row, to the next. */
  step() {
    const style = getComputedStyle(this.grid);
    const gap = Number.parseFloat(style.columnGap) || 0;
    return { across: (this.grid.clientWidth + gap) / COLUMNS, down: Number.parseFloat(style.gridAutoRows) + gap };
  }

  get isOneColumn() {
    return getComputedStyle(this.grid).gridTemplateColumns.split(" ").length < COLUMNS;
  }

  /** @param {PointerEvent} event */
  drag(event) {
    const hit = this.handle(event);
    if (!hit || event.button !== 0 || this.isOneColumn) return;
    const [widget, isResize] = hit;
    const key = widget.dataset.place ?? "";
    const from = { layout: this.layout, place: this.place(key), x: event.clientX, y: event.clientY + window.scrollY };
    const { across, down } = this.step();
    const stop = new AbortController();
    event.preventDefault();
    /** @type {HTMLElement} */ (event.target).closest("button")?.focus({ preventScroll: true });
    widget.classList.add("is-held");
    const follow = (/** @type {PointerEvent} */ now) => {
      const columns = Math.round((now.clientX - from.x) / across);
      const rows = Math.round((now.clientY + window.scrollY - from.y) / down);
      const { x, y, w, h } = from.place;
      this.show(isResize ? resized(from.layout, key, w + columns, h + rows) : moved(from.layout, key, x + columns, y + rows));
    };
    const end = () => {
      stop.abort();
      widget.classList.remove("is-held");
      this.announce(widget);
    };
    const cancel = (/** @type {Event} */ now) => {
      if (now instanceof KeyboardEvent && now.key !== "Escape") return;
      this.show(from.layout);
      end();
    };
    document.addEventListener("pointermove", follow, { signal: stop.signal });
    document.addEventListener("pointerup", end, { signal: stop.signal });
    document.addEventListener("pointercancel", cancel, { signal: stop.signal });
    document.addEventListener("keydown", cancel, { signal: stop.signal });
  }
}

const form = document.querySelector("[data-board-editor]");
const grid = form?.querySelector("[data-grid]");
if (form instanceof HTMLFormElement && grid instanceof HTMLElement) new Editor(form, grid);
